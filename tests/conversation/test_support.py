"""Repair, shared words, support, accusations and named states: planted, quiet, and against plain Python."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from planted_conversations import Said, connect
from planted_support import dyads, talks
from test_conversation import DRAWS, computed, shares

from pipeline.conversation.accusation import accusation_rows, later, pile_on
from pipeline.conversation.entrainment import _read as read_words
from pipeline.conversation.entrainment import at_equal_length, entrainment_rows, overlaps
from pipeline.conversation.naming import _REPLIES as NAMED
from pipeline.conversation.naming import BELIEFS, STATES, YOU, _patterns, naming_rows
from pipeline.conversation.repair import _REPLIES as ASKED
from pipeline.conversation.repair import dealt_mean, repair_rows
from pipeline.conversation.support import _returns, support_rows
from pipeline.conversation.turns import SAID, TURN, make_turns
from pipeline.conversation.within import informative, slope
from pipeline.lexicon import Engine, card_by_id, load_cards
from pipeline.published.load import load_measure_dictionary
from pipeline.report.html.conversation_section import _GROUPS

PARTS = (repair_rows, support_rows, accusation_rows, naming_rows)
HYPOTHESES = ("repair_draws_answer", "distress_draws_support", "support_lifts_valence", "accusation_brings_evidence",
              "attribution_brings_advice")  # fmt: skip
BESIDE = (
    ("repair_answered_share", "requests_dealt_in_threads_and_depth"),
    ("question_reply_unanswered_share", "questions_dealt_in_threads_and_depth"),
    ("distress_supported_share", "support_dealt_in_length"),
    ("support_uplift", "support_dealt_in_alike_posts"),
    ("pile_on_next_share", "order_permuted_in_targets"),
    ("unstated_state_share", "answered_texts_dealt_in_length"),
    ("advised_attribution_share", "attributions_dealt_in_repliers_and_length"),
)


@pytest.fixture(scope="module")
def planted():
    said = talks(1, asked=1.5, comfort=1.5, lift=1.5, pile=1.5, brings=1.0, advise=1.0, echo=0.5)
    return computed(connect(said), parts=PARTS, alone=())


@pytest.fixture(scope="module")
def quiet():
    return computed(connect(talks(1)), parts=PARTS, alone=())


@pytest.mark.parametrize("hypothesis", HYPOTHESES)
def test_what_is_planted_is_found_and_its_placebo_is_not(planted, hypothesis) -> None:
    """At p < .01 with a positive estimate; a placebo of dealt labels stays above .01 (one in a hundred by chance)."""
    _, specs = planted
    assert specs[f"{hypothesis}_within_strata_primary"].estimate > 0
    assert specs[f"{hypothesis}_within_strata_primary"].p_value < 0.01
    assert specs[f"{hypothesis}_labels_permuted_robustness"].p_value <= 1 / (DRAWS + 1)
    assert specs[f"{hypothesis}_within_strata_placebo"].p_value > 0.01


@pytest.mark.parametrize("hypothesis", [*HYPOTHESES, "question_draws_answer", "advised_attribution_draws_answer"])
def test_where_nothing_is_planted_nothing_is_found(quiet, hypothesis) -> None:
    _, specs = quiet
    for spec in (f"{hypothesis}_within_strata_primary", f"{hypothesis}_labels_permuted_robustness"):
        assert specs[spec].p_value > 0.01


@pytest.mark.parametrize("key", BESIDE)
def test_measures_stand_off_their_null_where_planted_only(planted, quiet, key) -> None:
    assert planted[0][key].p_value <= 1 / (DRAWS + 1)
    assert quiet[0][key].p_value > 0.01
    sign = -1 if "un" in key[0] else 1  # unanswered and unstated fall where answers and echoes are planted
    assert sign * (planted[0][key].value - planted[0][key].null_mean) > 0


def test_authors_in_distress_come_back_higher_without_a_cause(planted, quiet) -> None:
    """Regression to the mean: with no lift planted, all three rows rise, by about the same."""
    alone = [quiet[0][name, ""] for name in ("unsupported_uplift", "support_uplift_backward")]
    row = quiet[0]["support_uplift", "support_dealt_in_alike_posts"]
    assert all(m.value > 0.1 and "regression_to_the_mean" in m.warnings for m in [*alone, row])
    assert abs(row.value - row.null_mean) < 3 * row.null_sd
    lifted = planted[0]["support_uplift", "support_dealt_in_alike_posts"]
    assert lifted.value > planted[0]["unsupported_uplift", ""].value + 0.2
    backward = planted[1]["support_lifts_valence_within_strata_message_before_placebo"]
    assert backward.p_value > 0.01


def test_shared_words_that_grow_are_found() -> None:
    for growth, is_found in ((0.06, True), (0.0, False)):
        measures, specs = computed(connect(dyads(3, growth)), parts=(entrainment_rows,), alone=())
        for spec in ("within_strata_primary", "labels_permuted_robustness",
                     "within_strata_at_equal_length_robustness",
                     "within_strata_words_not_of_the_post_robustness"):  # fmt: skip
            assert (specs[f"entrainment_grows_{spec}"].p_value <= 0.01) is is_found
        assert specs["entrainment_grows_within_strata_placebo"].p_value > 0.01
        row = next(iter(measures.values()))
        assert row.value > (row.null_mean or 0)


def test_what_a_corpus_does_not_tell_is_null_with_its_reason() -> None:
    described = set(load_measure_dictionary().filter(pl.col("concept").is_not_null())["measure_id"].to_list())
    drawn = talks(2, threads=20)
    cases = {
        "nothing": [], "a post": [Said("p", "a")], "a reply": [Said("p", "a"), Said("r", "b", "p", "p", 1)],
        "steps": [replace(m, at=None, step=i) for i, m in enumerate(drawn)],
        "days": [replace(m, precision="day") for m in drawn],
    }  # fmt: skip
    names = None
    for case, rows in cases.items():
        measures, estimates = computed(connect(rows), parts=(*PARTS, entrainment_rows), alone=())
        assert {name for name, _ in measures} <= described
        names = names or {name for name, _ in measures}
        assert names == {name for name, _ in measures}, case
        assert all(m.warnings for m in measures.values() if m.value is None), case
        assert all(e.warnings for e in estimates.values() if e.estimate is None), case
        if case == "days":
            assert "time_too_coarse" in measures["pile_on_share", ""].warnings
            assert "time_too_coarse" in measures["support_uplift", ""].warnings
            assert "time_too_coarse" in measures["entrainment_overlap", ""].warnings
    assert len(names) == 22


def test_threads_and_the_order_of_rows_do_not_matter() -> None:
    said = [*talks(4, threads=40), *dyads(4, 0.05, threads=20)]
    rng = np.random.default_rng(0)
    results = []
    for threads, order in ((1, said), (4, [said[i] for i in rng.permutation(len(said))])):
        con = connect(order)
        con.execute(f"SET threads = {threads}")
        results.append(computed(con, parts=(*PARTS, entrainment_rows), alone=()))
    assert results[0] == results[1]


@pytest.fixture(scope="module")
def said():
    return [replace(m, at=round(m.at / 300) * 300.0) for m in talks(3, threads=60)]


@pytest.fixture(scope="module")
def con(said):
    found = connect(said)
    make_turns(found)
    return found


def names_of(con) -> dict[int, str]:
    return dict(con.sql(f"SELECT id, message_id FROM {TURN}").fetchall())


def test_requests_and_answers_in_plain_python(said, con) -> None:
    by, named = {m.name: m for m in said}, names_of(con)
    back = {m.parent for m in said if m.parent and by[m.parent].parent
            and by[by[m.parent].parent].agent == m.agent != by[m.parent].agent}  # fmt: skip
    expected = {
        m.name: (int("clarify" in m.scores and "?" in m.text), int("?" in m.text), int(m.name in back))
        for m in said if m.parent and by[m.parent].agent != m.agent
    }  # fmt: skip
    frame = con.sql(ASKED).pl().select("id", "is_clarifying", "is_question", "is_answered")
    assert {named[row[0]]: row[1:] for row in frame.rows()} == expected


def test_returns_in_plain_python(said, con) -> None:
    by, named = {m.name: m for m in said}, names_of(con)
    place = {name: i for i, name in named.items()}

    def valence(m: Said) -> float:
        w = m.scores["valence"]
        return float(w / np.sqrt(w * w + 15))

    for who, is_in_thread in (("author", False), ("author, thread", True)):
        expected = {}
        for post in (m for m in said if not m.parent and m.scores["sad"]):
            direct = [m for m in said if m.parent == post.name and m.agent != post.agent]
            start = min((m.at for m in direct), default=None)
            own = [m for m in said if m.agent == post.agent and (not is_in_thread or m.root == post.name)
                   and start is not None and m.at > start]  # fmt: skip
            if own:
                back = min(own, key=lambda m: (m.at, place[m.name]))
                seen = [m for m in direct if m.at < back.at]
                earlier = [m for m in said if m.agent == post.agent
                           and (m.at, place[m.name]) < (post.at, place[post.name])]  # fmt: skip
                before = max(earlier, key=lambda m: (m.at, place[m.name])) if earlier else None
                expected[post.name] = (
                    pytest.approx(valence(post)), pytest.approx(valence(back)),
                    None if before is None else pytest.approx(valence(before)), len(seen),
                    int(any(m.scores["support"] for m in seen)),
                )  # fmt: skip
        frame = con.sql(_returns(who)).pl().select("id", "first", "back", "before", "replies", "is_supported")
        assert {named[row[0]]: row[1:] for row in frame.rows()} == expected
    assert len(by) == len(said)


def test_named_states_in_plain_python(said, con) -> None:
    by, named = {m.name: m for m in said}, names_of(con)
    frame = con.sql(NAMED, params=_patterns()).pl()
    for row in frame.rows(named=True):
        m = by[named[row["id"]]]
        verb = m.text.split()[1] if m.text.startswith("you ") else None
        assert (row["named"] > 0) == (verb is not None) == (row["is_attributing"] == 1)
        if verb:
            assert ((row["named"] & ~row["held"]) > 0) == (f" {verb} " not in by[m.parent].text)
        assert row["has_advice"] == m.scores["must"]


def test_states_are_those_of_the_card() -> None:
    """What the patterns find after "you" in its base form is what card mental_state calls allocentric."""
    base = ["want", "wish", "hope", "desire", "crave", "prefer", "long for", "intend", "plan", "mean to", "decide",
            "aim", "try to", "feel", "fear", "love", "hate", "enjoy", "worry", "regret"]  # fmt: skip
    believed = ["think", "believe", "know", "guess", "suppose", "suspect", "assume", "doubt", "realise", "understand",
                "remember", "imagine", "expect", "wonder", "notice", "consider"]  # fmt: skip
    assert len(base) == len(STATES)
    texts = [f"so you really {verb} it" for verb in [*base, *believed]]
    con = connect([])
    patterns = [*(rf"{YOU}{state}\b" for state in STATES), *[rf"{YOU}{BELIEFS}\b"] * len(believed)]
    pairs = zip(texts, patterns, strict=True)
    assert all(con.execute("SELECT regexp_matches(?, ?)", pair).fetchone() == (True,) for pair in pairs)
    frame = pl.DataFrame({"text_hash": texts, "text": texts, "n_tokens": [5] * len(texts), "language": "en"})
    scored = Engine([card_by_id(load_cards(), "mental_state")]).score(frame)
    assert set(scored.filter(pl.col("category").str.starts_with("allocentric"))["text_hash"]) == set(texts)


def test_what_is_said_by_hand() -> None:
    given = [
        Said("a", "a", text="what? really", scores={"clarify": 1, "sad": 2, "joy": 1}),
        Said("b", "a", text="see x.org/?q=1", scores={"clarify": 1, "sad": 1, "joy": 1, "valence": -3}),
        Said("c", "a", text="Your fault", scores={"charge": 1}), Said("d", "a", text="fraud!", scores={"charge": 1}),
    ]  # fmt: skip
    con = connect(given)
    make_turns(con)
    rows = con.sql(f"SELECT is_question, is_clarifying, is_distress, is_accusing, valence FROM {SAID} ORDER BY id")
    assert rows.fetchall() == [
        (True, True, True, False, 0.0), (False, False, False, False, pytest.approx(-3 / np.sqrt(24))),
        (False, False, False, True, 0.0), (False, False, False, False, 0.0),
    ]  # fmt: skip


def test_pile_on_in_plain_python() -> None:
    rng = np.random.default_rng(2)
    group = np.sort(rng.integers(0, 30, 300))
    group = np.unique(group, return_inverse=True)[1].astype(np.int64)
    author, accuses = rng.integers(0, 5, 300), (rng.random(300) < 0.2).astype(np.int64)
    after, following = [], []
    for g in range(group.max() + 1):
        rows = np.flatnonzero(group == g)
        hits = [i for i in rows if accuses[i]]
        after += [i for i in rows if hits and i > hits[0] and author[i] != author[hits[0]]]
        following += [b for a, b in pairwise(rows) if accuses[a] and author[a] != author[b]]
    got = later(accuses, author, group)
    assert (got[0].tolist(), got[1].tolist()) == (after, following)
    assert pile_on(accuses, author, group) == pytest.approx([accuses[after].mean(), accuses[following].mean()])


def test_overlaps_in_plain_python() -> None:
    con = connect(dyads(5, 0.05, threads=12))
    make_turns(con)
    pairs, words, roots = read_words(con, 1)
    texts = dict(con.sql(f"SELECT t.id, x.text FROM {TURN} AS t JOIN text AS x USING (text_hash)").fetchall())
    used = {i: set(texts[i].split()) for i in {*pairs["id"], *pairs["parent"], *roots.tolist()}}
    n = {w: sum(w in s for s in used.values()) for s in used.values() for w in s}
    kept = {w for w, k in n.items() if 1 < k <= max(0.05 * len(used), 2)}
    expected = []
    for a, b in pairs.select("id", "parent").rows():
        one, other = used[a] & kept, used[b] & kept
        expected.append(len(one & other) / np.sqrt(len(one) * len(other)) if one and other else 0.0)
    got = overlaps(words.rows(pairs["id"].to_numpy()), words.rows(pairs["parent"].to_numpy()))
    assert got == pytest.approx(expected)
    assert pairs.height == 12 * 7  # nine turns: the post, its answer, and seven answers to answers


def test_slopes_at_equal_length_are_those_of_least_squares() -> None:
    rng = np.random.default_rng(6)
    stratum, place, cluster = np.repeat(np.arange(30), 8), np.tile(np.arange(8), 30), np.repeat(np.arange(15), 16)
    sizes = rng.normal(size=(240, 2)) - 0.2 * place[:, None]
    value = 0.05 * place + sizes @ [0.3, -0.1] + rng.normal(size=30)[stratum] + rng.normal(size=240)
    found = informative(at_equal_length(value, sizes, place, stratum), place, stratum, cluster)
    dummies = (stratum[:, None] == np.arange(30)).astype(float)
    theirs = sm.OLS(value, np.column_stack([place, sizes, dummies])).fit()
    assert slope(found, found.label) == pytest.approx(theirs.params[0], rel=1e-9)


def test_dealt_means_keep_what_cannot_move() -> None:
    from pipeline.activity.row import Sampling

    value, label = np.array([1, 0, 1, 0, 1, 1]), np.array([1, 1, 0, 1, 0, 0])
    null = dealt_mean("m", value, label, np.array([0, 0, 1, 1, 2, 2]), Sampling(seed=1, null_draws=2000))
    # Stratum 0 is all labelled and keeps 1 of 2; stratum 1 gives one of 1 and 0; stratum 2 none: (1 + .5)/3.
    assert null.mean == pytest.approx(0.5, abs=0.02)  # 2,000 draws: standard error .004


def test_every_measure_stands_in_one_table_of_the_report(planted, quiet) -> None:
    shown = {name for name, _ in [*planted[0], *quiet[0]]}
    for name in shown:
        assert sum(name.startswith(starts) for _, starts in _GROUPS) == 1, name


def talks_p(seed: int) -> dict[str, float | None]:
    """Return the p-values of threads, and of dyads, where nothing is planted."""
    few = {"seed": seed, "bootstrap_draws": 20, "alone": ()}
    measures, specs = computed(connect(talks(seed, threads=160)), parts=PARTS, **few)
    tests = ("within_strata_primary", "labels_permuted_robustness")
    asked = (*HYPOTHESES, "question_draws_answer", "advised_attribution_draws_answer")
    found = {f"{h}_{test}": specs[f"{h}_{test}"].p_value for h in asked for test in tests}
    found |= {name: measures[name, model].p_value for name, model in BESIDE}
    found["pile_on_share"] = measures["pile_on_share", "order_permuted_in_targets"].p_value
    found["message_before"] = specs["support_lifts_valence_within_strata_message_before_placebo"].p_value
    _, specs = computed(connect(dyads(seed)), parts=(entrainment_rows,), **few)
    return found | {f"entrainment_grows_{test}": specs[f"entrainment_grows_{test}"].p_value for test in tests}


def test_size_in_a_small_design() -> None:
    """5 runs at 5 %: 4 or more rejections have a probability of .00003 for each test."""
    assert all(share < 4 / 5 for share in shares(talks_p, 5).values())


@pytest.mark.slow
def test_size_in_200_runs(within) -> None:
    """Without an effect the share of rejections lies in [.015, .095]."""
    within(shares(talks_p, 200))
