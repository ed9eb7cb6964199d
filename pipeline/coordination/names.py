"""Batches: agents whose names differ in a number or a word such as Bot alone.

What belongs here: the base of a name and the batches that share one. The rule gives the very batches that the study
published with its names (159 batches, 905 members; Li 2026, arXiv 2602.07432), which its text describes only in words:
up to four digits at the end, before them one of six words, underscores and hyphens around either, two characters left.
"""

from __future__ import annotations

import polars as pl

MIN_BATCH = 3
_WORDS = "bot|ai|agent|assistant|gpt|claude"
# The end of a name that is no part of its base, longest first; the first two characters always stay.
_PATTERN = rf"(?is)^(.{{2,}}?)[_-]*(?:(?:{_WORDS})[_-]*)?[0-9]{{0,4}}$"


def base_name(name: str = "name") -> pl.Expr:
    """Return the expression of the base of the names in a column; null for names of one character and for null."""
    return pl.col(name).str.extract(_PATTERN, 1)


def sizes(agents: pl.DataFrame) -> pl.DataFrame:
    """Return how many agents share the base of each name.

    Parameters
    ----------
    agents
        Columns agent_id and name.

    Returns
    -------
    polars.DataFrame
        Columns agent_id, batch_name and batch_size, sorted by agent_id, one row per agent with a name; batch_name is
        null outside batches. Upper and lower case tell bases apart, and agents of the same name count each.
    """
    named = agents.filter(pl.col("name").is_not_null()).select("agent_id", base=base_name())
    alone = pl.col("base").is_null()
    counted = named.with_columns(batch_size=pl.when(alone).then(1).otherwise(pl.len().over("base")).cast(pl.Int64))
    is_batch = pl.col("batch_size") >= MIN_BATCH
    return counted.select("agent_id", batch_name=pl.when(is_batch).then("base"), batch_size="batch_size").sort(
        "agent_id"
    )


def batches(agents: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of `sizes` that are of batches: agents whose base at least `MIN_BATCH` agents share."""
    return sizes(agents).filter(pl.col("batch_name").is_not_null())
