"""How threads scale: with their size, in depth against width, and over time (De Marzo & Garcia, arXiv 2602.09270).

What belongs here: exponents by least squares on logarithms, as pure functions over threads.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.structure.cascades import NONE
from pipeline.structure.degrees import FloatArray
from pipeline.structure.thread_frames import HOUR, Threads

MIN_PER_BIN = 10
MIN_BINS = 4
STEP = HOUR // 2
STEPS = 48
MIN_THREADS = 20


def slope(x: FloatArray, y: FloatArray) -> float:
    """Least-squares slope, not-a-number where x does not vary."""
    centred = x - x.mean() if len(x) else x
    spread = float(np.square(centred).sum())
    return float((centred * (y - y.mean())).sum()) / spread if spread > 0 else float("nan")


def size_exponent(size: FloatArray, held: FloatArray) -> float:
    """Exponent β of ``mean of y ~ size^β``.

    Returns
    -------
    float
        Slope of log mean y on log mean size over bins of doubling size that hold at least `MIN_PER_BIN` threads; means
        keep threads whose y is zero. Not-a-number with fewer than `MIN_BINS` bins.
    """
    sized = size > 0
    size, held = size[sized], held[sized]
    place = np.floor(np.log2(size)).astype(np.int64) if len(size) else np.zeros(0, dtype=np.int64)
    n = np.bincount(place)
    with np.errstate(invalid="ignore", divide="ignore"):
        x, y = (np.bincount(place, weights=part, minlength=len(n)) / n for part in (size, held))
    kept = (n >= MIN_PER_BIN) & (y > 0)
    return slope(np.log(x[kept]), np.log(y[kept])) if kept.sum() >= MIN_BINS else float("nan")


def depth_width_slope(deepest: NDArray[np.int64], widest: NDArray[np.int64], size: FloatArray) -> float:
    """Slope of ``log(d / √n)`` on ``log(w / √n)`` over threads with at least two comments; −1 when d · w = n."""
    kept = size >= 2
    root = np.sqrt(size[kept])
    return slope(np.log(widest[kept] / root), np.log(deepest[kept] / root)) if kept.sum() > 2 else float("nan")


def growth_decay(threads: Threads, kept: NDArray[np.bool_]) -> float:
    """Exponent of the relative growth of threads with their age; −1 when it falls as 1/t.

    Returns
    -------
    float
        Slope of log γ on log t with ``γ(t) = ⟨N(t) / N(t − Δ)⟩ − 1``, N the comments of a thread at age t, Δ = 30
        minutes, t up to a day; over threads watched for so long that have a comment at t − Δ. Not-a-number
        with fewer than `MIN_BINS` ages at which at least `MIN_THREADS` threads count.
    """
    forest, at = threads.forest, threads.at
    born = at[threads.root]
    below = np.flatnonzero((forest.depth > 0) & (at != NONE))
    below = below[(born[forest.tree[below]] != NONE) & kept[forest.tree[below]]]
    if not len(below):
        return float("nan")
    age = np.maximum(at[below] - born[forest.tree[below]], 0) // STEP
    watched = np.where((born != NONE) & kept, (int(at.max()) - born) // STEP, -1)
    order = np.argsort(age, kind="stable")
    limits = np.searchsorted(age[order], np.arange(STEPS + 1))
    count = np.bincount(forest.tree[below[order[: limits[1]]]], minlength=forest.n_trees)
    ages, growth = [], []
    for step in range(1, STEPS):
        now = count + np.bincount(forest.tree[below[order[limits[step] : limits[step + 1]]]], minlength=forest.n_trees)
        counted = (count > 0) & (watched > step)
        if counted.sum() >= MIN_THREADS:
            gamma = float((now[counted] / count[counted]).mean()) - 1
            if gamma > 0:
                ages.append(step + 1.0)
                growth.append(gamma)
        count = now
    return slope(np.log(ages), np.log(growth)) if len(ages) >= MIN_BINS else float("nan")
