"""Alignment against plain numpy, planted alignment recovered, shuffled descriptions, trends, and what has no value."""

from __future__ import annotations

import hashlib
import itertools
from dataclasses import replace
from datetime import datetime

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from persona_corpora import aligned, on_tables

from pipeline.activity.row import Sampling
from pipeline.language.clock import read_clock
from pipeline.language.drift_measures import drift_measures
from pipeline.language.persona import alignment, read_personas
from pipeline.language.persona_estimates import persona_estimates
from pipeline.language.persona_frame import read_aligned
from pipeline.language.persona_grid import grid_text, load_persona_grid
from pipeline.language.persona_measures import described, persona_measures, powered
from pipeline.language.persona_null import excess_error, shuffled_mean, shuffled_share
from pipeline.language.trend import dealt_anew, rank_correlation, slope
from pipeline.published.load import load_measure_dictionary
from pipeline.simulation.persona import PersonaTruth, simulate_persona

SAMPLING = Sampling(seed=3, null_draws=99)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def vectors_of(tables, name, rung):
    frame = tables[name].filter(pl.col("rung") == rung)
    return dict(zip(frame[frame.columns[0]], np.array(frame["vector"].to_list()), strict=True))


def test_alignment_is_the_cosine_of_message_and_description():
    tables = simulate_persona(PersonaTruth(agents=12), seed=1)
    found = alignment(on_tables(tables))
    persona = dict(tables["agent"].select("agent_id", "persona").iter_rows())
    for rung in ("static", "full"):
        texts, personas = vectors_of(tables, "embedding", rung), vectors_of(tables, "persona_embedding", rung)
        for row in tables["message"].iter_rows(named=True):
            hashed = hashlib.sha256(persona[row["agent_id"]].encode()).hexdigest()[:32]
            ours = found.row(by_predicate=pl.col("message_id") == row["message_id"], named=True)
            assert ours["persona_hash"] == hashed
            expected = texts[row["text_hash"]] @ personas[hashed] if row["text_hash"] in texts else None
            assert ours[f"similarity_{rung}"] == (None if expected is None else pytest.approx(expected, abs=2e-6))


def test_alignment_does_not_depend_on_the_order_of_rows():
    tables = simulate_persona(PersonaTruth(agents=20), seed=2)
    mixed = {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in tables.items()}
    assert alignment(on_tables(tables)).equals(alignment(on_tables(mixed)))


def test_short_and_empty_descriptions_are_counted_and_left_out():
    tables = simulate_persona(PersonaTruth(agents=30), seed=1)
    given = ["", None, " \u200b ", "AI assistant", "one two three", "one two three"]
    personas = given + tables["agent"]["persona"].to_list()[6:]
    con = on_tables({**tables, "agent": tables["agent"].with_columns(persona=pl.Series(personas))})
    assert read_personas(con).filter(pl.col("persona").is_in(["", " \u200b "]))["n_tokens"].to_list() == [0, 0]
    shares = {row.measure_id: row.value for row in described(con)}
    assert shares == {
        "persona_described_share": pytest.approx(26 / 30),
        "persona_short_share": pytest.approx(1 / 30),
        "persona_missing_share": pytest.approx(3 / 30),
        "persona_shared_share": pytest.approx(2 / 30),
    }


def test_planted_alignment_is_recovered_from_the_texts_that_the_teacher_has_read():
    truth = PersonaTruth(agents=200, alignment=0.4)
    con = aligned(simulate_persona(truth, seed=4))
    rows = {
        (row.measure_id, row.period_start, row.unit_id): row
        for row in persona_measures(con, read_clock(con), SAMPLING)
    }  # fmt: skip
    mean = rows["persona_similarity_post", None, "corpus"]
    assert mean.value == pytest.approx(0.4, abs=1e-6)  # g is the same for every message
    assert mean.p_value < 1e-6
    assert abs(mean.null_mean) < 5 * mean.null_sd
    days = [row for (name, start, _), row in rows.items() if name == "persona_similarity_post" and start]
    assert len(days) == truth.days
    assert rows["persona_aligned_post_share", None, "corpus"].value == 0
    assert rows["persona_similarity_comment", None, "corpus"].warnings == "few_replies"
    described_ids = set(load_measure_dictionary()["measure_id"])
    assert {name for name, _, _ in rows} <= described_ids


def test_estimates_cover_the_value_of_the_teacher_on_all_texts():
    truth = PersonaTruth(agents=300, slope=0.1, days=5, alignment=0.5, read_share=1.0)
    tables = simulate_persona(truth, seed=6)
    whole = read_aligned(aligned(tables), 3)
    total, share = whole["similarity_full"].mean(), (whole["similarity_full"] >= 0.6).mean()
    rng, inside = np.random.default_rng(1), []
    for _ in range(100):
        hidden = pl.Series(rng.random(whole.height) > 0.08)
        part = whole.with_columns(similarity_full=pl.when(~hidden).then("similarity_full"))
        for is_share, value in ((False, total), (True, share)):
            found = powered(part, 0.95, is_share=is_share)
            inside.append(found.ci_low <= value <= found.ci_high)
            assert is_share or found.std_error < found.sample_std_error
    # 100 pairs of dependent draws: the binomial 99 % region of 100 runs at .95 begins at .89.
    assert np.mean(inside) >= 0.89


def test_moments_under_shuffling_are_those_of_all_permutations():
    rng = np.random.default_rng(5)
    personas, sums = unit(rng.normal(size=(6, 4))), rng.normal(size=(6, 4)) / 6
    every = [sum(personas[b] @ sums[a] for a, b in enumerate(order)) for order in itertools.permutations(range(6))]
    found = shuffled_mean(personas, sums)
    assert (found.mean, found.sd) == pytest.approx((np.mean(every), np.std(every)), rel=1e-10)
    assert found.observed == pytest.approx(every[0], rel=1e-12)


def test_shares_under_shuffling_are_drawn_around_those_of_all_permutations():
    rng = np.random.default_rng(6)
    personas, vectors = unit(rng.normal(size=(5, 3))), unit(rng.normal(size=(20, 3)))
    agent, weights = rng.integers(0, 5, 20), rng.integers(1, 4, 20).astype(float)
    every = [
        np.average((personas[list(order)][agent] * vectors).sum(1) >= 0.3, weights=weights)
        for order in itertools.permutations(range(5))
    ]
    found = shuffled_share(personas, vectors, agent, weights, 0.3, draws=2000, rng=rng)
    # Four standard errors of a mean of 2,000 draws.
    assert abs(found.mean - np.mean(every)) < 4 * np.std(every) / np.sqrt(2000)
    assert found.observed == every[0]


def test_slopes_are_those_of_statsmodels():
    rng = np.random.default_rng(7)
    agent = rng.integers(0, 45, 600)
    times, values = rng.normal(size=600), rng.normal(size=600) + 0.3 * rng.normal(size=45)[agent]
    values += 0.2 * times
    pooled = sm.OLS(values, sm.add_constant(times))
    iid = slope(values, times, agent, 0.95, within=False, clustered=False)
    assert (iid.estimate, iid.std_error) == pytest.approx((pooled.fit().params[1], pooled.fit().bse[1]), rel=1e-10)
    dummies = np.column_stack([times, *(agent == a for a in range(45))]).astype(float)
    fitted = sm.OLS(values, dummies).fit(
        cov_type="cluster", cov_kwds={"groups": agent, "use_correction": False, "df_correction": False}
    )
    within = slope(values, times, agent, 0.95, within=True)
    assert within.estimate == pytest.approx(fitted.params[0], rel=1e-10)
    assert within.std_error == pytest.approx(fitted.bse[0] * np.sqrt(45 / 44), rel=1e-10)


def test_times_are_dealt_out_within_agents():
    agent = np.array([1, 0, 1, 0, 1])
    times = np.array([1.0, 2, 3, 4, 5])
    anew = dealt_anew(times, agent, np.array([0.9, 0.1, 0.5, 0.7, 0.2]))
    assert sorted(anew[agent == 1]) == [1, 3, 5]
    assert sorted(anew[agent == 0]) == [2, 4]
    assert anew[[4, 2, 0]].tolist() == [1, 3, 5]


def estimates_of(tables):
    rows = persona_estimates(aligned(tables), load_persona_grid(), seed=3)
    return {(row.role, row.estimator, row.model): row for row in rows}, rows


def test_the_grid_runs_whole_and_finds_what_is_planted():
    tables = simulate_persona(PersonaTruth(agents=150, slope=-0.04), seed=8)
    _, rows = estimates_of(tables)
    assert [row.spec_id for row in rows] == [spec.spec_id for spec in load_persona_grid()]
    primary = {(row.estimator, row.model.split(",")[0]): row for row in rows if row.role == "primary"}
    own = primary["shuffled_personas", "similarity of posts"]
    assert own.conf_low > 0.2
    assert own.p_adj < 1e-6
    trend = primary["within_slope", "similarity of posts"]
    # The static vectors are shorter by what noise turns them: the cosine of text and description loses 1 / (1 + .36).
    assert trend.estimate == pytest.approx(-0.04 / 1.36, abs=4 * trend.std_error)
    assert primary["within_slope", "similarity of comments"].warnings == "few_replies"
    assert all(row.p_value > 0.001 for row in rows if row.role in ("placebo", "negative_control") and row.p_value)
    assert all("not_evidence" in row.warnings for row in rows if row.role == "naive" and row.n_obs)
    assert primary["matched_event", "similarity of posts"].p_value > 0.001


def test_the_same_rows_in_another_order_give_the_same_estimates():
    tables = simulate_persona(PersonaTruth(agents=60), seed=9)
    mixed = {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in tables.items()}
    assert estimates_of(tables)[1] == estimates_of(mixed)[1]


TESTED = ("shuffled_personas", "within_slope", "pooled_slope", "rank_correlation")


def p_values(tables, tested=TESTED):
    _, rows = estimates_of(tables)
    return {row.model: row.p_value for row in rows if row.estimator in tested and row.p_value is not None}


@pytest.mark.slow
def test_where_nothing_is_planted_one_test_in_twenty_rejects(within):
    """Messages like nobody's description, no trend: the heavy tail of activity and what agents' messages share stay.

    Votes move nothing either, so the changes at the posts with the most votes are tested with the rest.
    """
    found: dict[str, list[float]] = {}
    for seed in range(200):
        tables = simulate_persona(PersonaTruth(alignment=None, agents=120), seed=seed)
        for model, p in p_values(tables, (*TESTED, "matched_event", "matched_dose")).items():
            found.setdefault(model, []).append(p)
    assert min(map(len, found.values())) >= 195  # few worlds have too few events for wide windows; those reject nothing
    within({f"persona: {model}": sum(p < 0.05 for p in values) / 200 for model, values in found.items()})


@pytest.mark.slow
def test_planted_alignment_and_its_trend_are_recovered_in_200_runs(within):
    """Static vectors are shorter by what noise turns them: their cosines lose 1 / 1.36."""
    own, trends = [], []
    for seed in range(200):
        _, rows = estimates_of(simulate_persona(PersonaTruth(agents=120, slope=-0.04), seed=5000 + seed))
        primary = {row.estimator: row for row in rows if row.role == "primary" and "of posts" in row.model}
        own.append(primary["shuffled_personas"])
        trends.append(primary["within_slope"])
    within(
        {
            "persona planted: alignment: found": np.mean([row.p_value < 0.05 for row in own]),
            "persona planted: trend of -.04 a day: found": np.mean([row.p_value < 0.05 for row in trends]),
        },
        (0.9, 1.0),
    )
    covered = {"alignment of .4": (own, 0.4), "trend of -.04 a day": (trends, -0.04)}
    within(
        {
            f"persona planted: {name}: share of intervals that cover it": np.mean(
                [row.conf_low <= value / 1.36 <= row.conf_high for row in rows]
            )
            for name, (rows, value) in covered.items()
        },
        (0.905, 0.985),
    )


def test_where_nothing_is_planted_few_tests_reject():
    found = [p_values(simulate_persona(PersonaTruth(alignment=None, agents=60), seed=seed)) for seed in range(12)]
    # 12 draws at .05: more than 4 rejections of one test are to be expected once in 4,000.
    for model in found[0]:
        assert sum(one[model] < 0.05 for one in found) <= 4, model


@pytest.mark.parametrize(
    ("without", "word"),
    [
        ({"embedding", "persona_embedding"}, "model_unavailable"),
        ({"agent"}, "no_descriptions"),
        ({"message", "text", "embedding", "agent", "persona_embedding"}, "no_messages"),
    ],
)
def test_what_cannot_be_computed_says_why(without, word):
    tables = simulate_persona(PersonaTruth(agents=20), seed=1)
    con = aligned({name: frame for name, frame in tables.items() if name not in without})
    rows = persona_measures(con, read_clock(con), SAMPLING)
    whole = [row for row in rows if row.unit == "corpus" and row.period is None and "similarity" in row.measure_id]
    assert {row.value for row in whole} == {None}
    assert all(word in row.warnings for row in whole)
    drift = [row for row in drift_measures(con, SAMPLING) if row.measure_id.startswith("persona")]
    assert {row.warnings for row in drift} == {word}
    estimates = persona_estimates(con, load_persona_grid(), seed=1)
    assert {(row.estimate, row.warnings) for row in estimates} == {(None, word)}


def test_without_votes_or_times_the_tests_that_need_them_say_so():
    tables = simulate_persona(PersonaTruth(agents=40), seed=1)
    message = tables["message"].with_columns(
        upvotes=pl.lit(None, pl.Int64), at_precision=pl.lit("month"), created_at=pl.lit(datetime(2026, 1, 1))
    )
    _, rows = estimates_of({**tables, "message": message})
    words = {row.estimator: row.warnings for row in rows if row.outcome == "similarity" and "posts" in row.model}
    assert words["matched_event"] == "no_scores"
    assert words["within_slope"] == "time_too_coarse"
    assert words["shuffled_personas"] == "static_vectors"


def test_tests_of_time_say_that_messages_dated_to_the_month_are_left_out():
    tables = simulate_persona(PersonaTruth(agents=40), seed=1)
    precision = pl.when(pl.col("message_id").hash() % 3 == 0).then(pl.lit("month")).otherwise("at_precision")
    message = tables["message"].with_columns(at_precision=precision)
    _, rows = estimates_of({**tables, "message": message})
    said = {row.estimator: "coarse_times_dropped" in (row.warnings or "") for row in rows if row.estimate is not None}
    timed = {name for name in said if name.endswith(("slope", "slope_iid", "event", "dose"))}
    assert len(timed) > 3
    assert {name for name, is_said in said.items() if is_said} == timed


def test_texts_in_other_languages_are_refused():
    tables = simulate_persona(PersonaTruth(agents=40), seed=1)
    con = aligned({**tables, "text": tables["text"].with_columns(language=pl.lit("zh"))})
    rows = [row for row in persona_measures(con, read_clock(con), SAMPLING) if "similarity" in row.measure_id]
    assert {row.value for row in rows} == {None}
    assert all("language_unsupported" in row.warnings for row in rows)
    assert {row.warnings for row in persona_estimates(con, load_persona_grid(), seed=1)} == {"language_unsupported"}


def test_a_changed_specification_needs_a_new_id():
    grid = load_persona_grid()
    assert len({spec.spec_id for spec in grid}) == len(grid)
    with pytest.raises(ValueError, match="write the new id"):
        load_persona_grid(grid_text().replace("window = 2", "window = 3", 1))
    with pytest.raises(ValueError, match="is not one of"):
        load_persona_grid(grid_text().replace('kind = "post"', 'kind = "poem"', 1))
    assert replace(grid[0], role="naive").spec_id == grid[0].spec_id


def test_rank_correlation_of_few_agents_is_none():
    assert rank_correlation(np.arange(5.0), np.arange(5.0), 0.95).p_value is None
    assert rank_correlation(np.arange(30.0), np.ones(30), 0.95).warnings == ("no_variation",)


def test_the_error_of_the_excess_is_that_of_draws():
    """Over corpora drawn anew, the excess varies as the stated error says."""
    found, errors = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        personas = unit(rng.normal(size=(150, 8)))
        counts = rng.integers(1, 20, 150)
        weights = counts / counts.sum()
        gain = 0.4 + 0.3 * rng.normal(size=150)
        sums = weights[:, None] * (gain[:, None] * personas + 0.2 * rng.normal(size=(150, 8)))
        shuffled = shuffled_mean(personas, sums)
        found.append(shuffled.observed - shuffled.mean)
        errors.append(excess_error(personas, sums, weights))
    # The standard deviation of 60 draws has an error of 9 %.
    assert np.std(found, ddof=1) == pytest.approx(np.mean(errors), rel=0.3)


def test_a_p_value_is_small_and_never_zero() -> None:
    rng = np.random.default_rng(3)
    personas = rng.standard_normal((3000, 4))
    personas /= np.linalg.norm(personas, axis=1, keepdims=True)
    found = shuffled_mean(personas, personas / 3000)
    assert found.observed == pytest.approx(1.0)
    assert (found.observed - found.mean) / found.sd > 40  # the normal tail is less than any double there
    assert 0 < found.p_value < 1e-300
