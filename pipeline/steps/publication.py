"""Publication: the state of a corpus enters the catalogue only when every step is current with what it reads."""

from __future__ import annotations

from pipeline.steps import STEPS
from pipeline.steps.step import Step, step_fingerprint
from pipeline.warehouse import PROJECT, Build, Warehouse, WarehouseError


class NotCurrentError(WarehouseError):
    """A corpus whose tables do not belong together yet; the message names the steps to run."""


def stale_steps(warehouse: Warehouse, corpus_id: str) -> list[str]:
    """Return the keys of the steps whose rows are missing or were made from other inputs than the current ones.

    Ingestion counts as current when it has written its tables: files that changed since are the next run's.
    """
    return [step.key for step in STEPS.values() if not _is_current(step, warehouse, corpus_id)]


def _is_current(step: Step, warehouse: Warehouse, corpus_id: str) -> bool:
    target = step.target(corpus_id)
    if not step.reads and not step.is_project:
        marks = {m.fingerprint for name in step.tables if (m := warehouse.manifest(name, target, step.family))}
        return len(marks) == 1 and all(warehouse.manifest(name, target, step.family) for name in step.tables)
    mark, _ = step_fingerprint(step, warehouse, corpus_id)
    return all(warehouse.is_current(name, target, step.family, mark) for name in step.tables)


def publish(warehouse: Warehouse, corpus_id: str) -> Build:
    """Publish a corpus and the tables about the project, and build the catalogue.

    Raises
    ------
    NotCurrentError
        When a step is not current; the catalogue stays as it was.
    """
    with warehouse.corpus_lock(corpus_id):
        if stale := stale_steps(warehouse, corpus_id):
            raise NotCurrentError(
                f"corpus {corpus_id}: {', '.join(stale)} {'is' if len(stale) == 1 else 'are'} not up to date with the "
                f"tables read; materialise {'it' if len(stale) == 1 else 'them'} first (make run CORPUS={corpus_id})"
            )
        warehouse.publish(PROJECT)
        build = warehouse.publish_and_build(corpus_id)
    warehouse.gc()
    return build
