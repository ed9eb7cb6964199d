"""Logit with intercepts by group, against statsmodels with dummies."""

import numpy as np
import pytest
import statsmodels.api as sm

from pipeline.selection.dyads import sandwich
from pipeline.selection.grouped_logit import fit_grouped_logit

ROWS, GROUPS = 1500, 8


def _data(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, group = rng.normal(size=(ROWS, 3)) * [1.0, 10.0, 0.1], rng.integers(0, GROUPS, size=ROWS)
    eta = x @ [0.8, -0.05, 3.0] + 0.3 * group - 1.5
    return x, (rng.random(ROWS) < 1 / (1 + np.exp(-eta))).astype(float), group


def test_equals_statsmodels_with_dummies() -> None:
    x, y, group = _data(1)
    ego = np.random.default_rng(2).integers(0, 60, size=ROWS)
    found = fit_grouped_logit(x, y, group)
    dummies = (group[:, None] == np.arange(GROUPS)).astype(float)
    other = sm.Logit(y, np.column_stack([x, dummies])).fit(disp=False, method="newton", tol=1e-12)
    assert found.warning is None
    assert np.allclose(found.beta, other.params[:3], rtol=0, atol=1e-6)  # ours stops 1e-6 errors short
    assert np.allclose(np.sqrt(np.diag(found.bread)), other.bse[:3], rtol=1e-6)
    clustered = sm.Logit(y, np.column_stack([x, dummies])).fit(
        disp=False, method="newton", tol=1e-12, cov_type="cluster", cov_kwds={"groups": ego, "use_correction": False}
    )
    own = sandwich(found.bread, found.scores, ego, ego + 100, "ego")
    factor = 60 / 59  # ours; theirs is switched off
    assert np.allclose(np.sqrt(np.diag(own.matrix) / factor), clustered.bse[:3], rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda x, y: np.column_stack([x[:, 0], 2 * x[:, 0], x[:, 1]]), "singular_terms"),
        (lambda x, y: np.column_stack([x[:, 0], np.ones(ROWS)]), "singular_terms"),
        (lambda x, y: np.column_stack([x[:, 0], y + 0.1 * x[:, 2]]), "separation"),
    ],
)
def test_says_when_there_is_no_estimate(change, word) -> None:  # type: ignore[no-untyped-def]
    x, y, group = _data(3)
    assert fit_grouped_logit(change(x, y), y, group).warning == word
