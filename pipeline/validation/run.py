"""Runs of the validation: a world is drawn, observed and estimated; what is missing is run, what is there is kept."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import polars as pl

from pipeline.inference.result import Fit
from pipeline.influence.communities import communities
from pipeline.network.panel import Panel
from pipeline.simulation.coevolution import CoevolutionWorld, simulate
from pipeline.validation.draw import Draw, draw_frame
from pipeline.validation.estimators import Estimate, influence_estimates, selection_estimates
from pipeline.validation.scenarios import Design, Scenario, planted
from pipeline.validation.store import RunStore
from pipeline.warehouse.fingerprint import fingerprint

_INFLUENCE = (
    "communities", "contrasts", "dynamic_panel", "exposure", "fixed_effects", "frame", "noise", "placebos", "problem",
    "second_alters", "solve", "specification",
)  # fmt: skip
_SELECTION = ("adjacency", "conditional_logit", "dyads", "fit", "placebos", "risk_set", "terms")
MODULES = (
    "pipeline.inference.result",
    *(f"pipeline.influence.{name}" for name in _INFLUENCE),
    *(f"pipeline.network.{name}" for name in ("panel", "snapshots")),
    *(f"pipeline.selection.{name}" for name in _SELECTION),
    *(f"pipeline.simulation.coevolution{name}" for name in ("", "_kernels", "_truth")),
    "pipeline.structure.communities",
    *(f"pipeline.validation.{name}" for name in ("draw", "estimators", "run", "scenarios")),
)
"""What decides a run; a change of it makes all runs anew."""
LIBRARIES = ("networkit", "numba", "numpy", "scipy")
SIGNED = 2**31


def run_draws(scenario: Scenario, design_seed: int, run: int) -> Iterator[Draw]:
    """Draw the world of a run and yield what each estimator says of it."""
    seed = scenario.seed(design_seed, run)
    world = simulate(scenario.truth.but(seed=seed))
    panel = repaired(world, scenario, seed)
    values = planted(scenario.truth)
    for found in (*selection_estimates(panel, seed % SIGNED), *influence_estimates(panel, seed % SIGNED)):
        yield _draw(scenario, run, found, values.get(found.term))


def repaired(world: CoevolutionWorld, scenario: Scenario, seed: int) -> Panel:
    """Return the panel as the analyst of a scenario sees it."""
    if scenario.repair == "communities":
        return replace(world.panel, group=communities(world.panel, seed % SIGNED, runs=1).number)
    if scenario.repair:
        raise ValueError(f"unknown repair {scenario.repair!r} of scenario {scenario.name!r}")
    return world.panel


def _draw(scenario: Scenario, run: int, found: Estimate, truth: float | None) -> Draw:
    fit: Fit = found.fit
    role = found.role
    if role in ("primary", "placebo") and found.estimator not in scenario.held:
        role = "robustness"
    if found.estimator in scenario.held and role == "robustness" and found.term in ("similarity", "influence"):
        role = "primary"
    return Draw(
        scenario=scenario.name, run=run, estimator=found.estimator, role=role, term=found.term, truth=truth,
        estimate=fit.estimate, std_error=fit.std_error, conf_low=fit.conf_low, conf_high=fit.conf_high,
        p_value=fit.p_value, warnings=",".join(fit.warnings),
    )  # fmt: skip


def run_chunk(scenario: Scenario, design_seed: int, chunk: range) -> pl.DataFrame:
    """Return the draws of some runs of a scenario."""
    return draw_frame(draw for run in chunk for draw in run_draws(scenario, design_seed, run))


def code_digest() -> str:
    """Return the digest of all that decides a run: design, estimators, generator and libraries."""
    return fingerprint(modules=MODULES, libraries=LIBRARIES)


def run_missing(
    design: Design,
    folder: Path,
    *,
    most_runs: int | None = None,
    scenarios: Sequence[str] = (),
    processes: int = 1,
    progress: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Run what is missing and return all draws.

    Parameters
    ----------
    design
        As `pipeline.validation.scenarios.load_design` reads it.
    folder
        Where finished runs are kept.
    most_runs
        Runs per scenario, where fewer than those of the design are wanted: always the first of them.
    scenarios
        Names of the scenarios to run; all by default.
    processes
        Processes that share the runs. Results do not depend on it.
    progress
        Receives short sentences.

    Returns
    -------
    pl.DataFrame
        Columns of `pipeline.validation.draw.SCHEMA`.

    Raises
    ------
    ValueError
        For a scenario that the design does not have.
    """
    known = {scenario.name: scenario for scenario in design.scenarios}
    if unknown := set(scenarios) - set(known):
        raise ValueError(f"no scenario {sorted(unknown)}; the design has {list(known)}")
    store = RunStore(folder, code_digest())
    taken = [known[name] for name in (scenarios or known)]
    sizes = {scenario.name: min(scenario.runs, most_runs or scenario.runs) for scenario in taken}
    tasks = [(scenario, chunk) for scenario in taken for chunk in store.missing(scenario.name, sizes[scenario.name])]
    _work(tasks, design.seed, store, processes, progress)
    return pl.concat([store.read(name, runs) for name, runs in sizes.items()])


def _work(
    tasks: list[tuple[Scenario, range]],
    seed: int,
    store: RunStore,
    processes: int,
    progress: Callable[[str], None],
) -> None:
    started, total, done = time.monotonic(), sum(len(chunk) for _, chunk in tasks), 0
    with _executor(processes) as pool:
        waiting = [(scenario, chunk, pool.submit(run_chunk, scenario, seed, chunk)) for scenario, chunk in tasks]
        for scenario, chunk, future in waiting:
            store.write(scenario.name, chunk, future.result())
            done += len(chunk)
            left = (time.monotonic() - started) / done * (total - done)
            progress(f"{scenario.name}: {done} of {total} runs, about {left / 60:.0f} min left")


def _executor(processes: int) -> ProcessPoolExecutor:
    """Return workers with one thread of linear algebra each: two that share two cores are faster than two threads."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    return ProcessPoolExecutor(max_workers=processes, mp_context=multiprocessing.get_context("spawn"))
