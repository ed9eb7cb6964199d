"""Prefixes, expressions, token boundaries, longest match, negation, boosters, languages: against `re` and by hand."""

import itertools
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexicon_helpers import MINIMAL, frame_of

from pipeline.lexicon import Engine
from pipeline.lexicon.card import parse_card
from pipeline.lexicon.expression import translate

PIECES = ["no", "not", "nor", "no no", "'", "’", " ", "s", "é", "́", "_", "k1-ab", "k1-", ":)", "x", "\n", "🤖", "NO"]
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=10).map("".join), min_size=1, max_size=5)
ENTRIES = ["no\\w*", "no", "no no", {"regex": "k[0-9]-[a-z]{0,3}"}, {"regex": "(?:n|s)\\w+", "boundary": "none"}]
TOKEN_EDGES = r"(?<!\w)(?<!\w['’])(?:{})(?!\w)(?!['’]\w)"


def made(**changes: object) -> Engine:
    return Engine([parse_card({**MINIMAL, "counting": "occurrence", **changes})])


def weights(engine: Engine, texts: list[str]) -> list[float]:
    scores = engine.score(frame_of(texts))
    found = dict(scores.select("text_hash", "weight_sum").iter_rows())
    return [found.get(f"{n:08d}", 0.0) for n in range(len(texts))]


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_prefixes_and_expressions_are_those_of_re(texts: list[str]) -> None:
    engine = made(categories=[{"name": "a", "entries": ENTRIES}])
    found = {(h, e): n for h, e, n in engine.entry_counts(frame_of(texts)).select("text_hash", "entry", "count").rows()}
    python = [
        r"\b(?:no\w*)\b",
        r"\b(?:no)\b",
        r"\b(?:no no)\b",
        r"(?a:\b(?:k[0-9]-[a-z]{0,3})\b)",
        r"(?a:(?:(?:n|s)\w+))",
    ]
    written = ["no\\w*", "no", "no no", python[3], python[4]]
    expected = {
        (f"{n:08d}", entry): len(re.findall(pattern, text.lower()))
        for (n, text), (entry, pattern) in itertools.product(enumerate(texts), zip(written, python, strict=True))
    }
    assert found == {key: n for key, n in expected.items() if n}


@settings(max_examples=150, deadline=None)
@given(TEXTS)
def test_token_boundaries_are_look_arounds(texts: list[str]) -> None:
    entries = ["no", ":\\)", "s", "no['’]s"]
    engine = made(boundary="token", categories=[{"name": "a", "entries": entries}])
    found = {(h, e): n for h, e, n in engine.entry_counts(frame_of(texts)).select("text_hash", "entry", "count").rows()}
    expected = {
        (f"{n:08d}", entry): len(re.findall(TOKEN_EDGES.format(entry), text.lower()))
        for (n, text), entry in itertools.product(enumerate(texts), entries)
    }
    assert found == {key: n for key, n in expected.items() if n}


def longest(text: str, literals: list[str]) -> int:
    """Count by walking the text: the longest literal at each place, then on behind it."""
    at = count = 0
    while at < len(text):
        fitting = [x for x in literals if re.compile(rf"\b{re.escape(x)}\b").match(text, at)]
        count += bool(fitting)
        at += max(map(len, fitting), default=1)
    return count


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(st.sampled_from(["a", "b", " ", "c"]), max_size=14).map("".join), min_size=1, max_size=4))
def test_longest_is_leftmost_longest(texts: list[str]) -> None:
    literals = ["a", "a b", "b", "b c a", "c a"]
    split = [{"name": "one", "entries": literals[:3]}, {"name": "two", "entries": literals[3:]}]
    scores = made(overlap="longest", total="all", categories=split).score(frame_of(texts))
    found = dict(scores.filter(pl.col("category") == "all").select("text_hash", "count").iter_rows())
    expected = {f"{n:08d}": longest(text, literals) for n, text in enumerate(texts)}
    assert found == {key: n for key, n in expected.items() if n}


def test_negation_and_boosters_reach_their_scope() -> None:
    engine = made(
        boundary="token",
        categories=[{"name": "a", "entries": [{"pattern": "good", "weight": 2}, {"pattern": "bad", "weight": -2}]}],
        negation={"entries": ["not", "don['’]t"], "scope": 2, "factor": -0.5},
        boosters={"entries": [{"pattern": "very", "weight": 0.3}, {"pattern": "kind of", "weight": -0.5}], "scope": 2},
    )
    texts = [
        "good", "not good", "not so good", "not so very good", "not that so very good", "very bad", "kind of bad",
        "very very good", "good, not", "don’t, good", "not not good", "not", "good\n",
    ]  # fmt: skip
    assert weights(engine, texts) == pytest.approx([2, -1, -1, 2.3, 2.3, -2.3, -1.5, 2.6, 2, -1, -1, 0, 2])
    # The first text ends with a modifier, the next starts with a match: no scope reaches across texts.
    assert weights(engine, ["so not", "good", "very", "bad"]) == [0, 2, 0, -2]


def test_negation_without_factor_takes_matches_out() -> None:
    engine = made(
        counting="presence", categories=[{"name": "a", "entries": ["lie"]}], negation={"entries": ["not"], "scope": 1}
    )
    assert engine.score(frame_of(["not lie", "lie not lie", "not a lie"]))["text_hash"].to_list() == [
        "00000001", "00000002",
    ]  # fmt: skip


def test_other_languages_are_not_scored_unless_the_card_says_so() -> None:
    texts = frame_of(["no", "no", "no", "no"]).with_columns(language=pl.Series(["en", "de", "und", None]))
    category = [{"name": "a", "entries": ["no"]}]
    for language, other, expected in (
        ("en", "skip", [0, 2, 3]), ("en, de", "skip", [0, 1, 2, 3]), ("fr", "score", [0, 1, 2, 3]),
        ("any", "skip", [0, 1, 2, 3]),
    ):  # fmt: skip
        scores = made(language=language, other_languages=other, categories=category).score(texts)
        assert scores["text_hash"].cast(pl.Int64).to_list() == expected


@pytest.mark.parametrize(
    "entry", ["a|b$", "^a", "(?i)a", "(?=a)", "a++", "[a&&b]", "a*", "A", r"\p{L}", r"(a)\1", "[a", "", "x" * 1001]
)
def test_expressions_outside_the_subset_are_refused(entry: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        translate(entry, "word")


def test_globs_are_words_of_any_script() -> None:
    engine = made(categories=[{"name": "a", "entries": [{"glob": "un*able"}, {"glob": "é?a"}, {"glob": "star*"}]}])
    rows = engine.entry_counts(frame_of(["unable unbelievable able", "éza ééa éa", "stars start a star"]))
    assert rows["count"].to_list() == [2, 2, 3]
