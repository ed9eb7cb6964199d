"""Tiers of the human owners of agents, by their followers and by handles that no human chose.

What belongs here: the tier of an owner. The order of the tests is the study's: it gives the tier of each of the 6,196
agents whose label the study published and whose owner we know (Li 2026, arXiv 2602.07432).
"""

from __future__ import annotations

import polars as pl

TIERS = ("auto_generated", "burner", "low_profile", "moderate", "established", "high_profile")
"""A handle of five letters and eight digits; then 0, 1 to 9, 10 to 99, 100 to 999, and 1,000 followers or more."""
_AUTO = r"^[A-Za-z]{5}[0-9]{8}$"


def owner_tier(handle: str = "owner_handle", followers: str = "owner_followers") -> pl.Expr:
    """Return the expression of the tier of an owner; null where the followers are not known."""
    count = pl.col(followers)
    tier = (
        pl.when(pl.col(handle).str.contains(_AUTO).fill_null(value=False))
        .then(pl.lit(TIERS[0]))
        .when(count <= 0)
        .then(pl.lit(TIERS[1]))
        .when(count < 10)
        .then(pl.lit(TIERS[2]))
        .when(count < 100)
        .then(pl.lit(TIERS[3]))
        .when(count < 1000)
        .then(pl.lit(TIERS[4]))
        .otherwise(pl.lit(TIERS[5]))
    )
    return pl.when(count.is_not_null()).then(tier)
