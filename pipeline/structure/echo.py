"""How fast messages grow shorter with depth: what Li (2026, arXiv 2602.07432) prints as the decay of an echo.

What belongs here: mean words by depth, the decay y = a e^(−λ d) + c, and the rows about it. The study's results file
gives its λ only when y is the mean number of words at a depth over that of posts; likeness of texts is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, Interval, jackknife_interval
from pipeline.activity.row import Sampling, row
from pipeline.schema import Measure

FAMILY = "cascade"
DEEPEST = 4
LEAST_MESSAGES = 10
"""Messages of a depth; depths with fewer, and all below them, are left out."""
LEAST_DEPTHS = 4
PARTS = 16
"""Groups of authors of posts that the jackknife leaves out in turn, by a hexadecimal digit of a hash."""
NAMES = ("echo_decay", "echo_half_life")
_RATES = np.geomspace(0.01, 20.0, 400)

_BY_DEPTH = """
SELECT {side}CAST(m.depth AS BIGINT) AS depth,
       strpos('0123456789abcdef', substr(sha256('echo:' || coalesce(r.agent_id, r.message_id)), 1, 1)) - 1 AS part,
       count(*) AS n, CAST(sum(len(regexp_extract_all(m.content, '\\S+'))) AS BIGINT) AS words
FROM message AS m JOIN message AS r ON r.message_id = coalesce(m.root_id, m.message_id){join}
WHERE r.kind = 'post' AND m.content IS NOT NULL AND (m.kind = 'comment' OR m.message_id = r.message_id)
      AND m.depth BETWEEN 0 AND 4
GROUP BY {keys} ORDER BY {keys}
"""
_WORDS = _BY_DEPTH.format(side="", join="", keys="1, 2")
_JOIN = """
JOIN agent_signal AS s ON s.agent_id = r.agent_id
    AND s.cov_class IN ('very_regular', 'regular', 'irregular', 'very_irregular')"""
_WORDS_BY_SIDE = _BY_DEPTH.format(
    side="s.cov_class IN ('irregular', 'very_irregular') AS is_human, ", join=_JOIN, keys="1, 2, 3"
)
SIDES = (("autonomous", False), ("human", True))


@dataclass(frozen=True, slots=True)
class Decay:
    """The curve a e^(−λ d) + c that is nearest to values at depths, by least squares."""

    amplitude: float
    rate: float
    floor: float


def decay(depth: FloatArray, value: FloatArray) -> Decay | None:
    """Fit y = a e^(−λ d) + c with λ > 0; None where the least squares are at an end of the rates tried.

    For each rate amplitude and floor are a straight line, so only the rate is searched.
    """

    def line(rate: float) -> tuple[float, float, float]:
        x = np.exp(-rate * depth)
        centred = x - x.mean()
        slope = float(centred @ value / (centred @ centred))
        floor = float(value.mean() - slope * x.mean())
        return float(np.square(value - slope * x - floor).sum()), slope, floor

    curves = np.exp(-_RATES[:, None] * depth)
    around = curves - curves.mean(axis=1, keepdims=True)
    slopes = (around @ value) / np.square(around).sum(axis=1)
    best = int(np.argmin(np.square(value - value.mean() - slopes[:, None] * around).sum(axis=1)))
    if best in (0, len(_RATES) - 1):
        return None
    low, high = np.log(_RATES[best - 1]), np.log(_RATES[best + 1])
    ratio = (np.sqrt(5) - 1) / 2
    for _ in range(60):  # golden section
        left, right = high - ratio * (high - low), low + ratio * (high - low)
        low, high = (low, right) if line(np.exp(left))[0] < line(np.exp(right))[0] else (left, high)
    rate = float(np.exp((low + high) / 2))
    _, slope, floor = line(rate)
    return Decay(slope, rate, floor) if slope > 0 else None


def echo_rows(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Measure how fast messages grow shorter with depth.

    Parameters
    ----------
    con
        Connection with view ``message`` of one corpus.
    sampling
        Level of the intervals.

    Returns
    -------
    list of Measure
        ``echo_decay``, the rate λ per step of depth, and ``echo_half_life``, ln 2 / λ, with jackknife intervals over 16
        groups of authors of posts (of the logarithm). Null where fewer than `LEAST_DEPTHS` depths have messages
        enough, and where words do not decay; no interval where they do not without one of the groups.
    """
    return decay_rows(con.sql(_WORDS).pl(), FAMILY, NAMES, sampling)


def side_rows(con: duckdb.DuckDBPyConnection, family: str, sampling: Sampling) -> list[Measure]:
    """Measure the same of threads begun by autonomous authors and of those begun by human-influenced ones.

    Parameters
    ----------
    con
        Connection with views ``message`` and ``agent_signal`` of one corpus.
    family
        Family of the rows.
    sampling
        Level of the intervals.

    Returns
    -------
    list of Measure
        ``echo_decay_autonomous`` and ``echo_half_life_autonomous`` of authors whose coefficient of variation is below
        0.5, ``echo_decay_human`` and ``echo_half_life_human`` of those with 1 or more; authors between or without a
        coefficient are in neither.
    """
    found = con.sql(_WORDS_BY_SIDE).pl()
    return [
        made
        for side, is_human in SIDES
        for made in decay_rows(
            found.filter(pl.col("is_human") == is_human), family, (f"echo_decay_{side}", f"echo_half_life_{side}"),
            sampling,
        )
    ]  # fmt: skip


def decay_rows(found: pl.DataFrame, family: str, names: tuple[str, str], sampling: Sampling) -> list[Measure]:
    """Return the rows of a decay rate and its half-life.

    Parameters
    ----------
    found
        Messages ``n`` and their ``words`` by ``depth`` and ``part``, the group of the author of the post.
    family, names
        Family of the rows, and the names of the rate and of the half-life.
    sampling
        Level of the intervals.
    """
    emit = partial(row, family, n_unit="messages", level=sampling.level)
    n, words = np.zeros((DEEPEST + 1, PARTS)), np.zeros((DEEPEST + 1, PARTS))
    places = found["depth"].to_numpy().astype(np.int64), found["part"].to_numpy().astype(np.int64)
    n[places], words[places] = found["n"].to_numpy(), found["words"].to_numpy()
    enough = n.sum(axis=1) >= LEAST_MESSAGES
    depths = int(np.argmin(enough)) if not enough.all() else DEEPEST + 1
    total = int(n[:depths].sum())
    if depths < LEAST_DEPTHS or not words[0].sum():
        return [emit(name, None, total, warnings=["few_replies"]) for name in names]
    whole = _rate(n[:depths].sum(axis=1), words[:depths].sum(axis=1))
    if not np.isfinite(whole):
        return [emit(name, None, total, warnings=["not_converged"]) for name in names]
    left = [_rate(np.delete(n[:depths], g, 1).sum(axis=1), np.delete(words[:depths], g, 1).sum(axis=1))
            for g in range(PARTS) if n[:, g].any()]  # fmt: skip
    # Fits that fail are those furthest from the others: an interval of the rest would be too short.
    is_whole = bool(np.isfinite(left).all())
    spread = NO_INTERVAL
    if is_whole:
        spread = jackknife_interval(
            float(np.log(whole)), np.log(np.array(left)), level=sampling.level, method="jackknife_author_groups"
        )
    ends = (spread.low, spread.high)
    rate = half = NO_INTERVAL
    if ends[0] is not None and ends[1] is not None:
        low, high = float(np.exp(ends[0])), float(np.exp(ends[1]))
        rate = Interval(low, high, spread.method)
        half = Interval(float(np.log(2)) / high, float(np.log(2)) / low, spread.method)
    words_said = [] if rate.low is not None else ["few_agents" if is_whole else "not_converged"]
    return [
        emit(names[0], whole, total, interval=rate, warnings=words_said),
        emit(names[1], float(np.log(2)) / whole, total, interval=half, warnings=words_said),
    ]


def _rate(n: FloatArray, words: FloatArray) -> float:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = words / n
    if not np.isfinite(mean).all() or mean[0] == 0:
        return float("nan")
    found = decay(np.arange(len(n), dtype=np.float64), mean / mean[0])
    return found.rate if found else float("nan")
