"""The section on structure, from rows as the measures make them and ties as the tables hold them."""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import polars as pl

from pipeline.activity.row import Sampling
from pipeline.published.load import load_measure_dictionary, load_published
from pipeline.report.html.source import Source
from pipeline.report.html.structure_section import structure
from pipeline.schema import TABLES, measure_frame
from pipeline.structure.emitter import Plan
from pipeline.structure.measures import structure_measures
from pipeline.structure.statistics import Draws
from pipeline.structure.thread_rows import cascade_measures

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "independent"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "structure"))
from structure_corpus import corpus


def catalogue(rows: pl.DataFrame, interactions: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA analysis; CREATE SCHEMA feature")
    frames = {"measure": rows, "measure_dictionary": load_measure_dictionary(), "published": load_published()}
    for name, frame in frames.items():
        columns = list(TABLES[name].polars_schema)
        con.register("given", frame.with_columns(corpus_id=pl.lit("c")).select(columns))
        con.execute(f"CREATE TABLE analysis.{name} AS SELECT * FROM given")
        con.unregister("given")
    con.register("given", interactions.with_columns(corpus_id=pl.lit("c")))
    con.execute("CREATE TABLE feature.interaction AS SELECT * FROM given")
    con.execute("CREATE TABLE feature.tie (corpus_id VARCHAR, source_id VARCHAR, target_id VARCHAR, relation VARCHAR, "
                "end_at TIMESTAMP)")  # fmt: skip
    return con


def test_networks_stand_beside_their_nulls_and_printed_values():
    con = corpus(4, posts=120)
    few = Sampling(seed=1, bootstrap_draws=30)
    rows = [*structure_measures(con, Plan(seed=1, draws=Draws(10, 3, 3)), few), *cascade_measures(con, few)]
    source = Source(catalogue(measure_frame(rows), con.sql("SELECT * FROM interaction").pl()), "c")
    text = "".join(str(block) for block in structure(source).blocks)
    agents = next(r for r in rows if r.measure_id == "degree_mean" and r.unit_id == "reply_any" and r.period is None).n
    assert f"Share of the {agents:,} agents with at least so many partners" in text
    assert text.count("<svg") == 1  # replies; this catalogue holds no follow
    assert "0.303 (2602.10131)" in text  # the modularity that Holtz printed
    assert "Networks by window" in text
    found = next(r for r in rows if r.measure_id == "transitivity" and r.unit_id == "follow")
    assert f"{(found.value - found.null_mean) / found.null_sd:.3f}".replace("-", "\N{MINUS SIGN}") in text


def test_without_rows_a_sentence_says_so():
    nothing = pl.DataFrame(schema={"source_id": pl.String, "target_id": pl.String, "rule": pl.String})
    section = structure(Source(catalogue(measure_frame([]), nothing), "c"))
    assert "No measure of structure" in "".join(str(block) for block in section.blocks)
