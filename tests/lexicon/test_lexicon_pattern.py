"""The entry language: what it denotes, checked against `re`, and what it refuses."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.lexicon.pattern import MAX_LENGTH, MAX_LITERALS, expand

LONGEST_ENUMERATED = 4  # strings over two letters up to this length are tried one by one: 31 strings


def entries() -> st.SearchStrategy[str]:
    atoms = st.sampled_from(["a", "b", "[ab]", "[a]", r"\-", "[b-]"])
    return st.recursive(
        atoms,
        lambda inner: st.one_of(
            inner.map(lambda x: f"({x})?"),
            st.lists(inner, min_size=1, max_size=3).map(lambda xs: "(" + "|".join(xs) + ")"),
            st.lists(inner, min_size=2, max_size=3).map("".join),
        ),
        max_leaves=5,
    )


@given(entries())
def test_literals_are_the_language_of_the_regular_expression(entry: str) -> None:
    language = re.compile(entry)
    if language.fullmatch(""):
        with pytest.raises(ValueError, match="empty string"):
            expand(entry)
        return
    literals = expand(entry)
    assert len(set(literals)) == len(literals)
    assert all(language.fullmatch(literal) for literal in literals)
    strings = ("".join(s) for n in range(1, LONGEST_ENUMERATED + 1) for s in itertools.product("ab-", repeat=n))
    assert {s for s in strings if language.fullmatch(s)} == {x for x in literals if len(x) <= LONGEST_ENUMERATED}


@given(entries())
def test_order_is_that_of_backtracking(entry: str) -> None:
    """At one position, the first literal of the list that fits is the one that `re` takes."""
    if re.fullmatch(entry, ""):
        return
    literals = expand(entry)
    for text in ("abab-", "aab-b", "bbaa-a", "ba-ab", *literals):
        fitting = [literal for literal in literals if text.startswith(literal)]
        match = re.match(entry, text)
        assert (match.group() if match else None) == (fitting[0] if fitting else None)


def test_examples() -> None:
    assert expand("follow (these|this) steps") == ("follow these steps", "follow this steps")
    assert expand("thank(s| you)?") == ("thanks", "thank you", "thank")
    assert expand("step[- ]by") == ("step-by", "step by")
    assert expand("rules?") == ("rules", "rule")
    assert expand(r"c\+\+\n") == ("c++\n",)
    assert expand("don't") == ("don't",)


@pytest.mark.parametrize(
    "entry",
    [
        "", "a*", "a+", "a.b", "a{2}", "^a", "a$", r"\w", r"\d+", r"\bno\b", r"a\s", "[a-z]", "[^a]", "[]",
        "[a", "(a", "a)", "a|b", "?", "a??", "a?+", "(a|)", "a?", "(?:a)", "(?i)a", r"\x41", "\\", "]", "}",
        "[[a]", r"\é", "x" * (MAX_LENGTH + 1), "[ab]" * 11,
    ],
)  # fmt: skip
def test_everything_else_is_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        expand(entry)


def test_limit_is_tight() -> None:
    assert len(expand("[abcdefghij][klmnopqrst][0123456789]")) == MAX_LITERALS
    with pytest.raises(ValueError, match="more than 1000 literals"):
        expand("[abcdefghijk][klmnopqrst][0123456789]")
