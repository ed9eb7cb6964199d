"""How long the windows of interactions are that stand for weeks, in a corpus of some days.

What belongs here: the choice of the length, shared by all families that follow interactions over time.
"""

from __future__ import annotations

import duckdb

from pipeline.network.clock import WEEK_HOURS
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
