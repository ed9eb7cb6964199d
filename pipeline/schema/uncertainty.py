"""What a row of the analysis layer owes its reader: an interval or a null, an n, and words where a number is absent."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

SHOWN = 5
"""Names of rows that a problem tells."""

_NAMES = {"measure": ("measure_id", "unit", "unit_id"), "estimate": ("hypothesis_id", "term", "role")}
_SLACK = 1e-9  # an end of an interval that is the value itself may differ from it in the last digits


def _rules(value: str, low: str, high: str, *, counted: pl.Expr, is_census: pl.Expr) -> Mapping[str, pl.Expr]:
    has_interval = pl.col(low).is_not_null() & pl.col(high).is_not_null()
    has_words = pl.col("warnings").is_not_null()
    slack = _SLACK * pl.max_horizontal(pl.col(value).abs(), pl.lit(1.0))
    outside = (pl.col(value) < pl.col(low) - slack) | (pl.col(value) > pl.col(high) + slack)
    return {
        "have neither an interval, nor a null, nor a warning": pl.col(value).is_not_null()
        & ~(has_interval | pl.col("null_mean").is_not_null() | is_census | has_words),
        "have no value and no warning that says why": pl.col(value).is_null() & ~has_words,
        "are not finite": ~pl.col(value).is_finite(),
        "have an interval that ends before it begins": pl.col(low) > pl.col(high),
        "lie outside their own interval, without a warning": outside & ~has_words,
        "say no n": pl.col(value).is_not_null() & ~counted.fill_null(value=False),
    }


_RULES = {
    "measure": _rules(
        "value", "ci_low", "ci_high", counted=pl.col("n") >= 0, is_census=pl.col("ci_method").eq_missing("census")
    ),
    "estimate": _rules(
        "estimate", "conf_low", "conf_high", counted=pl.col("n_obs") >= 0, is_census=pl.lit(value=False)
    ),
}

WITH_UNCERTAINTY = tuple(_RULES)
"""Tables whose rows are held to these rules."""


def uncertainty_problems(rows: pl.DataFrame, table: str) -> list[str]:
    """Say which rows of ``analysis.measure`` or ``analysis.estimate`` show a number without what it needs.

    Parameters
    ----------
    rows
        Rows with the columns of the table.
    table
        ``measure`` or ``estimate``.

    Returns
    -------
    list of str
        One sentence for each rule that is broken, with how many rows break it and the first of their names. Any warning
        stands for an interval; whether it says why there is none is not asked.
    """
    problems = []
    for words, rule in _RULES[table].items():
        broken = rows.filter(rule.fill_null(value=False)).select(_NAMES[table])
        names = broken.unique().sort(_NAMES[table])
        if broken.height:
            named = ", ".join("/".join(map(str, row)) for row in names.head(SHOWN).iter_rows())
            problems.append(f"{broken.height} rows {words}: {named}{', …' if names.height > SHOWN else ''}")
    return problems
