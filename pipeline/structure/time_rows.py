"""Rows of networks over time: growth, what windows keep, and the descriptives of each window.

What belongs here: densification, persistence of ties and its null, ties and reciprocity by day, week or month.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.activity.resampling import jackknife_interval, stream
from pipeline.activity.row import CENSUS
from pipeline.network.edges import IntArray
from pipeline.network.measures import MIN_TIES
from pipeline.network.nulls import set_against, swapped, swaps_model
from pipeline.network.structure import reciprocity
from pipeline.schema import Measure
from pipeline.structure.degrees import FloatArray
from pipeline.structure.emitter import Emitter, Plan
from pipeline.structure.graphs import GROUPS, UNKNOWN, Graph
from pipeline.structure.prominence import TOP, ranked_window, stayed, stayed_by_chance
from pipeline.structure.windows import MIN_SNAPSHOTS, Windows, choose_windows, densification, jaccard, window_ties

Ties = tuple[IntArray, IntArray]
MIN_WINDOWS = 2
NULL_TOPS = 999
"""Draws of the null of top lists, which need no network."""
_PROMINENT = "pagerank_top_persistence"


def time_rows(graph: Graph, plan: Plan, words: Sequence[str] = ()) -> list[Measure]:
    """Measure how a network changes.

    Returns
    -------
    list of Measure
        ``densification_exponent``, ``tie_persistence`` and, of directed networks, ``pagerank_top_persistence`` over the
        whole span, and by window (period day, week or month; month where times are known to the month only) ties,
        agents, reciprocity, and persistence from the window before. Without usable times one null row of each that the
        whole span has, with the reason.
    """
    emit = Emitter(graph, plan, tuple(words))
    if not graph.n_ties:
        return []
    windows = choose_windows(graph.spells)
    if graph.n_ties < MIN_TIES or windows is None:
        why = "few_ties" if graph.n_ties < MIN_TIES else _why(graph)
        names = ("densification_exponent", "tie_persistence", *((_PROMINENT,) if graph.is_directed else ()))
        return [emit(name, None, graph.n_ties, "ties", words=[why]) for name in names]
    coarse = ["time_too_coarse"] if windows.is_coarse else []
    ties = list(window_ties(graph, windows))
    return [
        _densification(emit, windows),
        *_persistence(emit, windows, ties, coarse),
        *(_prominent(emit, windows, ties, coarse) if graph.is_directed else ()),
        *_by_window(emit, windows, ties, coarse),
    ]


def _why(graph: Graph) -> str:
    return "time_too_coarse" if (graph.spells.start != UNKNOWN).any() else "no_times"


def _densification(emit: Emitter, windows: Windows) -> Measure:
    name, graph = "densification_exponent", emit.graph
    ties = (graph.source, graph.target, graph.start, graph.n_nodes)
    if windows.is_coarse:
        return emit(name, None, graph.n_ties, "ties", words=["time_too_coarse"])
    value, snapshots = densification(*ties)
    if snapshots < MIN_SNAPSHOTS:
        return emit(name, None, snapshots, "snapshots", words=["few_periods"])
    left = [densification(*ties, graph.group != label)[0] for label in np.unique(graph.group)]
    interval = jackknife_interval(value, np.array(left), level=emit.plan.level, method="jackknife_agent_groups")
    return emit(name, value, snapshots, "snapshots", interval=interval)


def _persistence(emit: Emitter, windows: Windows, ties: list[Ties], coarse: list[str]) -> list[Measure]:
    """Ties that two neighbouring windows share over all that they have, pooled; null: the later window swapped."""
    name, graph = "tie_persistence", emit.graph
    size = max(len(graph.spells.ids), 1)
    pairs = [(a, b) for a, b in itertools.pairwise(ties) if len(a[0]) and len(b[0])]
    if len(ties) < MIN_WINDOWS or not pairs:
        return [emit(name, None, len(pairs), "pairs of windows", words=[*coarse, "few_periods"])]
    counted = [jaccard(a, b, size) for a, b in pairs]
    shared, joint = (sum(column) for column in zip(*counted, strict=True))
    if joint < MIN_TIES:
        return [emit(name, None, joint, "ties", words=[*coarse, "few_ties"])]
    value = shared / joint
    left = []
    for label in range(GROUPS):
        parts = [jaccard(_without(a, graph, label), _without(b, graph, label), size) for a, b in pairs]
        together = sum(part[1] for part in parts)
        left.append(sum(part[0] for part in parts) / together if together else np.nan)
    interval = jackknife_interval(
        value, np.array(left), level=emit.plan.level, method="jackknife_agent_groups", bounds=(0.0, 1.0)
    )
    null = set_against(value, _persistence_null(graph, pairs, emit.plan), swaps_model(graph.run))
    whole = emit(name, value, joint, "ties", interval=interval, null=null, words=coarse)
    later = windows.starts()[1:]
    rows = [
        replace(
            emit(name, kept / both if both >= MIN_TIES else None, both, "ties", interval=CENSUS,
                 words=[*coarse, *(["few_ties"] if both < MIN_TIES else [])]),
            period=windows.period, period_start=start,
        )
        for start, (kept, both) in zip(later, (jaccard(a, b, size) for a, b in itertools.pairwise(ties)),
                                       strict=True)
    ]  # fmt: skip
    return [whole, *rows]


def _without(ties: Ties, graph: Graph, label: int) -> Ties:
    group = graph.spells.group
    kept = (group[ties[0]] != label) & (group[ties[1]] != label)
    return ties[0][kept], ties[1][kept]


def _persistence_null(graph: Graph, pairs: list[tuple[Ties, Ties]], plan: Plan) -> FloatArray:
    """Draw the persistence when who is tied to whom in the later window is random, given everyone's number of ties."""
    size, draws = max(len(graph.spells.ids), 1), plan.draws.dear
    rng = stream(plan.seed, f"tie_persistence_{graph.name}")
    sums = np.zeros((draws, 2))
    for first, second in pairs:
        made = swapped(*second, size, draws, rng, is_directed=graph.is_directed, run=graph.spells.run)
        for draw, drawn in enumerate(made):
            low, high = drawn
            if not graph.is_directed:
                low, high = np.minimum(*drawn), np.maximum(*drawn)
            sums[draw] += jaccard(first, (low, high), size)
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _prominent(emit: Emitter, windows: Windows, ties: list[Ties], coarse: list[str]) -> list[Measure]:
    """Share of a window's top agents by PageRank who are in the top of the next, pooled; null: any of its agents."""
    graph = emit.graph
    ranked = [ranked_window(*found) if len(found[0]) >= MIN_TIES else None for found in ties]
    pairs = [(a, b) for a, b in itertools.pairwise(ranked) if a and b]
    if not pairs:
        return [emit(_PROMINENT, None, 0, "pairs of windows", words=[*coarse, "few_periods"])]
    counted = [stayed(*pair) for pair in pairs]
    value, n = sum(kept for kept, _ in counted) / sum(top for _, top in counted), sum(top for _, top in counted)
    left = []
    for label in range(GROUPS):
        parts = [stayed(*pair, graph.spells.group != label) for pair in pairs]
        left.append(sum(part[0] for part in parts) / max(sum(part[1] for part in parts), 1))
    interval = jackknife_interval(
        value, np.array(left), level=emit.plan.level, method="jackknife_agent_groups", bounds=(0.0, 1.0)
    )
    rng = stream(emit.plan.seed, f"{_PROMINENT}_{graph.name}")
    null = set_against(value, stayed_by_chance(pairs, NULL_TOPS, rng), "random_agents_of_window")
    rows = [
        replace(
            emit(_PROMINENT, *_share(stayed(a, b) if a and b else None), "agents", interval=CENSUS,
                 words=[*coarse, *([] if a and b else ["few_ties"])]),
            period=windows.period, period_start=start,
        )
        for start, (a, b) in zip(windows.starts()[1:], itertools.pairwise(ranked), strict=True)
    ]  # fmt: skip
    few = ["few_agents"] if any(len(window.ranked) < 2 * TOP for window in ranked if window) else []
    return [emit(_PROMINENT, value, n, "agents", interval=interval, null=null, words=[*coarse, *few]), *rows]


def _share(counted: tuple[int, int] | None) -> tuple[float | None, int]:
    return (None, 0) if counted is None else (counted[0] / counted[1], counted[1])


def _by_window(emit: Emitter, windows: Windows, ties: list[Ties], coarse: list[str]) -> list[Measure]:
    graph, rows = emit.graph, []
    size = max(len(graph.spells.ids), 1)
    for start, (source, target) in zip(windows.starts(), ties, strict=True):
        n, nodes = len(source), len(np.unique(np.concatenate([source, target])))
        few = n < MIN_TIES
        words = [*coarse, *(["few_ties"] if few else [])]
        found = [
            emit("network_nodes", nodes, nodes, "agents", interval=CENSUS, words=words),
            emit("network_ties", n, n, "ties", interval=CENSUS, words=words),
            emit("degree_mean", None if few else _mean_degree(graph, source, target, size), nodes, "agents",
                 interval=CENSUS, words=words),
        ]  # fmt: skip
        if graph.is_directed:
            share = None if few else reciprocity(source, target, size)
            found.append(emit("reciprocity", share, n, "ties", interval=CENSUS, words=words))
        rows += [replace(made, period=windows.period, period_start=start) for made in found]
    return rows


def _mean_degree(graph: Graph, source: IntArray, target: IntArray, size: int) -> float:
    """Mean number of distinct partners."""
    pairs = np.unique(np.minimum(source, target) * size + np.maximum(source, target)) if graph.is_directed else source
    return 2 * len(pairs) / len(np.unique(np.concatenate([source, target])))
