"""Table ``feature.exposure_week`` and the measures of family ``influence``.

What belongs here: exposures as rows, and the weeks in which influence shows itself, as the published study names them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import duckdb
import numpy as np
import polars as pl

from pipeline.influence.estimates import FAMILY, Setting, headline_score, panel_rows
from pipeline.influence.exposure import exposure_blocks
from pipeline.influence.specification import InfluenceGrid
from pipeline.network.panel_load import RELATIONS, LoadedPanel, PanelReader
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
        One row per agent and week with an alter, sorted by the key. Weeks are computed in blocks, each from its own ties
        and scores alone.
    """
    schema = {name: kind for name, kind in TABLES["exposure_week"].polars_schema.items() if name != "corpus_id"}
    reader, parts = PanelReader(con), [pl.DataFrame(schema=schema)]
    for network in reader.networks():
        for variable in variables if network in RELATIONS else ():
            loaded = reader.panel(network, variable)
            if loaded.panel is not None:
                parts += _rows(loaded, list(schema))
    return pl.concat(parts).sort(TABLES["exposure_week"].key)


def _rows(loaded: LoadedPanel, columns: list[str]) -> list[pl.DataFrame]:
    parts = []
    if loaded.panel is None:
        return parts
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
    loaded = reader.panel(grid.network, headline)
    rolling = InfluenceGrid(
        grid.network, (headline,), grid.rolling[:1], grid.rolling[:1], grid.rolling[:1], grid.windows, grid.hours
    )
    rows = panel_rows(loaded, rolling, Setting(seed, level, {}), is_headline=True)
    windows = [row for row in rows if row.hypothesis_id.endswith("by_window")] if loaded.panel is not None else []
    windows = [row for row in windows if row.estimate is not None] if len(rows) > 1 else []
    return [_week(name, loaded, windows, rows, level) for name in ("influence_first_week", "influence_last_week")]


def _week(
    measure_id: str, loaded: LoadedPanel, windows: Sequence[Estimate], rows: Sequence[Estimate], level: float
) -> Measure:
    shown = [
        row for row in windows if (row.estimate or 0.0) > 0 and row.p_value is not None and row.p_value < 1 - level
    ]
    words = [
        *loaded.warnings,
        *(["multiple_testing"] if shown else ["no_influence_window"] if windows else ["few_weeks"]),
    ]
    if not windows and len(rows) == 1:
        words += (rows[0].warnings or "").split(",")
    value = None
    if shown and loaded.panel is not None:
        ends = [row.window_start if measure_id.endswith("first_week") else row.window_end for row in shown]
        at = min(end for end in ends if end) if measure_id.endswith("first_week") else max(end for end in ends if end)
        value = (at - loaded.window_start(0)).days // 7 + (1 if measure_id.endswith("first_week") else 0)
    return Measure(
        family=FAMILY, measure_id=measure_id, value=None if value is None else float(value), n=len(windows),
        n_unit="windows with an estimate", warnings=join_warnings(words),
    )  # fmt: skip
