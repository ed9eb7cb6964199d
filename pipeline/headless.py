"""Runs all assets of one corpus in this process, without `dagster dev`, and tells the console how it goes."""

from __future__ import annotations

import warnings

import dagster as dg
from rich.console import Console

from pipeline.assets import corpora
from pipeline.assets.sensors import corpus_job


def materialise_corpus(corpus_id: str, console: Console) -> bool:
    """Materialise the job ``corpus`` for one partition; return whether it succeeded.

    Parameters
    ----------
    corpus_id
        The corpus; its partition is added when it is new.
    console
        Where progress is shown.
    """
    from pipeline.definitions import defs

    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    with dg.DagsterInstance.get() as instance:
        if not instance.has_dynamic_partition(str(corpora.name), corpus_id):
            instance.add_dynamic_partitions(str(corpora.name), [corpus_id])
        job = defs.resolve_job_def(corpus_job.name)
        result = job.execute_in_process(instance=instance, partition_key=corpus_id, raise_on_error=False)
    for event in result.all_events:
        if event.is_failure and event.is_step_event and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            cause = error.cause or error
            console.print(f"{event.step_key}: {cause.message.strip()}", style="red", markup=False, soft_wrap=True)
    return result.success
