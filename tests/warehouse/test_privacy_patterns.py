"""The patterns find nothing that the hint has not found, take linear time, and know quoted words that look random."""

from __future__ import annotations

import re
import time

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.warehouse.redact import (
    CREDENTIAL_HINT,
    redact,
    redact_credentials,
    redact_credentials_sql,
    redact_sql,
)
from pipeline.warehouse.redact_patterns import ADDRESSES, CREDENTIALS, PATTERNS

LONG_LINE = 3_400_000  # the longest text on one line that a real dump held
# Only short excerpts go the way of Python, whose engine is some ten times slower: it is held to a tenth of the line.
# Measured: up to 3 s each on a busy core; a quadratic expression takes hours.
SECONDS = 30.0
PIECES = ["a", "a.b@", 'secret="', "1A", "+1", "eyJ-", '"ab"']
EXAMPLES = ["".join(pattern.example) for pattern in PATTERNS]


def in_sql(expression: str, texts: list[str]) -> list[str]:
    con = duckdb.connect()
    con.register("t", pl.DataFrame({"i": range(len(texts)), "x": texts}))
    return [row[0] for row in con.sql(f"SELECT {expression} FROM t ORDER BY i").fetchall()]


@pytest.mark.parametrize("piece", PIECES)
def test_a_line_of_megabytes_takes_seconds(piece: str) -> None:
    text = piece * (LONG_LINE // len(piece))
    start = time.monotonic()
    in_sql(f"length({redact_sql('x')})", [text])
    in_sql(f"length({redact_credentials_sql('x')})", [text])
    redact(text[: LONG_LINE // 10])
    assert time.monotonic() - start < SECONDS


def test_the_hint_holds_in_every_example_and_in_few_other_texts() -> None:
    for pattern in PATTERNS:
        assert re.search(pattern.hint, "".join(pattern.example)), pattern.name
    for pattern in CREDENTIALS:
        assert re.search(CREDENTIAL_HINT, "".join(pattern.example)), pattern.name
    plain = "I keep my secret garden; the key to a good password is patience. See https://example.org/a?b=c at 12:30."
    assert not re.search(CREDENTIAL_HINT, plain)


WORDS = st.one_of(
    st.sampled_from([*EXAMPLES, "secret", "key", ": ", " = ", '"', "'", ";", "\n", " ", "é"]), st.text(max_size=8)
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=7).map("".join), min_size=1, max_size=60))
def test_what_has_no_hint_has_no_credential_and_both_engines_agree(texts: list[str]) -> None:
    texts = [text.replace("\x00", "").encode("utf-8", "replace").decode() for text in texts]
    clean = [redact_credentials(text) for text in texts]
    assert in_sql(redact_credentials_sql("x"), texts) == clean


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('k = "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZgXyQwPk8tS7"', 'k = "[redacted:high_entropy]"'),
        ("sha '3f2a9c0d17be4856' here", "sha '[redacted:high_entropy]' here"),
        ('"a" "0123456789abcdef" "b"', '"a" "[redacted:high_entropy]" "b"'),
        ('"550e8400-e29b-41d4-a716-446655440000"', '"550e8400-e29b-41d4-a716-446655440000"'),
        ("bare 3f2a9c0d17be4856 stays", "bare 3f2a9c0d17be4856 stays"),
        ('"1234567890123456"', '"1234567890123456"'),
        ('"internationalisation"', '"internationalisation"'),
        ('3f2a9c0d17be4856"', '3f2a9c0d17be4856"'),
    ],
)
def test_quoted_words_that_look_random(text: str, expected: str) -> None:
    assert redact_credentials(text) == expected
    assert in_sql(redact_credentials_sql("x"), [text]) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my secret: 'open sesame', ok", "my secret: '[redacted:credential]', ok"),
        ('password "a b";', 'password "[redacted:credential]'),
        ("'a b' == passwd", "[redacted:credential]"),
        ("at 93.184.216.34:80 and 127.0.0.1:80, 10.1.2.3, 192.168.0.1", None),
        ("version 1.2.3 of 2026.01.27", "version 1.2.3 of 2026.01.27"),
    ],
)
def test_what_scanners_take_for_a_secret(text: str, expected: str | None) -> None:
    wanted = expected or "at [redacted:ip_address] and 127.0.0.1:80, 10.1.2.3, 192.168.0.1"
    assert redact_credentials(text) == wanted


def test_addresses_are_no_credentials_and_telephone_numbers_need_their_country() -> None:
    texts = ["".join(pattern.example) for pattern in ADDRESSES]
    assert [redact_credentials(text) for text in texts] == texts
    assert [f"[redacted:{pattern.name}]" in redact(text) for pattern, text in zip(ADDRESSES, texts, strict=True)] == [
        True
    ] * len(texts)
    assert redact("call +44 20 7946 0958 or 020 7946 0958, order 12345678901") == (
        "call [redacted:phone] or 020 7946 0958, order 12345678901"
    )
