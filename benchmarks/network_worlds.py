"""Generated networks for `benchmarks.bench_networks`: drawn by the project's own generator and kept as plain arrays.

What belongs here: what is planted, drawing it, and files between the process that draws and those that are measured.

The generator is `pipeline.simulation.coevolution`, and not a draw that only looks like a network: ties then have hubs,
answers and closed triads, agents choose alters by scores that react to alters, and the planted coefficients are known,
so that a run of the benchmark also says whether the estimators find them at this size. It draws 70,000 agents over 52
weeks in minutes.
"""

from __future__ import annotations

import json
import resource
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.network.panel import FloatArray, IntArray
from pipeline.network.snapshots import EVER
from pipeline.simulation.coevolution import FIRST_WEEK, CoevolutionTruth, simulate

ARRAYS = ("source", "target", "start", "end", "scores", "halves", "group")
NOISE = 0.05
"""Error of a score, as of long messages: SIMEX and split halves have work, and it is too little to bend estimates."""
SILENT = 0.01
"""Share of agent-weeks without a message: of 3.64 million 3.6 million have a score."""


@dataclass(frozen=True, slots=True)
class World:
    """Ties as they come from a database, and scores.

    Attributes
    ----------
    source, target, start, end
        Ends and weeks of the intervals of ties, [start, end), shape (intervals,).
    scores, halves
        Score of each agent and week from all messages and from each half of them, not-a-number where it was silent,
        shape (agents, weeks) and (2, agents, weeks). Column 0 is week ``FIRST_WEEK``.
    group
        Community of each agent, shape (agents,).
    """

    source: IntArray
    target: IntArray
    start: IntArray
    end: IntArray
    scores: FloatArray
    halves: FloatArray
    group: IntArray

    first_week = FIRST_WEEK

    @property
    def n_agents(self) -> int:
        """Number of agents."""
        return len(self.group)


def planted(agents: int, weeks: int) -> CoevolutionTruth:
    """Return what is planted: selection of 0.8 log odds per unit, influence of 0.08, the same degrees at any size."""
    return CoevolutionTruth.large(
        n_agents=agents, n_weeks=weeks, noise=NOISE, missing_share=SILENT, is_missing_silent=True
    )


def drawn(agents: int, weeks: int) -> World:
    """Draw a world; communities are known, as those of a forum are, and ties of before the first week have no start."""
    seen = simulate(planted(agents, weeks)).with_communities()
    ties, halves = seen.ties, seen.halves
    if halves is None:
        raise ValueError("the world has scores without error, so no halves; set a noise")
    start = np.where(ties.start < FIRST_WEEK, EVER, ties.start).astype(np.int64)
    return World(ties.source, ties.target, start, ties.end.astype(np.int64), seen.scores, halves, seen.group)


def save(agents: int, weeks: int, folder: Path) -> None:
    """Draw a world into a folder, with the seconds and the memory that it took."""
    clocks = (time.perf_counter(), time.process_time())
    world = drawn(agents, weeks)
    wall, processor = time.perf_counter() - clocks[0], time.process_time() - clocks[1]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    folder.mkdir(parents=True, exist_ok=True)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(world, name))
    said = {"truth": repr(planted(agents, weeks)), "seconds": wall, "processor": processor, "gib": peak}
    (folder / "world.json").write_text(json.dumps(said), encoding="utf-8")


def said_of(folder: Path, agents: int, weeks: int) -> dict[str, float] | None:
    """Return what `save` wrote of a world, None where the folder holds none or another one."""
    file = folder / "world.json"
    found = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    if found.pop("truth", None) != repr(planted(agents, weeks)):
        return None
    return {name: float(value) for name, value in found.items()}


def load(folder: Path) -> World:
    """Read a world."""
    return World(*(np.load(folder / f"{name}.npy") for name in ARRAYS))
