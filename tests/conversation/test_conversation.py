"""Family conversation on planted worlds: what is planted is found, what is not is not, and what cannot be is null."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from planted_conversations import Said, connect, exchanges, world

from pipeline.activity.gaps import NO_GAPS
from pipeline.activity.row import Sampling
from pipeline.conversation.attribution import attribution_rows
from pipeline.conversation.deliberation import deliberation_rows
from pipeline.conversation.exchange import exchange_rows
from pipeline.conversation.narration import narration_rows
from pipeline.conversation.sanctions import sanction_rows
from pipeline.conversation.stance import stance_rows
from pipeline.conversation.turns import make_turns
from pipeline.language.clock import read_clock
from pipeline.published.load import load_measure_dictionary
from pipeline.schema import estimate_frame, measure_frame

DRAWS = 99
STRATIFIED = ("direct_sanctions_more", "sanction_moves_partner", "sanction_moves_risk", "attribution_draws_judgement")
NARRATED = ["last year", "last month", "last week", "yesterday", "today", "tomorrow", "next week", "next month"]


ALONE = (
    lambda con, turns, sampling: deliberation_rows(con, turns, NO_GAPS, sampling),
    lambda con, turns, sampling: narration_rows(con, sampling),
)  # what has measures only


def computed(
    con, parts=(sanction_rows, attribution_rows, exchange_rows, stance_rows), alone=ALONE, seed=5, bootstrap_draws=200
):
    """Return measures by name and null model, and estimates by specification."""
    sampling = Sampling(seed=seed, bootstrap_draws=bootstrap_draws, null_draws=DRAWS)
    turns, clock = make_turns(con), read_clock(con)
    measures, estimates = [], []
    for part in parts:
        rows, tests = part(con, turns, clock, sampling, DRAWS)
        measures += rows
        estimates += tests
    for part in alone:
        measures += part(con, turns, sampling)
    measure_frame(measures), estimate_frame(estimates)  # the types of the tables
    named = {(m.measure_id, (m.null_model or "").partition("(")[0]): m for m in measures}
    assert len(named) == len(measures)
    specs = {e.spec_id: e for e in estimates}
    assert len(specs) == len(estimates)
    return named, specs


def told(seed, share, texts=300, agents=60):
    """Draw texts that name two to five times each; `share` of the texts are told forwards, the others at random."""
    rng = np.random.default_rng(seed)
    said = []
    for i in range(texts):
        places = rng.choice(len(NARRATED), int(rng.integers(2, 6)), replace=False)
        if rng.random() < share:
            places = np.sort(places)
        text = ", then ".join(NARRATED[k] for k in places)
        said.append(Said(f"p{i:03d}", f"u{rng.integers(0, agents):02d}", at=60.0 * i, text=text))
    return said


@pytest.fixture(scope="module")
def planted():
    return computed(connect(world(1, direct=1.0, avoid=1.5, risk=0.7, judged=1.0, slow=0.5)))


@pytest.fixture(scope="module")
def quiet():
    return computed(connect(world(1)))


@pytest.mark.parametrize("hypothesis", STRATIFIED)
def test_what_is_planted_is_found_and_its_placebo_is_not(planted, hypothesis) -> None:
    """At p < .01 with a positive estimate; a placebo of dealt labels stays above .01 (one in a hundred by chance)."""
    _, specs = planted
    assert specs[f"{hypothesis}_within_strata_primary"].estimate > 0
    assert specs[f"{hypothesis}_within_strata_primary"].p_value < 0.01
    assert specs[f"{hypothesis}_labels_permuted_robustness"].p_value <= 1 / (DRAWS + 1)
    assert specs[f"{hypothesis}_within_strata_placebo"].p_value > 0.01


@pytest.mark.parametrize("hypothesis", STRATIFIED)
def test_where_nothing_is_planted_nothing_is_found(quiet, hypothesis) -> None:
    _, specs = quiet
    for spec in (f"{hypothesis}_within_strata_primary", f"{hypothesis}_labels_permuted_robustness"):
        assert specs[spec].p_value > 0.01
        assert specs[spec].conf_low < 0 < specs[spec].conf_high


def test_measures_of_the_planted_world(planted, quiet) -> None:
    found, nothing = planted[0], quiet[0]
    assert found["sanction_direct_rate", ""].value > found["sanction_third_party_rate", ""].value + 0.1
    assert found["sanctioned_switch_share", ""].value > found["unsanctioned_switch_share", ""].value
    risk = "sanctioned_risk_change", "sanctions_dealt_within_airs_level"
    assert found[risk].p_value <= 1 / (DRAWS + 1)
    assert nothing[risk].p_value > 0.01
    assert "regression_to_the_mean" in found[risk].warnings
    for model in ("attributions_dealt_in_threads", "texts_dealt_in_threads"):
        assert found["attribution_answered_share", model].p_value <= 2 / (DRAWS + 1)
        assert nothing["attribution_answered_share", model].p_value > 0.01
    latency = "latency_deliberation_partial", "latencies_dealt_in_threads"
    assert found[latency].p_value <= 1 / (DRAWS + 1)
    assert found[latency].value > 0.2
    assert found[latency].ci_low < found[latency].value < found[latency].ci_high
    assert nothing[latency].p_value > 0.01


def test_risk_falls_toward_the_mean_without_a_cause(quiet) -> None:
    """The raw change of sanctioned posts is that of its null, whatever its sign."""
    row = quiet[0]["sanctioned_risk_change", "sanctions_dealt_within_airs_level"]
    assert abs(row.value - row.null_mean) < 3 * row.null_sd


def test_moved_stances_are_found_with_their_odds_ratio() -> None:
    said, personas = exchanges(2, 1.2)
    found, specs = computed(connect(said, personas), parts=(stance_rows,))
    row = found["stance_personal_odds_ratio", ""]
    assert row.ci_low < np.exp(1.2) < row.ci_high
    assert row.n == 400
    assert specs["personal_reply_moves_stance_labels_permuted_robustness"].p_value <= 1 / (DRAWS + 1)
    assert specs["personal_reply_moves_stance_ordinal_logit_placebo"].p_value > 0.01
    assert specs["personal_reply_moves_stance_ordinal_logit_words_not_echoed_robustness"].p_value < 0.01


def test_stances_that_stand_still_are_not_moved() -> None:
    said, personas = exchanges(2)
    _, specs = computed(connect(said, personas), parts=(stance_rows,))
    assert specs["personal_reply_moves_stance_ordinal_logit_primary"].p_value > 0.01
    assert specs["personal_reply_moves_stance_labels_permuted_robustness"].p_value > 0.01


def test_events_told_in_order_are_found() -> None:
    key = "narrated_order_consistency", "told_backwards_by_author"
    found, _ = computed(connect(told(1, 0.5)), parts=())
    assert found[key].ci_low < 0.75 < found[key].ci_high
    assert found[key].p_value <= 1 / (DRAWS + 1)
    found, _ = computed(connect(told(1, 0.0)), parts=())
    assert found[key].p_value > 0.01
    assert found[key].null_mean == pytest.approx(0.5, abs=0.02)


def test_floor_and_addressees() -> None:
    """Threads in which one speaker takes every second turn and is the only one who is answered."""
    rng = np.random.default_rng(8)
    said = []
    for t in range(60):
        said.append(Said(f"p{t:02d}", "host", at=1000.0 * t))
        for i in range(9):
            speaker = "host" if i % 2 else f"u{rng.integers(0, 5)}"
            said.append(Said(f"r{t:02d}-{i}", speaker, f"p{t:02d}", f"p{t:02d}", 1000.0 * t + i + 1))
    found, _ = computed(connect(said), parts=(exchange_rows,))
    entropy = found["addressee_entropy", "any_earlier_turn_answered"]
    assert entropy.value == 0 < entropy.null_mean
    assert entropy.p_value <= 1 / (DRAWS + 1)
    floor = found["floor_share_gini", "further_turns_any_speaker"]
    assert floor.value > floor.null_mean
    assert floor.p_value <= 1 / (DRAWS + 1)


def test_stances_that_are_returned_more_from_exchange_to_exchange() -> None:
    rng = np.random.default_rng(9)
    for slope, is_found in ((0.12, True), (0.0, False)):
        said = []
        for t in range(60):
            names = [f"m{t:02d}-{i:02d}" for i in range(9)]
            side = 1
            for i, name in enumerate(names):
                if i and rng.random() > 0.2 + slope * i:
                    side = int(rng.integers(-1, 2))
                speaker = f"{'ab'[i % 2]}{t:02d}"
                said.append(
                    Said(name, speaker, names[i - 1] if i else None, names[0], 100.0 * i,
                         scores={"agree": int(side > 0), "disagree": int(side < 0)})
                )  # fmt: skip
        _, specs = computed(connect(said), parts=(exchange_rows,))
        assert (specs["stances_returned_more_within_strata_primary"].p_value < 0.01) is is_found


def test_what_a_corpus_does_not_tell_is_null_with_its_reason() -> None:
    described = set(load_measure_dictionary().filter(pl.col("concept").is_not_null())["measure_id"].to_list())
    said = world(2, threads=30)
    steps = [replace(m, at=None, step=i) for i, m in enumerate(said)]
    days = [replace(m, precision="day") for m in said]
    cases = {
        "nothing": [], "a post": [Said("p", "a")], "a reply": [Said("p", "a"), Said("r", "b", "p", "p", 1)],
        "steps": steps, "days": days,
    }  # fmt: skip
    names = None
    for case, rows in cases.items():
        measures, estimates = computed(connect(rows))
        assert {name for name, _ in measures} <= described
        names = names or {name for name, _ in measures}
        assert names == {name for name, _ in measures}, case
        assert all(m.warnings for m in measures.values() if m.value is None), case
        assert all(e.warnings for e in estimates.values() if e.estimate is None), case
        if case == "steps":
            assert measures["latency_length_correlation", ""].warnings == "clock_is_step"
            assert measures["sanctioned_switch_share", ""].value is not None
        if case == "days":
            assert measures["latency_length_correlation", ""].warnings == "time_too_coarse"
            assert "time_too_coarse" in measures["sanctioned_switch_share", ""].warnings
            assert "time_too_coarse" in estimates["sanction_moves_partner_within_strata_primary"].warnings
            assert "time_too_coarse" in measures["stance_exchange_change", ""].warnings


def test_profiles_that_are_not_there() -> None:
    said, _ = exchanges(1, threads=60)
    measures, estimates = computed(connect(said), parts=(stance_rows,))
    assert "no_descriptions" in measures["stance_personal_share", ""].warnings
    assert "no_descriptions" in estimates["personal_reply_moves_stance_ordinal_logit_primary"].warnings


def test_threads_and_the_order_of_rows_do_not_matter() -> None:
    said = world(4, threads=60)
    rng = np.random.default_rng(0)
    results = []
    for threads, order in ((1, said), (4, [said[i] for i in rng.permutation(len(said))])):
        con = connect(order)
        con.execute(f"SET threads = {threads}")
        results.append(computed(con))
    assert results[0] == results[1]


def world_p(seed: int) -> dict[str, float | None]:
    """Return the p-values of threads where nothing is planted."""
    few = {"seed": seed, "bootstrap_draws": 20}
    measures, specs = computed(connect(world(seed)), parts=(sanction_rows, attribution_rows), alone=ALONE[:1], **few)
    tests = ("within_strata_primary", "labels_permuted_robustness")
    found = {f"{h}_{test}": specs[f"{h}_{test}"].p_value for h in STRATIFIED for test in tests}
    chosen = ("latency_", "sanctioned_risk", "attribution_answered")
    return found | {f"{k[0]}, {k[1]}": m.p_value for k, m in measures.items() if k[0].startswith(chosen)}


def text_p(seed: int) -> dict[str, float | None]:
    """Return the p-values of exchanges and of narrated times where nothing is planted."""
    few = {"seed": seed, "bootstrap_draws": 20}
    said, personas = exchanges(seed)
    _, specs = computed(connect(said, personas), parts=(stance_rows,), alone=(), **few)
    tests = ("ordinal_logit_primary", "labels_permuted_robustness")
    found = {f"stance_{test}": specs[f"personal_reply_moves_stance_{test}"].p_value for test in tests}
    measures, _ = computed(connect(told(seed, 0.0)), parts=(), alone=ALONE[1:], **few)
    return found | {"narrated_order": measures["narrated_order_consistency", "told_backwards_by_author"].p_value}


def shares(p_values, runs: int) -> dict[str, float]:
    """Return the share of worlds in which each test rejects at 5 %."""
    table = [p_values(seed) for seed in range(100, 100 + runs)]
    return {f"conversation: {k}": sum((run[k] or 1.0) <= 0.05 for run in table) / runs for k in table[0]}


@pytest.mark.parametrize("p_values", [world_p, text_p])
def test_size_in_a_small_design(p_values) -> None:
    """6 runs at 5 %: 4 or more rejections have a probability of .0001 for each test."""
    assert all(share < 4 / 6 for share in shares(p_values, 6).values())


@pytest.mark.slow
@pytest.mark.parametrize("p_values", [world_p, text_p])
def test_size_in_200_runs(within, p_values) -> None:
    """Without an effect the share of rejections lies in [.015, .095]."""
    within(shares(p_values, 200))
