"""The grid of gender performance: fixed specifications, planted levels and declarations, and what data do not allow."""

from __future__ import annotations

import numpy as np
import pytest
from planted_gender import connect, corpus
from sklearn.metrics import roc_auc_score

from pipeline.activity.row import Sampling
from pipeline.gender.declared import declared_gender
from pipeline.gender.estimates import FOLLOW, LEVEL, TELLS, gender_estimates, load_gender_grid
from pipeline.gender.panel import read_whole

SAMPLING = Sampling(seed=5, bootstrap_draws=100, null_draws=99)


@pytest.fixture(scope="module")
def planted():
    con = connect(**corpus(seed=1))
    return con, by_spec(con)


def by_spec(con):
    rows = gender_estimates(con, SAMPLING)
    grid = load_gender_grid()
    assert [row.spec_id for row in rows] == [spec.spec_id for spec in grid]
    return dict(zip(grid, rows, strict=True))


def test_the_grid_is_fixed():
    """A change of a specification is a decision: the primary one, and how many there are, by hypothesis."""
    grid = load_gender_grid()
    assert grid[0].formula == "declared by all ~ lexicon | at least 1 messages"
    counts = {name: sum(spec.hypothesis == name for spec in grid) for name in (TELLS, LEVEL, FOLLOW)}
    assert counts == {TELLS: 13, LEVEL: 6, FOLLOW: 3}


def test_area_is_that_of_scikit_learn(planted):
    con, found = planted
    both = read_whole(con).join(declared_gender(con), on="agent_id")
    lexicon = both.filter(both["variable"] == "gender_lexicon")
    expected = roc_auc_score(lexicon["gender"].to_numpy() > 0, lexicon["value"].to_numpy())
    primary = found[load_gender_grid()[0]]
    assert primary.estimate == pytest.approx(expected - 0.5, abs=1e-12)
    assert primary.p_value < 0.001
    assert primary.adj_method == "holm"
    assert primary.null_mean == 0.0


def test_planted_levels_are_found_and_placebos_find_nothing(planted):
    _, found = planted
    for spec, row in found.items():
        if spec.scorer == "axis":
            assert row.estimate is None
            assert row.warnings
        elif spec.role in ("placebo", "negative_control") and row.p_value is not None:
            assert row.p_value > 0.005
        elif spec.hypothesis == LEVEL:
            assert row.p_value < 0.02
            assert row.conf_low < row.estimate < row.conf_high
    surest = next(row for spec, row in found.items() if spec.rules == "surest" and spec.scorer == "lexicon")
    assert (surest.estimate, surest.warnings) == (None, "few_agents")  # personas declare by a noun


def test_without_declarations_or_texts_rows_say_why():
    for con in (connect(**corpus(people=6, weeks=1, declared=False, seed=2)), connect()):
        for row in by_spec(con).values():
            assert row.estimate is None
            assert row.warnings
            assert not np.isfinite(row.p_value or np.nan)
