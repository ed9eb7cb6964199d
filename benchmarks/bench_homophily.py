"""Homophily of 52 weekly networks of a million ties, both nulls in closed form, at most 60 s on two cores.

Ties live about 20 weeks and are drawn anew with hubs; the weekly score is an autoregression of 50,000 agents, of
whom a tenth is silent in any week. The benchmark takes intervals as they come from the database, numbers the
pairs, takes the network of each week, and makes the rows of ``analysis.measure`` of one score: assortativity and
excess similarity with interval and both nulls. It prints seconds and peak memory, and exits 1 when 60 s or 6 GiB are
exceeded. Usage::

    python -m benchmarks.bench_homophily [--ties N] [--agents N] [--weeks N]
"""

from __future__ import annotations

import argparse
import resource
import sys
import time

import numpy as np

from pipeline.network.homophily import NUMERIC, WeeklyScore
from pipeline.network.homophily_rows import Place, mixing_rows
from pipeline.network.mixing import numeric_mixing
from pipeline.network.permutation_moments import IntArray
from pipeline.network.snapshots import tie_intervals, week_start

MOST_SECONDS, MOST_GIB = 60.0, 6.0
LIFE = 20  # weeks that a tie stands


def draw_intervals(
    agents: int, ties: int, weeks: int, rng: np.random.Generator
) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Draw distinct pairs with hubs among sources and targets, and the weeks from start to end of each."""
    wanted = ties * (weeks + LIFE) // LIFE
    draws = int(wanted * 1.25)
    source, target = (agents * rng.random((2, draws)) ** 1.5).astype(np.int64)
    keys = np.unique((source * agents + target)[source != target])
    keys = rng.permutation(keys)[:wanted]
    start = rng.integers(-LIFE, weeks, size=len(keys))
    return keys // agents, keys % agents, start, start + LIFE


def draw_scores(agents: int, weeks: int, rng: np.random.Generator) -> WeeklyScore:
    """Draw a score per agent and week; a tenth of the agents is silent."""
    level, rows = rng.normal(size=agents), []
    for week in range(weeks):
        level = 0.8 * level + 0.6 * rng.normal(size=agents)
        node = np.flatnonzero(rng.random(agents) < 0.9)
        rows.append((node, np.full(len(node), week), level[node]))
    node, week_of, value = (np.concatenate(part) for part in zip(*rows, strict=True))
    return WeeklyScore(node, week_of, value)


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--ties", type=int, default=1_000_000, help="ties that stand in a week")
    parser.add_argument("--agents", type=int, default=50_000)
    parser.add_argument("--weeks", type=int, default=52)
    chosen = parser.parse_args(arguments)
    rng = np.random.default_rng(20)
    drawn = draw_intervals(chosen.agents, chosen.ties, chosen.weeks, rng)
    scores = draw_scores(chosen.agents, chosen.weeks, rng)
    started, most, rows = time.perf_counter(), 0, []
    intervals = tie_intervals(*drawn, n_nodes=chosen.agents)
    numbered = time.perf_counter() - started
    for week in range(chosen.weeks):
        snapshot = intervals.at(week)
        most = max(most, len(snapshot.source))
        place = Place("network", "follow", "week", week_start(week))
        for name, mixing in numeric_mixing(snapshot, scores.at(week, chosen.agents)).items():
            rows += mixing_rows(f"{name}_score", mixing, place, 0.95)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"homophily: {chosen.weeks} weeks, {len(intervals.source)} intervals, at most {most} ties a week, "
        f"{chosen.agents} agents, {len(rows)} rows of {', '.join(NUMERIC)} with both nulls"
    )
    print(f"{seconds:.1f} s ({numbered:.1f} s to number the pairs), {MOST_SECONDS:.0f} s allowed; peak {peak:.2f} GiB")
    if any(row.value is None or row.null_sd is None or row.ci_low is None for row in rows):
        print("a row has no value, interval or null: the benchmark does not measure what it says")
        return 1
    return 0 if seconds <= MOST_SECONDS and peak <= MOST_GIB else 1


if __name__ == "__main__":
    sys.exit(main())
