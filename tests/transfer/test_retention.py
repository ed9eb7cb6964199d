"""Retention of topics and adoption of templates: by a loop, planted, and not planted."""

from __future__ import annotations

import numpy as np
import pytest
from planted_transfer import START, connect, template_users, topic_writers

from pipeline.activity.row import Sampling
from pipeline.language.clock import read_clock
from pipeline.transfer.adoption import adoption_measure, read_cells
from pipeline.transfer.retention import dealt_periods, read_topics, retention, retention_measures, summaries

SAMPLING = Sampling(seed=4, bootstrap_draws=200, null_draws=99)


def kept(con):
    return {r.measure_id: r for r in retention_measures(con, read_clock(con), SAMPLING, [])}


def adopted(con):
    return adoption_measure(con, read_clock(con), SAMPLING, [])


def test_retention_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    agent = np.sort(rng.integers(15, size=200))
    period, topic = rng.integers(5, size=200), rng.integers(3, size=200)
    again, able = np.zeros((5, 3), dtype=int), np.zeros((5, 3), dtype=int)
    for a in range(15):
        for k in range(3):
            on = set(period[(agent == a) & (topic == k)])
            for t in set(period[agent == a]):
                if on and min(on) < t:
                    able[t, k] += 1
                    again[t, k] += t in on
    ours = retention(agent, period, topic, (5, 3))
    assert np.array_equal(ours[0], again)
    assert np.array_equal(ours[1], able)
    dealt = dealt_periods(agent, period, rng)
    assert all(sorted(dealt[agent == a]) == sorted(period[agent == a]) for a in range(15))


def test_summaries_by_hand():
    able = np.array([[0, 0], [10, 10], [20, 20], [10, 5]])
    again = np.array([[0, 0], [5, 5], [18, 2], [3, 1]])
    whole, gone, back = summaries(again, able)
    assert whole == pytest.approx((5 + 5 + 18 + 2 + 3) / 70)
    assert gone == pytest.approx(0.9 - 0.3)  # the second topic has two cells with ten agents only
    assert back == pytest.approx(0.3 - 0.5)


def test_topics_that_are_dropped_are_forgotten():
    rows = kept(topic_writers(np.random.default_rng(2), lasts=5))
    assert rows["topic_forgetting"].p_value == 1 / 100
    assert rows["topic_forgetting"].ci_low > rows["topic_forgetting"].null_mean
    assert rows["topic_backward_transfer"].value < 0
    assert rows["topic_backward_transfer"].p_value == 1 / 100
    still = kept(topic_writers(np.random.default_rng(2)))
    assert all(row.p_value > 0.01 for row in still.values())
    assert all(row.ci_low < row.value < row.ci_high for row in still.values())


def test_groups_are_filled_evenly_where_agents_are_left_out(monkeypatch):
    """Of 1,000 agents with 4 messages 320 are read; were groups the digit that orders agents, 10 of 16 were empty."""
    monkeypatch.setattr("pipeline.transfer.retention.MOST_MESSAGES", 1282)
    con = topic_writers(np.random.default_rng(5), agents=1000, days=2, per_day=2)
    found = read_topics(con, read_clock(con), 4)
    assert found.is_sampled
    assert np.bincount(found.agent).tolist() == [4] * 320
    group = found.group[::4]
    # Counts with a mean of 20: below 6 or above 40 has a probability of .0004 in each of 16.
    assert 6 <= np.bincount(group, minlength=16).min() <= np.bincount(group, minlength=16).max() <= 40
    monkeypatch.setattr("pipeline.transfer.retention.MOST_MESSAGES", 4000)
    assert not read_topics(con, read_clock(con), 4).is_sampled


def test_adoption_follows_planted_votes():
    found = adopted(template_users(np.random.default_rng(3), pull=1.5))
    assert found.p_value == 1 / 100
    assert found.ci_low > 0.2
    assert adopted(template_users(np.random.default_rng(4))).p_value > 0.01


def test_cells_by_hand():
    rows = [(1, "a", "x", 5), (1, "b", "y", 1), (2, "c", "x", 0), (2, "d", "x", 0), (2, "a", "x", 3), (3, "b", "y", 2)]
    con = connect(
        [{"message_id": f"m{i}", "agent_id": agent, "content": f"{template} {i}", "score": score,
          "created_at": START.replace(day=1 + day)} for i, (day, agent, template, score) in enumerate(rows)]
    )  # fmt: skip
    con.execute("INSERT INTO template SELECT text_hash, left(text, 1) FROM text")
    cells = read_cells(con, read_clock(con))
    # On the first day both templates have one user; two of three authors of the second day are new to x, none to y.
    assert sorted(cells.votes.tolist()) == [-0.5, 0.5]
    assert cells.adopted[np.argmax(cells.votes)] == pytest.approx((2 / 3 - 0) / 2)


def test_retention_refusals():
    con = connect([])
    assert {r.warnings for r in kept(con).values()} == {"no_times"}
    assert adopted(con).warnings == "no_times"
    con = connect([{"message_id": "m", "agent_id": "a", "content": "x", "created_at": START}])
    assert {r.warnings for r in kept(con).values()} == {"no_topics"}
    assert adopted(con).warnings == "no_scores"
    con.execute("UPDATE message SET score = 1")
    assert adopted(con).warnings == "few_texts"
