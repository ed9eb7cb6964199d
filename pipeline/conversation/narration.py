"""Are events told in the order in which they happened: temporal-order consistency (METHODS 6 row 17, analogue).

What belongs here: one rule. In each distinct text, dates (``2026-02-01``) and words of time (last year, last month,
last week, yesterday, this morning, today, tonight, tomorrow, next week, next month, next year) are read in the order of
the text. Neighbours of one kind that name different times are in order when the later time is told later. The null
tells the same times backwards: all texts of an author are turned round with a probability of one half, which makes the
mean one half. Dates are compared with dates and words with words, so that no clock is needed; what sentence a time
belongs to is not looked at.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray, stream
from pipeline.activity.row import Sampling
from pipeline.conversation.rows import ints, share_row
from pipeline.conversation.turns import TURN
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import Floats, Ints
from pipeline.schema import Measure

WORDS = (
    "last year", "last month", "last week", "yesterday", "this morning", "today", "tonight", "tomorrow", "next week",
    "next month", "next year",
)  # fmt: skip
"""Words of time in the order of what they name."""
PATTERN = rf"\b(?:20[0-9]{{2}}-[01][0-9]-[0-3][0-9]|{'|'.join(WORDS)})\b"
LONGEST = 20_000
MOST_TEXTS = 100_000
"""Texts with two expressions or more, chosen by hash."""
LEAST_TEXTS = 20

_FOUND = f"""
WITH told AS (
    SELECT t.text_hash, regexp_extract_all(lower(left(t.text, {LONGEST})), $pattern) AS found
    FROM text AS t WHERE regexp_matches(lower(left(t.text, {LONGEST})), $twice)
    ORDER BY sha256($salt || t.text_hash) LIMIT $most
),
first AS (SELECT text_hash, MIN(id) AS id FROM {TURN} GROUP BY text_hash)
SELECT m.author, d.found FROM told AS d
JOIN first AS f ON f.text_hash = d.text_hash JOIN {TURN} AS m ON m.id = f.id
ORDER BY d.text_hash
"""


def narration_rows(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Compute the share of neighbouring times that are told in their order, a mean over texts.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` and view ``text`` of one corpus.
    sampling
        Seed, draws and level.

    Returns
    -------
    list of Measure
        ``narrated_order_consistency``; authors drawn with replacement.
    """
    bound: dict[str, object] = {
        "pattern": PATTERN, "twice": f"(?s){PATTERN}.*{PATTERN}", "salt": f"{sampling.seed}:narration:",
        "most": MOST_TEXTS,
    }  # fmt: skip
    frame = order_shares(con.sql(_FOUND, params=bound).pl())
    share, author = frame["share"].to_numpy().astype(np.float64), ints(frame, "author")
    words, null = [], None
    if 0 < share.size < LEAST_TEXTS:
        words = ["few_texts"]
    elif share.size:
        rng = stream(sampling.seed, "conversation/narration")
        draws = reversals(share, author, affordable(sampling.null_draws, share.size), rng)
        null = against("told_backwards_by_author", float(share.mean()), draws)
    found = share_row("narrated_order_consistency", share, author, "texts", sampling, few="few_texts", words=words,
                      is_share=False,
                      null=null)  # fmt: skip
    return [found]


def order_shares(frame: pl.DataFrame) -> pl.DataFrame:
    """Return the share of neighbours in order of each text that has neighbours of different times.

    Parameters
    ----------
    frame
        ``author``, and ``found``: the expressions of a text in their order.

    Returns
    -------
    polars.DataFrame
        ``text`` (place in `frame`), ``author`` and ``share``.
    """
    ranks = dict(zip(WORDS, range(len(WORDS)), strict=True))
    told = (
        frame.with_row_index("text").explode("found", empty_as_null=True, keep_nulls=True)
        .with_columns(
            is_date=pl.col("found").str.starts_with("20"),
            day=pl.col("found").str.replace_all("-", "").cast(pl.Int64, strict=False),
            rank=pl.col("found").replace_strict(ranks, default=None, return_dtype=pl.Int64),
        )
        .with_columns(time=pl.coalesce("day", "rank"))
        .with_columns(step=pl.col("time").diff().over("text", "is_date").sign())
    )  # fmt: skip
    steps = told.filter(pl.col("step").is_not_null() & (pl.col("step") != 0))
    return (
        steps.group_by("text").agg(pl.col("author").first(), share=(pl.col("step") > 0).mean()).sort("text")
    )  # fmt: skip


def reversals(share: Floats, author: Ints, draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw the mean share with all texts of an author turned round with probability one half, shape (draws,)."""
    codes = np.unique(author, return_inverse=True)[1]
    apart = np.bincount(codes, weights=share - 0.5)
    signs = rng.integers(0, 2, (draws, apart.size)) * 2.0 - 1.0
    out: FloatArray = 0.5 + signs @ apart / share.size
    return out
