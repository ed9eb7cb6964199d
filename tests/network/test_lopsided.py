"""The warning for nulls whose tail is not normal, against permutations."""

from __future__ import annotations

import numpy as np
import pytest
from mixing_examples import snapshot

from pipeline.network.lopsided import carriers, lopsided_groups, lopsided_scores
from pipeline.network.mixing import numeric_mixing

NODES, TIES = 200, 400


def network(seed: int = 3, hub: int = 0):
    rng = np.random.default_rng(seed)
    source, target = rng.integers(0, NODES, TIES), rng.integers(0, NODES, TIES)
    target[:hub] = 0
    kept = source != target
    pairs = np.unique(source[kept] * NODES + target[kept])
    return snapshot(pairs // NODES, pairs % NODES, NODES)


def rejected(ties, scores, nominal: float, draws: int = 4000) -> float:
    """How often a permuted score is further from the mean of the null than the normal allows."""
    rng = np.random.default_rng(8)
    null = numeric_mixing(ties, scores)["assortativity"].label
    found = np.array([
        numeric_mixing(ties, np.where(np.isfinite(scores), rng.permutation(scores), scores))["assortativity"].value
        for _ in range(draws)
    ])  # fmt: skip
    return float((np.abs(found - null.mean) > nominal * null.sd).mean())


def test_carriers_of_known_shapes():
    assert carriers(np.zeros(9)) == 0
    assert carriers(np.zeros(0)) == 0
    assert carriers(np.repeat([-1.0, 1.0], 50)) == pytest.approx(100)
    assert carriers(np.random.default_rng(1).normal(size=60_000)) == pytest.approx(20_000, rel=0.05)
    few = np.zeros(200)
    few[:4] = 1.0
    assert carriers(few) < 5


def test_a_rare_score_warns_and_its_tail_is_heavy():
    ties, rare, plain = network(), np.zeros(NODES), np.random.default_rng(2).normal(size=NODES)
    rare[:4] = 1.0
    assert lopsided_scores(ties, rare) == ("lopsided_null",)
    assert lopsided_scores(ties, plain) == ()
    # 3.29 standard deviations are p = .001; of 4,000 permutations .004 would be far beyond chance.
    assert rejected(ties, rare, 3.29) > 0.004
    assert rejected(ties, plain, 3.29) < 0.004


def test_small_groups_and_hubs_warn():
    ties = network()
    groups = np.where(np.arange(NODES) < 5, 1, 0)
    assert lopsided_groups(ties, groups) == lopsided_groups(ties, groups, 1) == ("lopsided_null",)
    assert lopsided_groups(ties, np.arange(NODES) % 2) == lopsided_groups(ties, np.arange(NODES) % 4, 3) == ()
    hub = network(hub=120)
    assert lopsided_scores(hub, np.random.default_rng(2).normal(size=NODES)) == ("lopsided_null",)
    assert lopsided_scores(ties, np.full(NODES, np.nan)) == ()
