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
COMMONEST = 7
"""Texts of `template_top7_share`: as many as arXiv 2602.10131 counts."""

# A repost has no text of its own and repeats by what it is, so it is left out.
# For each text the groups of authors that wrote it; for each group its messages, the texts only it wrote, and
# the texts that occur twice or more with and without it.
# Messages of each group, too, with one of the commonest texts of all.
_PER_GROUP = """
WITH part AS (
    SELECT text_hash, left(sha256(coalesce(agent_id, message_id)), 2) AS author_group,
           CAST(count(*) AS BIGINT) AS copies
    FROM message WHERE kind <> 'repost' GROUP BY 1, 2
),
whole AS (
    SELECT text_hash, CAST(sum(copies) AS BIGINT) AS copies FROM part GROUP BY 1
),
ranked AS (
    SELECT text_hash, copies, row_number() OVER (ORDER BY copies DESC, text_hash) AS place FROM whole
)
SELECT p.author_group, CAST(sum(p.copies) AS BIGINT) AS messages,
       CAST(count(*) FILTER (WHERE p.copies = w.copies) AS BIGINT) AS texts_of_its_own,
       CAST(sum(CASE WHEN w.copies = 1 THEN 0 WHEN w.copies - p.copies >= 2 THEN p.copies
                     ELSE w.copies END) AS BIGINT) AS repeated_lost,
       CAST(coalesce(sum(p.copies) FILTER (WHERE w.copies > 1 AND w.place <= $commonest), 0) AS BIGINT) AS common
FROM part AS p JOIN ranked AS w ON w.text_hash = p.text_hash
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
        ``duplicate_share`` = 1 − distinct texts / messages; ``repeated_text_share``, the share of messages whose text
        occurs at least twice (the first of its kind counted too); and ``template_top7_share``, the share of messages
        with one of the seven commonest texts of these, which stay the same where groups are left out. The first two
        grow with the size of a corpus.
    """
    messages, texts, repeated = con.sql(_TOTALS).fetchall()[0]
    words = ["few_posts"] if messages < MIN_MESSAGES else []
    groups = con.sql(_PER_GROUP, params={"commonest": COMMONEST}).pl()
    common = int(groups["common"].sum())
    left = _left_out(groups if messages >= MIN_MESSAGES else groups.clear(), messages, texts, repeated)
    values = (1 - texts / messages, repeated / messages, common / messages) if messages else (None, None, None)
    names = ("duplicate_share", "repeated_text_share", "template_top7_share")
    return [
        row(
            FAMILY,
            name,
            value,
            messages,
            "messages",
            level=sampling.level,
            interval=_interval(value, without, sampling),
            warnings=words,
        )
        for name, value, without in zip(names, values, left, strict=True)
    ]


def _left_out(
    groups: pl.DataFrame, messages: int, texts: int, repeated: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the shares without each group of authors, each of shape (groups,)."""
    held, own, lost, common = (
        groups[name].to_numpy().astype(np.float64)
        for name in ("messages", "texts_of_its_own", "repeated_lost", "common")
    )
    rest = messages - held
    with np.errstate(invalid="ignore", divide="ignore"):
        return 1 - (texts - own) / rest, (repeated - lost) / rest, (common.sum() - common) / rest


def _interval(value: float | None, left: FloatArray, sampling: Sampling) -> Interval:
    return jackknife_interval(
        float("nan") if value is None else value,
        left,
        level=sampling.level,
        method="jackknife_author_groups",
        bounds=(0.0, 1.0),
    )
