"""The tables as data: what is derived from the descriptions holds together."""

from dataclasses import fields

import duckdb
import polars as pl
import pytest

from pipeline.schema import LAYERS, TABLES, WARNINGS, Column, Estimate, Measure, Table, join_warnings, measure_frame
from pipeline.steps import STEPS

DESIGN_TABLES = {
    "corpus": "corpus run slice source_file quarantine collection_gap agent agent_snapshot community "
    "community_snapshot membership_event message message_snapshot tie_event reaction exposure agent_state game_round "
    "label resource_item",
    "feature": "text lexicon_score reply_class text_label embedding template template_pattern topic text_topic "
    "topic_number interaction tie exposure_week agent_week gender_score agent_signal copy_tie persona_embedding "
    "persona_alignment",
    "analysis": "measure estimate comparison published replication measure_dictionary",
}


def test_every_table_of_the_design_is_described_once() -> None:
    for layer, names in DESIGN_TABLES.items():
        assert {table.name for table in TABLES.values() if table.layer == layer} == set(names.split())
    assert set(LAYERS) == set(DESIGN_TABLES)


@pytest.mark.parametrize(("table", "row"), [("measure", Measure), ("estimate", Estimate)])
def test_rows_have_the_columns_of_their_table(table: str, row: type) -> None:
    assert {field.name for field in fields(row)} == {column.name for column in TABLES[table].columns}


def test_every_table_can_be_created_and_read_back_with_its_types() -> None:
    with duckdb.connect() as con:
        for layer in LAYERS:
            con.execute(f"CREATE SCHEMA {layer}")
        for table in TABLES.values():
            con.execute(table.ddl())
            frame = con.sql(f"SELECT * FROM {table.qualified}").pl()
            assert frame.schema == table.polars_schema, table.name
            assert frame.columns[0] == "corpus_id"


def test_produced_by_names_an_asset_that_writes_the_table() -> None:
    written = {name for step in STEPS.values() for name in step.tables}
    assert {table.name for table in TABLES.values() if table.produced_by} == written


def test_warnings_are_sorted_and_of_the_vocabulary() -> None:
    assert join_warnings(["few_ties", "derived_ties", "few_ties"]) == "derived_ties,few_ties"
    assert join_warnings([]) is None
    with pytest.raises(ValueError, match="not in the vocabulary"):
        join_warnings(["significant"])
    for table in TABLES.values():
        assert set(table.warnings) <= set(WARNINGS)


def test_a_frame_of_measures_is_typed_sorted_and_free_of_nan() -> None:
    rows = [
        Measure(family="f", measure_id=name, value=value, n=1, n_unit="posts")
        for name, value in (("b", float("nan")), ("a", 1.0))
    ]
    frame = measure_frame(rows)
    assert frame["measure_id"].to_list() == ["a", "b"]
    assert frame["value"].to_list() == [1.0, None]
    assert frame.schema["period_start"] == pl.Datetime("us")


@pytest.mark.parametrize("name", ["Upper", "1st", 'x"; DROP TABLE y', ""])
def test_names_that_could_not_be_quoted_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        Column(name, "VARCHAR", "x")


def test_keys_must_be_columns() -> None:
    with pytest.raises(ValueError, match="key columns"):
        Table("t", "corpus", "x", ("missing",), (Column("a", "VARCHAR", "x"),))
