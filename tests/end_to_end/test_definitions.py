"""The code location as others rely on it: asset keys, groups, checks, jobs, and that keys name tables."""

from __future__ import annotations

from pathlib import Path

import dagster as dg

from pipeline.assets import ASSETS, catalogue
from pipeline.assets.build import STEP_ASSETS, table_key
from pipeline.definitions import defs
from pipeline.schema import TABLES
from pipeline.steps import STEPS

LISTED = Path(__file__).parent / "asset_keys.txt"


def described() -> str:
    """Return one line for each asset, with group and partitions, and below it its checks; then jobs and sensors."""
    graph = defs.resolve_asset_graph()
    lines = []
    for key in sorted(graph.get_all_asset_keys(), key=lambda k: k.path):
        node = graph.get(key)
        partitioned = "one per corpus" if node.is_partitioned else "one"
        lines.append(f"{key.to_user_string()}  [{node.group_name}, {partitioned}]")
        lines += sorted(f"    check {check.name}" for check in node.check_keys)
    lines += sorted(f"job {job.name}" for job in defs.jobs or ())
    lines += sorted(f"sensor {sensor.name}" for sensor in defs.sensors or ())
    return "\n".join(lines) + "\n"


def test_keys_groups_checks_and_jobs_are_as_listed() -> None:
    assert described() == LISTED.read_text(), f"change {LISTED.name} when others may rely on the new names"


def test_keys_name_layer_table_and_family() -> None:
    for step in STEPS.values():
        for table in step.tables:
            path = table_key(step, table).path
            assert path == [TABLES[table].layer, table, *([step.family] if step.family else [])]
            assert table in TABLES


def test_every_check_is_blocking_and_every_table_has_a_schema_check() -> None:
    for asset in STEP_ASSETS:
        specs = list(asset.check_specs)
        assert all(spec.blocking for spec in specs)
        with_schema = {spec.asset_key for spec in specs if spec.name == f"schema_{spec.asset_key.path[1]}"}
        assert with_schema == set(asset.keys)


def test_the_catalogue_waits_for_every_table() -> None:
    assert set(catalogue.asset_deps[catalogue.key]) == {key for asset in STEP_ASSETS for key in asset.keys}


def test_an_asset_depends_on_every_family_of_the_tables_it_reads() -> None:
    graph = defs.resolve_asset_graph()
    tables = ("measure", "estimate")
    families = {table_key(step, name) for step in STEPS.values() for name in tables if name in step.tables}
    parents = set(graph.get(dg.AssetKey(["analysis", "replication"])).parent_keys)
    assert len(families) > 1
    assert families <= parents


def test_the_corpus_job_covers_all_assets() -> None:
    job = defs.resolve_job_def("corpus")
    assert {key for asset in ASSETS for key in asset.keys} == set(job.asset_layer.selected_asset_keys)
