"""Replaces what looks like a credential or a personal address, in SQL and in Python.

What belongs here: applying the patterns of `redact_patterns.py`. The shapes err on the side of taking too
much: a shared file that lost an innocent word is a smaller harm than one that kept a key.
"""

from __future__ import annotations

import functools
import json
import re

from pipeline.warehouse.redact_patterns import PATTERNS

# re.ASCII: RE2's \b, \s and (?i) know ASCII only, and both engines have to agree.
_COMPILED = tuple((re.compile(pattern.regex, re.ASCII), pattern.replacement) for pattern in PATTERNS)

PRIVATE_KEYS = r"(?i)owner|email|e_mail|phone|(?:^|_)x_(?:handle|name|bio|avatar)|^x(?:Handle|Name|Bio|Avatar)|twitter"
"""Keys of unmapped fields that speak of the human behind an agent; their values leave shared files."""

_PRIVATE_KEY = re.compile(PRIVATE_KEYS)
_UNREADABLE = '{"_redacted":"not readable as JSON"}'


def redact(text: str) -> str:
    """Return `text` with every credential or address replaced by ``[redacted:<kind>]``.

    Parameters
    ----------
    text
        Any text; it is data and is never interpreted.
    """
    for regex, replacement in _COMPILED:
        text = regex.sub(replacement, text)
    return text


def redact_sql(expression: str) -> str:
    """Return a DuckDB expression that does to a VARCHAR what `redact` does to a text.

    Parameters
    ----------
    expression
        A SQL expression of type VARCHAR, such as a quoted column name.
    """
    for pattern in PATTERNS:
        expression = f"regexp_replace({expression}, {_literal(pattern.regex)}, {_literal(pattern.replacement)}, 'g')"
    return expression


def scrub_json(text: str | None) -> str | None:
    """Return a JSON text without the members whose key names the human owner, at any depth, and redacted.

    Parameters
    ----------
    text
        JSON of unmapped fields; ``None`` stays ``None``. What cannot be parsed is replaced as a whole, because
        it cannot be searched for keys.
    """
    if text is None:
        return None
    try:
        return json.dumps(_scrub(json.loads(text)), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    except (ValueError, RecursionError):
        return _UNREADABLE


# Keys and short values repeat in every record; the longer texts would only push them out of the cache.
_redact_short = functools.lru_cache(maxsize=100_000)(redact)
_SHORT = 64
_SHORTEST_SECRET = 6  # a@b.cd


def _redact_value(text: str) -> str:
    if len(text) < _SHORTEST_SECRET:
        return text
    return _redact_short(text) if len(text) <= _SHORT else redact(text)


def _scrub(value: object) -> object:
    if isinstance(value, dict):
        return {_redact_value(key): _scrub(item) for key, item in value.items() if not _PRIVATE_KEY.search(key)}
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    return _redact_value(value) if isinstance(value, str) else value


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
