"""Texts that occur more than once, exactly.

What belongs here: shares of identical texts. Near-duplicates and templates do not (`pipeline.language`). A
text is title, newline, content of a message of any kind, compared by its hash.

No bootstrap here: drawing messages with replacement makes copies that the corpus does not have. The interval
leaves out the messages of groups of authors instead, and a text counts as gone when no other group wrote it.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray, Interval, jackknife_interval
from pipeline.activity.row import Sampling, row
from pipeline.schema import Measure

FAMILY = "text"
MIN_MESSAGES = 30

# A repost has no text of its own and repeats by what it is, so it is left out.
# For each text the groups of authors that wrote it; for each group its messages, the texts only it wrote, and
# the texts that occur twice or more with and without it.
_PER_GROUP = """
WITH part AS (
    SELECT text_hash, left(sha256(coalesce(agent_id, message_id)), 2) AS author_group,
           CAST(count(*) AS BIGINT) AS copies
    FROM message WHERE kind <> 'repost' GROUP BY 1, 2
),
whole AS (
    SELECT text_hash, CAST(sum(copies) AS BIGINT) AS copies FROM part GROUP BY 1
)
SELECT p.author_group, CAST(sum(p.copies) AS BIGINT) AS messages,
       CAST(count(*) FILTER (WHERE p.copies = w.copies) AS BIGINT) AS texts_of_its_own,
       CAST(sum(CASE WHEN w.copies = 1 THEN 0 WHEN w.copies - p.copies >= 2 THEN p.copies
                     ELSE w.copies END) AS BIGINT) AS repeated_lost
FROM part AS p JOIN whole AS w ON w.text_hash = p.text_hash
GROUP BY 1 ORDER BY 1
"""
_TOTALS = """
SELECT CAST(coalesce(sum(copies), 0) AS BIGINT) AS messages, count(*) AS texts,
       CAST(coalesce(sum(copies) FILTER (WHERE copies > 1), 0) AS BIGINT) AS repeated
FROM (SELECT text_hash, count(*) AS copies FROM message WHERE kind <> 'repost' GROUP BY 1) AS text_copies
"""


def text_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Compute the number of distinct texts and the shares of repeated ones.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Level of the intervals; nothing is drawn.

    Returns
    -------
    list of Measure
        ``duplicate_share`` = 1 − distinct texts / messages, and ``repeated_text_share``, the share of
        messages whose text occurs at least twice (the first of its kind counted too). Both grow with the size
        of a corpus.
    """
    messages, texts, repeated = con.sql(_TOTALS).fetchall()[0]
    words = ["few_posts"] if messages < MIN_MESSAGES else []
    groups = con.sql(_PER_GROUP).pl() if messages >= MIN_MESSAGES else None
    left_duplicates, left_repeated = _left_out(groups, messages, texts, repeated)
    values = (1 - texts / messages, repeated / messages) if messages else (None, None)
    names = ("duplicate_share", "repeated_text_share")
    return [
        row(
            FAMILY,
            name,
            value,
            messages,
            "messages",
            level=sampling.level,
            interval=_interval(value, left, sampling),
            warnings=words,
        )
        for name, value, left in zip(names, values, (left_duplicates, left_repeated), strict=True)
    ]


def _left_out(groups: pl.DataFrame | None, messages: int, texts: int, repeated: int) -> tuple[FloatArray, FloatArray]:
    """Both shares without each group of authors, each of shape (groups,)."""
    if groups is None:
        return np.zeros(0), np.zeros(0)
    rest = messages - groups["messages"].to_numpy().astype(np.float64)
    gone = groups["texts_of_its_own"].to_numpy().astype(np.float64)
    lost = groups["repeated_lost"].to_numpy().astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (texts - gone) / rest, (repeated - lost) / rest


def _interval(value: float | None, left: FloatArray, sampling: Sampling) -> Interval:
    return jackknife_interval(
        float("nan") if value is None else value,
        left,
        level=sampling.level,
        method="jackknife_author_groups",
        bounds=(0.0, 1.0),
    )
