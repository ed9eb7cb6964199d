"""The measured parts of `benchmarks.bench_networks`: from intervals of ties and weekly scores to rows of tables.

What belongs here: calls of the same functions, with the same grids, that the steps of homophily, selection and
influence call, and what is checked of their rows. What does not: drawing worlds, clocks and bounds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl

from benchmarks.network_worlds import World, planted
from pipeline.inference.multiplicity import adjust
from pipeline.influence.estimates import Setting
from pipeline.influence.estimates import panel_rows as influence_rows
from pipeline.influence.specification import load_influence_grid
from pipeline.influence.weekly import exposure_rows, window_measures
from pipeline.network.clock import WEEK_HOURS
from pipeline.network.homophily import NUMERIC, Agents, Trait, WeeklyScore, network_rows
from pipeline.network.mixing import numeric_mixing
from pipeline.network.panel import FloatArray, Panel
from pipeline.network.panel_load import LoadedPanel
from pipeline.network.permutation_moments import Moments
from pipeline.network.snapshots import NEVER, TieIntervals, TieNetwork, tie_intervals
from pipeline.network.traits import TRAITS
from pipeline.schema import Estimate
from pipeline.selection.estimates import panel_rows as selection_rows
from pipeline.selection.grid import load_selection_grid
from pipeline.selection.panel_fits import RowStore

SCORE = "log_length"
"""The score that every corpus has, which has all specifications of influence."""
SEED, LEVEL, DRAWS = 20261129, 0.95, 199
MOST_ERRORS = 4.0
"""Standard errors by which draws may miss the moments, and estimates what was planted: 1 in 16,000 goes beyond."""


def intervals_of(world: World) -> TieIntervals:
    """Sort the intervals and number their pairs, as loading a relation does."""
    return tie_intervals(world.source, world.target, world.start, world.end, world.n_agents)


def loaded_of(world: World) -> LoadedPanel:
    """Return the panel as `pipeline.network.panel_load.PanelReader` makes it."""
    ties = intervals_of(world)
    panel = Panel(ties, world.scores, world.first_week, world.group, world.halves)
    nodes = pl.Series("agent_id", [f"agent-{node:06d}" for node in range(world.n_agents)])
    return LoadedPanel("follow", SCORE, WEEK_HOURS, panel, nodes, TRAITS[-1], ties.n_pairs, ())


def weekly_of(world: World) -> WeeklyScore:
    """Return the scores as rows by week."""
    week, node = np.nonzero(np.isfinite(world.scores.T))
    return WeeklyScore(node, week + world.first_week, world.scores[node, week])


def assortativity(world: World) -> list[str]:
    """Make the rows of homophily of a network with one score and one trait, and check that nothing was refused."""
    ties, standing = intervals_of(world), world.end == NEVER
    now = np.zeros(int(standing.sum()), dtype=np.int64)
    whole = tie_intervals(world.source[standing], world.target[standing], now, now + 1, world.n_agents)
    network = TieNetwork("follow", ties, whole, ties.n_pairs, len(ties.source), len(ties.source))
    count = np.maximum(np.isfinite(world.scores).sum(axis=1), 1)
    names = [f"group {number}" for number in range(int(world.group.max()) + 1)]
    unknown = Trait(np.full(world.n_agents, -1, dtype=np.int64), [])
    traits = {**dict.fromkeys(TRAITS, unknown), TRAITS[-1]: Trait(world.group, names)}
    mean = np.nansum(world.scores, axis=1) / count
    rows = network_rows(
        network, Agents(world.n_agents, {SCORE: weekly_of(world)}, {SCORE: mean}, traits), (), (), LEVEL
    )
    asked = [f"{name}_{SCORE}" for name in NUMERIC]
    weekly = [row for row in rows if row.period == "week" and row.measure_id in asked]
    whole_rows = [row for row in weekly if None not in (row.value, row.null_mean, row.null_sd, row.ci_low)]
    expected = 2 * len(NUMERIC) * world.scores.shape[1]
    if len(whole_rows) < expected:
        raise AssertionError(f"{len(whole_rows)} weekly rows have value, interval and null; expected {expected}")
    ties_of = [row.n for row in weekly]
    return [
        f"{len(rows)} rows, {len(weekly)} of them by week of {' and '.join(asked)} with both nulls; "
        f"{min(ties_of)} to {max(ties_of)} ties a week between agents with a score"
    ]


def draws(world: World) -> list[str]:
    """Hold both nulls of the first, the middle and the last week against draws."""
    ties, scores, weeks = intervals_of(world), weekly_of(world), world.scores.shape[1]
    rng, worst_mean, worst_sd = np.random.default_rng(SEED), 0.0, 0.0
    for week in (0, weeks // 2, weeks - 1):
        snapshot, score = ties.at(world.first_week + week), scores.at(world.first_week + week, world.n_agents)
        found = numeric_mixing(snapshot, score)
        for null, drawn in drawn_nulls(snapshot.source, snapshot.target, score, rng).items():
            for name, values in zip(NUMERIC, drawn, strict=True):
                off_mean, off_sd = _apart(values, getattr(found[name], null))
                worst_mean, worst_sd = max(worst_mean, off_mean), max(worst_sd, off_sd)
    said = (
        f"{DRAWS} draws of both nulls in 3 weeks: means at most {worst_mean:.2f} errors from the exact ones, standard "
    )
    said += f"deviations at most {worst_sd:.2f}; {MOST_ERRORS:.0f} allowed"
    if not max(worst_mean, worst_sd) <= MOST_ERRORS:
        raise AssertionError(said)
    return [said]


def drawn_nulls(
    source: np.ndarray, target: np.ndarray, scores: FloatArray, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Draw assortativity and excess similarity under both nulls, from their definitions, shape (2, draws) each."""
    kept = np.isfinite(scores[source]) & np.isfinite(scores[target])
    tied = np.zeros(len(scores), dtype=np.bool_)
    tied[source], tied[target] = True, True
    population = np.flatnonzero(tied & np.isfinite(scores))
    number = np.zeros(len(scores), dtype=np.int32)
    number[population] = np.arange(len(population))
    source, target, y = number[source[kept]], number[target[kept]], scores[population]
    ordered, n = np.sort(y), len(y)
    spread = 2 * float(ordered @ (2 * np.arange(n) - n + 1)) / (n * (n - 1))  # Gini's mean difference

    def both(near: FloatArray, far: FloatArray) -> tuple[float, float]:
        x, z = near - near.mean(), far - far.mean()
        xz, xx, zz = (np.einsum("i,i", *pair) for pair in ((x, z), (x, x), (z, z)))
        return float(xz / np.sqrt(xx * zz)), spread - float(np.abs(near - far).mean())

    near, far = y[source], y[target]
    stub = [both(near, far[_order(len(far), rng)]) for _ in range(DRAWS)]
    label = [both(moved[source], moved[target]) for moved in (y[_order(n, rng)] for _ in range(DRAWS))]
    return {"stub": np.array(stub).T, "label": np.array(label).T}


def _order(n: int, rng: np.random.Generator) -> np.ndarray:
    """Return numbers below `n` in random order: sorting random numbers is quicker than changing far places."""
    bits = n.bit_length()
    keys = (rng.integers(0, 1 << (63 - bits), n) << bits) | np.arange(n)
    keys.sort()
    return keys & ((1 << bits) - 1)


def _apart(values: FloatArray, exact: Moments) -> tuple[float, float]:
    """Return by how many standard errors mean and standard deviation of draws miss the exact ones.

    The standard deviation of k normal draws has the relative error 1 / sqrt(2 (k − 1)); sums over ties are normal.
    """
    k = len(values)
    mean = abs(float(values.mean()) - exact.mean) / (exact.sd / np.sqrt(k))
    return float(mean), float(abs(float(values.std(ddof=1)) / exact.sd - 1) * np.sqrt(2 * (k - 1)))


def selection(world: World) -> list[str]:
    """Fit the whole grid of selection, and hold the primary estimate against what was planted."""
    specs = load_selection_grid()
    rows = adjust(selection_rows(loaded_of(world), specs, RowStore(SEED), SEED, LEVEL))
    truth = planted(world.n_agents, world.scores.shape[1]).beta_s * float(np.nanstd(world.scores))
    primary = _primary(rows, f"similarity_{SCORE}", "choice_logit")
    return [_counted(rows), _recovered("selection, log odds per SD", primary, truth)]


def exposures(world: World) -> list[str]:
    """Make table ``exposure_week``."""
    rows = pl.concat(exposure_rows(loaded_of(world)))
    return [f"{rows.height} rows of exposure_week, {int(rows['n_ties'].sum())} ties and weeks"]


def influence(world: World) -> list[str]:
    """Fit the whole grid of influence and its rolling windows, and hold the primary against what was planted."""
    loaded, grid = loaded_of(world), load_influence_grid()
    rows = adjust(influence_rows(loaded, grid, Setting(SEED, LEVEL, {}), is_headline=True))
    windows = window_measures(loaded, grid, seed=SEED, level=LEVEL)
    truth = planted(world.n_agents, world.scores.shape[1]).beta_i
    shown = ", ".join(f"{row.measure_id} {row.value}" for row in windows)
    return [_counted(rows), shown, _recovered("influence, share of the gap a week", _primary(rows), truth)]


def _primary(rows: Sequence[Estimate], term: str = "", estimator: str = "") -> Estimate:
    fits = (row for row in rows if row.role == "primary")
    return next(row for row in fits if row.term.startswith(term) and row.estimator.startswith(estimator))


def _counted(rows: Sequence[Estimate]) -> str:
    """Say how many rows there are, which have no number and why, and how many placebos fail."""
    none = [f"{row.estimator} {row.warnings}" for row in rows if row.estimate is None]
    tests = [row for row in rows if row.role in ("placebo", "negative_control") and row.p_value is not None]
    failed = [f"{_placebo(row)} p {row.p_value:.4f}" for row in tests if (row.p_value or 0.0) < 1 - LEVEL]
    said = f"{len(rows)} rows, {len(none)} without a number{': ' if none else ''}{', '.join(none)}"
    return f"{said}; {len(failed)} of {len(tests)} placebos reject{': ' if failed else ''}{', '.join(failed)}"


def _placebo(row: Estimate) -> str:
    """Name a placebo by what its estimand says of it."""
    return f"{row.hypothesis_id} ({row.estimand.split('placebo, ')[-1].split(':')[0].split(' (')[0]})"


def _recovered(what: str, row: Estimate, truth: float) -> str:
    if row.estimate is None or row.std_error is None:
        raise AssertionError(f"{what}: the primary estimate is refused ({row.warnings})")
    off = (row.estimate - truth) / row.std_error
    said = f"{what}: planted {truth:.4f}, estimated {row.estimate:.4f} (error {row.std_error:.4f}, {off:+.1f} errors)"
    if abs(off) > MOST_ERRORS:
        raise AssertionError(f"{said}, more than {MOST_ERRORS:.0f} errors away")
    return said


PARTS: dict[str, Callable[[World], list[str]]] = {
    "assortativity": assortativity,
    "draws": draws,
    "selection": selection,
    "exposures": exposures,
    "influence": influence,
}
"""What is measured, in the order in which it is run; each returns what it found, in sentences."""
