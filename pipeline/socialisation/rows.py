"""Rows of one period."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from pipeline.language.clock import Clock
from pipeline.schema import Measure


def dated(found: Measure, clock: Clock, start: datetime) -> Measure:
    """Return the row as one of the period that starts then."""
    return replace(found, period=clock.name, period_start=start)
