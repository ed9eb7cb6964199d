"""Helpers of the end-to-end tests: small corpora, whole runs without Dagster, and what the catalogue shows."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from pipeline.settings import Settings
from pipeline.simulation import ForumTruth, demo_moltbook
from pipeline.steps import STEPS, Outcome, run_step
from pipeline.steps.publication import publish
from pipeline.steps.step import Step
from pipeline.warehouse import Warehouse
from pipeline.warehouse.manifest import manifests

DRAWS = 40  # enough for every code path of the measures; the numbers themselves are tested elsewhere
PART_COLUMNS = '"table", corpus_id, family, fingerprint, "rows", table_hash'

PartRow = tuple[str, str, str, str, int, str]


def truth(n_posts: int) -> ForumTruth:
    """Return a small forum that still has threads, slices and every irregularity."""
    return ForumTruth(n_posts=n_posts, n_agents=40, comments_per_post=4.0)


def write_corpus(folder: Path, n_posts: int) -> None:
    """Write a small demo corpus."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    demo_moltbook(folder, truth(n_posts))


def project_environment(root: Path) -> dict[str, str]:
    """Return the environment of a project of its own below `root`."""
    (root / "data").mkdir(parents=True, exist_ok=True)
    return {
        "ETHOGRAM_DATA": str(root / "data"),
        "ETHOGRAM_WAREHOUSE": str(root / "warehouse"),
        "DAGSTER_HOME": str(root / "dagster-home"),
        "ETHOGRAM_TEACHER": "none",  # test_embedded_run.py has the teacher
        "ETHOGRAM_BOOTSTRAP_DRAWS": str(DRAWS),
        "ETHOGRAM_PERMUTATION_DRAWS": str(DRAWS),
        "ETHOGRAM_NULL_DRAWS": "10",
    }


def project(root: Path, **changes: Any) -> Settings:
    """Return quick settings of a project below `root`."""
    return replace(Settings.load(project_environment(root)), **changes)


def run_steps(settings: Settings, corpus_id: str) -> list[Outcome]:
    """Run every step, without publishing."""
    store = Warehouse(settings)
    return [run_step(step, store, corpus_id) for step in STEPS.values()]


def materialise(settings: Settings, corpus_id: str) -> list[Outcome]:
    """Run every step and publish: what the job ``corpus`` does, without Dagster."""
    outcomes = run_steps(settings, corpus_id)
    publish(Warehouse(settings), corpus_id)
    return outcomes


class Stored:
    """Runs some steps on a written corpus and holds what they stored, for queries.

    Parameters
    ----------
    settings
        Of the project; the corpus is in its data folder.
    corpus_id
        The corpus.
    steps
        The steps to run.
    tables
        The tables that queries name.
    """

    def __init__(self, settings: Settings, corpus_id: str, steps: Sequence[Step], tables: Sequence[str]) -> None:
        store = Warehouse(settings)
        self.checks = [check for step in steps for check in run_step(step, store, corpus_id).checks]
        self.con = duckdb.connect()
        for name in tables:
            self.con.register(name, store.read(name, corpus_id).collect())

    def fetch(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        return self.con.execute(query, list(values)).fetchall()

    def one(self, query: str, *values: Any) -> Any:
        return self.fetch(query, *values)[0][0]

    def counts(self, query: str, *values: Any) -> dict[Any, int]:
        return dict(self.fetch(query, *values))

    def rows(self, query: str) -> list[dict[str, Any]]:
        return self.con.sql(query).pl().to_dicts()


def look_at(catalogue: Path) -> list[PartRow]:
    """Open the catalogue and look."""
    with duckdb.connect(str(catalogue), read_only=True) as con:
        return look(con)


def look(con: duckdb.DuckDBPyConnection) -> list[PartRow]:
    """Return ``meta.part`` after counting the rows of every table: what it says must be what is there.

    Raises
    ------
    AssertionError
        When a table holds another number of rows of a corpus than the part says.
    """
    parts: list[PartRow] = con.sql(f"SELECT {PART_COLUMNS} FROM meta.part ORDER BY ALL").fetchall()
    layers = dict(con.sql("SELECT table_name, table_schema FROM information_schema.tables").fetchall())
    expected: dict[tuple[str, str], int] = {}
    for table, corpus_id, _, _, rows, _ in parts:
        expected[table, corpus_id] = expected.get((table, corpus_id), 0) + rows
    for (table, corpus_id), rows in expected.items():
        count = f"SELECT count(*) FROM {layers[table]}.{table} WHERE corpus_id = ?"
        found = con.execute(count, [corpus_id]).fetchall()[0][0]
        assert found == rows, f"{table} of {corpus_id}: {found} rows, meta.part says {rows}"
    return parts


def parts_of(parts: list[PartRow], corpus_id: str) -> list[PartRow]:
    """Return the rows of one corpus."""
    return [row for row in parts if row[1] == corpus_id]


def stored(settings: Settings) -> list[PartRow]:
    """Return what the current manifests say, in the form of ``meta.part``."""
    found = manifests(Warehouse(settings).layout)
    return sorted((m.table, m.corpus_id, m.family, m.fingerprint, m.rows, m.table_hash) for m in found)


def leftovers(root: Path) -> list[str]:
    """Return everything temporary below a warehouse: parts, manifests, scratch and spill folders, databases."""
    found = []
    for base, folders, names in os.walk(root):  # unlike rglob, indifferent to folders that vanish meanwhile
        temporary = [name for name in (*folders, *names) if is_temporary(name)]
        found += [(Path(base) / name).relative_to(root).as_posix() for name in temporary]
        folders[:] = [name for name in folders if name not in temporary]
    return sorted(found)


def is_temporary(name: str) -> bool:
    """Tell whether a name is one of those under which work in progress is written."""
    return name.startswith((".tmp-", ".ethogram.duckdb-")) or name.endswith(".wal")
