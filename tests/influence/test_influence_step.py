"""Family influence on small corpora: planted influence, refusals in words, weekly exposures, the grid, the section."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache

import duckdb
import numpy as np
import polars as pl
import pytest
from homophily_corpus import MONDAY, agents, connect, event

from pipeline.influence.estimates import influence_estimates
from pipeline.influence.placebos import FAILURES, SUCCESSES
from pipeline.influence.specification import grid_text, load_influence_grid
from pipeline.influence.weekly import exposure_frame, influence_measures
from pipeline.network.panel_load import PanelReader
from pipeline.report.grid_curve import influence_curve, influence_panels
from pipeline.report.html.influence_section import influence
from pipeline.report.html.source import Source
from pipeline.schema import Estimate, estimate_frame, measure_frame
from pipeline.simulation.coevolution import simulate
from pipeline.simulation.coevolution_truth import CoevolutionTruth

AGENTS, WEEKS, PLANTED = 150, 22, 0.3
GRID = replace(load_influence_grid(), variables=("log_length",), also=())


def corpus(weeks: int = WEEKS, beta_i: float = PLANTED, **change: object) -> dict[str, list[dict[str, object]]]:
    """Return a corpus whose agents write at the length of those whom they follow, and follow their like."""
    truth = CoevolutionTruth(n_agents=AGENTS, n_weeks=weeks, burn_in=8, beta_s=0.8, beta_i=beta_i, seed=5)
    world = simulate(truth)
    ids, first = [f"a{i:03d}" for i in range(AGENTS)], world.panel.first_week
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in ("message", "text", "tie_event")}
    for agent, week in np.ndindex(AGENTS, weeks):
        name = f"m{agent:03d}-{week:02d}"
        tokens = round(np.exp(8 + 0.6 * world.panel.scores[agent, week]))  # so long that rounding is no error
        at = MONDAY + timedelta(weeks=week, hours=4)
        rows["message"].append({
            "message_id": name, "run_id": "observed", "kind": "post", "agent_id": ids[agent], "text_hash": name,
            "created_at": at, "at_precision": "s", **change,
        })  # fmt: skip
        rows["text"].append({"text_hash": name, "text": "x", "n_chars": 1, "n_tokens": tokens, "copies": 1})
    ties = world.panel.ties
    for source, target, start, end in zip(ties.source, ties.target, ties.start, ties.end, strict=True):
        begun, ended = max(int(start) - first, 0), int(end) - first
        if ended > 0:
            rows["tie_event"].append(event(ids[source], ids[target], "add", MONDAY + timedelta(weeks=begun, hours=1)))
        if 0 < ended < weeks:
            rows["tie_event"].append(
                event(ids[source], ids[target], "remove", MONDAY + timedelta(weeks=ended, hours=1))
            )
    return {"agent": agents(*ids), **rows}


@cache
def connection():
    return connect(**corpus())


@cache
def found() -> tuple[Estimate, ...]:
    return tuple(influence_estimates(connection(), GRID, seed=1))


def only(**wanted: object) -> list[Estimate]:
    return [row for row in found() if all(getattr(row, name) == value for name, value in wanted.items())]


def test_planted_influence_is_the_primary_row_and_placebos_stand_beside_it():
    (primary,) = only(role="primary")
    assert (primary.outcome, primary.term, primary.cluster) == ("log_length", "gap_follow", "agent")
    assert primary.std_error is not None and primary.estimate == pytest.approx(PLANTED, abs=3 * primary.std_error)
    assert primary.p_value < 0.001 and primary.p_adj is not None
    assert (
        primary.common_scale is not None and primary.common_scale_low < primary.common_scale < primary.common_scale_high
    )
    placebos = {row.hypothesis_id: row for row in found() if row.role == "placebo" and row.outcome == "log_length"}
    for name in ("just_formed", "permuted_ties", "shuffled_weeks", "matched_alters", "serial_correlation"):
        row = placebos[name]
        assert row.p_value is not None and row.p_adj is None
        said = FAILURES[name] if row.p_value < 0.05 else SUCCESSES[name]
        assert said in row.estimand  # the verdict is in words beside the number
    (control,) = only(hypothesis_id="hash_score")
    assert control.role == "negative_control" and control.p_value > 0.001
    (future,) = only(hypothesis_id="future_ties")
    assert future.role == "exploratory" and future.p_value < 0.05  # agents choose their like


def test_naive_rows_are_said_to_be_no_evidence():
    naive = only(role="naive", outcome="log_length", hypothesis_id="influence")
    assert {row.estimator for row in naive} > {"two_way", "pooled", "pooled_level", "half_panel_jackknife"}
    assert all("not_evidence" in row.warnings for row in naive)
    levels = {row.estimator: row.estimate for row in naive}
    assert levels["pooled_level"] > 2 * PLANTED  # homophily taken for influence


def test_windows_are_those_of_the_grid():
    rows = only(hypothesis_id="influence_by_window", estimator="fod_iv")
    panel = PanelReader(connection()).panel("follow", "log_length").panel
    assert len(rows) == (panel.n_weeks - 16) // 4 + 1 == 2
    assert [row.window_end - row.window_start for row in rows] == [timedelta(weeks=16)] * 2
    assert rows[1].window_start - rows[0].window_start == timedelta(weeks=4)
    first, last = influence_measures(connection(), GRID, seed=1)
    shown = [row for row in rows if row.estimate > 0 and row.p_value < 0.05]
    assert shown
    assert first.value == (min(row.window_start for row in shown) - MONDAY).days // 7 + 1
    assert last.value == (max(row.window_end for row in shown) - MONDAY).days // 7
    assert measure_frame([first, last]).height == 2


def test_rows_are_unique_by_their_key_and_the_same_twice():
    frame = estimate_frame(found())
    assert frame.select("family", "spec_id", "slice_id", "term").is_duplicated().sum() == 0
    again = estimate_frame(influence_estimates(connection(), GRID, seed=1))
    assert again.equals(frame)


def test_a_constant_of_the_agent_is_no_outcome():
    (row,) = only(outcome="gender_placebo")
    assert row.role == "negative_control" and row.estimate is None and "no_variation" in row.warnings
    assert "No number: the score is the same for all, or never changes" in row.sampling


@pytest.mark.parametrize(
    ("change", "word"),
    [({"at_precision": "month"}, "time_too_coarse"), ({"created_at": None, "step": 3}, "clock_is_step")],
)
def test_clocks_that_tell_no_weeks_leave_null_rows(change, word):
    rows = influence_estimates(connect(**corpus(weeks=5, **change)), GRID, seed=1)
    assert rows and all(row.estimate is None and row.p_value is None for row in rows)
    assert all(
        word in row.warnings and re.match(r"\d+ ties of any time\. No number", row.sampling)
        for row in rows
        if row.outcome != "airs_share"
    )
    measures = influence_measures(connect(**corpus(weeks=5, **change)), GRID, seed=1)
    assert all(row.value is None and word in row.warnings for row in measures)


def test_too_little_leaves_null_rows():
    short = corpus(weeks=3)
    few = {**short, "tie_event": short["tie_event"][:20]}
    for rows in (short, few, {"agent": agents("a", "b")}):
        estimates = influence_estimates(connect(**rows), GRID, seed=1)
        assert all(row.estimate is None and row.warnings and row.sampling for row in estimates)


def test_exposures_are_means_of_alters_of_the_week():
    frame = exposure_frame(connection(), ["log_length"])
    scores = connection().sql("SELECT * FROM agent_week WHERE variable = 'log_length'").pl()
    week = MONDAY + timedelta(weeks=7)
    ties = connection().sql(
        "SELECT source_id, target_id, max(\"at\") FILTER (WHERE action = 'add') AS a, "
        "max(\"at\") FILTER (WHERE action = 'remove') AS r "
        "FROM tie_event WHERE \"at\" < $end GROUP BY ALL HAVING r IS NULL OR a > r",
        params={"end": week + timedelta(weeks=1)},
    ).pl()  # fmt: skip
    values = scores.filter(pl.col("week_start") == week.date()).select(target_id="agent_id", value="value")
    expected = (
        ties.join(values, on="target_id").group_by(agent_id="source_id")
        .agg(m=pl.col("value").mean(), s=pl.col("value").std(ddof=0), n=pl.len()).sort("agent_id")
    )  # fmt: skip
    ours = frame.filter(pl.col("week_start") == week.date()).sort("agent_id")
    assert ours["agent_id"].to_list() == expected["agent_id"].to_list()
    np.testing.assert_allclose(ours["mean"], expected["m"], atol=1e-12)
    np.testing.assert_allclose(ours["sd"], expected["s"], atol=1e-7)
    assert ours["n_alters"].to_list() == expected["n"].to_list()


def test_the_grid_is_read_and_its_mistakes_are_named():
    grid = load_influence_grid()
    assert grid.full[0].role == "primary" and grid.full[0].estimator == "fod_iv"
    assert {spec.role for spec in grid.full} >= {"primary", "robustness", "placebo", "negative_control", "naive"}
    for old, new, message in (
        ('estimator = "fod_iv"', 'estimator = "magic"', "estimator 'magic'"),
        ('role = "primary"', 'role = "robustness"', "primary"),
        ('role = "exploratory"', 'role = "placebo"', "no placebo"),
        ('hypothesis = "influence"', "", "missing"),
        ('hypothesis = "influence"', 'hypothesis = "influence"\nknob = 1', "unknown keys"),
    ):
        with pytest.raises(ValueError, match=message):
            load_influence_grid(grid_text().replace(old, new, 1))


def test_the_specification_curve_draws_every_row_of_all_weeks_once():
    frame = estimate_frame(list(found()))
    whole = frame.filter(
        pl.col("estimate").is_not_null()
        & ~pl.col("hypothesis_id").str.ends_with("by_window")
        & (pl.col("estimator") != "second_order_test")
    )
    drawn = [row["spec_id"] for _, lines in influence_panels(frame) for _, rows in lines for row in rows.values()]
    assert len(drawn) > 20
    assert sorted(drawn) == whole["spec_id"].sort().to_list()
    for rows in (frame, frame.head(0)):
        assert influence_curve(rows).startswith(b"\x89PNG")
    assert influence_curve(frame) == influence_curve(frame)


def test_the_section_draws_the_path_and_says_why_naive_rows_are_not_believed():
    con = duckdb.connect()
    con.execute("CREATE SCHEMA analysis")
    measures = measure_frame(influence_measures(connection(), GRID, seed=1))
    for name, frame in (("estimate", estimate_frame(found())), ("measure", measures)):
        con.register("given", frame.with_columns(corpus_id=pl.lit("one")))
        con.execute(f"CREATE TABLE analysis.{name} AS SELECT * FROM given")
        con.unregister("given")
    columns = "measure_id VARCHAR, title VARCHAR, unit VARCHAR, statistic VARCHAR"
    con.execute(f"CREATE TABLE analysis.measure_dictionary ({columns})")
    html = str(influence(Source(con, "one")).html())
    assert html.count("<svg") == 1 and "Influence by rolling windows: log length" in html
    assert "placebo: ties that did not stand yet" in html and "two-way fixed effects, not believed" in html
    assert "Why two-way fixed effects are not believed" in html
    assert html.index(">primary<") < html.index(">naive<") < html.index("Placebos, zero where")
    assert "No estimate of influence" in str(influence(Source(con, "another")).html())
