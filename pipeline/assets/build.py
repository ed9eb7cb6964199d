"""Makes an asset of each step: keys, groups, dependencies, checks and metadata come from the step and the schema."""

from collections.abc import Iterator

import dagster as dg

from pipeline.assets.instance import claim_run
from pipeline.assets.metadata import table_metadata
from pipeline.assets.partitions import corpora
from pipeline.assets.resource import WarehouseResource
from pipeline.schema import TABLES
from pipeline.steps import STEPS, Check, Outcome, Step, run_step

KINDS = {"corpus": {"duckdb", "parquet"}, "feature": {"polars", "parquet"}, "analysis": {"parquet", "table"}}


def table_key(step: Step, table: str) -> dg.AssetKey:
    """Return the asset key of a table that a step writes: layer, table and, where there is one, family."""
    path = [TABLES[table].layer, table]
    return dg.AssetKey([*path, step.family] if step.family else path)


def producers(table: str) -> list[dg.AssetKey]:
    """Return the keys of all assets that write to a table."""
    return [table_key(step, table) for step in STEPS.values() if table in step.tables]


def check_names(step: Step) -> dict[str, list[str]]:
    """Return the names of the checks of each table of a step."""
    names = {table: [f"schema_{table}"] for table in step.tables}
    if step.checks is not None:
        names["source_file"] += ["row_accounting", "expectations", "expected_at_most"]
    return names


def build_asset(step: Step) -> dg.AssetsDefinition:
    """Return the asset (or, for several tables, the multi-asset) of a step."""
    deps = [key for table in step.reads for key in producers(table.removeprefix("*"))]
    specs = [
        dg.AssetSpec(
            table_key(step, table),
            deps=deps,
            group_name=TABLES[table].layer,
            description=f"{TABLES[table].meaning}\n\n{step.description}",
            kinds=KINDS[TABLES[table].layer],
        )
        for table in step.tables
    ]
    checks = [
        dg.AssetCheckSpec(name, asset=table_key(step, table), blocking=True)
        for table, names in check_names(step).items()
        for name in names
    ]

    @dg.multi_asset(
        name=step.key.replace("/", "__"),
        specs=specs,
        check_specs=checks,
        partitions_def=None if step.is_project else corpora,
        can_subset=False,
    )
    def compute(
        context: dg.AssetExecutionContext, warehouse: WarehouseResource
    ) -> Iterator[dg.MaterializeResult[None]]:
        claim_run(context.instance, context.run)
        store = warehouse.store()
        corpus_id = "*" if step.is_project else context.partition_key
        outcome = run_step(step, store, corpus_id, context.log.info)
        context.log.info(_sentence(outcome))
        for table in step.tables:
            yield dg.MaterializeResult(
                asset_key=table_key(step, table),
                metadata=table_metadata(store, outcome, table),
                data_version=dg.DataVersion(outcome.manifests[table].table_hash),
                check_results=[_result(step, table, check) for check in _of_table(step, table, outcome)],
            )

    return compute


def _sentence(outcome: Outcome) -> str:
    rows = sum(manifest.rows for manifest in outcome.manifests.values())
    verb = "was current" if outcome.is_skipped else "is written"
    return f"{outcome.step.key} {verb}: {rows} rows, {outcome.seconds:.1f} s"


def _of_table(step: Step, table: str, outcome: Outcome) -> list[Check]:
    names = check_names(step)[table]
    return [check for check in outcome.checks if check.name in names]


def _result(step: Step, table: str, check: Check) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=check.passed,
        asset_key=table_key(step, table),
        check_name=check.name,
        description=check.message,
        severity=dg.AssetCheckSeverity.WARN if check.is_warning else dg.AssetCheckSeverity.ERROR,
    )


STEP_ASSETS = [build_asset(step) for step in STEPS.values()]
