"""The rows of family selection on small corpora, the grid file, and the picture of the report."""

from __future__ import annotations

from datetime import timedelta
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import polars as pl
import pytest
from homophily_corpus import MONDAY, agents, connect, event, society

from pipeline.network.interactions import RULES
from pipeline.published.load import load_measure_dictionary
from pipeline.report.grid_curve import selection_curve
from pipeline.report.html.selection_section import selection
from pipeline.report.html.source import Source
from pipeline.schema import TABLES, Estimate, estimate_frame
from pipeline.selection.estimates import selection_estimates
from pipeline.selection.grid import GRID_FILE, label, load_selection_grid
from pipeline.selection.panel_fits import Limits
from pipeline.simulation.coevolution import simulate
from pipeline.simulation.coevolution_truth import CoevolutionTruth

AGENTS, WEEKS = 90, 14
SMALL = Limits(events=400, ties=3000, open_events=300, simex_events=150)
PLANTED = 1.2


def planted(**change: object) -> dict[str, list[dict[str, object]]]:
    """Return a corpus whose agents follow those who write at the same length, and answer them when they do."""
    truth = CoevolutionTruth(n_agents=AGENTS, n_weeks=WEEKS, burn_in=8, beta_s=PLANTED, beta_i=0.0, seed=5)
    world = simulate(truth)
    ids = [f"a{i:03d}" for i in range(AGENTS)]
    first = world.panel.first_week
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in ("message", "text", "tie_event", "interaction")}
    for agent in range(AGENTS):
        for week in range(WEEKS):
            for part in range(4):
                name = f"m{agent:03d}-{week:02d}-{part}"
                tokens = int(np.exp(4 + 0.6 * world.panel.scores[agent, week] + 0.05 * part))
                at = MONDAY + timedelta(weeks=week, hours=4 + part)
                rows["message"].append({
                    "message_id": name, "run_id": "observed", "kind": "post", "agent_id": ids[agent],
                    "text_hash": name, "created_at": at, "at_precision": "s", **change,
                })  # fmt: skip
                rows["text"].append({"text_hash": name, "text": "x", "n_chars": 1, "n_tokens": tokens, "copies": 1})
    ties = world.panel.ties
    for source, target, start, end in zip(ties.source, ties.target, ties.start, ties.end, strict=True):
        begun, ended = max(int(start) - first, 0), int(end) - first
        if ended > 0:
            at = MONDAY + timedelta(weeks=begun, hours=1)
            rows["tie_event"].append(event(ids[source], ids[target], "add", at))
            answered = {"source_id": ids[source], "target_id": ids[target], "rule": RULES[0]}
            rows["interaction"].append({**answered, "message_id": f"m{source:03d}-{min(begun, WEEKS - 1):02d}-0"})
        if 0 < ended < WEEKS:
            rows["tie_event"].append(
                event(ids[source], ids[target], "remove", MONDAY + timedelta(weeks=ended, hours=1))
            )
    return {"agent": agents(*ids), **rows}


@cache
def found() -> tuple[Estimate, ...]:
    return tuple(selection_estimates(connect(**planted()), seed=1, limits=SMALL))


def only(rows: tuple[Estimate, ...], **wanted: object) -> list[Estimate]:
    return [row for row in rows if all(getattr(row, name) == value for name, value in wanted.items())]


def test_planted_selection_is_a_primary_row_with_its_placebos() -> None:
    rows = only(found(), outcome="follow", term="similarity_log_length")
    (primary,) = only(tuple(rows), role="primary", hypothesis_id="formation")
    assert primary.p_adj is not None
    assert primary.p_adj < 0.001
    assert primary.cluster == "any shared agent"
    assert primary.common_scale is not None
    assert primary.common_scale > 0
    # The score is the planted one in standard deviations (1.0 to 1.2 of its units); three standard errors about that.
    assert primary.estimate is not None
    assert primary.std_error is not None
    assert 1.0 * PLANTED - 3 * primary.std_error < primary.estimate < 1.3 * PLANTED + 3 * primary.std_error
    (shuffled,) = [
        row
        for row in rows
        if row.role == "placebo" and row.hypothesis_id == "formation" and "order among" in row.estimand
    ]
    assert shuffled.estimate is not None
    assert shuffled.std_error is not None
    assert abs(shuffled.estimate) < 3 * shuffled.std_error
    assert "away from zero" in shuffled.estimand
    roles = {row.role for row in rows}
    assert roles == {"primary", "robustness", "placebo", "negative_control", "naive"}


def test_every_specification_is_a_row_and_ids_differ() -> None:
    rows = only(found(), outcome="follow", term="similarity_log_length")
    grid = [spec for spec in load_selection_grid() if spec.term == "similarity"]
    windows = [spec for spec in grid if spec.window]
    n_windows = len(range(1, WEEKS - windows[0].window + 1, windows[0].step))
    assert len(rows) == len(grid) - len(windows) + n_windows * len(windows)
    assert len({row.spec_id for row in found()}) == len(found())
    assert estimate_frame(list(found())).height == len(found())


def test_the_hash_of_the_agent_is_a_negative_control() -> None:
    rows = only(found(), term="similarity_gender_placebo")
    assert {row.role for row in rows} == {"negative_control"}
    (formed,) = only(tuple(rows), outcome="follow", hypothesis_id="formation")
    assert formed.estimate is not None
    assert formed.std_error is not None
    assert abs(formed.estimate) < 3 * formed.std_error


def test_interactions_are_exploratory() -> None:
    rows = only(found(), outcome=RULES[0])
    assert {row.role for row in rows} == {"exploratory", "placebo", "negative_control", "naive"}
    assert all("derived_ties" in str(row.warnings) for row in rows)


def test_a_constant_score_is_a_null_row_with_a_sentence() -> None:
    rows = only(found(), outcome="follow", term="similarity_airs_share")
    assert rows
    assert all(row.estimate is None and "no_variation" in str(row.warnings) for row in rows)
    assert all("No number" in str(row.sampling) for row in rows)


@pytest.mark.parametrize(
    ("corpus", "word"),
    [
        (lambda: society(0.5, 1, people=40, weeks=8, precision="month"), "time_too_coarse"),
        (lambda: society(0.5, 1, people=40, weeks=8, timed=False), "clock_is_step"),
        (lambda: {**society(0.5, 1, people=40, weeks=8), "tie_event": []}, "no_ties"),
        (lambda: society(0.5, 1, people=40, weeks=8), "few_events"),  # all ties are of the first week
        (lambda: {}, "no_ties"),
    ],
)
def test_refusals_are_null_rows_with_a_word_and_counts(corpus, word) -> None:  # type: ignore[no-untyped-def]
    rows = [row for row in selection_estimates(connect(**corpus()), seed=1) if row.outcome == "follow"]
    assert all(row.estimate is None for row in rows)
    assert all(row.n_events is not None for row in rows if word != "few_events")
    varying = [row for row in rows if row.term == "similarity_log_length"] if word == "few_events" else rows
    assert varying
    assert all(word in str(row.warnings) for row in varying)


def test_the_same_corpus_gives_the_same_rows_whatever_the_order_of_its_tables() -> None:
    rows = planted()
    turned = connect(**{name: given[::-1] for name, given in rows.items()})
    specs = [spec for spec in load_selection_grid() if spec.role in ("primary", "placebo") and not spec.window]
    again = selection_estimates(turned, seed=1, limits=SMALL, grid=specs)
    known = {row.spec_id: row.estimate for row in found()}
    assert again
    # Sums over rows in another order differ by rounding.
    assert [row.estimate is None for row in again] == [known[row.spec_id] is None for row in again]
    with_number = [row for row in again if row.estimate is not None]
    assert len(with_number) > 8
    assert all(row.estimate == pytest.approx(known[row.spec_id], rel=1e-9) for row in with_number)


def test_the_grid_is_fixed(tmp_path: Path) -> None:
    grid = load_selection_grid()
    assert len({label(spec) + spec.hypothesis for spec in grid}) == len(grid)
    text = GRID_FILE.read_text(encoding="utf-8")
    for old, new, words in (
        ('"dyadic"', '"dyadic"', None),
        ("controls = 30", "controls = 31", "a changed specification"),
        ('role = "naive"', 'role = "best"', "role is 'best'"),
        ("window = 8, step = 4", "window = 8, step = 0", "windows go with"),
        ('term = "similarity_by_ego_score"', 'term = "same_group_x"', "do not go with"),
    ):
        changed = tmp_path / f"{abs(hash((old, new)))}.toml"
        changed.write_text(text.replace(old, new), encoding="utf-8")
        if words is None:
            assert load_selection_grid(changed) == grid
        else:
            with pytest.raises(ValueError, match=words):
                load_selection_grid(changed)


def test_the_picture_is_drawn_with_and_without_rows() -> None:
    frame = estimate_frame(only(found(), outcome="follow", term="similarity_log_length"))
    for rows in (frame, frame.head(0)):
        picture = selection_curve(rows)
        assert picture.startswith(b"\x89PNG")
        assert picture == selection_curve(rows)


def catalogue(rows: list[Estimate]) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA analysis")
    for name, frame in (("estimate", estimate_frame(rows)), ("measure_dictionary", load_measure_dictionary())):
        columns = list(TABLES[name].polars_schema)
        con.register("given", frame.with_columns(corpus_id=pl.lit("c")).select(columns))
        con.execute(f"CREATE TABLE analysis.{name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def test_the_section_shows_paths_verdicts_and_rows() -> None:
    rows = only(found(), term="similarity_log_length")
    text = "".join(str(block) for block in selection(Source(catalogue(rows), "c")).blocks)
    assert text.count("<svg") == 1  # the path of selection on length over windows, with that of shuffled scores
    assert "follow: log length" in text
    assert "shuffled agents</b>: " in text
    assert "away from zero" in text
    empty = "".join(str(block) for block in selection(Source(catalogue([]), "c")).blocks)
    assert "No estimate of selection" in empty
