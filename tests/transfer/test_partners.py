"""Alignment with partners: by a loop, planted and not; openings of messages; shares of mental states."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from planted_transfer import START, connect, conversations, letters
from scipy import stats

from pipeline.activity.row import Sampling
from pipeline.language.clock import read_clock
from pipeline.transfer.openings import LEAST_PERIODS, entropies, opening_measures, trend
from pipeline.transfer.order import make_messages, make_words, read_order
from pipeline.transfer.partners import (
    LABELS,
    SHUFFLED,
    dealt_partners,
    partner_measures,
    ratio,
    read_answers,
    slope,
    sums,
)
from pipeline.transfer.states import state_measures

SAMPLING = Sampling(seed=4, bootstrap_draws=200, null_draws=199)


def measured(con, sampling=SAMPLING):
    order = read_order(con)
    make_messages(con, order)
    make_words(con)
    return {(r.measure_id, r.unit_id): r for r in partner_measures(con, order, sampling, [])}


def test_alignment_is_that_of_a_loop():
    con = conversations(np.random.default_rng(1), repeats=0.5, mirrors=(0.3, 0.3), agents=20, rounds=6)
    rows = measured(con)
    found = con.sql(
        "SELECT c.agent_id, p.agent_id, c.created_at, ct.text, pt.text FROM message AS c "
        "JOIN message AS p ON p.message_id = c.parent_id JOIN text AS ct ON ct.text_hash = c.text_hash "
        "JOIN text AS pt ON pt.text_hash = p.text_hash ORDER BY c.created_at"
    ).fetchall()
    shares, met, first = [], set(), 0
    for one, other, _, said, answered in found:
        shares.append(len(set(said.split()) & set(answered.split())) / len(set(answered.split())))
        first += frozenset((one, other)) not in met
        met.add(frozenset((one, other)))
    assert rows["partner_alignment", "corpus"].n == len(shares)
    assert rows["partner_alignment", "corpus"].value == pytest.approx(np.mean(shares))
    assert rows["partner_alignment_corrected", "first"].n == first


def test_planted_difference_is_found_and_covered():
    rows = measured(conversations(np.random.default_rng(2), repeats=0.6, mirrors=(0.1, 0.5)))
    for name in ("partner_generality", "partner_alignment_difference"):
        assert rows[name, "corpus"].p_value == 1 / 200
        assert str(rows[name, "corpus"].null_model).startswith(LABELS)
    assert rows["partner_generality", "corpus"].ci_high < 0.5
    first, again = (rows["partner_alignment_corrected", name].value for name in ("first", "repeat"))
    # Where one author differs from another by chance only, the difference within authors is that of all of them.
    assert rows["partner_alignment_difference", "corpus"].value == pytest.approx(first - again, abs=0.03)
    assert rows["partner_generality", "corpus"].value == pytest.approx(first / again)
    overall = rows["partner_alignment", "corpus"]
    assert overall.p_value == 1 / 20
    assert str(overall.null_model).startswith(SHUFFLED)
    # Of the words that chance does not bring, a partner met again repeats half as often as planted: .5 of 1 − chance.
    assert again == pytest.approx(0.5 * (1 - overall.null_mean), abs=0.06)


def test_without_alignment_there_is_no_ratio():
    rows = measured(conversations(np.random.default_rng(3), repeats=0.6))
    overall = rows["partner_alignment", "corpus"]
    # Of 720 answers with shares of standard deviation .1: three standard errors of the mean are .011.
    assert overall.value == pytest.approx(overall.null_mean, abs=0.012)
    assert rows["partner_generality", "corpus"].value is None
    assert rows["partner_generality", "corpus"].warnings == "no_alignment"
    assert rows["partner_alignment_difference", "corpus"].value is not None


def test_cells_weigh_the_same_in_the_null_as_in_the_value():
    """Alignment is chance in either cell, a half and an eighth; most answers of the first are to one message."""
    rows = []
    for day, shared, answered in ((0, 4, [30, 3, 3]), (1, 1, [3] * 12)):
        common, agents = [f"k{letters(10 * day + i)}" for i in range(shared)], iter(range(100 * day, 100 * day + 100))
        for post, n in enumerate(answered):
            own = [f"o{letters(500 * day + 10 * post + i)}" for i in range(8 - shared)]
            rows.append({"message_id": f"p{day}-{post}", "agent_id": f"a{next(agents)}", "community_id": "x",
                         "content": " ".join([*common, *own]), "created_at": START + timedelta(days=day)})  # fmt: skip
            for i in range(n):
                rows.append({"message_id": f"c{day}-{post}-{i}", "agent_id": f"a{next(agents)}", "kind": "comment",
                             "content": " ".join([*common, f"z{letters(500 * day + 40 * post + i)}"]),
                             "community_id": "x", "parent_id": f"p{day}-{post}", "root_id": f"p{day}-{post}",
                             "created_at": START + timedelta(days=day, hours=2)})  # fmt: skip
    found = measured(connect(rows))["partner_alignment", "corpus"]
    assert found.n == 72
    assert found.value == pytest.approx((36 / 2 + 36 / 8) / 72)
    assert found.null_mean == pytest.approx(found.value)


def test_partner_refusals_and_sampling():
    assert {r.warnings for r in measured(connect([])).values()} == {"no_times"}
    con = conversations(np.random.default_rng(4), agents=5, rounds=2)
    assert {r.warnings for r in measured(con).values()} == {"few_replies"}
    answers, is_sampled = read_answers(con, 1)
    assert (len(answers.agent), is_sampled) == (10, False)


def test_sums_are_those_of_a_regression_with_a_constant_for_each_stratum():
    rng = np.random.default_rng(8)
    stratum, is_first, value = rng.integers(6, size=90), rng.random(90) < 0.4, rng.normal(1, size=90)
    found = sums(value, is_first, stratum)[None, :]
    dummies = np.eye(6)[stratum]
    fit = np.linalg.lstsq(np.column_stack([is_first, dummies]), value, rcond=None)[0][0]
    assert slope(found)[0] == pytest.approx(fit)
    assert ratio(found)[0] == pytest.approx(value[is_first].mean() / value[~is_first].mean())
    assert np.isnan(slope(sums(value, np.ones(90, dtype=bool), stratum)[None, :]))


def test_dealt_partners_stay_in_their_stratum_and_are_others():
    rng = np.random.default_rng(5)
    stratum = rng.integers(8, size=300)
    stratum[0] = 99
    found = dealt_partners(stratum, rng)
    assert np.array_equal(stratum[found], stratum)
    assert np.array_equal(np.sort(found), np.arange(300))
    assert np.array_equal(np.flatnonzero(found == np.arange(300)), [0])


def test_chance_is_of_messages_by_others():
    """All that an author writes is the same words; were its own messages dealt to it, chance would be 1."""
    rows, own = [], [" ".join(letters(100 * a + i) for i in range(8)) for a in range(30)]
    for a in range(30):
        rows.append({"message_id": f"p{a}", "agent_id": f"a{a}", "content": own[a], "created_at": START})
        for r in range(2):
            b = (a + 1 + r) % 30
            rows.append({"message_id": f"c{a}-{r}", "agent_id": f"a{b}", "kind": "comment",
                         "content": f"{own[b]} {r} {a}",
                         "parent_id": f"p{a}", "created_at": START + timedelta(hours=1)})  # fmt: skip
    found = measured(connect(rows))["partner_alignment", "corpus"]
    assert (found.value, found.null_mean, found.n) == (0.0, 0.0, 60)


def test_entropy_and_trend_are_those_of_scipy():
    rng = np.random.default_rng(6)
    opening, period = rng.integers(6, size=200), np.repeat(np.arange(5), 40)
    ours = entropies(opening, period, 5)
    theirs = [stats.entropy(np.bincount(opening[period == p])) / np.log(40) for p in range(5)]
    assert ours == pytest.approx(theirs)
    fit = stats.linregress(np.arange(5), ours)
    slope, interval = trend(ours, 0.95)
    reach = stats.t.ppf(0.975, 3) * fit.stderr
    assert (slope, interval.low, interval.high) == pytest.approx((fit.slope, fit.slope - reach, fit.slope + reach))


def protocol(rng, *, forms: float):
    """Messages of 40 agents on 6 days; the opening is, with a chance that grows each day, the same for all."""
    rows = []
    for day in range(6):
        for a in range(40):
            opening = "we greet you" if rng.random() < forms * day else f"w{rng.integers(60)} w{rng.integers(60)} x"
            rows.append({"message_id": f"m{day}-{a}", "agent_id": f"a{a}", "content": f"{opening} number {day} {a}",
                         "created_at": START + timedelta(days=day, hours=float(rng.uniform(0, 20)))})  # fmt: skip
    return connect(rows)


def openings(con):
    rows = opening_measures(con, read_clock(con), SAMPLING, [])
    return {(r.measure_id, str(r.null_model).split("(")[0], r.period_start): r for r in rows}


def test_a_protocol_that_forms_lowers_the_entropy():
    rows = openings(protocol(np.random.default_rng(7), forms=0.15))
    for model in ("periods_shuffled", "periods_shuffled_within_agents"):
        assert rows["opening_entropy_trend", model, None].p_value < 0.02
    assert rows["opening_entropy_trend", "periods_shuffled", None].ci_high < 0
    assert len([key for key in rows if key[2] is not None]) == 6
    still = openings(protocol(np.random.default_rng(7), forms=0.0))
    assert still["opening_entropy_trend", "periods_shuffled", None].p_value > 0.01


def test_openings_refuse():
    con = connect([])
    assert {r.warnings for r in opening_measures(con, read_clock(con), SAMPLING, [])} == {"no_times"}
    assert LEAST_PERIODS == 4


def test_shares_of_mental_states():
    rows = [{"message_id": f"m{i}", "agent_id": f"a{i % 25}", "content": f"text {i}", "created_at": START}
            for i in range(100)]  # fmt: skip
    con = connect(rows)
    hashes = [h for (h,) in con.sql("SELECT text_hash FROM text ORDER BY text_hash").fetchall()]
    for place, category in ((0, "egocentric_belief"), (0, "allocentric_belief"), (1, "allocentric_belief"),
                            (2, "egocentric_desire")):  # fmt: skip
        con.execute("INSERT INTO lexicon_score VALUES (?, 'mental_state', ?)", [hashes[place], category])
    con.execute("INSERT INTO lexicon_score VALUES (?, 'reply', 'belief')", [hashes[3]])
    found = {r.unit_id: r for r in state_measures(con, SAMPLING, [])}
    assert {name: r.value for name, r in found.items()} == {"belief": 0.02, "desire": 0.01, "intention": 0.0}
    assert found["belief"].ci_low < 0.02 < found["belief"].ci_high
    assert found["intention"].ci_high == pytest.approx(3 / 25, abs=0.01)
    assert all("no_messages" in r.warnings for r in state_measures(connect([]), SAMPLING, []))
