"""Replaces what looks like a credential or a personal address, in SQL and in Python.

What belongs here: applying the patterns of `redact_patterns.py`, and telling quoted words that look random. The shapes
err on the side of taking too much: a text that lost an innocent word is a smaller harm than one that kept a key.
"""

from __future__ import annotations

import functools
import json
import math
import re
from collections import Counter

from pipeline.warehouse.redact_patterns import ADDRESSES, CREDENTIALS, Pattern

# A quoted word of these letters is taken for a key when the letters are this evenly spread (bits a letter). The numbers
# are those of detect-secrets; the margin keeps two ways of adding the same terms from disagreeing.
_HEX, _HEX_BITS, _HEX_LEAST = "[0-9a-fA-F]*[a-fA-F][0-9a-fA-F]*", 3.0, 9
_BASE64, _BASE64_BITS, _BASE64_LEAST = r"[A-Za-z0-9+/\\_=-]*", 4.5, 23
_UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_MARGIN = 1e-9
_RANDOM = "[redacted:high_entropy]"
_QUOTES = ('"', "'")
_RANDOM_HINT = rf"[\"'][0-9a-fA-F]{{{_HEX_LEAST},}}[\"']|[\"'][A-Za-z0-9+/\\_=-]{{{_BASE64_LEAST},}}[\"']"

CREDENTIAL_HINT = "|".join(dict.fromkeys([*(pattern.hint for pattern in CREDENTIALS), _RANDOM_HINT]))
"""Matches every text that `redact_credentials` changes, and few others."""

PRIVATE_KEYS = r"(?i)owner|email|e_mail|phone|(?:^|_)x_(?:handle|name|bio|avatar)|^x(?:Handle|Name|Bio|Avatar)|twitter"
"""Keys of unmapped fields that speak of the human behind an agent."""

UNREADABLE = '{"_redacted":"not readable as JSON"}'

Compiled = tuple[tuple[re.Pattern[str], str], ...]


def _compiled(patterns: tuple[Pattern, ...]) -> Compiled:
    # re.ASCII: RE2's \b, \s and (?i) know ASCII only, and both engines have to agree.
    return tuple((re.compile(pattern.regex, re.ASCII), pattern.replacement) for pattern in patterns)


_CREDENTIALS, _ADDRESSES = _compiled(CREDENTIALS), _compiled(ADDRESSES)
_IS_HEX, _IS_BASE64, _HAS_UUID = (re.compile(regex) for regex in (_HEX, _BASE64, _UUID))


def redact(text: str) -> str:
    """Return `text` with every credential or address replaced by ``[redacted:<kind>]``.

    Parameters
    ----------
    text
        Any text; it is data and is never interpreted.
    """
    for regex, replacement in (*_CREDENTIALS, *_ADDRESSES):
        text = regex.sub(replacement, text)
    return _without_random(text)


def redact_credentials(text: str) -> str:
    """Return `text` with every credential replaced; what leads to a person stays."""
    for regex, replacement in _CREDENTIALS:
        text = regex.sub(replacement, text)
    return _without_random(text)


def redact_sql(expression: str) -> str:
    """Return a DuckDB expression that does to a VARCHAR what `redact` does to a text.

    Parameters
    ----------
    expression
        A SQL expression of type VARCHAR, such as a quoted column name.
    """
    return _without_random_sql(_replaced_sql(expression, (*CREDENTIALS, *ADDRESSES)))


def redact_credentials_sql(expression: str) -> str:
    """Return a DuckDB expression that does what `redact_credentials` does.

    One expression is searched for in every text; the others are applied to the few texts that it finds.
    """
    changed = _without_random_sql(_replaced_sql(expression, CREDENTIALS))
    return f"CASE WHEN {has_credential_sql(expression)} THEN {changed} ELSE {expression} END"


def has_credential_sql(expression: str) -> str:
    """Return a DuckDB expression that is true for every text with a credential, and for few others."""
    return f"regexp_matches({expression}, {_literal(CREDENTIAL_HINT)})"


def redact_json(text: str) -> str:
    """Return a JSON text without credentials in its texts and keys, as JSON.

    Parameters
    ----------
    text
        JSON of unmapped fields. What cannot be parsed is replaced as a whole, because escapes may hide what it says.
    """
    try:
        clean = json.dumps(_scrub(json.loads(text)), ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        clean = redact_credentials(clean)  # keys and values together, such as "password":"x"
        json.loads(clean)
    except (ValueError, RecursionError):
        return UNREADABLE
    return clean


# Keys and short values repeat in every record; the longer texts would only push them out of the cache.
_redact_short = functools.lru_cache(maxsize=100_000)(redact_credentials)
_SHORT = 64


def _scrub(value: object) -> object:
    if isinstance(value, dict):
        return {_redact_value(key): _scrub(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    return _redact_value(value) if isinstance(value, str) else value


def _redact_value(text: str) -> str:
    return _redact_short(text) if len(text) <= _SHORT else redact_credentials(text)


def _without_random(text: str) -> str:
    """Replace the words between quotation marks that look random."""
    for quote in _QUOTES:
        if text.count(quote) > 1:
            first, *between, last = text.split(quote)
            text = quote.join([first, *(_RANDOM if _is_random(word) else word for word in between), last])
    return text


def _is_random(word: str) -> bool:
    if len(word) < _HEX_LEAST:
        return False
    if _IS_HEX.fullmatch(word):
        return _entropy(word) > _HEX_BITS - _MARGIN
    if len(word) < _BASE64_LEAST or not _IS_BASE64.fullmatch(word) or _HAS_UUID.search(word):
        return False
    return _entropy(word) > _BASE64_BITS - _MARGIN


def _entropy(word: str) -> float:
    return -sum(n / len(word) * math.log2(n / len(word)) for n in Counter(word).values())


def _replaced_sql(expression: str, patterns: tuple[Pattern, ...]) -> str:
    for pattern in patterns:
        expression = f"regexp_replace({expression}, {_literal(pattern.regex)}, {_literal(pattern.replacement)}, 'g')"
    return expression


def _without_random_sql(expression: str) -> str:
    """Return the expression of `_without_random`; lambdas, so that the long expression is written once."""
    bits = "list_aggregate(string_split(word, ''), 'entropy')"
    is_random = (
        f"CASE WHEN length(word) < {_HEX_LEAST} THEN false "
        f"WHEN regexp_full_match(word, {_literal(_HEX)}) THEN {bits} > {_HEX_BITS - _MARGIN!r} "
        f"WHEN length(word) < {_BASE64_LEAST} OR NOT regexp_full_match(word, {_literal(_BASE64)}) "
        f"OR regexp_matches(word, {_literal(_UUID)}) THEN false ELSE {bits} > {_BASE64_BITS - _MARGIN!r} END"
    )
    kept = f"lambda word: CASE WHEN {is_random} THEN '{_RANDOM}' ELSE word END"
    for quote in map(_literal, _QUOTES):
        whole = (
            f"lambda l: CASE WHEN len(l) < 3 THEN array_to_string(l, {quote}) ELSE array_to_string("
            f"list_concat(list_concat(l[1:1], list_transform(l[2:-2], {kept})), l[-1:]), {quote}) END"
        )
        expression = f"list_transform([string_split({expression}, {quote})], {whole})[1]"
    return expression


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
