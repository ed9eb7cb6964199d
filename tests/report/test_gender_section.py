"""The section and the picture of gender performance, from rows as the measures make them."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import polars as pl

from pipeline.activity.row import Sampling
from pipeline.gender.measures import gender_measures
from pipeline.published.load import load_measure_dictionary
from pipeline.report.html.gender_section import gender
from pipeline.report.html.source import Source
from pipeline.report.plots import plot_table
from pipeline.schema import TABLES, estimate_frame, measure_frame

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "gender"))
from planted_gender import connect, corpus


def catalogue(rows: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA analysis")
    tables = {"measure": rows, "estimate": estimate_frame([]), "measure_dictionary": load_measure_dictionary()}
    for name, frame in tables.items():
        columns = list(TABLES[name].polars_schema)
        con.register("given", frame.with_columns(corpus_id=pl.lit("c")).select(columns))
        con.execute(f"CREATE TABLE analysis.{name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def test_scorers_stand_beside_the_placebo_with_intervals_and_reasons():
    rows = measure_frame(
        gender_measures(connect(**corpus(weeks=4)), Sampling(seed=0, bootstrap_draws=50, null_draws=49))
    )
    section = gender(Source(catalogue(rows), "c"))
    text = "".join(str(block) for block in section.blocks)
    assert text.count("<svg") == 2  # declared gender, and the weekly mean
    assert "marked words" in text
    assert "placebo (hash)" in text
    assert "model unavailable" in text
    first = rows.filter((pl.col("measure_id") == "gender_mean") & pl.col("period_start").is_not_null())
    assert first["period_start"].min() == datetime(2024, 1, 1)
    assert first["period_start"].max() == datetime(2024, 1, 1) + timedelta(weeks=3)
    assert plot_table("measure", "gender", rows.lazy()).startswith(b"\x89PNG")


def test_without_rows_a_sentence_says_so():
    section = gender(Source(catalogue(measure_frame([])), "c"))
    assert "No measure of gender performance" in "".join(str(block) for block in section.blocks)
