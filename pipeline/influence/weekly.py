"""Table ``feature.exposure_week`` and the measures of family ``influence``.

What belongs here: exposures as rows, and the weeks in which influence shows itself, as the published study names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import duckdb
import numpy as np
import polars as pl

from pipeline.influence.estimates import FAMILY, Setting, headline_score, rolling_rows
from pipeline.influence.exposure import exposure_blocks
from pipeline.influence.problem import Problem
from pipeline.influence.specification import InfluenceGrid
from pipeline.network.panel_load import LoadedPanel, PanelReader
from pipeline.network.ties import RELATIONS
from pipeline.schema import TABLES, Estimate, Measure, join_warnings

BLOCK = 16
"""Weeks whose rows are made at once."""


def exposure_frame(con: duckdb.DuckDBPyConnection, variables: Sequence[str]) -> pl.DataFrame:
    """Return the rows of ``exposure_week`` of the networks of ties, without ``corpus_id``.

    Parameters
    ----------
    con
        Connection with the views that `pipeline.network.panel_load.PanelReader` needs.
    variables
        Scores; those that a corpus lacks have no rows.

    Returns
    -------
    polars.DataFrame
        One row per agent and week with an alter, sorted by the key. Weeks are computed in blocks, each from its own
        ties and scores alone.
    """
    reader, parts = PanelReader(con), [pl.DataFrame(schema=_exposure_schema())]
    for network in reader.networks():
        for variable in variables if network in RELATIONS else ():
            loaded = reader.panel(network, variable)
            if loaded.panel is not None:
                parts += exposure_rows(loaded)
    return pl.concat(parts).sort(TABLES["exposure_week"].key)


def _exposure_schema() -> dict[str, pl.DataType]:
    return {name: kind for name, kind in TABLES["exposure_week"].polars_schema.items() if name != "corpus_id"}


def exposure_rows(loaded: LoadedPanel) -> list[pl.DataFrame]:
    """Return the rows of ``exposure_week`` of one network and score, block by block, without ``corpus_id``."""
    parts: list[pl.DataFrame] = []
    if loaded.panel is None:
        return parts
    columns = list(_exposure_schema())
    for block, found in exposure_blocks(loaded.panel, BLOCK):
        agent, week = np.nonzero(found.alters)
        first = loaded.window_start(block.first_week - loaded.panel.first_week).date()
        frame = pl.DataFrame(
            {
                "agent_id": loaded.nodes.gather(agent),
                "network": pl.repeat(loaded.network, len(agent), dtype=pl.String, eager=True),
                "variable": pl.repeat(loaded.variable, len(agent), dtype=pl.String, eager=True),
                "week_start": pl.Series([first + timedelta(weeks=k) for k in range(block.n_weeks)]).gather(week),
                "mean": pl.Series(found.mean[agent, week]).fill_nan(None),
                "n_ties": found.alters[agent, week].astype(np.int64),
                "n_alters": found.scored[agent, week].astype(np.int64),
                "sd": pl.Series(found.dispersion[agent, week]).fill_nan(None),
            }
        )
        parts.append(frame.select(columns))
    return parts


def influence_measures(
    con: duckdb.DuckDBPyConnection, grid: InfluenceGrid, *, seed: int, level: float = 0.95
) -> list[Measure]:
    """Return the first and the last week of the rolling windows in which influence is significant and positive.

    Weeks are counted from the first of the panel, which is 1. Windows are those of the grid, on the headline's network
    and score, each estimated by forward orthogonal deviations.
    """
    reader = PanelReader(con)
    headline = headline_score(reader, grid) or grid.variables[0]
    return window_measures(reader.panel(grid.network, headline), grid, seed=seed, level=level)


def window_measures(loaded: LoadedPanel, grid: InfluenceGrid, *, seed: int, level: float = 0.95) -> list[Measure]:
    """Return the rows of `influence_measures` from the panel of the headline."""
    words: tuple[str, ...] = ()
    windows: list[Estimate] = []
    if loaded.panel is not None:
        problem = Problem.of(loaded.panel, seed)
        words = problem.refusals()
        by_influence = replace(grid, rolling=grid.rolling[:1])
        rows = [] if words else rolling_rows(loaded, problem, by_influence, Setting(seed, level, {}))
        windows = [row for row in rows if row.p_value is not None]
    return [_week(name, loaded, windows, words, level) for name in ("influence_first_week", "influence_last_week")]


def _week(
    measure_id: str, loaded: LoadedPanel, windows: Sequence[Estimate], words: Sequence[str], level: float
) -> Measure:
    shown = [row for row in windows if (row.estimate or 0.0) > 0 and (row.p_value or 0.0) < 1 - level]
    is_first, value = measure_id.endswith("first_week"), None
    ends = [end for row in shown if (end := row.window_start if is_first else row.window_end) is not None]
    if ends:
        weeks = ((min(ends) if is_first else max(ends)) - loaded.window_start(0)).days // 7
        value = float(weeks + is_first)
    why = "multiple_testing" if shown else "no_influence_window" if windows else "few_weeks"
    return Measure(
        family=FAMILY, measure_id=measure_id, value=value, n=len(windows), n_unit="windows with an estimate",
        warnings=join_warnings([*loaded.warnings, *words, *([] if words and not windows else [why])]),
    )  # fmt: skip
