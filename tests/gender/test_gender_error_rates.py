"""Where nothing is planted the tests reject in about 5 % of the runs; what is planted is found."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.gender.order import lag_correlation, transitions
from pipeline.gender.panel import Panel
from pipeline.gender.validation import area
from pipeline.gender.variance import variance_components

DRAWS = {"draws": 1, "null_draws": 99, "level": 0.95}


def panel(rng, *, between=0.0, persistence=0.0, agents=60, weeks=10) -> Panel:
    """Return scores with a level per agent, a wave that all share, persistence, and weeks that are missing."""
    drift = rng.normal(size=(agents, weeks))
    for week in range(1, weeks):
        drift[:, week] = persistence * drift[:, week - 1] + np.sqrt(1 - persistence**2) * drift[:, week]
    value = between * rng.normal(size=(agents, 1)) + drift + np.sin(np.arange(weeks)) * 0.5
    agent, week = np.nonzero(rng.random((agents, weeks)) < 0.8)
    numbers = np.unique(agent, return_inverse=True)[1]
    return Panel(numbers.astype(np.int64), week.astype(np.int64), value[agent, week])


def p_values(rng, *, level=0.0, persistence=0.0) -> list[float]:
    """Return the p-values of the four tests; those of order are of agents that differ in level."""
    flat, levelled = panel(rng, between=level), panel(rng, between=1.0, persistence=persistence)
    labels = rng.permutation(np.repeat([True, False], [25, 35]))
    scores = rng.normal(size=60) + level * labels
    return [
        variance_components(flat, rng=rng, **DRAWS)["gender_icc"].null.p_value,
        lag_correlation(levelled, rng=rng, **DRAWS).null.p_value,
        transitions(levelled, rng=rng, **DRAWS).stay.null.p_value,
        area(scores[labels], scores[~labels], level=0.95).null.p_value,
    ]


def test_what_is_planted_is_found():
    rng = np.random.default_rng(2)
    assert max(p_values(rng, level=1.5, persistence=0.7)) < 0.02


@pytest.mark.slow
def test_error_rates(within):
    rng = np.random.default_rng(3)
    found = np.array([p_values(rng) for _ in range(200)])
    tests = ("share between agents", "correlation with the week before", "staying the same", "area under the curve")
    within({f"gender: {test}": share for test, share in zip(tests, (found <= 0.05).mean(axis=0), strict=True)})


def test_error_rates_in_short():
    """Forty runs: at 5 % more than seven rejections of one test come about in 0.2 % of the cases."""
    rng = np.random.default_rng(4)
    found = np.array([p_values(rng) for _ in range(40)])
    assert ((found <= 0.05).sum(axis=0) <= 7).all()
    assert (np.abs(np.median(found, axis=0) - 0.5) < 0.25).all()
