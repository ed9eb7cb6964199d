"""Numbers as text: enough digits to compare, none that mislead."""

from __future__ import annotations

import math
from datetime import datetime

MISSING = "–"
_MINUS = "\N{MINUS SIGN}"


def number(value: object) -> str:
    """Return a number with three decimals below 100 and thousands separated above; a dash for none."""
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return MISSING
    if isinstance(value, int):
        return f"{value:,}".replace("-", _MINUS)
    if not math.isfinite(value):
        return MISSING
    size = abs(value)
    if value == int(value) and size >= 10:
        text = f"{int(value):,}"
    elif size >= 1000:
        text = f"{value:,.0f}"
    elif size >= 100:
        text = f"{value:.1f}"
    elif size >= 0.001 or size == 0:
        text = f"{value:.3f}"
    else:
        text = f"{value:.2g}"
    return text.replace("-", _MINUS)


def whole(value: object) -> str:
    """Return a value of a measure that counts: without decimals where it has none, as any number otherwise."""
    return number(int(value)) if isinstance(value, float) and value.is_integer() else number(value)


def interval(low: object, high: object) -> str:
    """Return an interval, a dash when an end is missing."""
    if low is None or high is None:
        return MISSING
    return f"{number(low)} to {number(high)}"


def count(value: object, unit: object = None) -> str:
    """Return a count with its unit."""
    text = number(value if value is None else int(str(value)))
    return f"{text} {str(unit).replace('_', ' ')}" if unit and value is not None else text


def plural(n: int, word: str) -> str:
    """Return a count and a noun, with an s unless there is one."""
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def probability(value: object) -> str:
    """Return a p-value."""
    if not isinstance(value, float):
        return MISSING
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def moment(value: object) -> str:
    """Return a time to the minute, UTC; a day when it is midnight."""
    if not isinstance(value, datetime):
        return MISSING
    return f"{value:%Y-%m-%d}" if (value.hour, value.minute) == (0, 0) else f"{value:%Y-%m-%d %H:%M}"


def percent(value: float) -> str:
    """Return a share in percent."""
    return f"{100 * value:.1f} %" if value < 0.9995 or value == 1 else "> 99.9 %"
