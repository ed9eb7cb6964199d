"""With nothing planted every test of the family rejects at its level."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from planted_coordination import connect, copiers, message, posters
from scipy import stats

from pipeline.activity.row import Sampling
from pipeline.coordination.association import association, table_of
from pipeline.coordination.commenters import commenter_measures
from pipeline.coordination.copy_measures import copy_measures, read_copied
from pipeline.coordination.posts import read_posts
from pipeline.coordination.regularity import regularity_measures
from pipeline.coordination.signals import agent_signals, signal_measures

SAMPLING = Sampling(seed=8, bootstrap_draws=10, null_draws=199)


def p_of(rows, measure_id: str, model: str) -> float:
    (found,) = [r for r in rows if r.measure_id == measure_id and str(r.null_model).startswith(model)]
    return 1.0 if found.p_value is None else found.p_value


def regularity(measure_id: str, model: str) -> Callable[[np.random.Generator], float]:
    return lambda rng: p_of(regularity_measures(read_posts(connect(posters(rng))), SAMPLING), measure_id, model)


def copies(rng: np.random.Generator) -> float:
    posts, templates = copiers(rng, is_coordinated=False, posts=1500)
    rows = copy_measures(read_copied(connect(posts, templates=templates)), SAMPLING)
    return p_of(rows, "copy_near_share", "times_shuffled_within_day")


def followers(rng: np.random.Generator) -> float:
    found = [
        message(40 * t + i, f"a{rng.integers(0, 9)}", at, kind="comment", root_id=f"p{t:02d}")
        for t in range(12)
        for i, at in enumerate(rng.uniform(0, 3600, size=20))
    ]
    return p_of(commenter_measures(connect(found), SAMPLING), "super_commenter_gap_seconds", "authors")


def batch_bursts(rng: np.random.Generator) -> float:
    posts = posters(rng, agents=80, mean_posts=20, hours=12)
    agents = [{"agent_id": f"a{i:03d}", "name": f"node_{i}" if i < 20 else f"Person {i}th"} for i in range(80)]
    con = connect(posts, agents)
    found = read_posts(con)
    return p_of(signal_measures(agent_signals(con, found), found, SAMPLING), "batch_burst_share", "membership")


def classes(rng: np.random.Generator) -> float:
    found = association(table_of(rng.integers(0, 5, 600), rng.integers(0, 6, 600), (5, 6)))
    return found.p_value


TESTS = {
    "autonomous": regularity("cov_autonomous_share", "memoryless"),
    "human": regularity("cov_human_share", "memoryless"),
    "mean": regularity("cov_mean", "permuted"),
    "memory": regularity("post_memory", "shuffled"),
    "copies": copies,
    "followers": followers,
    "batch_bursts": batch_bursts,
    "classes": classes,
}


def rejections(name: str, runs: int) -> float:
    """Share of runs in which the test rejects at 5 %."""
    p_values = [TESTS[name](np.random.default_rng([18, run])) for run in range(runs)]
    return float(np.mean(np.array(p_values) <= 0.05))


@pytest.mark.parametrize("name", ["autonomous", "memory", "copies", "followers", "classes"])
def test_few_runs_reject_no_more_than_chance(name):
    runs = 20
    # A test at its level exceeds this in one of a thousand; the seeds are fixed.
    assert rejections(name, runs) <= stats.binom.ppf(0.999, runs, 0.05) / runs


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(TESTS))
def test_rejection_share_in_200_runs(name, within):
    within({name: rejections(name, 200)})
