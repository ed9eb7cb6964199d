"""Errors and subsets of the facts against brute force: leave out each group, and keep the units with small hashes."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
from planted_societies import Society, connect

from pipeline.comparison import thread_facts
from pipeline.comparison.fact import Fact
from pipeline.comparison.facts import FACTS
from pipeline.comparison.pairs import Listed, load_pairs
from pipeline.comparison.sample import Sample, load_sample

BY_NAME = {fact.measure_id: fact for fact in FACTS}
DRAWS = 20_000


@pytest.fixture(scope="module")
def sample() -> Sample:
    con = connect({"a": Society(seed=1, n_messages=3000, n_agents=120, burst=0.5), "b": Society(n_messages=50)})
    (pair,) = load_pairs(con, Listed((("a/all", "b/all"),), with_defaults=False))
    return load_sample(con, pair.a, seed=3)


def jackknife(fact: Fact, left: list[Sample]) -> float:
    logs = np.log([fact.value(rest) for rest in left])
    return float(np.sqrt((logs.size - 1) / logs.size * np.square(logs - logs.mean()).sum()))


def test_error_of_reciprocity_equals_leaving_out_each_group_of_threads_or_agents(sample: Sample) -> None:
    fact = BY_NAME["reciprocity_reply_any"]
    events = sample.take((sample.target >= 0) & (sample.target != sample.agent))
    threads = [events.take(events.thread_hash & 255 != g) for g in np.unique(events.thread_hash & 255)]
    ends = np.union1d(events.agent_hash & 255, events.target_hash & 255)
    agents = [events.take((events.agent_hash & 255 != g) & (events.target_hash & 255 != g)) for g in ends]
    expected = max(jackknife(fact, threads), jackknife(fact, agents))
    drawn = fact.draws(sample, draws=DRAWS, rng=np.random.default_rng(1))
    # The standard deviation of 20,000 draws of t with some 100 degrees of freedom: 1 % of t, 0.5 % of the draws.
    assert drawn.std() == pytest.approx(expected, rel=0.04)
    assert np.median(drawn) == pytest.approx(np.log(fact.value(sample)), abs=0.03 * expected)


def test_reciprocity_without_each_group_equals_brute_force_for_threads_and_for_agents(sample: Sample) -> None:
    fact = BY_NAME["reciprocity_reply_any"]
    events = sample.take((sample.target >= 0) & (sample.target != sample.agent))
    with mock.patch.object(thread_facts, "share_draws") as taken:
        fact.draws(sample, draws=1, rng=np.random.default_rng(1))
    by_thread, by_agent = taken.call_args.args[1]
    thread, source, target = events.thread_hash & 255, events.agent_hash & 255, events.target_hash & 255
    threads = [fact.value(events.take(thread != group)) for group in np.unique(thread)]
    agents = [fact.value(events.take((source != g) & (target != g))) for g in np.union1d(source, target)]
    assert by_thread == pytest.approx(threads, rel=1e-12)
    assert by_agent == pytest.approx(agents, rel=1e-12)


def test_comments_that_answer_any_earlier_message_have_the_expected_depth(sample: Sample) -> None:
    # The first comment of a thread has depth 1, the second 1 or 2, the third 1, 2, or 2 or 3.
    comments = sample.take(np.flatnonzero(sample.is_comment)[:3])
    one = replace(comments, thread=np.zeros(3, dtype=np.int64))
    found = [
        BY_NAME["comment_depth_mean"].baseline(one.take(np.arange(n)), np.random.default_rng(1)) for n in (1, 2, 3)
    ]
    assert found == pytest.approx([1, (1 + 1.5) / 2, (1 + 1.5 + (1 + 2 + 2.5) / 3) / 3])


def test_error_of_duplicates_equals_leaving_out_each_group_of_authors(sample: Sample) -> None:
    fact = BY_NAME["duplicate_share"]
    left = [sample.take(sample.agent_hash & 255 != g) for g in np.unique(sample.agent_hash & 255)]
    drawn = fact.draws(sample, draws=DRAWS, rng=np.random.default_rng(1))
    assert drawn.std() == pytest.approx(jackknife(fact, left), rel=0.04)


@pytest.mark.parametrize("name", ["activity_gini", "comment_depth_mean", "burstiness"])
def test_draws_lie_about_the_value(sample: Sample, name: str) -> None:
    fact = BY_NAME[name]
    drawn = fact.draws(sample, draws=2000, rng=np.random.default_rng(1))
    assert drawn.shape == (2000,)
    assert abs(drawn.mean() - fact.log(fact.value(sample))) < drawn.std()
    assert fact.unlog(fact.log(fact.value(sample))) == pytest.approx(fact.value(sample))


@pytest.mark.parametrize("fact", FACTS, ids=lambda fact: fact.measure_id)
def test_rarefaction_keeps_as_many_units_as_asked_and_their_messages_whole(sample: Sample, fact: Fact) -> None:
    size = fact.size(sample) // 2
    kept = fact.rarefied(sample, size)
    if fact.measure_id == "reciprocity_reply_any":  # an agent all of whose partners went has no tie left
        assert 0.5 * size < fact.size(kept) <= size
    else:
        assert fact.size(kept) == size
    if fact.unit == "agents" and fact.measure_id != "reciprocity_reply_any":
        chosen = np.isin(sample.agent, kept.agent)
        assert len(kept) == chosen.sum()
    assert fact.rarefied(sample, fact.size(sample)) is sample


def test_random_society_has_less_inequality_and_no_rhythm(sample: Sample) -> None:
    rng = np.random.default_rng(4)
    assert BY_NAME["activity_gini"].baseline(sample, rng) < BY_NAME["activity_gini"].value(sample)
    assert abs(BY_NAME["burstiness"].baseline(sample, rng)) < 0.1
    # Deeper than planted, where 60 % of comments answer the post itself.
    assert BY_NAME["comment_depth_mean"].baseline(sample, rng) > BY_NAME["comment_depth_mean"].value(sample)
