"""SQL that tells which creation times of Bluesky cannot be: an author's program writes them, of any year."""

from __future__ import annotations

from pipeline.ingest import sqltools as q

# The network opened to its first users in November 2022.
_FIRST = "TIMESTAMP '2022-11-01'"
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"
_IS_TID = f"regexp_full_match({{key}}, '[{_ALPHABET[:14]}][{_ALPHABET}]{{{{12}}}}')"
_DIGIT = f"CAST(strpos('{_ALPHABET}', substr({{key}}, CAST(i AS INTEGER), 1)) - 1 AS BIGINT)"
MARK = "CASE WHEN is_implausible THEN true END"
RAW = "CASE WHEN created_time IS NULL THEN created_text END"


def key_time(key: str) -> str:
    """Return SQL for the time in a record key: thirteen digits to base 32, of which eleven count microseconds."""
    digit = _DIGIT.format(key=key)
    micros = f"list_sum(list_transform(range(1, 12), lambda i: {digit} << CAST(5 * (11 - i) AS INTEGER)))"
    return f"CASE WHEN {_IS_TID.format(key=key)} THEN make_timestamp(CAST({micros} AS BIGINT)) END"


def witnessed(created: str, seen: str, key: str) -> str:
    """Return columns created_text, created_time and is_implausible.

    Parameters
    ----------
    created
        SQL for the time that the author gives.
    seen
        SQL for the time at which the record was indexed, null where that is not known.
    key
        SQL for the record key.
    """
    text = q.null_if_word(created)
    time = q.instant(text)
    witness = f"coalesce({q.instant(q.null_if_word(seen))}, {key_time(key)})"
    return (
        f"{text} AS created_text, {time} AS created_time, {text} IS NOT NULL AND coalesce({time} < {_FIRST} "
        f"OR {time} > {witness} + INTERVAL 1 DAY, {time} IS NULL) AS is_implausible"
    )
