"""How long the windows of interactions are that stand for weeks, in a corpus of some days.

What belongs here: the choice of the length and who reads which network, shared by all families that follow ties over
time.
"""

from __future__ import annotations

import duckdb

from pipeline.network.clock import WEEK_HOURS
from pipeline.network.interactions import RULES
from pipeline.network.panel_load import PanelReader
from pipeline.network.traits import COUNTED

SHORT_HOURS = (24, 1)
"""Windows of interactions where a corpus has too few weeks, longest first."""
MIN_WINDOWS = 8
"""Windows that a corpus needs for them to be used."""
_SPAN = f"""
SELECT date_diff('hour', min(m.created_at), max(m.created_at)) FROM message AS m
WHERE m.created_at IS NOT NULL AND {COUNTED}
"""


def interaction_hours(con: duckdb.DuckDBPyConnection, least: int = SHORT_HOURS[-1]) -> int:
    """Return the length of windows of interactions: the longest of which there are enough."""
    span = con.sql(_SPAN).fetchall()[0][0] or 0
    lengths = (WEEK_HOURS, SHORT_HOURS[0], least)
    return next((hours for hours in lengths if span >= hours * MIN_WINDOWS), WEEK_HOURS if span <= 0 else least)


def panel_readers(con: duckdb.DuckDBPyConnection, least: int = SHORT_HOURS[-1]) -> list[tuple[PanelReader, list[str]]]:
    """Return who reads the relations of a corpus, by the week, and who its interactions, in windows of their length.

    Parameters
    ----------
    con
        Connection with the views that `pipeline.network.panel_load.PanelReader` needs.
    least
        Shortest windows of interactions, in hours.
    """
    weekly, hours = PanelReader(con), interaction_hours(con, least)
    short = weekly if hours == WEEK_HOURS else PanelReader(con, hours)
    relations = [name for name in weekly.networks() if name not in RULES]
    return [(weekly, relations), (short, [name for name in short.networks() if name in RULES])]
