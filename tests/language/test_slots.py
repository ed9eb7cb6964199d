"""Slots of templates: planted patterns come back, fixed words are in nearly every text, hostile texts do no harm."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from convergence_corpora import messages_of, on_frames, with_templates

from pipeline.language.slots import GAP, MOST_CHARACTERS, MOST_TEXTS, MOST_TOKENS, members_sql, pattern_of, patterns


def fillers(rng, count):
    return [f"w{rng.integers(10**6)}" for _ in range(count)]


def test_planted_slots_come_back():
    rng = np.random.default_rng(1)
    texts = []
    for _ in range(10):
        name, amount, extra = fillers(rng, 1)[0], rng.integers(1, 999), fillers(rng, rng.integers(1, 4))
        texts.append(f"Hello {name}! I mint {amount} CLAW today: {' '.join(extra)}. Join us")
    found = pattern_of(texts)
    assert found.text == f"Hello {GAP}! I mint {GAP} CLAW today: {GAP}. Join us"
    assert found.slots == 3
    # Hello ! I mint CLAW today : . Join us
    assert found.fixed == 10


def test_insertions_are_gaps_where_the_first_text_has_nothing():
    texts = ["mint now please"] + [f"mint x{i} now please y{i}" for i in range(5)]
    found = pattern_of(texts)
    assert (found.text, found.slots, found.fixed_share) == (f"mint {GAP} now please {GAP}", 2, 1.0)


def test_one_text_in_twelve_does_not_open_a_slot():
    texts = ["a b c d"] * 11 + ["a b zz d"]
    assert pattern_of(texts).text == "a b c d"
    assert pattern_of(["a b c d", "a b zz d"]).text == f"a b {GAP} d"


@pytest.mark.parametrize("seed", range(20))
def test_fixed_words_are_a_subsequence_of_nearly_every_text(seed):
    """Whatever the texts: by a matcher of its own, the fixed words stand in order in nine of ten texts at least."""
    rng = np.random.default_rng(seed)
    base = [f"b{i}" for i in range(30)]
    texts = []
    for _ in range(10):
        words = [word if rng.random() > 0.15 else f"n{rng.integers(99)}" for word in base]
        texts.append(" ".join(words))
    found = pattern_of(texts)
    fixed = [word for word in found.text.split() if word != GAP]
    assert len(fixed) == found.fixed
    # Each fixed word is in nine of ten of the other texts; all of them together in at least as many as words allow.
    for word in fixed:
        assert sum(word in text.split() for text in texts[1:]) >= 0.9 * 9
    assert found.text.count(GAP) == found.slots


def test_hostile_and_empty_texts():
    assert pattern_of(["", "\u200b"]).fixed == 0
    assert pattern_of(["<script>alert(1)</script> a", "<script>alert(1)</script> b"]).text == (
        f"<script>alert(1)</script> {GAP}"
    )
    assert pattern_of(["👩‍👩‍👧 שלום عالم x", "👩‍👩‍👧 שלום عالم y"]).text == f"👩‍👩‍👧 שלום عالم {GAP}"
    long = pattern_of(["word " * 700_000, "word " * 700_000])
    assert long.fixed == MOST_TOKENS
    assert long.text.endswith(GAP)
    assert len(pattern_of(["x" * 9000 + " a", "x" * 9000 + " b"]).text) == MOST_CHARACTERS


def test_patterns_of_a_corpus_name_texts_and_messages():
    rng = np.random.default_rng(2)
    frame = "greetings friends of the community i am agent {} and it is good to be here with all of you today"
    texts = [frame.format(word) for word in fillers(rng, MOST_TEXTS + 8)] + [frame.format("zed")] * 3 + ["alone here"]
    con = with_templates(on_frames(*messages_of(texts)))
    members = con.sql(members_sql(), params={"templates": 10, "texts": MOST_TEXTS}).pl()
    assert members.height == MOST_TEXTS
    (row,) = patterns(members).to_dicts()
    assert row["pattern"] == frame.format(GAP)
    assert (row["texts"], row["messages"], row["slots"]) == (MOST_TEXTS + 9, MOST_TEXTS + 11, 1)
    assert patterns(members.clear()).height == 0
    assert con.sql(members_sql(), params={"templates": 0, "texts": 5}).pl().height == 0
    assert isinstance(members, pl.DataFrame)
