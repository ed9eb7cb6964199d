"""Rows of family decomposition and their section, from panels as they are loaded from a corpus."""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np
import polars as pl
import pytest

from pipeline.decomposition.rows import MEASURES, Options, account_rows, estimate_rows
from pipeline.network.panel_load import LoadedPanel
from pipeline.published.load import load_measure_dictionary
from pipeline.report.html.decomposition_section import decomposition
from pipeline.report.html.source import Source
from pipeline.schema import TABLES, estimate_frame, measure_frame
from pipeline.simulation.coevolution import CoevolutionTruth, simulate

QUICK = Options(seed=1, seconds=0.01)


@pytest.fixture(scope="module")
def loaded() -> LoadedPanel:
    panel = simulate(CoevolutionTruth.corner("S0", n_agents=90, n_weeks=8, burn_in=15)).panel
    nodes = pl.Series("agent_id", [f"a{i:03d}" for i in range(panel.n_agents)])
    return LoadedPanel("follow", "gender_axis", 168, panel, nodes, "", 1000, ("unknown_tie_start",))


def catalogue(measures: pl.DataFrame, estimates: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA analysis")
    frames = {"measure": measures, "estimate": estimates, "measure_dictionary": load_measure_dictionary()}
    for name, frame in frames.items():
        con.register("given", frame.with_columns(corpus_id=pl.lit("c")).select(list(TABLES[name].polars_schema)))
        con.execute(f"CREATE TABLE analysis.{name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def test_weekly_rows_add_up_and_the_whole_is_their_sum(loaded: LoadedPanel) -> None:
    frame = measure_frame(account_rows(loaded, 0.95))
    assert set(frame["measure_id"]) == set(MEASURES) <= set(load_measure_dictionary()["measure_id"])
    assert set(frame["unit_id"]) == {"follow/gender_axis"}
    weekly = frame.filter(pl.col("period") == "week").pivot("measure_id", index="period_start", values="value")
    assert weekly.height == 7
    parts = [name for name in MEASURES if name != "homophily_change"]
    assert weekly.select(pl.sum_horizontal(parts)).to_series().to_numpy() == pytest.approx(
        weekly["homophily_change"].to_numpy(), abs=1e-12
    )
    whole = frame.filter((pl.col("period") == "all") & (pl.col("measure_id") == "homophily_change"))
    assert whole["value"][0] == pytest.approx(weekly["homophily_change"].sum(), abs=1e-12)
    known = frame.filter(pl.col("ci_low").is_not_null())
    assert (known["ci_low"] < known["value"]).all() and (known["value"] < known["ci_high"]).all()
    behaviour = frame.filter(pl.col("measure_id") == "homophily_change_behaviour")
    assert behaviour["warnings"].str.contains("lumps_causes").all()
    assert frame["warnings"].str.contains("unknown_tie_start").all()


def test_scores_that_never_move_change_nothing_and_have_no_interval(loaded: LoadedPanel) -> None:
    panel = loaded.panel
    assert panel is not None
    still = replace(panel, scores=np.repeat(panel.scores[:, :1], panel.scores.shape[1], axis=1))
    frame = measure_frame(account_rows(replace(loaded, panel=still), 0.95))
    behaviour = frame.filter(pl.col("measure_id") == "homophily_change_behaviour")
    assert behaviour["value"].to_list() == [0.0] * behaviour.height  # not what is left of sums of floats
    assert behaviour["ci_low"].null_count() == behaviour.height > 0
    assert behaviour["warnings"].str.contains("no_variation").all()


def test_shares_and_effects_are_rows_with_their_roles(loaded: LoadedPanel) -> None:
    frame = estimate_frame(estimate_rows(loaded, QUICK))
    assert frame.select(TABLES["estimate"].key).is_unique().all()
    shares = frame.filter(pl.col("hypothesis_id") == "shares")
    assert shares.height == 2 * 2 * 5  # starts, statistics, shares
    for _, group in shares.group_by("spec_id"):
        value = dict(zip(group["term"], group["estimate"], strict=True))
        whole = value.pop("whole_gender_axis")
        assert sum(value.values()) == pytest.approx(whole, abs=1e-12)
    primary = frame.filter(pl.col("role") == "primary")
    assert sorted(primary["term"]) == ["influence_gender_axis", "selection_gender_axis", "structure_gender_axis"]
    naive = frame.filter(pl.col("role") == "naive")
    assert naive["term"].to_list() == ["influence_unnetted_gender_axis"]
    assert naive["warnings"].str.contains("not_evidence").all()
    scale = frame.filter(pl.col("hypothesis_id") == "common_scale")
    assert scale["common_scale"].to_list() == scale["estimate"].to_list()
    selection = scale.filter(pl.col("term") == "selection_gender_axis")
    assert selection["conf_low"][0] > 0  # planted: 0.8 per unit


def test_a_panel_that_cannot_be_used_is_null_rows_with_words(loaded: LoadedPanel) -> None:
    assert loaded.panel is not None
    none = replace(loaded, panel=None, warnings=("time_too_coarse",))
    flat = replace(loaded, panel=replace(loaded.panel, scores=np.ones_like(loaded.panel.scores)))
    short = replace(loaded, panel=loaded.panel.window(0, 3))
    for given, word in ((none, "time_too_coarse"), (flat, "no_variation"), (short, "few_weeks")):
        frame = estimate_frame(estimate_rows(given, QUICK))
        assert frame["estimate"].is_null().all() and frame["warnings"].str.contains(word).all()
        assert frame["n_obs"].to_list() == [0] * frame.height
    for given, word in ((none, "time_too_coarse"), (flat, "no_variation")):
        rows = measure_frame(account_rows(given, 0.95))
        assert rows.height == len(MEASURES)
        assert rows["value"].is_null().all() and rows["warnings"].str.contains(word).all()
    bare = replace(loaded, panel=replace(loaded.panel, scores=np.where(np.arange(90)[:, None] < 4, 1.0, np.nan)
                                         * loaded.panel.scores))  # fmt: skip
    assert measure_frame(account_rows(bare, 0.95))["warnings"].str.contains("few_ties").all()


def test_section_draws_the_account_and_the_shares(loaded: LoadedPanel) -> None:
    con = catalogue(measure_frame(account_rows(loaded, 0.95)), estimate_frame(estimate_rows(loaded, QUICK)))
    text = "".join(str(block) for block in decomposition(Source(con, "c")).blocks)
    assert text.count("<svg") == 2
    assert "scores that moved" in text and "follow, gender_axis: selection" in text
    assert "no hidden likeness" in text
    empty = decomposition(Source(catalogue(measure_frame([]), estimate_frame([])), "c"))
    assert "No account of homophily" in "".join(str(block) for block in empty.blocks)
    nothing = replace(loaded, panel=None, warnings=("no_ties",))
    con = catalogue(measure_frame(account_rows(nothing, 0.95)), estimate_frame(estimate_rows(nothing, QUICK)))
    text = "".join(str(block) for block in decomposition(Source(con, "c")).blocks)
    assert "<svg" not in text and "could not be fitted" in text
