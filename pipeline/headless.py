"""Runs all assets of one corpus in this process, without `dagster dev`, and tells the console how it goes."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from rich.console import Console

from pipeline.assets import corpora
from pipeline.assets.event_log import cheap_commits
from pipeline.assets.instance import open_instance, process_tags
from pipeline.assets.sensors import corpus_job

if TYPE_CHECKING:
    from dagster_shared.error import SerializableErrorInfo

_PACKAGE = Path(__file__).parent
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line \d+.*\n\s*raise ')


def materialise_corpus(corpus_id: str, console: Console) -> bool:
    """Materialise the job ``corpus`` for one partition; return whether it succeeded.

    Parameters
    ----------
    corpus_id
        The corpus; its partition is added when it is new.
    console
        Where progress is shown.

    Raises
    ------
    KeyError
        When ``DAGSTER_HOME`` is not set.
    """
    from pipeline.definitions import defs

    warnings.filterwarnings("ignore", category=dg.BetaWarning)
    with open_instance(Path(os.environ["DAGSTER_HOME"])) as instance:
        if not instance.has_dynamic_partition(str(corpora.name), corpus_id):
            instance.add_dynamic_partitions(str(corpora.name), [corpus_id])
        # A step asks for its partition fifteen times, each a query; while the run lasts the answer stays.
        vars(instance)["has_dynamic_partition"] = cache(instance.has_dynamic_partition)
        job = defs.resolve_job_def(corpus_job.name)
        with cheap_commits(Path(instance.root_directory)):
            result = job.execute_in_process(
                instance=instance, partition_key=corpus_id, raise_on_error=False, tags=process_tags(instance)
            )
    for sentence in failures(result.all_events):
        console.print(sentence, style="red", markup=False, soft_wrap=True)
    return bool(result.success)


def forget_history(corpus_id: str, home: Path) -> int:
    """Delete the runs of a corpus and its partition from the Dagster home; return how many runs went.

    Event logs hold previews of tables, so a corpus that is forgotten must leave them too.
    """
    with open_instance(home) as instance:
        runs = instance.get_runs(dg.RunsFilter(tags={"dagster/partition": corpus_id}))
        for run in runs:
            instance.delete_run(run.run_id)
        if instance.has_dynamic_partition(str(corpora.name), corpus_id):
            instance.delete_dynamic_partition(str(corpora.name), corpus_id)
    return len(runs)


def failures(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    """Yield a sentence for each step that failed: what went wrong, or which check the rows did not pass."""
    for event in events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            check = event.asset_check_evaluation_data
            if not check.passed:
                verb = "warns" if check.severity == dg.AssetCheckSeverity.WARN else "failed"
                yield f"{check.asset_key.to_user_string()}: check {check.check_name} {verb}: {check.description}"
        elif event.is_step_failure and (error := event.step_failure_data.error) is not None:
            chosen = _telling(error)
            if chosen.cls_name != "DagsterAssetCheckFailedError":  # said above, check by check
                yield f"{event.step_key}: {_sentence(chosen)}"


def _telling(error: SerializableErrorInfo) -> SerializableErrorInfo:
    """Return the first error of ours on the way to the cause, for it says what the cause means; else the cause."""
    while error.cause is not None and not _is_ours(error):
        error = error.cause
    return error


def _is_ours(error: SerializableErrorInfo) -> bool:
    """Tell whether an error has a class of ours, or was raised by a statement of ours with a sentence of its own."""
    if error.message.startswith("pipeline."):
        return True
    frame = _FRAME.match(error.stack[-1]) if error.stack else None
    return frame is not None and Path(frame["file"]).is_relative_to(_PACKAGE)


def _sentence(error: SerializableErrorInfo) -> str:
    """Return the message of an error of ours without the name of its class; a stranger's keeps it."""
    message = error.message.strip()
    head, separator, tail = message.partition(": ")
    has_class = bool(separator) and head.rpartition(".")[2] == error.cls_name
    return tail if has_class and _is_ours(error) else message
