"""`Step` and `run_step`: skip what is current, else compute, write all tables, and only then make them current."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
from threadpoolctl import threadpool_limits

from pipeline.schema import TABLES
from pipeline.schema.uncertainty import WITH_UNCERTAINTY, uncertainty_problems
from pipeline.settings import Settings
from pipeline.warehouse import PROJECT, Data, Manifest, Warehouse, WarehouseError, fingerprint
from pipeline.warehouse.files import remove_stale, temporary_folder
from pipeline.warehouse.manifest import manifests

Progress = Callable[[str], None]
PROGRESS_SECONDS = 2.0
BLAS_THREADS = "OPENBLAS_NUM_THREADS"


class MissingInputError(WarehouseError):
    """A step was to run before a table that it reads was written; the message names both."""


class Throttled:
    """Passes on at most one sentence every two seconds, so that long work is seen and short work is quiet."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.told = time.monotonic()

    def __call__(self, sentence: str) -> None:
        """Say the sentence unless another was said just now."""
        now = time.monotonic()
        if now - self.told >= PROGRESS_SECONDS:
            self.told = now
            self.progress(sentence)


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let numpy and scipy add in one thread: a sum that is split over several is added in another order.

    A library that is loaded meanwhile starts with what the environment says.
    """
    before = os.environ.get(BLAS_THREADS)
    os.environ[BLAS_THREADS] = "1"
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        if before is None:
            os.environ.pop(BLAS_THREADS, None)
        else:
            os.environ[BLAS_THREADS] = before


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step may use: the store, the corpus, a scratch folder, a connection on the tables of the corpus.

    `cleanup` takes what has to be closed before the connection is, once the rows are written.
    """

    warehouse: Warehouse
    corpus_id: str
    progress: Progress
    folder: Path
    con: duckdb.DuckDBPyConnection
    cleanup: contextlib.ExitStack
    state: Any = None

    @property
    def settings(self) -> Settings:
        """The settings of the store."""
        return self.warehouse.settings


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check of stored rows; one that is a warning stops nothing."""

    name: str
    passed: bool
    message: str
    is_warning: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """One unit of work.

    Attributes
    ----------
    key
        Asset key: the table, or the table and the family.
    tables
        Tables that it writes.
    reads
        Tables of the same corpus that it reads; project tables are written with a leading ``*``.
    compute
        Returns the rows of each table; all of them are written before any becomes current.
    modules
        Dotted names of the modules and packages whose source decides the result.
    libraries
        Distributions whose version decides the result.
    prepare
        Looks at the world outside the store (files, cards) and returns what of it enters the fingerprint, and a
        state for `compute`.
    family
        Family of the tables, where several steps share one.
    is_project
        True for tables about the project, written once for all corpora. Such a step reads the tables that `reads`
        names of every corpus, so that it is stale as soon as one is added, changed or forgotten.
    checks
        Further checks of the stored rows, blocking unless they are warnings.
    memory_share
        Share of the memory limit that its rows may be sorted in, where what it loads takes the rest.
    """

    key: str
    tables: tuple[str, ...]
    reads: tuple[str, ...]
    compute: Callable[[StepContext], Mapping[str, Data]]
    modules: tuple[str, ...]
    libraries: tuple[str, ...] = ("duckdb", "polars")
    prepare: Callable[[Warehouse, str], tuple[Mapping[str, object], Any]] | None = None
    family: str = ""
    is_project: bool = False
    checks: Callable[[StepContext], list[Check]] | None = None
    description: str = ""
    memory_share: float = 1.0

    def target(self, corpus_id: str) -> str:
        """Return the corpus that the rows are stored under."""
        return PROJECT if self.is_project else corpus_id

    @property
    def known_tables(self) -> frozenset[str]:
        """The tables that it reads or writes: it sees no others, so that what it reads is what it says it reads."""
        return frozenset((*self.tables, *(name.removeprefix("*") for name in self.reads)))

    @property
    def is_across(self) -> bool:
        """True for a step about the project that reads tables of all corpora."""
        return self.is_project and any(not name.startswith("*") for name in self.reads)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step."""

    step: Step
    corpus_id: str
    fingerprint: str
    is_skipped: bool
    seconds: float
    manifests: Mapping[str, Manifest]
    checks: tuple[Check, ...]


def run_step(step: Step, warehouse: Warehouse, corpus_id: str, progress: Progress = lambda _: None) -> Outcome:
    """Bring the tables of a step up to date.

    Parameters
    ----------
    step
        The step.
    warehouse
        The store.
    corpus_id
        The corpus; ignored by steps about the project.
    progress
        Receives short sentences while the step works.

    Returns
    -------
    Outcome
        With the manifests that are current now and the checks of the stored rows.
    """
    started = time.monotonic()
    target = step.target(corpus_id)
    with warehouse.corpus_lock(target):
        _set_aside_damaged(warehouse, target, progress)
        _require_inputs(step, warehouse, corpus_id)
        mark, state = step_fingerprint(step, warehouse, corpus_id)
        is_skipped = all(warehouse.is_current(name, target, step.family, mark) for name in step.tables)
        if not is_skipped:
            source = PROJECT if step.is_across else corpus_id
            with open_context(
                warehouse, source, progress, state, is_across=step.is_across, tables=step.known_tables
            ) as context:
                with one_thread():
                    rows = step.compute(context)
                _writer(step, warehouse).write_many(rows, target, mark, step.family)
        checks = _checks(step, warehouse, corpus_id, is_skipped, progress)
        current = {name: warehouse.manifest(name, target, step.family) for name in step.tables}
    found = {name: manifest for name, manifest in current.items() if manifest is not None}
    return Outcome(step, corpus_id, mark, is_skipped, time.monotonic() - started, found, tuple(checks))


def _writer(step: Step, warehouse: Warehouse) -> Warehouse:
    """Return the store with the memory limit in which the rows of a step are sorted."""
    settings = warehouse.settings
    if step.memory_share == 1:
        return warehouse
    return Warehouse(replace(settings, memory_limit=f"{int(settings.memory_bytes * step.memory_share) // 10**6}MB"))


def _set_aside_damaged(warehouse: Warehouse, target: str, progress: Progress) -> None:
    """Take tables whose part is missing or cut short for never written, so that their step writes them again."""
    for manifest in list(manifests(warehouse.layout, corpus_id=target)):
        if damage := manifest.damage(warehouse.layout):
            table = TABLES[manifest.table]
            progress(f"{damage[0]}; {table.qualified} has to be written again")
            warehouse.layout.manifest(table, target, manifest.family).unlink(missing_ok=True)


def _require_inputs(step: Step, warehouse: Warehouse, corpus_id: str) -> None:
    for name in step.reads:
        table = TABLES[name.removeprefix("*")]
        source = PROJECT if name.startswith("*") else corpus_id
        if step.is_across and not name.startswith("*"):
            continue  # no corpus yet is no error, and a corpus that lacks a table is read without it
        if not any(manifests(warehouse.layout, table, source)):
            raise MissingInputError(
                f"{step.key} of corpus {corpus_id} reads {table.qualified}, which is not there yet; materialise that "
                f"first (make run CORPUS={corpus_id} does all)"
            )


def step_fingerprint(step: Step, warehouse: Warehouse, corpus_id: str) -> tuple[str, Any]:
    """Return the fingerprint that the rows of a step would have now, and the state that `prepare` made."""
    config, state = step.prepare(warehouse, corpus_id) if step.prepare else ({}, None)
    settings = warehouse.settings
    knobs = {
        "seed": settings.seed,
        "ci_level": settings.ci_level,
        "bootstrap_draws": settings.bootstrap_draws,
        "permutation_draws": settings.permutation_draws,
    }
    mark = fingerprint(
        inputs=input_fingerprints(step, warehouse, corpus_id),
        config={**(knobs if step.key.startswith("analysis/") else {}), **config},
        modules=step.modules,
        tables=[TABLES[name] for name in step.tables],
        libraries=step.libraries,
    )
    return mark, state


def input_fingerprints(step: Step, warehouse: Warehouse, corpus_id: str) -> dict[str, str]:
    """Return the hashes of the rows that a step reads, by table and family, and by corpus where it reads all."""
    inputs: dict[str, str] = {}
    for name in step.reads:
        table = name.removeprefix("*")
        source = PROJECT if name.startswith("*") else corpus_id
        is_all = step.is_across and not name.startswith("*")
        for manifest in manifests(warehouse.layout, TABLES[table], None if is_all else source):
            prefix = f"{manifest.corpus_id}/" if is_all else ""
            inputs[f"{prefix}{name}/{manifest.family}"] = manifest.table_hash
    return inputs


@contextlib.contextmanager
def open_context(
    warehouse: Warehouse,
    corpus_id: str,
    progress: Progress = lambda _: None,
    state: Any = None,
    *,
    is_across: bool = False,
    tables: Collection[str] | None = None,
) -> Iterator[StepContext]:
    """Open the scratch folder and the connection that a step works with, and close both afterwards.

    With `is_across` the views hold the rows of all corpora, told apart by ``corpus_id``. `tables` are the tables that
    are views, all where it is None.
    """
    root = warehouse.settings.warehouse
    parent = root / ".steps"
    remove_stale(parent, root)
    # The user's folder may be a link to another disk; DuckDB allows the place that it leads to.
    dump = (warehouse.settings.data / corpus_id).resolve()
    scope = None if is_across else corpus_id
    with (
        temporary_folder(parent, root) as folder,
        warehouse.session(scope, [folder, dump], tables) as con,
        contextlib.ExitStack() as cleanup,
    ):
        yield StepContext(warehouse, corpus_id, Throttled(progress), folder, con, cleanup, state)


def _checks(step: Step, warehouse: Warehouse, corpus_id: str, is_skipped: bool, progress: Progress) -> list[Check]:
    """Check the stored rows; what was written just now was held to its description before it became current."""
    target = step.target(corpus_id)
    found = []
    for name in step.tables:
        problems = warehouse.check(name, target, step.family) if is_skipped else []
        if not problems and name in WITH_UNCERTAINTY:
            problems = uncertainty_problems(warehouse.read(name, target, step.family).collect(), name)
        found.append(Check(f"schema_{name}", not problems, "; ".join(problems) or "the rows fit the description"))
    if step.checks is not None:
        with open_context(
            warehouse, corpus_id, progress, is_across=step.is_across, tables=step.known_tables
        ) as context:
            found.extend(step.checks(context))
    return found
