"""How many ways messages open, period after period, and whether the number falls: a protocol that forms.

What belongs here: rows of ``analysis.measure``. In referential games a population settles on a protocol (arXiv
2110.14241, METHODS 6 row 31: "protocol entropy over weeks"). What a protocol of free texts could be is how they open:
the first three words. The entropy of whole templates is ``template_entropy`` of family convergence. Every period
contributes as many messages of different authors, so that entropies can be compared, and the nulls are those of
turnover: periods dealt out anew among all messages, and within authors.
"""

from __future__ import annotations

from functools import partial

import duckdb
import numpy as np
import polars as pl
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.language.clock import Clock
from pipeline.lexicon.tokens import TOKEN_PATTERN
from pipeline.schema import Measure
from pipeline.socialisation.periods import NULLS, PeriodTexts, read_period_texts
from pipeline.socialisation.rows import dated
from pipeline.transfer.order import FAMILY

ENTROPY, TREND = "opening_entropy", "opening_entropy_trend"
WORDS = 3
"""First words of a message that make its opening; a shorter message is its own opening."""
LEAST_PERIODS = 4
"""Periods that a line and its error need."""

_TEXTS = "SELECT t.text FROM chosen_hash AS c JOIN text AS t ON t.text_hash = c.text_hash ORDER BY c.i"


def opening_measures(
    con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute the entropy of openings of each period and its trend.

    Parameters
    ----------
    con
        Connection with the views ``message`` and ``text`` of one corpus.
    clock
        Its period.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        ``opening_entropy``, mean over periods and of each, −Σ p log p / log n of the n messages of a period, beside
        shuffled periods; ``opening_entropy_trend``, its least-squares slope per period with a t-interval, beside
        both nulls of `pipeline.socialisation.periods`.
    """
    emit = partial(row, FAMILY, level=sampling.level)
    chosen = read_period_texts(con, clock, sampling.seed) if clock.period else None
    if chosen is None:
        refusal = "few_periods" if clock.period else str(clock.refusal)
        return [emit(name, None, 0, "texts", warnings=[*words, refusal]) for name in (ENTROPY, TREND)]
    opening, periods, n = read_openings(con, chosen), len(chosen.starts), len(chosen.agent)
    values = entropies(opening, chosen.period, periods)
    slope, interval = trend(values, sampling.level)
    few = [] if periods >= LEAST_PERIODS else ["few_periods"]
    rows = []
    for model, shuffle in NULLS:
        rng = stream(sampling.seed, f"{ENTROPY}/{model}")
        draws = np.stack([
            entropies(opening, shuffle(chosen, rng), periods) for _ in range(sampling.null_draws)
        ])  # fmt: skip
        mean = float(values.mean())
        rows.append(emit(ENTROPY, mean, n, "texts", null=against(model, mean, draws.mean(axis=1)), warnings=words))
        null = against(model, slope, draws @ _weights(periods))
        rows.append(emit(TREND, None if few else slope, n, "texts", interval=interval, null=null,
                         warnings=[*words, *few]))  # fmt: skip
        if model == NULLS[0][0]:
            rows += [
                dated(
                    emit(ENTROPY, float(values[p]), chosen.size, "texts", warnings=words,
                         null=against(model, float(values[p]), draws[:, p])),
                    clock, chosen.starts[p],
                )
                for p in range(periods)
            ]  # fmt: skip
    # Without a value a row has no null, and a measure without a value is one row.
    return list({(r.measure_id, r.period_start, r.null_model): r for r in rows}.values())


def read_openings(con: duckdb.DuckDBPyConnection, chosen: PeriodTexts) -> IntArray:
    """Return the code of the opening of each text, shape (texts,)."""
    con.register("chosen_hash", chosen.hashes.to_frame("text_hash").with_row_index("i"))
    try:
        texts = con.sql(_TEXTS).pl()
    finally:
        con.unregister("chosen_hash")
    first = pl.col("text").str.to_lowercase().str.extract_all(TOKEN_PATTERN).list.head(WORDS).list.join(" ")
    codes = texts.select(first.rank("dense").cast(pl.Int64) - 1).to_series()
    return np.asarray(codes.to_numpy(), dtype=np.int64)


def entropies(opening: IntArray, period: IntArray, periods: int) -> FloatArray:
    """Return −Σ p log p / log n of the openings of each period, n its texts, shape (periods,)."""
    width = int(opening.max()) + 1
    key, counts = np.unique(period * width + opening, return_counts=True)
    n = np.bincount(period, minlength=periods).astype(np.float64)
    share = counts / n[key // width]
    found = np.bincount(key // width, weights=-share * np.log(share), minlength=periods) / np.log(n)
    return np.asarray(np.round(found, 12))  # the last digits of equal entropies differ with the order of summing


def _weights(periods: int) -> FloatArray:
    centred = np.arange(periods) - (periods - 1) / 2
    return np.asarray(centred / (centred @ centred), dtype=np.float64)


def trend(values: FloatArray, level: float) -> tuple[float, Interval]:
    """Return the least-squares slope of values on the number of their period, and its t-interval."""
    periods = len(values)
    slope = float(values @ _weights(periods))
    if periods < LEAST_PERIODS:
        return slope, NO_INTERVAL
    line = values.mean() + slope * (np.arange(periods) - (periods - 1) / 2)
    spread = float(np.square(values - line).sum() / (periods - 2))
    error = np.sqrt(spread * float(np.square(_weights(periods)).sum()))
    reach = float(stats.t.ppf((1 + level) / 2, periods - 2) * error)
    return slope, Interval(slope - reach, slope + reach, "t_periods")
