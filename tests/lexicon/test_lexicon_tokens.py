"""The token rule against an implementation with `unicodedata`, and by example."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lexicon.tokens import count_tokens, token_starts


def python_tokens(text: str) -> list[str]:
    """Cut tokens by Unicode category, character by character."""
    is_word = [c == "_" or unicodedata.category(c)[0] in "LN" for c in text] + [False]
    tokens, start = [], None
    for at in range(len(text) + 1):
        joins = start is not None and text[at : at + 1] in ("'", "’") and is_word[at + 1]
        if is_word[at]:
            start = at if start is None else start
        elif not joins and start is not None:
            tokens.append(text[start:at])
            start = None
    return tokens


# Unassigned characters are left out: polars and Python know different Unicode versions.
assigned = st.characters(exclude_categories=("Cs", "Cn"))
nasty = st.text(st.one_of(st.sampled_from("ab'’_ -1é字\u0301\u200d²٣🤖\x00\n"), assigned), max_size=30)


@given(nasty)
def test_count_equals_python(text: str) -> None:
    tokens = python_tokens(text)
    count = pl.DataFrame({"text": [text]}).select(n=count_tokens(pl.col("text")))
    assert count.schema["n"] == pl.Int64
    assert count.item() == len(tokens)


@given(nasty)
def test_starts_are_where_python_finds_them(text: str) -> None:
    encoded, starts = text.encode(), token_starts([text])[0]
    tokens = python_tokens(text)
    assert len(starts) == len(tokens)
    assert all(encoded[at:].startswith(token.encode()) for at, token in zip(starts, tokens, strict=True))


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Don't stop, l’eau!", ["Don't", "stop", "l’eau"]),
        (
            "step-by-step snake_case 3.5 x''y 'q'",
            ["step", "by", "step", "snake_case", "3", "5", "x", "y", "q"],
        ),
        ("你好 世界", ["你好", "世界"]),
        ("", []),
        ("🤖 -- \n", []),
    ],
)
def test_examples(text: str, tokens: list[str]) -> None:
    assert python_tokens(text) == tokens
    assert pl.select(count_tokens(pl.lit(text))).item() == len(tokens)
