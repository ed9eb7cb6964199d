"""Phrases that come and go: births and deaths of n-grams by period, against shuffled periods.

What belongs here: counting n-grams of one to five tokens by period and the rows about it. An n-gram lives in a period
in which it occurs twice or more (Li, Li & Zhou 2026, arXiv 2602.14299). It is born in the first of its periods and
dies in the last; of the first period all are born and of the last all die, so that neither tells anything.
"""

from __future__ import annotations

from functools import partial

import duckdb
import numpy as np
from scipy import sparse

from pipeline.activity.resampling import FloatArray, IntArray, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.language.clock import Clock
from pipeline.schema import Measure
from pipeline.socialisation.lexis import grams
from pipeline.socialisation.periods import NULLS, PeriodTexts, read_period_texts
from pipeline.socialisation.rows import dated
from pipeline.socialisation.samples import COMPARED_TOKENS, coded
from pipeline.socialisation.vocabulary import FAMILY

LONGEST, LEAST = 5, 2
_MOST_CELLS = 100_000_000
NAMES = ("ngram_birth_share", "ngram_death_share")


def turnover_measures(
    con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute the shares of n-grams that are new, and that are gone afterwards.

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
        Of each name of `NAMES` the mean over periods beside both nulls of `periods`, and each period beside
        shuffled periods.
    """
    emit = partial(row, FAMILY, level=sampling.level)
    chosen = read_period_texts(con, clock, sampling.seed) if clock.period else None
    if chosen is None:
        refusal = "few_periods" if clock.period else str(clock.refusal)
        return [emit(name, None, 0, "texts", warnings=[*words, refusal]) for name in NAMES]
    counts = count_ngrams(con, chosen)
    values = shares(counts, chosen.period, len(chosen.starts))
    rows, n, n_draws = [], len(chosen.agent), _draws(counts, len(chosen.starts), sampling)
    for model, shuffle in NULLS:
        rng = stream(sampling.seed, f"turnover/{model}")
        draws = np.stack([
            shares(counts, shuffle(chosen, rng), len(chosen.starts)) for _ in range(n_draws)
        ])  # fmt: skip
        for place, name in enumerate(NAMES):
            inner = slice(1, None) if place == 0 else slice(None, -1)
            mean = float(values[place, inner].mean())
            null = against(model, mean, draws[:, place, inner].mean(axis=1))
            rows.append(emit(name, mean, n, "texts", null=null, warnings=words))
            if model == NULLS[0][0]:
                per_period = range(len(chosen.starts))[inner]
                rows += [
                    dated(
                        emit(
                            name, float(values[place, p]), chosen.size, "texts", warnings=words,
                            null=against(model, float(values[place, p]), draws[:, place, p]),
                        ),
                        clock, chosen.starts[p],
                    )
                    for p in per_period
                ]  # fmt: skip
    return rows


def _draws(counts: sparse.csr_array, periods: int, sampling: Sampling) -> int:
    """Return the draws of each null: half of all, fewer in large samples, as many as of the dearest null at least."""
    cells = max(int(counts.shape[0]) * periods, 1)
    return max(min(sampling.null_draws // 2, _MOST_CELLS // cells), min(sampling.clustering_draws, sampling.null_draws))


def count_ngrams(con: duckdb.DuckDBPyConnection, chosen: PeriodTexts, longest: int = LONGEST) -> sparse.csr_array:
    """Return how often each text has each n-gram of 1 to `longest` tokens, those that occur twice or more in all.

    Returns
    -------
    scipy.sparse.csr_array
        Shape (n-grams, texts).
    """
    con.register("chosen_hash", chosen.hashes.to_frame("text_hash").with_row_index("i"))
    try:
        query = "SELECT t.text FROM chosen_hash AS c JOIN text AS t ON t.text_hash = c.text_hash ORDER BY c.i"
        tokens = coded(con.sql(query).pl(), most=COMPARED_TOKENS)
    finally:
        con.unregister("chosen_hash")
    parts = [(n, *grams(tokens.token, tokens.text, n)) for n in range(1, longest + 1)]
    # The length is part of the code: an n-gram is not its own beginning.
    codes = np.concatenate([codes * np.uint64(8) + np.uint64(n) for n, codes, _ in parts])
    text = np.concatenate([tokens.text[starts] for _, _, starts in parts])
    _, which, total = np.unique(codes, return_inverse=True, return_counts=True)
    is_kept = total[which] >= LEAST
    number = np.cumsum(total >= LEAST) - 1
    ones = np.ones(int(is_kept.sum()), dtype=np.int64)
    shape = (int((total >= LEAST).sum()), tokens.n_texts)
    return sparse.csr_array((ones, (number[which[is_kept]], text[is_kept])), shape=shape)


def shares(counts: sparse.csr_array, period: IntArray, periods: int, least: int = LEAST) -> FloatArray:
    """Return the shares of the n-grams that live in a period which are born and which die in it, shape (2, periods).

    An n-gram lives in a period in which it occurs `least` times.
    """
    held = sparse.csr_array((np.ones(len(period)), (np.arange(len(period)), period)), shape=(len(period), periods))
    lives = (counts @ held).toarray() >= least
    lives = lives[lives.any(axis=1)]
    alive = lives.sum(axis=0)
    born = np.bincount(lives.argmax(axis=1), minlength=periods)
    gone = np.bincount(periods - 1 - lives[:, ::-1].argmax(axis=1), minlength=periods)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.stack([born / alive, gone / alive])
