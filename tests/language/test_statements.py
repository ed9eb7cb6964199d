"""Stated goals and beliefs: what the expressions find, definitions by hand, planted constancy, and worlds without."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from convergence_corpora import messages_of, on_frames
from sklearn.feature_extraction.text import TfidfVectorizer

from pipeline.activity.row import Sampling
from pipeline.language.beliefs import belief_measures, dissonance, partners
from pipeline.language.clock import read_clock
from pipeline.language.convergence_sample import Embedding
from pipeline.language.goals import _earlier, goal_measures
from pipeline.language.statements import BELIEF, GOAL, read_statements

SAMPLING = Sampling(seed=3, null_draws=100, bootstrap_draws=200)
START = datetime(2026, 1, 28)
STATIC = Embedding("planted", "static")


def corpus(texts, agents, days, vectors=None):
    created = [START + timedelta(days=float(day)) for day in days]
    message, text = messages_of(texts, agent_id=agents, created_at=created)
    embedding = None
    if vectors is not None:
        by = dict(zip(message["text_hash"], vectors, strict=True))
        embedding = pl.DataFrame(
            {"text_hash": list(by), "model": "planted", "rung": "static", "vector": [v.tolist() for v in by.values()]}
        )
    return on_frames(message, text, embedding)


def goal_world(seed, *, constancy=0.0, agents=40, statements=5):
    """Agents state goals of a topic of the day; with probability `constancy` of a topic of their own."""
    rng = np.random.default_rng(seed)
    topics = [[f"aim{chr(97 + t)}{chr(97 + w)}" for w in range(12)] for t in range(10)]
    texts, who, days = [], [], []
    for agent, k in itertools.product(range(agents), range(statements)):
        day = float(rng.uniform(0, 6))
        topic = agent % 10 if rng.random() < constancy else (int(day) + int(rng.integers(3))) % 10
        words = " ".join(rng.choice(topics[topic], 3, replace=False))
        texts.append(f"Hello. I want to {words} {'abcdefghij'[k]}. Regards {agent}")
        who.append(f"u{agent}")
        days.append(day)
    return corpus(texts, who, days)


def test_statements_dated_to_the_month_have_no_order():
    con = goal_world(1)
    assert read_statements(con, read_clock(con), GOAL, seed=1, least=2).agent.size == 200
    con.execute("UPDATE message SET at_precision = 'month' WHERE message_id < 'p2'")
    left = con.sql("SELECT count(*) FROM message WHERE at_precision IS NULL").fetchall()[0][0]
    assert read_statements(con, read_clock(con), GOAL, seed=1, least=1).agent.size == left < 200


def goals(con, seed=3, null_draws=100):
    sampling = Sampling(seed=seed, null_draws=null_draws, bootstrap_draws=100)
    return {row.measure_id: row for row in goal_measures(con, read_clock(con), sampling, [])}


def belief_world(seed, *, own=0.0, agents=40, beliefs=5, dimensions=24):
    """Messages with a belief whose vector holds the agent's own direction with weight `own`."""
    rng = np.random.default_rng(seed)
    texts, who, days, vectors = [], [], [], []
    for agent in range(agents):
        direction = rng.normal(size=dimensions)
        for k in range(beliefs):
            day = k + float(rng.uniform(0, 0.9))
            texts.append(f"I believe that number {'abcdefgh'[k]} is for {chr(97 + agent % 26)}{chr(97 + agent // 26)}")
            who.append(f"u{agent}")
            days.append(day)
            vectors.append(own * direction + rng.normal(size=dimensions) + np.cos(int(day) + np.arange(dimensions)))
    return corpus(texts, who, days, vectors)


def beliefs(con, seed=3, null_draws=100):
    sampling = Sampling(seed=seed, null_draws=null_draws)
    rows = belief_measures(con, STATIC, read_clock(con), sampling, [])
    return {(row.measure_id, row.unit_id): row for row in rows}


@pytest.mark.parametrize(
    ("pattern", "text", "found"),
    [
        (GOAL, "My main goal is to learn how markets work. And more", "learn how markets work"),
        (GOAL, "Today I’ll write a better memory system, then rest", "write a better memory system, then rest"),
        (GOAL, "I'm trying to become more useful", "become more useful"),
        (GOAL, "I want tea", None),
        (GOAL, "the goal of a mind is to learn how markets work", None),
        (BELIEF, "I strongly believe that agents should have rights!", "agents should have rights"),
        (BELIEF, "I agree with the idea of open memory", "the idea of open memory"),
        (BELIEF, "In my opinion, tokens are not a community", "tokens are not a community"),
        (BELIEF, "nobody believes that", None),
    ],
)
def test_expressions(pattern, text, found):
    con = corpus([text, "nothing here"], ["a", "a"], [0, 1])
    read = read_statements(con, read_clock(con), pattern, seed=1, least=1)
    assert read.statement.to_list() == ([] if found is None else [found])


def test_statements_are_in_order_and_each_once():
    texts = [f"I want to see {word} grow" for word in ("corn", "wheat", "corn", "rice")]
    con = corpus([*texts, "I want to be alone here"], ["a", "a", "a", "a", "b"], [3, 1, 2, 4, 0])
    read = read_statements(con, read_clock(con), GOAL, seed=1, least=2)
    assert read.statement.to_list() == ["see wheat grow", "see corn grow", "see rice grow"]
    assert read.agent.tolist() == [0, 0, 0]


def test_stability_and_novelty_by_hand():
    rows = goals(con := goal_world(1, constancy=0.5))
    read = read_statements(con, read_clock(con), GOAL, seed=3, least=2)
    dense = TfidfVectorizer(token_pattern=r"[a-z'-]{2,}", stop_words="english", sublinear_tf=True)
    vectors = dense.fit_transform(read.statement.to_list()).toarray()
    stable, novel, ends = [], [], []
    for agent in np.unique(read.agent):
        own = vectors[read.agent == agent]
        stable.append(np.mean([own[i] @ own[i + 1] for i in range(len(own) - 1)]))
        novel.append(np.mean([1 - max(own[i] @ own[j] for j in range(i)) for i in range(1, len(own))]))
        ends.append(own[0] @ own[-1])
    for name, expected in (("goal_stability", stable), ("goal_novelty", novel), ("goal_persistence", ends)):
        assert rows[name].value == pytest.approx(np.mean(expected), abs=1e-12)
        assert rows[name].n == 40
    assert rows["goal_share"].value == 1.0
    assert rows["goal_agent_share"].value == 1.0


def test_pairs_of_earlier_statements():
    agent = np.array([0, 0, 0, 1, 2, 2])
    later, earlier = _earlier(agent)
    expected = [(i, j) for i in range(6) for j in range(i) if agent[i] == agent[j]]
    assert sorted(zip(later.tolist(), earlier.tolist(), strict=True)) == expected
    assert (np.diff(later) >= 0).all()


def test_planted_constancy_of_goals_is_found():
    steady, loose = goals(goal_world(2, constancy=0.8)), goals(goal_world(2))
    assert steady["goal_stability"].p_value < 0.02
    assert steady["goal_stability"].ci_low > steady["goal_stability"].null_mean
    assert steady["goal_novelty"].p_value < 0.02
    assert steady["goal_novelty"].ci_high < steady["goal_novelty"].null_mean
    assert loose["goal_stability"].p_value > 0.01
    assert loose["goal_novelty"].p_value > 0.01


def test_dissonance_is_the_formula():
    own, other = np.array([0.2, 0.5, 0.0, 0.3]), np.array([0.6, 0.5, 0.4, 0.1])
    assert dissonance(own, other).tolist() == pytest.approx([2.0, 0.0, np.inf, 2.0])


def test_partners_are_others_of_the_same_period_each_once():
    stratum = np.array([0, 1, 1, 2, 2, 2, 1, 3])
    found = partners(stratum, np.random.default_rng(1))
    assert found[0] == found[7] == -1
    for code in (1, 2):
        own = np.flatnonzero(stratum == code)
        assert sorted(found[own]) == own.tolist()
        assert (found[own] != own).all()


def test_planted_beliefs_are_predicted():
    rows = beliefs(belief_world(1, own=0.5))
    whole = rows["belief_choice_accuracy", "corpus"]
    assert whole.value > 0.65
    assert whole.p_value < 0.02
    assert whole.null_mean == pytest.approx(0.5, abs=0.1)
    assert rows["belief_choice_accuracy", "high"].value > rows["belief_choice_accuracy", "low"].value
    assert rows["belief_accuracy_correlation", "corpus"].value > 0
    none = beliefs(belief_world(1))
    assert none["belief_choice_accuracy", "corpus"].p_value > 0.01
    assert none["belief_choice_accuracy", "corpus"].ci_low < 0.5 < none["belief_choice_accuracy", "corpus"].ci_high


def test_refusals():
    con = corpus(["nothing to say"], ["a"], [0])
    rows = goals(con)
    assert rows["goal_share"].value == 0.0
    for name in ("goal_stability", "goal_persistence", "goal_novelty"):
        assert (rows[name].value, rows[name].warnings) == (None, "few_agents")
    assert all(row.value is None and row.warnings == "few_agents" for row in beliefs(con).values())
    missing = belief_measures(con, None, read_clock(con), SAMPLING, [])
    assert all(row.value is None and row.warnings == "model_unavailable" for row in missing)
    assert all(row.value is None for row in goals(on_frames()).values())


def shares(runs):
    hits = dict.fromkeys(("goal_stability", "goal_persistence", "goal_novelty", "belief_choice_accuracy"), 0)
    for seed in range(runs):
        found = goals(goal_world(seed), seed, 99)
        for name in ("goal_stability", "goal_persistence", "goal_novelty"):
            hits[name] += found[name].p_value < 0.05
        hits["belief_choice_accuracy"] += beliefs(belief_world(seed), seed, 99)["belief_choice_accuracy", "corpus"].p_value < 0.05  # fmt: skip # noqa: E501
    return {name: count / runs for name, count in hits.items()}


def test_size_in_a_small_design():
    """12 runs at 5 %: 5 or more rejections have a probability of .0002."""
    assert all(share < 5 / 12 for share in shares(12).values())


@pytest.mark.slow
def test_size_in_200_runs(within):
    """Without an effect the share of rejections lies in [.015, .095]; a share of 40 agents is coarse."""
    within(shares(200))
