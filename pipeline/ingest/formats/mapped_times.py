"""Times as a mapping says that they are written: SQL that makes ISO text of them, with the precision as written.

The text is cut to the precision (a day has no clock), so that `sqltools.precision` tells it again; what no text can
tell (hour, month, year) is given beside it.
"""

from __future__ import annotations

import re

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.mapped_paths import literal

UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}
UNIT_WORDS = ("iso", "s", "ms", "us", "ns", "step")
_DIRECTIVES = frozenset("aAbBcdfgHIjmMnpSUuVvWwxXyYzZ%G-")
_PRECISION = (("f", "us"), ("n", "us"), ("g", "ms"), ("ScXT", "s"), ("M", "minute"), ("HI", "hour"), ("djxucD", "day"))
_FORMS = {
    "us": "%Y-%m-%dT%H:%M:%S.%fZ", "ms": "%Y-%m-%dT%H:%M:%S.%gZ", "s": "%Y-%m-%dT%H:%M:%SZ",
    "minute": "%Y-%m-%dT%H:%MZ", "hour": "%Y-%m-%dT%H:%MZ", "day": "%Y-%m-%d", "month": "%Y-%m-%d", "year": "%Y-%m-%d",
}  # fmt: skip
_OFFSET = re.compile(r"[+-]\d\d:\d\d\Z")
# The years 1000 to 9999, as `sqltools.instant` reads them; and digits that DECIMAL(38, 9) multiplies without overflow.
_FIRST, _LAST = -30_610_224_000_000_000, 253_402_128_000_000_000
_MOST_DIGITS = 21
_HAS_ZONE = "'(Z|[+-][0-9]{2}(:?[0-9]{2})?)$'"
# A naive time with a clock: only such a one can be moved between zones.
_NAIVE = "'[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}[T ][0-9]{1,2}:.*'"


def pattern_error(pattern: str) -> str | None:
    """Return what is wrong with a pattern of a time, None when nothing is."""
    if "%" not in pattern:
        return f"one of {', '.join(UNIT_WORDS)}, or a pattern such as %d.%m.%Y %H:%M; found {pattern!r}"
    letters = re.findall(r"%(?:-?)(.|$)", pattern)
    if odd := [letter for letter in letters if letter not in _DIRECTIVES]:
        return f"directives of strptime; %{odd[0]} in {pattern!r} is none"
    if not {"Y", "y", "c", "x", "G"} & set(letters):
        return f"a pattern with a year (%Y or %y); {pattern!r} has none"
    return None


def pattern_precision(pattern: str) -> str:
    """Return the precision of the times that a pattern reads."""
    letters = set(re.findall(r"%(?:-?)(.)", pattern))
    for directives, precision in _PRECISION:
        if letters & set(directives):
            return precision
    return "month" if letters & set("mbB") else "year"


def time_sql(expr: str, times: tuple[str, ...], zone: str | None, origin: int = 0) -> tuple[str, str]:
    """Return SQL for a time as ISO text (UTC) and for its precision where the text cannot tell it.

    Both are null where the value fits none of `times`.

    Parameters
    ----------
    expr
        SQL of the text as it was read.
    times
        Units or patterns, the first that fits is taken; none for ISO text or an epoch number of any unit.
    zone
        Name of the zone, or offset, of naive times; UTC when None.
    origin
        Instant from which numbers of a unit count, in microseconds since 1970.
    """
    texts, precisions = [], []
    for time in times or ("iso",):
        if time == "iso":
            texts.append(_iso(expr, zone, is_epoch_too=not times))
        elif time in UNITS:
            texts.append(_epoch(expr, time, origin))
        else:
            text, precision = _pattern(expr, time, zone)
            texts.append(text)
            if precision in ("hour", "month", "year"):
                precisions.append(f"CASE WHEN {text} IS NOT NULL THEN '{precision}' END")
                continue
        precisions.append("CAST(NULL AS VARCHAR)")
    if len(texts) == 1:
        return texts[0], precisions[0]
    cases = " ".join(f"WHEN {text} IS NOT NULL THEN {p}" for text, p in zip(texts, precisions, strict=True))
    return f"coalesce({', '.join(texts)})", f"CASE {cases} END"


def _moved(stamp: str, zone: str | None) -> str:
    """Return SQL for a naive local TIMESTAMP in UTC."""
    if zone is None:
        return stamp
    if _OFFSET.match(zone):
        hours, minutes = int(zone[1:3]), int(zone[4:6])
        sign = -1 if zone[0] == "+" else 1
        return f"({stamp} + INTERVAL ({sign * (hours * 60 + minutes)}) MINUTE)"
    return f"(({stamp} AT TIME ZONE {literal(zone)}) AT TIME ZONE 'UTC')"


def _iso(expr: str, zone: str | None, *, is_epoch_too: bool) -> str:
    is_iso = f"{expr} SIMILAR TO '[0-9]{{4}}-[0-9].*'"
    fits = f"{q.instant(expr)} IS NOT NULL" + ("" if is_epoch_too else f" AND {is_iso}")
    if zone is None:
        return f"CASE WHEN {fits} THEN {expr} END"
    naive = f"{expr} SIMILAR TO {_NAIVE} AND NOT regexp_matches({expr}, {_HAS_ZONE})"
    moved = _moved(f"try_cast({expr} AS TIMESTAMP)", zone)
    written = q.precision(expr)
    forms = " ".join(f"WHEN '{p}' THEN strftime({moved}, '{_FORMS[p]}')" for p in ("us", "ms", "s", "minute"))
    return f"CASE WHEN NOT ({fits}) THEN NULL WHEN {naive} THEN CASE {written} {forms} END ELSE {expr} END"


def _epoch(expr: str, unit: str, origin: int) -> str:
    is_short = f"abs(try_cast({expr} AS DOUBLE)) < 1e{_MOST_DIGITS}"
    number = f"CASE WHEN {is_short} THEN try_cast({expr} AS DECIMAL(38, 9)) END"
    micros = f"({number}) / 1000" if unit == "ns" else f"({number}) * {UNITS[unit]}"
    micros = f"({micros} + {origin:d})" if origin else micros
    stamp = f"make_timestamp(try_cast(round({micros}) AS BIGINT))"
    is_whole = f"({number}) = floor({number})"
    form = {"s": _FORMS["s"], "ms": _FORMS["ms"]}.get(unit, _FORMS["us"])
    text = f"CASE WHEN {is_whole} THEN strftime({stamp}, '{form}') ELSE strftime({stamp}, '{_FORMS['us']}') END"
    # What lies outside is another unit.
    return f"CASE WHEN ({micros}) >= {_FIRST} AND ({micros}) < {_LAST} THEN {text} END"


def _pattern(expr: str, pattern: str, zone: str | None) -> tuple[str, str]:
    stamp = f"try_strptime({expr}, {literal(pattern)})"
    if "%z" in pattern or "%Z" in pattern:
        utc = f"({stamp} AT TIME ZONE 'UTC')"
    else:
        precision = pattern_precision(pattern)
        utc = _moved(stamp, zone if precision in ("us", "ms", "s", "minute", "hour") else None)
    precision = pattern_precision(pattern)
    is_told = f"{stamp} >= TIMESTAMP '1000-01-02' AND {stamp} < TIMESTAMP '9999-12-29'"
    return f"CASE WHEN {is_told} THEN strftime({utc}, '{_FORMS[precision]}') END", precision
