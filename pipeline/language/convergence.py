"""How alike the texts of a community are, period by period, beside those of other communities.

What belongs here: from the chosen texts to a frame of cells, and from it to rows of ``analysis.measure``. Tests of
the trend are in `convergence_estimates`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import polars as pl
from scipy import stats

from pipeline.activity.row import Sampling
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import Choice, Embedding, find_embedding, has_communities, period_texts
from pipeline.language.covered import corpus_coverage, warned
from pipeline.language.similarity import Floats, Ints, cell_similarity, mean_interval, newcomer_similarity
from pipeline.language.slopes import MIN_COMMUNITIES
from pipeline.language.template_shares import FAMILY
from pipeline.schema import Measure, join_warnings

_CELL_MEASURES = {
    "within_similarity": ("within", "within_error"),
    "between_similarity": ("between", "between_error"),
    "similarity_gap": ("gap", "gap_error"),
}
# A pair of communities is in the B of both, so a community moves the mean of B twice.
_INFLUENCE = {"between": 2 * pl.col("between"), "gap": pl.col("within") - 2 * pl.col("between")}
_COPIES = "_copies"
_NEWCOMERS = ("newcomer_similarity", "incumbent_similarity")
_ALL = (*_CELL_MEASURES, *(name + _COPIES for name in _CELL_MEASURES), *_NEWCOMERS)


def read_cells(con: duckdb.DuckDBPyConnection, choice: Choice) -> pl.DataFrame:
    """Compute the similarities of every cell of a choice.

    Returns
    -------
    polars.DataFrame
        One row per community and period, in the order of period, run and community: run_id, community_id, period_start,
        texts, authors, within, between, gap = W − B, their errors, within_authors, net_gap and net_gap_authors.

    Notes
    -----
    The net gap is W − B less what B of the cell exceeds the mean B of its period by: W − 2B + B̄. Its mean over the
    cells of a period is that of W − B. But a community's texts are also the background of the others, so that W − B
    of two communities pull at each other, and the spread of their slopes overstates the error of the mean slope:
    a t-test of W − B at 5 % rejected a true null in 0.3 % of 300 runs where 80 % of the direction of communities was
    common, one of the net gap in 3.7 %. The net gap puts a community's part in the B of others to its own account
    (the projection of a U-statistic of order 2, Hoeffding 1948); what is left errs on the side of caution.
    """
    parts = []
    for part in period_texts(con, choice):
        found = cell_similarity(part.vectors, part.cell, part.author, part.pool)
        names = ("texts", "authors", "within", "between", "gap")
        columns = {name: getattr(found, name) for name in (*names, "within_error", "between_error", "gap_error")}
        parts.append(
            part.cells.with_columns(
                period_start=pl.lit(part.start, dtype=pl.Datetime("us")),
                within_authors=pl.Series(found.within_authors),
                net_gap=pl.Series(_net(found.within, found.between, part.pool)),
                net_gap_authors=pl.Series(_net(found.within_authors, found.between, part.pool)),
                **{name: pl.Series(value) for name, value in columns.items()},
            )
        )
    return pl.concat(parts).fill_nan(None) if parts else empty_cells()


def _net(within: Floats, between: Floats, pools: Ints) -> Floats:
    mean = np.bincount(pools, weights=between) / np.bincount(pools)
    return np.asarray(within - 2 * between + mean[pools], dtype=np.float64)


def empty_cells() -> pl.DataFrame:
    """Return the frame of `read_cells` without rows."""
    numbers = ("within", "between", "gap", "within_error", "between_error", "gap_error")
    schema: dict[str, pl.DataType] = {
        "run_id": pl.String(),
        "community_id": pl.String(),
        "period_start": pl.Datetime("us"),
        "texts": pl.Int64(),
        "authors": pl.Int64(),
        **{name: pl.Float64() for name in (*numbers, "within_authors", "net_gap", "net_gap_authors")},
    }
    return pl.DataFrame(schema=schema)


def similarity_measures(con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling) -> list[Measure]:
    """Compute similarities within and between communities, and of newcomers and incumbents, by period.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``embedding`` of one corpus.
    clock
        The period of the corpus.
    sampling
        Seed of the choice of texts, level of the intervals.

    Returns
    -------
    list of Measure
        Per community and period W, B and D = W − B over distinct texts, and over messages with exact copies
        (``…_copies``), with jackknife intervals over authors; per period their means over communities with
        t-intervals over communities, and likewise the similarity of newcomers to incumbents and of incumbents among
        themselves. Without communities only W of the whole corpus (warning ``no_communities``). What cannot be
        computed is one null row by measure.
    """
    embedding, named, covered = find_embedding(con), has_communities(con), corpus_coverage(con)
    if clock.period is None or embedding is None:
        word = "model_unavailable" if clock.period else clock.refusal or ""
        return [_null(name, clock, [word]) for name in _ALL]
    if covered.is_refused:
        return [_null(name, clock, covered.words) for name in _ALL]
    rows: list[Measure] = []
    for suffix in ("", _COPIES):
        choice = Choice(embedding, clock, sampling.seed, named, with_copies=bool(suffix))
        cells = read_cells(con, choice)
        if cells.is_empty():
            rows += [_null(name + suffix, clock, ["few_posts"]) for name in _CELL_MEASURES]
        elif named:
            rows += _community_rows(cells, clock, sampling.level, suffix)
            rows += _mean_rows(cells, clock, sampling.level, suffix)
        else:
            rows += _corpus_rows(cells, clock, sampling.level, suffix)
    return warned([*rows, *_newcomer_rows(con, embedding, clock, sampling, named)], covered)


def _null(measure_id: str, clock: Clock, words: list[str]) -> Measure:
    warnings = join_warnings(words)
    return Measure(
        family=FAMILY, measure_id=measure_id, value=None, n=0, n_unit="texts", period=clock.name, warnings=warnings
    )


def _cell_row(cell: dict[str, Any], name: str, clock: Clock, level: float) -> Measure:
    value, error = cell["value"], cell["error"]
    low, high, words = None, None, []
    if value is None:
        words = ["few_clusters"]  # W and B of a cell exist unless no other community has one in this period
    elif not error:
        words = ["few_agents"] if error is None else ["no_variation"]
    else:
        reach = float(stats.t.ppf((1 + level) / 2, cell["authors"] - 1)) * error
        low, high = value - reach, value + reach
    return Measure(
        family=FAMILY,
        measure_id=name,
        value=value,
        n=cell["texts"],
        n_unit="texts",
        unit="community",
        unit_id=cell["community_id"],
        period=clock.name,
        period_start=cell["period_start"],
        ci_low=low,
        ci_high=high,
        ci_level=None if low is None else level,
        ci_method=None if low is None else "jackknife_authors",
        warnings=join_warnings(words),
    )


def _community_rows(cells: pl.DataFrame, clock: Clock, level: float, suffix: str) -> Iterator[Measure]:
    for name, (value, error) in _CELL_MEASURES.items():
        picked = cells.select("community_id", "period_start", "texts", "authors", value=value, error=error)
        for cell in picked.iter_rows(named=True):
            yield _cell_row(cell, name + suffix, clock, level)


def _corpus_rows(cells: pl.DataFrame, clock: Clock, level: float, suffix: str) -> Iterator[Measure]:
    """Rows of a corpus without communities: a run is one; with one run its cell is the corpus, else their mean."""
    for name in _CELL_MEASURES:
        if name != "within_similarity":
            yield _null(name + suffix, clock, ["no_communities"])
    if cells["run_id"].n_unique() > 1:
        yield from _mean_rows(cells, clock, level, suffix, ["within_similarity"], ["no_communities"])
        return
    picked = cells.select("community_id", "period_start", "texts", "authors", value="within", error="within_error")
    for cell in picked.iter_rows(named=True):
        one = _cell_row(cell, "within_similarity" + suffix, clock, level)
        words = [*(one.warnings or "").split(","), "no_communities"]
        yield replace(one, unit="corpus", unit_id="corpus", warnings=join_warnings(words))


def _mean_rows(
    cells: pl.DataFrame,
    clock: Clock,
    level: float,
    suffix: str = "",
    names: list[str] | None = None,
    words: list[str] | None = None,
) -> Iterator[Measure]:
    for name in names or list(_CELL_MEASURES):
        column = _CELL_MEASURES[name][0]
        influence = _INFLUENCE.get(column, pl.col(column)).filter(pl.col(column).is_not_null())
        by_period = cells.group_by("period_start", maintain_order=True).agg(pl.col(column).drop_nulls(), i=influence)
        for start, values, moved in by_period.iter_rows():
            found = np.array(values, dtype=np.float64), np.array(moved, dtype=np.float64)
            yield _mean_row(name + suffix, start, *found, clock, level, words or [])


def _mean_row(
    name: str, start: datetime, values: Floats, influence: Floats, clock: Clock, level: float, words: list[str]
) -> Measure:
    interval = mean_interval(values, level, influence) if values.size >= MIN_COMMUNITIES else None
    few = ["few_clusters"] if values.size < MIN_COMMUNITIES else []
    return Measure(
        family=FAMILY,
        measure_id=name,
        value=float(values.mean()) if values.size else None,
        n=int(values.size),
        n_unit="communities",
        period=clock.name,
        period_start=start,
        ci_low=interval[0] if interval else None,
        ci_high=interval[1] if interval else None,
        ci_level=level if interval else None,
        ci_method="t_communities" if interval else None,
        warnings=join_warnings([*words, *few, "composition_sensitive"]),
    )


def _newcomer_rows(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, sampling: Sampling, named: bool
) -> Iterator[Measure]:
    short = ["short_tenure"] if clock.is_tenure_short else []
    if not named:
        yield from (_null(name, clock, [*short, "no_communities"]) for name in _NEWCOMERS)
        return
    is_empty = True
    for part in period_texts(con, Choice(embedding, clock, sampling.seed, named, by_tenure=True)):
        both = newcomer_similarity(part.vectors, part.cell, part.author, part.is_newcomer)
        usable = np.isfinite(both[0]) & np.isfinite(both[1])
        if not usable.any():
            continue
        is_empty = False
        for name, values in zip(_NEWCOMERS, both, strict=True):
            yield _mean_row(name, part.start, values[usable], values[usable], clock, sampling.level, short)
    if is_empty:
        yield from (_null(name, clock, [*short, "few_posts"]) for name in _NEWCOMERS)
