"""The section on transfer: every measure of the family stands in one of its tables, with its null and its warnings."""

from __future__ import annotations

import tomllib
from datetime import datetime
from pathlib import Path

import duckdb
import polars as pl

from pipeline.published import load
from pipeline.published.load import load_measure_dictionary
from pipeline.report.html.source import Source
from pipeline.report.html.transfer_section import transfer
from pipeline.schema import TABLES, Measure, measure_frame


def catalogue(rows: list[Measure]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA analysis")
    for name, frame in {"measure": measure_frame(rows), "measure_dictionary": load_measure_dictionary()}.items():
        con.register("given", frame.with_columns(corpus_id=pl.lit("c")).select(list(TABLES[name].polars_schema)))
        con.execute(f"CREATE TABLE analysis.{name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def shown(rows: list[Measure]) -> str:
    return "".join(str(block) for block in transfer(Source(catalogue(rows), "c")).blocks)


def test_every_measure_of_the_dictionary_is_in_a_table():
    path = Path(load.__file__).parent / "dictionary_transfer.toml"
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["measure"]
    rows = [Measure(family="transfer", measure_id=e["measure_id"], value=0.125, n=7, n_unit="uses") for e in entries]
    text = shown(rows)
    assert all(str(entry["title"]) in text for entry in entries)


def test_nulls_periods_and_refusals_are_shown():
    rows = [
        Measure(family="transfer", measure_id="term_transfer_share", value=0.25, n=80, n_unit="uses", null_mean=0.125,
                null_model="reply_times_dealt_within_author_and_community(199)", null_sd=0.0625, p_value=0.005),
        Measure(family="transfer", measure_id="opening_entropy", value=0.5, n=30, n_unit="texts", period="day",
                period_start=datetime(2026, 2, 3)),
        Measure(family="transfer", measure_id="partner_generality", value=None, n=0, n_unit="answers",
                warnings="no_alignment"),
    ]  # fmt: skip
    text = shown(rows)
    assert "reply times dealt within author and community(199)" in text
    assert "2026-02-03" in text
    assert "1 row has no value" in text
    assert "No measure of transfer" in shown([])
