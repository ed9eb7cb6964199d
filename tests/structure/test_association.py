"""Association of communities and languages, against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pipeline.structure.label_rows import association


def test_cramers_v_and_chi_square_are_scipys() -> None:
    rng = np.random.default_rng(4)
    a = rng.integers(0, 4, size=300)
    b = np.where(rng.random(300) < 0.4, a, rng.integers(5, 8, size=300))  # numbers need not be dense
    table = stats.contingency.crosstab(a, b).count
    v, chi2 = association(a, b)
    # 1e-9: the same sums in another order
    assert chi2 == pytest.approx(stats.chi2_contingency(table, correction=False).statistic, rel=1e-9)
    assert v == pytest.approx(stats.contingency.association(table, method="cramer"), rel=1e-9)


def test_where_one_does_not_vary_there_is_no_number() -> None:
    a = np.arange(5)
    assert np.isnan(association(a, np.zeros(5, dtype=np.int64))).all()
