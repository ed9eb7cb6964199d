"""Mutated files in every container: no crash, no hang, an exact account, and untouched records arrive unchanged."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import polars as pl
import pytest
from fuzz_containers import (
    CREATED,
    Container,
    Csv,
    Json,
    Keyed,
    Lines,
    Object,
    Table,
    Tsv,
    Wrapped,
    plant,
)
from fuzz_mutations import BYTE_KINDS, RECORD_KINDS, Mutation, Row
from fuzz_packings import Archive, Packed
from fuzz_tables import Avro, Parquet, Sqlite
from fuzzing import COUNTS, FILES
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from ingest_helpers import Corpus, Tables

CONTAINERS: dict[str, Container] = {
    "object": Object(), "array": Json(), "wrapped list": Wrapped(), "keyed by id": Keyed(), "columns and rows": Table(),
    "json lines": Lines(), "csv": Csv(), "tsv": Tsv(), "parquet": Parquet(), "sqlite": Sqlite(), "avro": Avro(),
    **{kind: Packed(kind) for kind in ("gz", "bz2", "xz", "zst")}, "zip": Archive("zip"), "tar": Archive("tar"),
}  # fmt: skip
BATCH = 1000  # files of one ingestion, whose cost is mostly that of its statements
KINDS = RECORD_KINDS + BYTE_KINDS
DRAWN = st.tuples(st.integers(0, len(KINDS) - 1), st.integers(0, 2**32 - 1))
# The limit of the criterion, of time of the processor, and what an ingestion of nothing may take.
SECONDS_PER_MEGABYTE, SECONDS_OF_ONE = 2.0, 10.0
COMPARED = ("title", "content", "score", "community_id", "created_at")


def mutations_of(drawn: list[tuple[int, int]]) -> list[Mutation]:
    """Return mutations of all kinds; equal numbers in other places are other mutations."""
    return [Mutation(KINDS[(kind + n) % len(KINDS)], seed * 7919 + n * 104729) for n, (kind, seed) in enumerate(drawn)]


class Planted:
    """The files of one ingestion: their mutations, the records that have to arrive, the rows they have to have."""

    def __init__(self, corpus: Corpus, container: Container, mutations: list[Mutation]) -> None:
        self.mutations, self.rows, self.n_bytes = mutations, {}, 0
        self.bodies: list[bytes] = []
        wanted: list[tuple[int, Row]] = []
        if container.toml:
            corpus.write("corpus.toml", container.toml)
        for number, mutation in enumerate(mutations):
            records = plant(number, container.n_records, mutation.seed)
            body, sound, rows = container.make(records, mutation)
            path = f"f{number:06d}.{container.suffix}"
            corpus.write(path, body)
            self.bodies.append(body)
            self.n_bytes += len(body)
            wanted += [(number, records[n]) for n in sound]
            if rows is not None:
                self.rows[path] = rows
        self.wanted = pl.DataFrame(
            [(number, r["id"], r["title"], r["content"], r["score"], r["submolt"], CREATED) for number, r in wanted],
            schema=["file", "message_id", *COMPARED], orient="row",
        ).with_columns(pl.col("created_at").str.to_datetime(time_unit="us"))  # fmt: skip

    def told(self, files: list[int]) -> str:
        """Return what to know of the first files that failed."""
        shown = [f"{n}: {self.mutations[n]} {self.bodies[n][:3000]!r}" for n in files[:2]]
        return f"{len(files)} files, of which {files[:20]}\n" + "\n".join(shown)


def check(planted: Planted, tables: Tables) -> None:
    """Compare what arrived with what was planted."""
    found = tables.message.select("message_id", *COMPARED)
    missing = planted.wanted.join(found, on="message_id", how="anti")
    assert not missing.height, "not accepted: " + planted.told(missing["file"].unique(maintain_order=True).to_list())
    both = planted.wanted.join(found, on="message_id", suffix="_found")
    differ = both.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_found")) for name in COMPARED))
    assert not differ.height, "changed: " + planted.told(differ["file"].unique(maintain_order=True).to_list())
    outer = pl.col("path").str.extract(r"^(f\d+\.\w+)")
    read = tables.source_file.select(outer, "rows_read").drop_nulls("path").group_by("path").sum()
    rows = dict(read.iter_rows())
    for number in range(len(planted.mutations)):
        assert any(path.startswith(f"f{number:06d}.") for path in rows), number
    wrong = [int(path[1:7]) for path, n in planted.rows.items() if rows[path] != n]
    assert not wrong, "another number of rows: " + planted.told(wrong)


@pytest.mark.parametrize("name", CONTAINERS)
def test_mutated_files(name: str) -> None:
    container = CONTAINERS[name]
    size = min(BATCH, FILES)

    @settings(max_examples=-(-FILES // size), deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck), phases=[Phase.generate])  # fmt: skip
    @given(st.lists(DRAWN, min_size=size, max_size=size))
    def one(drawn: list[tuple[int, int]]) -> None:
        mutations = mutations_of(drawn)
        with tempfile.TemporaryDirectory() as base:
            corpus = Corpus(Path(base))
            planted = Planted(corpus, container, mutations)
            before = time.process_time()
            tables = corpus.read()
            taken = time.process_time() - before
            assert taken < SECONDS_OF_ONE + SECONDS_PER_MEGABYTE * planted.n_bytes / 1e6
            check(planted, tables)
        files, seconds = COUNTS.get(name, (0, 0.0))
        COUNTS[name] = (files + len(mutations), seconds + taken)

    one()
