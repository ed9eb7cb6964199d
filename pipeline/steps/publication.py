"""Publication: the state of a corpus enters the catalogue only when every step is current with what it reads."""

from __future__ import annotations

from pipeline.schema import TABLES
from pipeline.steps import STEPS
from pipeline.steps.step import Step, open_context, run_step, step_fingerprint
from pipeline.warehouse import PROJECT, Build, Warehouse, WarehouseError
from pipeline.warehouse.manifest import manifests
from pipeline.warehouse.publish import snapshots


class NotCurrentError(WarehouseError):
    """A corpus whose tables do not belong together yet; the message names the steps to run."""


def stale_steps(warehouse: Warehouse, corpus_id: str) -> list[str]:
    """Return the keys of the steps whose rows are missing or were made from other inputs than the current ones.

    Ingestion counts as current when it has written its tables: files that changed since are the next run's. Steps
    across corpora are left out: they are as of their last run, and a run of another corpus may be under way.
    """
    steps = [step for step in STEPS.values() if not step.is_across]
    return [step.key for step in steps if not _is_current(step, warehouse, corpus_id)]


def _is_current(step: Step, warehouse: Warehouse, corpus_id: str) -> bool:
    target = step.target(corpus_id)
    if not step.reads and not step.is_project:
        marks = {m.fingerprint for name in step.tables if (m := warehouse.manifest(name, target, step.family))}
        return len(marks) == 1 and all(warehouse.manifest(name, target, step.family) for name in step.tables)
    return _has_mark(step, warehouse, corpus_id)


def _has_mark(step: Step, warehouse: Warehouse, corpus_id: str) -> bool:
    """Tell whether a run of the step would be skipped, files that it reads outside the warehouse included."""
    mark, _ = step_fingerprint(step, warehouse, corpus_id)
    return all(warehouse.is_current(name, step.target(corpus_id), step.family, mark) for name in step.tables)


class FailedCheckError(WarehouseError):
    """A corpus whose rows fail a blocking check; the message says which, and how."""


def drop_retired(warehouse: Warehouse, corpus_id: str) -> list[str]:
    """Remove the manifests of tables and families that no step writes any more; return what they were."""
    owned = {(name, step.family) for step in STEPS.values() for name in step.tables}
    retired = [m for m in manifests(warehouse.layout, corpus_id=corpus_id) if (m.table, m.family) not in owned]
    for manifest in retired:
        warehouse.layout.manifest(TABLES[manifest.table], corpus_id, manifest.family).unlink(missing_ok=True)
    return [f"{manifest.table}/{manifest.family}" for manifest in retired]


def failed_checks(warehouse: Warehouse, corpus_id: str) -> list[str]:
    """Return a sentence for each blocking check of the rows of a corpus that does not pass."""
    found = []
    for step in STEPS.values():
        if step.checks is not None and not step.is_across:
            with open_context(warehouse, corpus_id, tables=step.known_tables) as context:
                checks = step.checks(context)
            found += [f"{check.name}: {check.message}" for check in checks if not (check.passed or check.is_warning)]
    return found


def publish(warehouse: Warehouse, corpus_id: str) -> Build:
    """Publish a corpus and the tables about the project, and build the catalogue.

    Raises
    ------
    NotCurrentError
        When a step is not current; the catalogue stays as it was.
    FailedCheckError
        When the rows fail a blocking check; the catalogue stays as it was.
    """
    with warehouse.corpus_lock(corpus_id):
        drop_retired(warehouse, corpus_id)
        if stale := stale_steps(warehouse, corpus_id):
            raise NotCurrentError(
                f"corpus {corpus_id}: {', '.join(stale)} {'is' if len(stale) == 1 else 'are'} not up to date with the "
                f"tables read; materialise {'it' if len(stale) == 1 else 'them'} first (make run CORPUS={corpus_id})"
            )
        if failed := failed_checks(warehouse, corpus_id):
            raise FailedCheckError(f"corpus {corpus_id} is not published: {'; '.join(failed)}")
        warehouse.publish(PROJECT)
        build = warehouse.publish_and_build(corpus_id)
    warehouse.gc()
    return build


def is_up_to_date(warehouse: Warehouse, corpus_id: str) -> bool:
    """Tell whether a run of a corpus would change nothing: files, code and settings are those of what is published."""
    published = {snapshot.corpus_id: snapshot.manifests for snapshot in snapshots(warehouse.layout)}
    current = tuple(manifests(warehouse.layout, corpus_id=corpus_id))
    if not current or published.get(corpus_id) != current or not warehouse.layout.catalogue.is_file():
        return False
    if any(manifest.damage(warehouse.layout) for manifest in current):
        return False
    return all(_has_mark(step, warehouse, corpus_id) for step in STEPS.values() if not step.is_across)


def refresh_across(warehouse: Warehouse) -> None:
    """Run what compares corpora again, publish it and build the catalogue; for when a corpus is gone."""
    for step in STEPS.values():
        if step.is_across:
            run_step(step, warehouse, PROJECT)
    warehouse.publish(PROJECT)
    warehouse.build_catalogue()
