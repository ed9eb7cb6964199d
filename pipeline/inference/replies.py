"""Classes of replies by the AIRS of the post they answer: overall, by level, and along the response curve."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb
import numpy as np
import polars as pl

from pipeline.inference.enforcement_frames import CLASSES, read_posts, read_replies
from pipeline.inference.intervals import wilson
from pipeline.inference.result import Ints
from pipeline.inference.slices import BUILT_IN_SLICES, SliceRule, slice_posts, slice_replies
from pipeline.language.covered import coverage
from pipeline.schema import Measure, join_warnings

FAMILY = "reply_class"
N_BINS = 6
FEW_REPLIES = 30
"""Fewer replies than this make a share too uncertain to read without its interval."""
LEVELS = ("low", "med", "high")
BINS = ("DI=0", *(f"Q{i}" for i in range(1, N_BINS + 1)))


def reply_measures(
    con: duckdb.DuckDBPyConnection, *, ci_level: float = 0.95, slices: Sequence[SliceRule] = BUILT_IN_SLICES
) -> list[Measure]:
    """Return the share of each reply class overall, by AIRS level and by bin of the response curve, per slice.

    Parameters
    ----------
    con
        Connection with the views message, text, lexicon_score and reply_class of one corpus.
    ci_level
        Level of the Wilson intervals.
    slices
        The slices to compute on.

    Returns
    -------
    list of Measure
        ``reply_<class>_share`` with unit corpus, airs_level (low 0, med 1, high above 1) or airs_bin (DI=0, and
        six equal-frequency bins over posts with AIRS above zero). All comments whose post is in the corpus count,
        at any depth. Definitions: METHODS 1.3 and 1.4. Wilson treats replies as independent, and the rows say so.
    """
    posts, replies = read_posts(con), read_replies(con)
    rows: list[Measure] = []
    for rule in slices:
        slice_id = rule.slice_id
        chosen = _with_bins(slice_replies(replies, rule), slice_posts(posts, rule))
        rows += _rows(chosen, slice_id, "corpus", "corpus", ci_level)
        for unit, names in (("airs_level", LEVELS), ("airs_bin", BINS)):
            for code, name in enumerate(names):
                rows += _rows(chosen.filter(pl.col(unit) == code), slice_id, unit, name, ci_level)
    return rows


def equal_frequency_bins(n: int, n_bins: int = N_BINS) -> Ints:
    """Return the bin 0 to n_bins - 1 of the ranks 1 to n, shape (n,): quantile edges of the ranks, closed above.

    This is what ``pandas.qcut(rank, n_bins)`` gives, in integers.
    """
    rank0 = np.arange(n, dtype=np.int64)
    bins: Ints = np.maximum(-(-(rank0 * n_bins) // max(n - 1, 1)) - 1, 0)
    return bins


def _with_bins(replies: pl.DataFrame, posts: pl.DataFrame) -> pl.DataFrame:
    # Posts come in the order of time and id, and the sort is stable: ties of AIRS are ranked by first come.
    positive = posts.filter(pl.col("airs") > 0).sort("airs", maintain_order=True)
    bins = positive.select(
        pl.col("message_id").alias("post_id"),
        pl.Series("airs_bin", equal_frequency_bins(positive.height) + 1, dtype=pl.Int64),
    )
    return replies.join(bins, on="post_id", how="left").with_columns(
        airs_level=pl.col("airs").clip(upper_bound=2),
        airs_bin=pl.col("airs_bin").fill_null(0),
    )


def _rows(replies: pl.DataFrame, slice_id: str, unit: str, unit_id: str, ci_level: float) -> Iterator[Measure]:
    n = replies.height
    few = ["few_replies"] if n < FEW_REPLIES else []
    few += coverage(replies["language"]).words
    for name in CLASSES:
        k = int(replies[name].sum())
        low, high = wilson(k, n, ci_level)
        yield Measure(
            family=FAMILY,
            measure_id=f"reply_{name}_share",
            value=k / n if n else None,
            n=n,
            n_unit="replies",
            slice_id=slice_id,
            unit=unit,
            unit_id=unit_id,
            ci_low=low,
            ci_high=high,
            ci_level=ci_level if n else None,
            ci_method="wilson" if n else None,
            warnings=join_warnings([*few, "replies_clustered"]),
        )
