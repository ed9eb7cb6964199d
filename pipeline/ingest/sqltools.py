"""SQL expressions that clean single values: times with their precision, numbers, identifiers, booleans, text flags.

Every function takes SQL expressions and returns one; data never enters the statement.
"""

from __future__ import annotations

NULL_WORDS = ("", "none", "null", "nan", "undefined", "n/a")
PRECISIONS = ("us", "ms", "s", "minute", "hour", "day", "week", "month", "year")
MAX_ID_CHARS = 200
EXCERPT_CHARS = 1000  # redacted before it is shortened, so that no credential is cut where it is no longer told
# NUL has no place in a text column, and NaN none in strict JSON; a parser that accepts them must not pass them on. To
# look for the ways in which programs write nan and inf is far cheaper than the pattern.
_NO_NUMBERS = ("NaN", "nan", "NAN", "Inf", "inf", "INF")


def holds_no_number(expr: str) -> str:
    """Return whether JSON text holds a NaN or an infinity that is no string."""
    return rf"""CASE
    WHEN {" OR ".join(f"contains({expr}, '{word}')" for word in _NO_NUMBERS)}
    THEN regexp_matches({expr}, '(?i)[:,\[]\s*-?(?:nan|inf(?:inity)?)\s*[,\]}}]')
    ELSE false END"""


NO_FORBIDDEN_VALUE = rf"""NOT contains(doc, '\u0000') AND NOT {holds_no_number("doc")}"""
_SPACE = "chr(32) || chr(9) || chr(10) || chr(13)"


def both_ends(first: str, last: str) -> str:
    """Return one row for each end of a span, one where they are the same."""
    return f"unnest(CASE WHEN {first} = {last} THEN [{first}] ELSE [{first}, {last}] END)"


def trimmed(expr: str) -> str:
    """Return `expr` without white space around it; a copy is made only where there is some."""
    return f"CASE WHEN {_is_bare(expr)} THEN {expr} ELSE trim({expr}, {_SPACE}) END"


def _is_bare(expr: str) -> str:
    """Return whether there is no white space around a text, without copying it."""
    return f"{expr} >= '!' AND NOT regexp_matches({expr}, '[ \\t\\r\\n]$')"


def null_if_word(expr: str, *more: str) -> str:
    """Return `expr` trimmed, or NULL where it is one of the spellings of a missing value (or one of `more`)."""
    # The spellings are short: most values are told apart by their length alone.
    trimmed_text = f"trim({expr}, {_SPACE})"
    return (
        f"CASE WHEN strlen({expr}) > 9 AND {_is_bare(expr)} THEN {expr} "
        f"WHEN {_is_one_of(f'lower({trimmed_text})', *NULL_WORDS, *more)} THEN NULL ELSE {trimmed_text} END"
    )


def _is_one_of(expr: str, *words: str) -> str:
    """Return whether `expr` is one of some words; a long IN list would become a hash join inside every row."""
    return "(" + " OR ".join(f"{expr} = '{word}'" for word in words) + ")"


def identifier(expr: str) -> str:
    """Return an identifier: trimmed, without spellings of null and without the sentinel -1."""
    return null_if_word(expr, "-1")


def named(expr: str) -> str:
    """Return a name: trimmed, NULL when nothing is left. A community may be called 'null', an agent 'None'."""
    return f"nullif({trimmed(expr)}, '')"


# A separator that no value holds stands before every value of a row, so that one expression judges all of them.
_UNTRIMMED = r"\x01([\t\n\r ]|u/|@|\x01|$)|[\t\n\r ](\x01|$)"
_UNCLEAN = rf"{_UNTRIMMED}|\x01([{{\[]|(?i:-1|none|null|nan|undefined|n/a)(\x01|$))"
_ISO = r"(20[0-9]{2}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+]00:00)?\|?)*"


def unclean(identifiers: tuple[str, ...], names: tuple[str, ...] = ()) -> str:
    """Return whether any of several values needs `identifier` or `named` at all; most batches hold none."""
    return " OR ".join(
        f"regexp_matches(concat_ws(chr(1), 'x', {', '.join(values)}), '{pattern}')"
        for values, pattern in ((identifiers, _UNCLEAN), (names, _UNTRIMMED))
        if values
    )


def unusual_time(*expressions: str) -> str:
    """Return whether any of several times is written otherwise than in the ISO form of the platform's API."""
    return f"NOT regexp_full_match(concat_ws('|', {', '.join(expressions)}), '{_ISO}')"


def iso_instant(expr: str) -> str:
    """Return what `instant` returns, for times of which `unusual_time` is false."""
    return f"CAST(try_cast({expr} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP)"


def iso_precision(expr: str) -> str:
    """Return what `precision` returns, for times of which `unusual_time` is false."""
    return (
        f"CASE WHEN {expr} IS NULL THEN NULL WHEN NOT contains({expr}, '.') THEN 's' "
        f"WHEN ends_with({expr}, 'Z') AND strpos({expr}, '.') = strlen({expr}) - 4 THEN 'ms' ELSE 'us' END"
    )


def integer(expr: str, *, is_count: bool = False) -> str:
    """Return a whole number from text such as '12', '24.0' or '1540600'; counts lose the sentinel -1."""
    number = f"coalesce(try_cast({expr} AS BIGINT), try_cast(try_cast({expr} AS DOUBLE) AS BIGINT))"
    return f"nullif({number}, -1)" if is_count else number


def boolean(expr: str) -> str:
    """Return a truth value from true/false, 0/1 or yes/no."""
    return (
        f"CASE WHEN lower({expr}) IN ('true', '1', '1.0', 'yes') THEN true "
        f"WHEN lower({expr}) IN ('false', '0', '0.0', 'no') THEN false END"
    )


def instant(expr: str) -> str:
    """Return a UTC TIMESTAMP from ISO text (1 to 9 fraction digits, offset, Z or naive) or an epoch number.

    Naive times are read as UTC. Epoch numbers are told apart by their size: up to 11 digits are seconds, 12 to 14
    milliseconds, 15 to 17 microseconds, 18 or more nanoseconds.
    """
    digits = f"length(split_part(ltrim({expr}, '-'), '.', 1))"
    micros = (
        f"CASE WHEN {digits} <= 11 THEN try_cast(round(try_cast({expr} AS DECIMAL(30, 9)) * 1000000) AS BIGINT) "
        f"WHEN {digits} <= 14 THEN try_cast(round(try_cast({expr} AS DECIMAL(30, 9)) * 1000) AS BIGINT) "
        f"WHEN {digits} <= 17 THEN try_cast(trunc(try_cast({expr} AS DECIMAL(30, 9))) AS BIGINT) "
        f"ELSE try_cast(trunc(try_cast({expr} AS DECIMAL(30, 9)) / 1000) AS BIGINT) END"
    )
    return (
        f"CASE WHEN {expr} IS NULL THEN NULL "
        f"WHEN {expr} >= '1000' AND {expr} < '9999-12-3' AND {expr} SIMILAR TO '[0-9]{{4}}-[0-9].*' "
        f"THEN try_cast({expr} AS TIMESTAMPTZ) AT TIME ZONE 'UTC' "
        f"WHEN regexp_full_match({expr}, '-?[0-9]{{5,19}}([.][0-9]*)?') THEN make_timestamp({micros}) END"
    )


def precision(expr: str) -> str:
    """Return the precision of a time as it is written.

    Three fraction digits before a ``Z`` are milliseconds (JavaScript writes exactly three); any other fraction is
    microseconds (Postgres strips trailing zeros, so ``.82+00:00`` is microseconds too).
    """
    return (
        f"CASE WHEN {expr} IS NULL THEN NULL "
        f"WHEN regexp_full_match({expr}, '-?[0-9]{{5,11}}([.]0*)?') THEN 's' "
        f"WHEN regexp_full_match({expr}, '-?[0-9]{{12,14}}([.]0*)?') THEN 'ms' "
        f"WHEN regexp_full_match({expr}, '-?[0-9]{{5,19}}([.][0-9]*)?') THEN 'us' "
        f"WHEN regexp_matches({expr}, '[.][0-9]{{3}}Z$') THEN 'ms' "
        f"WHEN regexp_matches({expr}, ':[0-9]{{2}}[.,][0-9]+') THEN 'us' "
        f"WHEN regexp_matches({expr}, '[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}') THEN 's' "
        f"WHEN regexp_matches({expr}, '[0-9]{{2}}:[0-9]{{2}}') THEN 'minute' "
        f"WHEN regexp_full_match({expr}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}') THEN 'day' END"
    )


def known_precision(expr: str) -> str:
    """Return the precision that a record gives, NULL when it is no word of the vocabulary."""
    return f"CASE WHEN {_is_one_of(expr, *PRECISIONS)} THEN {expr} END"


def precision_rank(expr: str) -> str:
    """Return a rank by which the finest precision comes first."""
    return (
        f"CASE {expr} WHEN 'us' THEN 0 WHEN 'ms' THEN 1 WHEN 's' THEN 2 WHEN 'minute' THEN 3 WHEN 'hour' THEN 4 "
        f"WHEN 'day' THEN 5 WHEN 'week' THEN 6 WHEN 'month' THEN 7 WHEN 'year' THEN 8 ELSE 9 END"
    )


def text_flags(expr: str, repair: str, is_ascii: str) -> str:
    """Return the comma-separated flags of a text, NULL when it has none.

    `repair` is SQL for the flag of what was mended in the document, NULL where nothing was; `is_ascii` SQL for whether
    the text is ASCII, which has no flag. The zero-width joiner U+200D is legitimate inside emoji and is not flagged.
    """
    zero_width = f"regexp_matches({expr}, '[\\x{{200B}}\\x{{200C}}\\x{{2060}}\\x{{FEFF}}]')"
    tags = f"regexp_matches({expr}, '[\\x{{E0000}}-\\x{{E007F}}]')"
    c1 = f"regexp_matches({expr}, '[\\x{{80}}-\\x{{9F}}]')"
    lost = f"contains({expr}, chr(65533))"
    parts = (
        f"CASE WHEN {c1} THEN 'c1_control' END",
        f"CASE WHEN {lost} AND contains({repair}, 'nul_removed') THEN 'nul_removed' END",
        f"CASE WHEN {lost} THEN 'replacement_character' END",
        f"CASE WHEN {lost} AND contains({repair}, 'surrogate_repaired') THEN 'surrogate_repaired' END",
        f"CASE WHEN {tags} THEN 'tag_characters' END",
        f"CASE WHEN {zero_width} THEN 'zero_width' END",
    )
    # Few texts have any: one pass over a class of all the suspects spares the rest five.
    suspects = "[\\x{80}-\\x{9F}\\x{200B}\\x{200C}\\x{2060}\\x{FEFF}\\x{FFFD}\\x{E0000}-\\x{E007F}]"
    return (
        f"CASE WHEN {is_ascii} THEN NULL WHEN NOT regexp_matches({expr}, '{suspects}') THEN NULL "
        f"ELSE nullif(concat_ws(',', {', '.join(parts)}), '') END"
    )


def starts_with_bracket(expr: str, bracket: str) -> str:
    """Return whether JSON text starts with `bracket`, without parsing it; leading white space may be long."""
    expr = f"CAST({expr} AS VARCHAR)"
    head = f"ltrim(left({expr}, 64), {_SPACE})"
    late = f"left(CASE WHEN {head} = '' THEN ltrim({expr}, {_SPACE}) ELSE {head} END, 1) = '{bracket}'"
    return f"CASE WHEN {expr} >= '!' THEN starts_with({expr}, '{bracket}') ELSE {late} END"
