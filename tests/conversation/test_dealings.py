"""Dealings and ranks that pack two numbers into one are those of plain sorts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata

from pipeline.conversation.deliberation import within_ranks
from pipeline.conversation.within import dealer


@pytest.mark.parametrize("most", [1, 3, 9])  # labels above 3 are not packed
def test_labels_are_dealt_as_a_plain_sort_of_the_same_numbers_deals_them(most: int) -> None:
    rng = np.random.default_rng(most)
    stratum, label = rng.integers(0, 70, size=3_000), rng.integers(0, most + 1, size=3_000)
    order = np.lexsort((np.random.default_rng(5).random(3_000), stratum))
    expected = np.empty_like(label)
    expected[np.argsort(stratum, kind="stable")] = label[order]
    assert np.array_equal(dealer(stratum)(label, np.random.default_rng(5)), expected)


@pytest.mark.parametrize("scale", [1, 2**50])  # too large to be packed
def test_ranks_within_authors_are_those_of_scipy(scale: int) -> None:
    rng = np.random.default_rng(3)
    author, value = rng.integers(0, 30, size=900), rng.integers(0, 40, size=900)
    found = within_ranks(value * scale, author)
    for one in range(30):
        ranks = rankdata(value[author == one])
        assert found[author == one] == pytest.approx((ranks - ranks.mean()) / len(ranks))
