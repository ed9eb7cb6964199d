"""What makes the engine fast, each against the slow way: the table of words, plain texts, expressions from words."""

import re

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st
from lexicon_helpers import MINIMAL, frame_of

from pipeline.lexicon import Engine
from pipeline.lexicon.card import parse_card
from pipeline.lexicon.lower import lower_exact
from pipeline.lexicon.normalise import is_plain, normalise
from pipeline.lexicon.syntax import machine_of
from pipeline.lexicon.texts import Texts
from pipeline.lexicon.words import WordTable

WORDS = ["a", "no", "internet", "internets", "understanding", "x" * 15, "x" * 16, "é", "größe", "_", "ab12"]
SEPARATED = st.lists(st.sampled_from([*WORDS, "abc", "x" * 17, "interne", " ", "\n", "-", "🤖"]), max_size=12).map(
    "".join
)


@settings(deadline=None)
@given(st.lists(SEPARATED, max_size=6))
def test_known_words_are_those_of_the_list(texts: list[str]) -> None:
    read = Texts.of(pl.Series(texts, dtype=pl.String))
    table = WordTable([word.encode() for word in WORDS])
    at, code = read.known(table)
    words = [word for text in texts for word in re.findall(r"\w+", text)]
    # Only the first 16 bytes of a word are read: a longer one is told apart later, by its boundary.
    heads = {word.encode()[:16] for word in WORDS}
    expected = [(n, table.code(word.encode())) for n, word in enumerate(words) if word.encode()[:16] in heads]
    assert list(zip(at.tolist(), code.tolist(), strict=True)) == expected


def test_many_words_that_share_slots_are_told_apart() -> None:
    words = [f"w{n}".encode() for n in range(20_000)]
    table = WordTable(words)
    read = Texts.of(pl.Series([" ".join(f"w{n}" for n in range(40_000))]))
    at, code = read.known(table)
    assert at.tolist() == list(range(20_000))
    assert code.tolist() == [table.code(word) for word in words]


@settings(deadline=None)
@given(
    st.lists(
        st.text(st.sampled_from("ab é…\n\t\r\x0b\x0c\x00\u00a0\u2028\u200dΣ🤖İA’\ufe0f\x1f"), max_size=12), max_size=8
    )
)
def test_plain_texts_change_in_nothing_but_white_space(texts: list[str]) -> None:
    column = pl.Series(texts, dtype=pl.String)
    plain = column.filter(is_plain(column))
    lowered = plain.str.to_lowercase()
    assert lowered.equals(lower_exact(plain))
    spaced = Texts.of(lowered).spaced(lowered)
    expected = lower_exact(normalise(plain))
    assert spaced.series().to_list() == expected.to_list()
    again = Texts.of(expected)
    for one, other in zip(spaced.words, again.words, strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(
        spaced.flags[: spaced.last[-1]] if texts and len(plain) else [],
        again.flags[: again.last[-1]] if len(plain) else [],
    )


EXPRESSIONS = [
    "(?:i|we) (?:(?:do|did) not |don['’]t )?(?:think|thinks?|thin[gk] so|know)",
    "no(?: no){1,2}",
    "(?:a|ab)(?: a)?(?: a b)?",
    r"go-?\d{2}",
]
PARTS = [
    "i",
    "we",
    "do not",
    "don’t",
    "don't",
    "did not",
    "think",
    "thing so",
    "thinks",
    "know",
    "no",
    "a",
    "b",
    "ab",
    "go-12",
    "go1",
    "2",
    " ",
    " ",
    " ",
    "é",
    "_",
    "\n",
    "字",
]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(st.sampled_from(PARTS), max_size=14).map("".join), min_size=1, max_size=5))
def test_expressions_walked_from_words_are_those_of_re(texts: list[str]) -> None:
    card = parse_card(
        {
            **MINIMAL,
            "counting": "occurrence",
            "categories": [{"name": "a", "entries": [{"regex": e} for e in EXPRESSIONS]}],
        }
    )
    engine = Engine([card])
    found = engine.entry_counts(frame_of(texts)).select("text_hash", "entry", "count").rows()
    expected = [
        (f"{n:08d}", entry.pattern, len(re.findall(entry.pattern, text)))
        for n, text in enumerate(texts)
        for entry in card.categories[0].entries
    ]
    assert sorted(found) == sorted(row for row in expected if row[2])


def test_which_expressions_are_read() -> None:
    for expression in EXPRESSIONS:
        assert machine_of([expression]) is not None
    for expression in ("a+", "a*", "a.b", "[^a]", "a{2,}", r"a\bb", "a??", "é"):
        assert machine_of([expression]) is None
