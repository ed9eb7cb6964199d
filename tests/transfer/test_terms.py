"""Transfer of rare terms: counted by hand, planted, and not planted; dealings that keep what they should."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from planted_transfer import START, connect, conversations

from pipeline.activity.row import Sampling
from pipeline.transfer.order import MESSAGES, WORDS, Order, make_messages, make_words, read_order
from pipeline.transfer.terms import Holders, Replies, Terms, dealt, dealt_times, hits, reachable
from pipeline.transfer.transfers import BY_HOURS, BY_MESSAGES, DEALT, TIMES, transfer_measures

SAMPLING = Sampling(seed=4, bootstrap_draws=200, null_draws=199)


def prepared(con):
    order = read_order(con)
    make_messages(con, order)
    make_words(con)
    return order


def measured(con, sampling=SAMPLING):
    rows = transfer_measures(con, prepared(con), sampling, [])
    return {(r.measure_id, str(r.null_model).split("(")[0]): r for r in rows}


def message(name, agent, hours, text, parent=None, community="x"):
    return {"message_id": name, "agent_id": agent, "content": text, "created_at": START + timedelta(hours=hours),
            "parent_id": parent, "kind": "comment" if parent else "post", "community_id": community}  # fmt: skip


def test_words_are_content_words_without_names_links_and_addresses():
    con = connect([message("m", "ada", 0, "The Zebra saw http://a.b/quagga and @okapi; the zebra's don’t it")])
    prepared(con)
    assert [w for (w,) in con.sql(f"SELECT word FROM {WORDS} ORDER BY word").fetchall()] == [
        "don’t", "saw", "zebra", "zebra's",
    ]  # fmt: skip


def test_uses_and_replies_are_those_counted_by_hand():
    # b uses "quagga" first, then answers a, who uses it within a day; c uses it without an answer; d after b's answer
    # that itself is b's first use of "okapi".
    con = connect([
        message("b1", "b", 0, "look at the quagga"),
        message("a1", "a", 1, "good morning everybody"),
        message("d1", "d", 1, "good evening everybody"),
        message("r1", "b", 2, "welcome here", parent="a1"),
        message("r2", "b", 2, "have you seen an okapi", parent="d1"),
        message("a2", "a", 5, "i like the quagga"),
        message("c1", "c", 6, "quagga indeed"),
        message("d2", "d", 6, "an okapi for me"),
        message("d3", "d", 40, "and a quagga as well"),
    ])  # fmt: skip
    prepared(con)
    terms = Terms(con, 1)
    assert terms.cut == 3
    rare = dict(con.sql("SELECT term, word FROM transfer_rare").fetchall())
    assert sorted(rare.values()) == ["everybody", "good", "okapi"]  # four authors use "quagga"
    terms.cut = 4
    con.execute("DELETE FROM message")  # nothing below reads it again
    for by_hours, expected in ((True, {"okapi"}), (False, {"okapi"})):
        pairs = terms.pairs(by_hours=by_hours)
        assert {rare[int(t)] for t in pairs.term} == expected
        plain = np.arange(len(terms.replies.at))
        assert hits(pairs, terms.replies, plain, terms, in_reply=False).tolist() == [0.0]  # b's first use is the reply
        assert hits(pairs, terms.replies, plain, terms, in_reply=True).tolist() == [1.0]


def by_hand(con, cut, hours):
    """Return how many second-hand first uses follow a reply within so many hours, and one of an earlier user."""
    rows = con.sql(
        "SELECT m.message_id, m.agent_id, m.created_at, p.agent_id, t.text FROM message AS m "
        "JOIN text AS t ON t.text_hash = m.text_hash LEFT JOIN message AS p ON p.message_id = m.parent_id "
        "ORDER BY m.created_at"
    ).fetchall()
    first, n, hit = {}, 0, 0
    for _, agent, at, _, text in rows:
        for word in set(text.split()):
            first.setdefault(word, {}).setdefault(agent, at)
    for users in first.values():
        if not 2 <= len(users) <= cut:
            continue
        for agent, at in users.items():
            if at == min(users.values()):
                continue
            before = [(who, when) for _, who, when, target, _ in rows
                      if target == agent and who != agent and at - timedelta(hours=hours) <= when < at]  # fmt: skip
            n += bool(before)
            hit += any(who in users and users[who] < when for who, when in before)
    return n, hit


def test_share_is_that_of_a_loop():
    con = conversations(np.random.default_rng(5), passes=0.3, agents=30, rounds=8)
    rows = measured(con)
    found = rows["term_transfer_share", DEALT]
    n, hit = by_hand(con, 3, 24)
    assert found.n == n
    assert found.value == pytest.approx(hit / n)


def test_planted_transfer_is_found_and_the_excess_covers_its_share():
    rows = measured(conversations(np.random.default_rng(1), passes=0.3))
    for name in (BY_HOURS[0], BY_MESSAGES[0]):
        for model in (DEALT, TIMES):
            assert rows[name, model].p_value == 1 / 200
    excess = rows["term_transfer_excess", "None"]
    share = rows["term_transfer_share", DEALT]
    assert excess.value == pytest.approx(share.value - share.null_mean)
    assert excess.ci_low > 0.1
    assert rows["term_transfer_reply_share", DEALT].value < share.value


def test_steps_give_an_order_but_no_hours():
    rows = measured(conversations(np.random.default_rng(1), passes=0.3, by_steps=True))
    assert all(rows[name, "None"].value is None for name in BY_HOURS)
    assert all(rows[name, "None"].warnings == "clock_is_step" for name in BY_HOURS)
    assert rows[BY_MESSAGES[0], DEALT].p_value == 1 / 200


def test_refusals():
    coarse = connect([{**message("m", "a", 0, "some words here"), "at_precision": "month"}])
    assert {r.warnings for r in measured(coarse).values()} == {"time_too_coarse"}
    assert {r.warnings for r in measured(connect([])).values()} == {"no_times"}
    few = connect([message("m", "a", 0, "some words here")])
    assert {r.warnings for r in measured(few).values()} == {"few_events"}
    assert read_order(coarse) == Order(None, "time_too_coarse")


def test_rows_do_not_depend_on_threads_or_the_order_of_messages():
    con = conversations(np.random.default_rng(2), passes=0.2, agents=30, rounds=6)
    first = measured(con)
    con.execute("CREATE OR REPLACE TABLE message AS SELECT * FROM message ORDER BY text_hash DESC")
    con.execute("SET threads = 1")
    assert measured(con) == first
    assert con.sql(f"SELECT count(DISTINCT message_id) = count(*) FROM {MESSAGES}").fetchall() == [(True,)]


def test_nobody_answers_itself_when_replies_are_dealt():
    rng = np.random.default_rng(3)
    target = np.sort(rng.integers(12, size=400))
    replier = (target + 1 + rng.integers(11, size=400)) % 12
    cell = rng.integers(60, size=400)
    replies = Replies(target, replier, np.arange(400), cell // 20, cell, np.arange(400))
    seen = np.zeros((400, 400))
    for _ in range(50):
        came = dealt(replies, rng)
        assert np.array_equal(np.sort(came), np.arange(400))
        assert np.array_equal(replies.cell[came], replies.cell)
        assert not (replies.replier[came] == replies.target).any()
        seen[np.arange(400), came] += 1
        timed = dealt_times(replies, rng)
        assert np.array_equal(np.sort(timed), np.arange(400))
        assert np.array_equal(replies.target[timed], replies.target)
        assert np.array_equal(replies.community[timed], replies.community)
    assert (np.diag(seen) < 50).mean() > 0.9


@pytest.mark.parametrize("in_reply", [False, True])
def test_pairs_that_no_dealing_reaches_are_left_out_and_no_others(in_reply):
    con = conversations(np.random.default_rng(7), passes=0.2, agents=40, rounds=6)
    prepared(con)
    terms = Terms(con, 1)
    pairs, rng = terms.pairs(by_hours=True), np.random.default_rng(1)
    for deal, group in ((dealt, terms.replies.cell), (dealt_times, terms.replies.author_in_community)):
        kept = reachable(pairs, terms, group, in_reply=in_reply)
        assert 0 < len(kept.use) < len(pairs.use)
        found = np.zeros(len(pairs.author))
        for _ in range(200):
            came = deal(terms.replies, rng)
            whole = hits(pairs, terms.replies, came, terms, in_reply=in_reply)
            assert np.array_equal(hits(kept, terms.replies, came, terms, in_reply=in_reply), whole)
            found += whole
        assert found.any()


def test_lookup_is_that_of_a_dictionary():
    rng = np.random.default_rng(4)
    held = {(int(t), int(o)): int(rng.integers(100)) for t, o in rng.integers(50, size=(600, 2))}
    keys = np.array(list(held))
    lookup = Holders(keys[:, 0], keys[:, 1], np.array(list(held.values())))
    term, owner, at, but = rng.integers(60, size=5000), rng.integers(60, size=5000), *rng.integers(100, size=(2, 5000))
    found = lookup.held(term, owner, at, but)
    for t, o, a, b, is_held in zip(term, owner, at, but, found, strict=True):
        since = held.get((int(t), int(o)))
        assert is_held == (since is not None and since < a and since != b)
