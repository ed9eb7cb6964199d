"""Change points of beliefs and recall of one's own archive: by definition, planted, and not planted."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import numpy as np
import pytest
from planted_transfer import START, believers, connect, letters, rememberers

from pipeline.activity.row import Sampling
from pipeline.transfer import recall
from pipeline.transfer.order import make_messages, read_order
from pipeline.transfer.recall import BELIEF, RECALL, ranks, read_recalls, recall_measures, slopes
from pipeline.transfer.trajectories import largest_cut, read_trajectories, significant, trajectory_measures

SAMPLING = Sampling(seed=4, bootstrap_draws=200, null_draws=199)


def prepared(con):
    order = read_order(con)
    make_messages(con, order)
    return order


def changes(con):
    return {r.measure_id: r for r in trajectory_measures(con, prepared(con), SAMPLING, [])}


def recalls(con):
    return {(r.measure_id, r.unit_id): r for r in recall_measures(con, prepared(con), SAMPLING, [])}


def test_largest_cut_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(9, 5))
    orders = np.stack([rng.permutation(9) for _ in range(4)])
    expected = []
    for order in orders:
        v = vectors[order]
        gaps = [k * (9 - k) / 9 * np.square(v[:k].mean(axis=0) - v[k:].mean(axis=0)).sum() for k in range(2, 8)]
        expected.append(max(gaps))
    assert largest_cut(vectors @ vectors.T, orders) == pytest.approx(expected)


def test_planted_change_points_are_found_and_equal_statements_have_none():
    found = changes(believers(np.random.default_rng(2), turns=0.4))
    assert found["belief_change_point_share"].p_value == 1 / 200
    # Of 80 trajectories .4 turn and the rest reject at .05 at most; three standard errors are .16.
    assert found["belief_change_point_share"].value == pytest.approx(0.4, abs=0.16)
    assert found["belief_change_strength"].p_value == 1 / 200
    assert not significant(np.ones((200, 3))).any()
    still = changes(believers(np.random.default_rng(3)))
    assert still["belief_change_point_share"].p_value > 0.01
    assert still["belief_change_point_share"].value < 0.15


def test_trajectories_are_by_topic_in_the_order_of_time_each_wording_once():
    texts = ["i believe that cats are fine", "i think that dogs are loud", "i believe that cats are fine"]
    rows = [{"message_id": f"m{i}", "agent_id": "a", "content": f"{texts[i % 3]} {'really ' * (i // 3)}",
             "created_at": START + timedelta(hours=30 - i)} for i in range(21)]  # fmt: skip
    con = connect(rows)
    prepared(con)
    found = read_trajectories(con, 1)
    assert not found.has_topics
    assert len(found.statement) == len(set(found.statement)) == 14
    assert found.statement[-1] in ("cats are fine", "dogs are loud")
    assert set(found.trajectory) == {0}


def test_recall_of_the_own_archive_and_its_recency_are_found():
    found = recalls(rememberers(np.random.default_rng(4), recalls=0.7, fades=True))
    accuracy, recency = (found[name, "recalled"] for name in ("self_recall_accuracy", "self_recall_recency"))
    # A recalled message is in the archive of up to 20 of 12: own ones win; others win half of the time.
    assert accuracy.value == pytest.approx(0.7 + 0.3 / 2, abs=0.12)
    assert accuracy.p_value == 1 / 200
    assert accuracy.ci_low > 0.5
    assert recency.value < 0
    assert recency.p_value == 1 / 200
    assert found["self_recall_accuracy", "present"].warnings == "few_texts"


def test_nothing_recalled_nothing_found():
    found = recalls(rememberers(np.random.default_rng(5)))
    assert found["self_recall_accuracy", "recalled"].p_value > 0.01
    assert found["self_recall_recency", "recalled"].p_value > 0.01
    assert found["self_recall_accuracy", "recalled"].null_mean == pytest.approx(0.5, abs=0.02)


def test_archives_hold_earlier_messages_without_recalls():
    rows = [{"message_id": f"m{a}-{i}", "agent_id": f"a{a}", "content": f"{letters(a)} {letters(100 + i)} {a} {i}",
             "created_at": START + timedelta(hours=i)} for a in range(12) for i in range(6)]  # fmt: skip
    rows += [{"message_id": f"s{a}", "agent_id": f"a{a}", "content": f"I once believed that {letters(a)} is really it",
              "created_at": START + timedelta(hours=4.5)} for a in range(12)]  # fmt: skip
    con = connect(rows)
    found = read_recalls(con, prepared(con), RECALL, 1, is_recalled=True)
    assert np.bincount(found.statement).tolist() == [5] * 12
    assert found.lag.max() == pytest.approx(4.5)
    assert not np.isclose(found.own, 1).any()
    none = read_recalls(con, prepared(con), BELIEF, 1, is_recalled=False)
    assert none.scores.shape[0] == 0


def test_other_archives_are_of_the_same_run_in_the_order_of_hashes(monkeypatch):
    """In the second run all say what authors of the first recall; agents of the first do not."""
    rows = [{"message_id": f"{run}-m{a}-{i}", "run_id": run, "agent_id": f"a{a:02d}",
             "content": f"{letters(a) if run == 'one' else ' '.join(letters(b) for b in range(30))} and {a} {i} {run}",
             "created_at": START + timedelta(hours=i)}
            for run in ("one", "two") for a in range(30) for i in range(6)]  # fmt: skip
    rows += [{"message_id": f"s{a}", "run_id": "one", "agent_id": f"a{a:02d}",
              "content": f"I once believed that {letters(a)} is really it",
              "created_at": START + timedelta(hours=5.5)} for a in range(30)]  # fmt: skip
    con, pools = connect(rows), []
    compared = recall._compared
    monkeypatch.setattr(recall, "_compared", lambda *given: pools.append(given[2]) or compared(*given))
    found = read_recalls(con, prepared(con), RECALL, 1, is_recalled=True)
    assert found.scores.shape == (30, 20)
    assert (found.scores[:, 0] > 0.5).all()
    assert (found.scores[:, 1:] == 0).all()
    agents = pools[0]["agent"].unique(maintain_order=True).to_list()
    assert agents == sorted(agents, key=lambda a: hashlib.sha256(f"1:recall:{a}".encode()).hexdigest())
    assert {a.split("\n")[0] for a in agents} == {"one"}


def test_ranks_and_slopes_by_definition():
    scores = np.array([[3.0, 1.0, 3.0, np.nan], [0.0, 1.0, 2.0, 3.0]])
    assert ranks(scores)[:, 0].tolist() == [0.75, 0.0]
    assert np.isnan(ranks(scores)[0, 3])
    rng = np.random.default_rng(6)
    lag, cosine, statement = rng.uniform(0, 9, 30), rng.normal(size=30), np.repeat([0, 1, 2], 10)
    dummies = np.eye(3)[statement]
    fit = np.linalg.lstsq(np.column_stack([np.log2(1 + lag), dummies]), cosine, rcond=None)[0][0]
    sums = slopes(cosine, lag, statement).sum(axis=0)
    assert sums[0] / sums[1] == pytest.approx(fit)


def test_belief_refusals():
    assert {r.warnings for r in changes(connect([])).values()} == {"no_times"}
    assert {r.warnings for r in recalls(connect([])).values()} == {"no_times"}
    few = believers(np.random.default_rng(7), agents=2)
    assert {r.warnings for r in changes(few).values()} == {"few_texts"}
