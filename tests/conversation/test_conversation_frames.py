"""What is read, against plain Python on random threads, and by hand where a rule has corners."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from planted_conversations import Said, connect, exchanges, world

from pipeline.conversation.attribution import _CYCLE
from pipeline.conversation.exchange import _EXCHANGES
from pipeline.conversation.sanctions import _ADDRESSED, _NEXT_PARTNER, _NEXT_POST
from pipeline.conversation.stance import _read
from pipeline.conversation.turns import REPLY, TURN, make_turns


@pytest.fixture(scope="module")
def said():
    """Threads whose messages mention some agents; ties of time, answers to oneself and missing parents among them."""
    drawn = world(3, threads=40)
    drawn = [replace(m, mentions=(f"u{i % 60:02d}",)) if i % 7 == 0 else m for i, m in enumerate(drawn)]
    drawn = [replace(m, at=round(m.at / 300) * 300.0) for m in drawn]
    some = [m for m in drawn if m.parent][::9]
    drawn += [Said(f"self{i}", m.agent, m.name, m.root, m.at + 5, sanction=True) for i, m in enumerate(some)]
    drawn += [Said("lost", "u01", "gone", "gone", 50), Said("nobody", None, drawn[0].name, drawn[0].name, 60)]
    return drawn


@pytest.fixture(scope="module")
def con(said):
    found = connect(said)
    make_turns(found)
    return found


def replies(said):
    by = {m.name: m for m in said if m.agent}
    return [(m, by[m.parent]) for m in by.values() if m.parent in by and by[m.parent].agent != m.agent]


def test_replies_answer_another_known_author(said, con) -> None:
    names = {
        row[0] for row in con.sql(f"SELECT t.message_id FROM {REPLY} AS r JOIN {TURN} AS t ON t.id = r.id").fetchall()
    }
    assert names == {m.name for m, _ in replies(said)}
    assert con.sql(f"SELECT count(*) FROM {TURN}").fetchall()[0][0] == sum(m.agent is not None for m in said)


def test_direct_sanctions(said, con) -> None:
    expected = []
    answered = dict((m.name, p.agent) for m, p in replies(said))  # noqa: C402
    for m, p in replies(said):
        targets = {answered.get(p.name), *(x for x in p.mentions if x != p.agent)} - {None}
        if targets:
            expected.append((m.sanction, m.agent in targets))
    got = con.sql(_ADDRESSED).pl().select("is_sanction", "is_direct").rows()
    assert sorted(got) == sorted((int(a), int(b)) for a, b in expected)


def test_next_partner(said, con) -> None:
    """Of every reply, the next reply by time that the answered author writes; of several at once the first by name."""
    expected = []
    for m, p in replies(said):
        later = [(n.at, n.name, q.agent) for n, q in replies(said) if n.agent == p.agent and n.at > m.at]
        if later:
            expected.append((m.sanction, min(later)[2] != m.agent))
    got = con.sql(_NEXT_PARTNER).pl().select("is_sanction", "is_switch").rows()
    assert sorted(got) == sorted((int(a), int(b)) for a, b in expected)


def test_next_post(said, con) -> None:
    posts = sorted((m for m in said if m.parent is None), key=lambda m: (m.agent, m.at, m.name))
    expected = []
    for first, second in pairwise(posts):
        if first.agent == second.agent:
            mine = [m for m, p in replies(said) if p.name == first.name and m.at < second.at]
            airs = (first.scores["airs"], second.scores["airs"])
            if mine:
                expected.append((airs[0], airs[1] - airs[0], len(mine), int(any(m.sanction for m in mine))))
    got = con.sql(_NEXT_POST).pl().select("airs", "change", "replies", "is_sanctioned").rows()
    assert sorted(got) == sorted(expected)
    assert expected


def test_cycles(said, con) -> None:
    answers, expected = replies(said), []
    for m, p in answers:
        judged = [n for n, q in answers if q.name == m.name and n.agent == p.agent and n.scores.get("agree")]
        closed = any(x.agent == m.agent and y.name in {n.name for n in judged} for x, y in answers)
        expected.append((int(bool(m.scores.get("minds"))), int(bool(judged)), int(closed)))
    got = con.sql(_CYCLE).pl().select("is_attributing", "is_answered", "is_closed").rows()
    assert sorted(got) == sorted(expected)
    assert sum(closed for *_, closed in expected) > 3


def test_exchanges_of_dyads_are_numbered(said, con) -> None:
    answers = replies(said)
    partner = {m.name: p.agent for m, p in answers}
    expected: dict[frozenset[str], int] = {}
    for m, p in answers:
        if partner.get(p.name) == m.agent:
            pair = frozenset((m.agent, p.agent))
            expected[pair] = expected.get(pair, 0) + 1
    got = con.sql(_EXCHANGES).pl()
    assert got.height == sum(expected.values())
    assert got["place"].to_list().count(0) == len(expected)


def test_a_stance_is_the_sign_of_agreement_less_disagreement() -> None:
    scores = [{"agree": 2, "disagree": 1}, {"agree": 1, "correct": 1}, {"disagree": 1}, {}, {"correct": 3, "agree": 1}]
    said = [Said("p", "a"), *(Said(f"r{i}", "b", "p", "p", i, scores=s) for i, s in enumerate(scores))]
    con = connect(said)
    make_turns(con)
    rows = con.sql(f"SELECT stance, is_judging FROM {REPLY} ORDER BY id").fetchall()
    assert rows == [(1, True), (0, True), (-1, True), (0, False), (-1, True)]


def test_an_attribution_says_you() -> None:
    texts = ["You want that", "they want that", "your wants"]
    said = [Said("p", "a"), *(Said(f"r{i}", "b", "p", "p", i, t, scores={"minds": 1}) for i, t in enumerate(texts))]
    con = connect(said)
    make_turns(con)
    found = con.sql(f"SELECT is_attributing FROM {REPLY} ORDER BY id").fetchall()
    assert [row[0] for row in found] == [True, False, False]


def test_clocks() -> None:
    said = [Said("p", "a"), Said("r", "b", "p", "p", 9)]
    cases = {
        "us": (None, None), "minute": (None, "time_too_coarse"), "day": ("time_too_coarse", "time_too_coarse"),
    }  # fmt: skip
    for precision, expected in cases.items():
        turns = make_turns(connect([replace(m, precision=precision) for m in said]))
        assert (turns.refusal_of_order, turns.refusal_of_latency) == expected
    steps = make_turns(connect([replace(m, at=None, step=i) for i, m in enumerate(said)]))
    assert (steps.refusal_of_order, steps.refusal_of_latency) == (None, "clock_is_step")
    # Where any message is timed, a step is no time; the days are left out of the order and the rows say so.
    some = [*said, Said("d", "c", "p", "p", 9, precision="day"), Said("s", "c", "p", "p", None, step=1)]
    con = connect(some)
    mixed = make_turns(con)
    assert (mixed.words_of_order, mixed.words_of_latency) == (("coarse_times_dropped",),) * 2
    moments = dict(con.sql(f"SELECT message_id, moment FROM {TURN}").fetchall())
    assert (moments["d"], moments["s"], moments["r"] - moments["p"]) == (None, None, 9_000_000)
    minutes = make_turns(connect([*said, Said("d", "c", "p", "p", 9, precision="minute")]))
    assert (minutes.words_of_order, minutes.words_of_latency) == ((), ("coarse_times_dropped",))
    none = make_turns(connect([replace(m, at=None) for m in said]))
    assert (none.refusal_of_order, none.refusal_of_latency) == ("no_times", "no_times")


def test_personalisation_and_stances_of_exchanges() -> None:
    said = [
        Said("p", "b"),
        Said("q", "a", "p", "p", 10, "I paint with watercolours", scores={"disagree": 1}),
        Said("r", "b", "q", "p", 20, "then you know watercolours"),
        Said("s", "a", "r", "p", 30, "true", scores={"agree": 1}),
        Said("t", "b", "s", "p", 40, "and your telescope?"),
        Said("u", "a", "p", "p", 50, "well", scores={"agree": 1}),  # to B again, though not to its last answer
        Said("v", "c", "p", "p", 60, "hello"),
        Said("w", "b", "v", "p", 70, "hello watercolours"),  # C does not come back
    ]
    con = connect(said, {"a": "Watercolours and a telescope", "c": "watercolours"})
    make_turns(con)
    rows = _read(con, 1).sort("before").select("before", "after", "is_personal", "is_new").rows()
    # r: the word is in A's profile, but A has just used it; t: a word that A has not used.
    assert rows == [(-1, 1, 1, 0), (1, 1, 1, 1)]


def test_authors_without_a_profile_are_left_out_and_common_words_personalise_none() -> None:
    said, personas = exchanges(1, threads=60)
    con = connect(said, {**dict.fromkeys(personas, "like well"), "u00": ""})
    make_turns(con)
    assert _read(con, 1).height == 0
    con = connect(said, {"u01": personas["u01"]})
    make_turns(con)
    assert set(_read(con, 1)["author"].to_list()) <= {2}  # codes of authors begin at 1: u01 is the second
