"""The Dagster instance: opened one process at a time, and rid of runs whose process was killed.

What belongs here: dealings with Dagster's own databases. Two processes that make them at once damage them, and a
run whose process was killed counts as started for ever, so that the queue never starts another one of its corpus.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from pipeline.assets.partitions import corpora
from pipeline.warehouse.files import TMP_PREFIX, is_stale, remove_dead_tokens, token
from pipeline.warehouse.locks import exclusive

PROCESS_TAG = "ethogram/process"
LOST = "the process of this run ended without a word (killed, or the machine restarted); run it again"

_claimed: set[str] = set()


@contextlib.contextmanager
def open_instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Open the instance of a Dagster home, whose databases are made by one process at a time.

    Parameters
    ----------
    home
        The Dagster home, with its ``dagster.yaml``.
    """
    with contextlib.ExitStack() as stack:
        with exclusive(home / ".locks" / "opening.lock", "the Dagster home"):
            instance = stack.enter_context(dg.DagsterInstance.from_config(str(home)))
            instance.get_dynamic_partitions(str(corpora.name))  # the first question makes the index of events
        settle_lost_runs(instance)
        yield instance


def process_tags(instance: dg.DagsterInstance) -> dict[str, str]:
    """Return the tag that tells which process a run belongs to; the process holds a lock for as long as it lives."""
    return {PROCESS_TAG: token(Path(instance.root_directory))}


def claim_run(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Tag a run with the process that executes it, once."""
    if run.run_id not in _claimed and PROCESS_TAG not in run.tags and not instance.is_ephemeral:
        instance.add_run_tags(run.run_id, process_tags(instance))
    _claimed.add(run.run_id)


def settle_lost_runs(instance: dg.DagsterInstance) -> list[str]:
    """Report the started runs whose process is gone as failed; return their ids."""
    if instance.is_ephemeral:
        return []
    home = Path(instance.root_directory)
    started = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]
    lost = []
    for run in instance.get_runs(dg.RunsFilter(statuses=started)):
        process = run.tags.get(PROCESS_TAG)
        if process is not None and is_stale(home / f"{TMP_PREFIX}{process}", home):
            instance.report_run_failed(run, LOST)
            lost.append(run.run_id)
    remove_dead_tokens(home)
    return lost
