"""Networks over time: growth, and what of one window's ties the next one keeps.

What belongs here: choosing windows that the times of a corpus support, the ties of each, densification. Times known
only to the month give months; weekly networks of such a corpus are refused elsewhere, its monthly ones are not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from pipeline.network.edges import IntArray, distinct
from pipeline.structure.degrees import FloatArray
from pipeline.structure.graphs import UNKNOWN, Graph, Spells

MIN_TIMED = 0.5
"""Below this share of spells with a usable time, windows would describe the dated ones only."""
MOST_WINDOWS = 60
MIN_SNAPSHOTS = 5
SNAPSHOTS = 30
_DAY = 86_400_000_000
_LENGTHS = {"day": _DAY, "week": 7 * _DAY}
_EPOCH = datetime(1970, 1, 1)
_MONDAY = 4 * _DAY  # 1970-01-05


@dataclass(frozen=True, slots=True)
class Windows:
    """Windows of one network.

    Attributes
    ----------
    period
        day, week or month.
    edges
        First microsecond of each window, and of the one after the last, shape (windows + 1,).
    is_coarse
        True when times are known to the month only.
    """

    period: str
    edges: IntArray
    is_coarse: bool

    def starts(self) -> list[datetime]:
        """Return the first instant of each window."""
        return [_EPOCH + timedelta(microseconds=int(edge)) for edge in self.edges[:-1]]


def choose_windows(spells: Spells) -> Windows | None:
    """Choose the shortest of day, week and month that the times support and that makes at most `MOST_WINDOWS`.

    Returns
    -------
    Windows or None
        Whole windows between the first and the last start; all windows where fewer than two are whole. ``None`` when
        less than half of the spells have a time known to the month.
    """
    n = len(spells.start)
    known = int(spells.is_known_to_month.sum())
    if n == 0 or known < MIN_TIMED * n:
        return None
    is_coarse = int(spells.is_known_to_day.sum()) < MIN_TIMED * n
    times = spells.start[spells.is_known_to_month]
    first, last = int(times.min()), int(times.max())
    for period in ("month",) if is_coarse else ("day", "week", "month"):
        edges = _edges(period, first, last)
        if len(edges) - 1 <= MOST_WINDOWS or period == "month":
            whole = edges[(edges >= first) & (edges <= last + 1)]
            return Windows(period, whole if len(whole) > 2 else edges, is_coarse)
    return None


def _edges(period: str, first: int, last: int) -> IntArray:
    if period == "month":
        start, stop = (np.datetime64(t, "us").astype("datetime64[M]") for t in (first, last))
        months = np.arange(start, stop + np.timedelta64(2, "M"))
        return months.astype("datetime64[us]").astype(np.int64)
    length, offset = _LENGTHS[period], _MONDAY if period == "week" else 0
    start = (first - offset) // length * length + offset
    return np.arange(start, last + length + 1, length, dtype=np.int64)


def window_ties(graph: Graph, windows: Windows) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the distinct ties of each window, as numbers of all ids that occur.

    For a relation these are the ties that stand at the end of the window; otherwise pairs with an event inside it.
    Ties of undirected networks have the smaller number first.
    """
    spells, size = graph.spells, max(len(graph.spells.ids), 1)
    low, high = spells.source, spells.target
    if not graph.is_directed:
        low, high = np.minimum(low, high), np.maximum(low, high)
    for opens, closes in zip(windows.edges[:-1], windows.edges[1:], strict=True):
        if spells.is_state:
            inside = (spells.start < closes) & (spells.end >= closes)
        else:
            inside = (spells.start >= opens) & (spells.start < closes)
        keys = distinct(low[inside] * size + high[inside])
        yield keys // size, keys % size


def jaccard(first: tuple[IntArray, IntArray], second: tuple[IntArray, IntArray], size: int) -> tuple[int, int]:
    """Return how many ties two windows share, and how many they have together; ties of a window are distinct."""
    a, b = first[0] * size + first[1], second[0] * size + second[1]
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared, len(a) + len(b) - shared


def densification(
    source: IntArray, target: IntArray, start: IntArray, n_nodes: int, kept: FloatArray | None = None
) -> tuple[float, int]:
    """Exponent a of ``ties ~ nodes^a`` as a network grows.

    Parameters
    ----------
    source, target, start
        Distinct ties and the first time of each; ties without a time count from the beginning.
    n_nodes
        Number of nodes.
    kept
        Nodes that count, as a mask; all when omitted.

    Returns
    -------
    tuple of float and int
        Least-squares slope of log ties on log nodes over up to `SNAPSHOTS` cumulated snapshots at equal distances in
        time (Leskovec, Kleinberg & Faloutsos 2005), and the snapshots with distinct numbers of nodes behind it; a node
        counts from its first tie on. Not-a-number with fewer than `MIN_SNAPSHOTS`.
    """
    if kept is not None:
        inside = (kept[source] > 0) & (kept[target] > 0)
        source, target, start = source[inside], target[inside], start[inside]
    known = start[start != UNKNOWN]
    if len(known) < 2 or known.min() == known.max():
        return float("nan"), 0
    arrival = np.full(n_nodes, np.iinfo(np.int64).max)
    for ends in (source, target):
        np.minimum.at(arrival, ends, start)
    marks = np.linspace(float(known.min()), float(known.max()), SNAPSHOTS + 1)[1:]
    ties = np.searchsorted(np.sort(start), marks, side="right")
    nodes = np.searchsorted(np.sort(arrival), marks, side="right")
    grown = np.unique(np.column_stack([nodes, ties])[nodes > 1], axis=0)
    sizes = len(np.unique(grown[:, 0]))
    if sizes < MIN_SNAPSHOTS:
        return float("nan"), sizes
    x, y = np.log(grown[:, 0]), np.log(grown[:, 1])
    centred = x - x.mean()
    return float((centred * (y - y.mean())).sum() / np.square(centred).sum()), sizes
