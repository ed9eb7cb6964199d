"""Whether comments come in a rhythm of four hours: peaks of the periodogram against noise that remembers.

What belongs here: the counts of one stretch without a gap, their periodogram, and the rows about it, as AysajanE
(arXiv 2602.07667, section Periodicity Detection) computes them. Noise that remembers (AR(1)) has high slow
frequencies by itself, so it and not white noise is the null.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
from scipy import signal

from pipeline.activity.resampling import FloatArray, IntArray, Null, stream
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.schema import Measure
from pipeline.structure.emitter import FAMILY

BIN_HOURS, PERIOD_HOURS = 0.25, 4.0
GAP_HOURS = 6.0
"""A longer silence ends a stretch; the longest stretch is analysed."""
MEAN_BINS = 96
"""A centred mean over a day is taken off, of what there is of it at the ends."""
LEAST_BINS = 96
LEAST_COMMENTS = 100
SEGMENT, OVERLAP = 128, 64
BACKGROUND = 0.03
"""Frequencies as near as this to the target, per hour, are no background of it."""
DRAWS, _MOST_VALUES = 2_000, 40_000_000
NAMES = ("periodicity_4h_g", "periodicity_4h_p", "periodicity_4h_target_p", "periodicity_4h_power_ratio",
         "periodicity_dominant_hours")  # fmt: skip

_TIMES = """
SELECT CAST(epoch_us(created_at) AS BIGINT) AS moment FROM message
WHERE kind = 'comment' AND created_at IS NOT NULL AND coalesce(at_precision, 'us') IN ('us', 'ms', 's', 'minute')
ORDER BY moment
"""
_WHY = "SELECT count(*), count(created_at), count(step) FROM message WHERE kind = 'comment'"


def longest_stretch(at: FloatArray) -> FloatArray:
    """Return the times (hours, ascending) of the longest stretch without a gap of more than `GAP_HOURS`."""
    cuts = np.flatnonzero(np.diff(at) > GAP_HOURS) + 1
    parts = np.split(at, cuts)
    return max(parts, key=lambda part: float(part[-1] - part[0]) if len(part) else -1.0)


def series(at: FloatArray) -> FloatArray:
    """Return log(1 + comments) per bin, less its centred mean over a day, less its mean, shape (bins,)."""
    place = ((at - at[0]) / BIN_HOURS).astype(np.int64)
    y = np.log1p(np.bincount(place).astype(np.float64))
    # Bins t − 48 to t + 47, as far as there are any.
    total = np.concatenate([[0.0], np.cumsum(y)])
    t = np.arange(len(y))
    low, high = np.maximum(t - MEAN_BINS // 2, 0), np.minimum(t + MEAN_BINS // 2, len(y))
    y = y - (total[high] - total[low]) / (high - low)
    return np.asarray(y - y.mean(), dtype=np.float64)


def periodogram(y: FloatArray) -> FloatArray:
    """Return the squared moduli of the Fourier transform at positive frequencies, shape (..., bins // 2)."""
    return np.asarray(np.square(np.abs(np.fft.rfft(y, axis=-1)))[..., 1:], dtype=np.float64)


def frequencies(bins: int) -> FloatArray:
    """Return the positive frequencies of `periodogram`, per hour."""
    return np.asarray(np.fft.rfftfreq(bins, BIN_HOURS)[1:], dtype=np.float64)


def statistics(y: FloatArray) -> FloatArray:
    """Return Fisher's g (largest ordinate over their sum) and the ordinate nearest to four hours, shape (2, ...)."""
    power = periodogram(y)
    target = int(np.abs(frequencies(y.shape[-1]) - 1 / PERIOD_HOURS).argmin())
    return np.stack([power.max(axis=-1) / power.sum(axis=-1), power[..., target]])


def autoregression(y: FloatArray) -> tuple[float, float]:
    """Return the coefficient of y on its last value by least squares, and the standard deviation of what is left."""
    before, after = y[:-1], y[1:]
    phi = float(before @ after / (before @ before))
    return phi, float((after - phi * before).std())


def simulated(phi: float, sd: float, bins: int, draws: int, rng: np.random.Generator) -> FloatArray:
    """Return series of an AR(1) process that begin in its stationary distribution, shape (draws, bins)."""
    noise = rng.normal(scale=sd, size=(draws, bins))
    noise[:, 0] /= np.sqrt(max(1 - phi**2, 1e-6))
    return np.asarray(signal.lfilter([1.0], [1.0, -phi], noise, axis=1), dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """What is found in one series.

    Attributes
    ----------
    g, target
        The two statistics.
    null
        Their draws, shape (2, draws).
    ratio
        Power by Welch's method at four hours over the median power elsewhere.
    dominant
        Period of the largest ordinate, hours.
    """

    g: float
    target: float
    null: FloatArray
    ratio: float
    dominant: float


def rhythm(y: FloatArray, draws: int, rng: np.random.Generator) -> Rhythm:
    """Analyse a series of at least `LEAST_BINS` values that are not all equal."""
    bins = len(y)
    g, target = (float(v) for v in statistics(y))
    phi, sd = autoregression(y)
    parts = [
        statistics(simulated(phi, sd, bins, min(100, draws - start), rng)) for start in range(0, draws, 100)
    ]  # fmt: skip
    hz, power = signal.welch(
        y, fs=1 / BIN_HOURS, window="hann", nperseg=min(SEGMENT, bins), noverlap=min(OVERLAP, bins // 2),
        detrend="constant",
    )  # fmt: skip
    at = int(np.abs(hz - 1 / PERIOD_HOURS).argmin())
    elsewhere = (hz > 0) & (np.abs(hz - hz[at]) > BACKGROUND)
    dominant = float(1 / frequencies(bins)[periodogram(y).argmax()])
    return Rhythm(g, target, np.concatenate(parts, axis=1), float(power[at] / np.median(power[elsewhere])), dominant)


def periodicity_rows(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Test comments for a rhythm of four hours.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Seed and level.

    Returns
    -------
    list of Measure
        ``periodicity_4h_g``: Fisher's g, beside AR(1) noise; ``periodicity_4h_p``: its p; ``periodicity_4h_target_p``:
        the p of the ordinate at four hours, which is the one to read; ``periodicity_4h_power_ratio``;
        ``periodicity_dominant_hours``. The p are one-sided: a rhythm makes peaks higher. Null where the longest stretch
        is shorter than a day. g looks for a peak anywhere, and finds slow drift: an AR(1) that is fitted to counts
        forgets too fast, so that g and its p say ``not_evidence``.
    """
    emit = partial(row, FAMILY, n_unit="bins of 15 minutes", level=sampling.level)
    times: IntArray = con.sql(_TIMES).pl()["moment"].to_numpy().astype(np.int64)
    if not len(times):
        every, timed, stepped = con.sql(_WHY).fetchall()[0]
        word = "time_too_coarse" if timed else "clock_is_step" if stepped else "no_times" if every else "few_replies"
        return _refused(emit, 0, word)
    at = longest_stretch((times - times[0]) / 3.6e9)
    y = series(at)
    if len(y) < LEAST_BINS or len(at) < LEAST_COMMENTS:
        return _refused(emit, len(y), "few_periods" if len(y) < LEAST_BINS else "few_replies")
    if np.ptp(y) == 0:
        return _refused(emit, len(y), "no_variation")
    draws = max(200, min(DRAWS, _MOST_VALUES // len(y)))
    found = rhythm(y, draws, stream(sampling.seed, "periodicity_4h"))
    values = (found.g, found.target)
    p = [(1 + int((null >= v).sum())) / (1 + draws) for v, null in zip(values, found.null, strict=True)]
    null = Null(f"autoregression({draws})", float(found.null[0].mean()), float(found.null[0].std(ddof=1)), p[0])
    return [
        emit(NAMES[0], found.g, len(y), null=null, warnings=["not_evidence"]),
        emit(NAMES[1], p[0], len(y), interval=CENSUS, warnings=["not_evidence"]),
        emit(NAMES[2], p[1], len(y), interval=CENSUS),
        emit(NAMES[3], found.ratio, len(y), interval=CENSUS),
        emit(NAMES[4], found.dominant, len(y), interval=CENSUS),
    ]


def _refused(emit: Callable[..., Measure], n: int, word: str) -> list[Measure]:
    return [emit(name, None, n, warnings=[word]) for name in NAMES]
