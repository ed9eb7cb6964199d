"""Times that a page gives as the time since, such as "a day", "2 months", "7 Tage" or "ein Monat".

SQL for telling and resolving them. A resolved time is the start of the unit (UTC) that holds the time of the crawl
less the lag, and its precision is that unit: "2 months" before a crawl of 20 June is April, known to the month.
"""

from __future__ import annotations

# Unit, its precision, and its names: singular and plural.
_UNITS: tuple[tuple[str, str, str, str], ...] = (
    ("second", "s", "second|sekunde|segundo|seconde", "seconds|sekunden|segundos|secondes|秒"),
    ("minute", "minute", "minute|minuto", "minutes|minuten|minutos|分钟|分鐘|分"),
    ("hour", "hour", "hour|stunde|hora|heure", "hours|stunden|horas|heures|時間|小时|小時"),
    ("day", "day", "day|tag|día|dia|jour", "days|tagen|tage|días|dias|jours|日|天"),
    ("week", "week", "week|woche|semana|semaine", "weeks|wochen|semanas|semaines|週間|周"),
    ("month", "month", "month|monat|mes|mois", "months|monaten|monate|meses|mois|ヶ月|か月|个月|個月"),
    ("year", "year", "year|jahr|año|an", "years|jahren|jahre|años|ans|年"),
)
_ONE = "an|a|one|eine|einem|einer|ein|una|une|un"


def _pattern(singular: str, plural: str) -> str:
    return f"(?:(?:{_ONE}) (?:{singular})|1 ?(?:{singular})|(?:[0-9]+|a few|ein paar|einige|unos) ?(?:{plural}))"


LAG = "(?i:" + "|".join(_pattern(singular, plural) for _, _, singular, plural in _UNITS) + ")"


def is_lag(expr: str) -> str:
    """Return SQL for whether a text is the time since."""
    return f"coalesce(regexp_full_match({expr}, '{LAG}'), false)"


def _unit(expr: str) -> str:
    cases = " ".join(
        f"WHEN regexp_full_match({expr}, '(?i:{_pattern(singular, plural)})') THEN '{unit}'"
        for unit, _, singular, plural in _UNITS
    )
    return f"CASE {cases} END"


def lag_columns(expr: str) -> str:
    """Return SQL for the columns `lag_n` and `lag_unit` of a text, null where it is no time since."""
    digits = f"regexp_extract({expr}, '[0-9]+')"
    number = f"CASE WHEN {digits} = '' THEN 1 ELSE try_cast({digits} AS INTEGER) END"
    return f"CASE WHEN {is_lag(expr)} THEN {number} END AS lag_n, {_unit(expr)} AS lag_unit"


def resolved_at(crawl: str) -> str:
    """Return SQL for the ISO text of the time that `lag_n` and `lag_unit` mean at the time of a crawl."""
    cases = " ".join(
        f"WHEN '{unit}' THEN date_trunc('{unit}', {crawl} - lag_n * INTERVAL '1 {unit}')" for unit, *_ in _UNITS
    )
    is_sane = "lag_n BETWEEN 0 AND 1000"
    return f"CASE WHEN {is_sane} THEN strftime(CASE lag_unit {cases} END, '%Y-%m-%dT%H:%M:%S') END"


RESOLVED_PRECISION = "CASE lag_unit WHEN 'second' THEN 's' ELSE lag_unit END"
