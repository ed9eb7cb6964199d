"""Every shipped card against Python's `re` on the same texts: zero differences."""

import re
from dataclasses import replace

import pytest
from lexicon_helpers import archive_files, frame_of, texts_of_file

from pipeline.lexicon import Card, Engine, load_cards
from pipeline.lexicon.normalise import normalise

TOKEN = r"(?<!\w)(?<!\w['’])(?:{})(?!\w)(?!['’]\w)"
SAMPLE = 150  # texts of at most so many characters: `re` looks for 13,000 entries in each
LONGEST = 3_000


def oracle(pattern: str, boundary: str) -> re.Pattern[str]:
    edges = {"word": r"\b(?:{})\b", "none": "{}", "token": TOKEN}[boundary]
    return re.compile(edges.replace("{}", pattern))


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Evenly spread posts of a public export."""
    found: list[str] = []
    for path in archive_files("moltbook-observatory-csv", tmp_path_factory.mktemp("sample")):
        texts_of_file(path, found)
    short = sorted({text for text in found if len(text) <= LONGEST})
    return short[:: len(short) // SAMPLE]


@pytest.mark.parametrize("card", load_cards(), ids=lambda card: card.id)
def test_counts_are_those_of_re(card: Card, sample: list[str]) -> None:
    texts = [*sample, *(example.text for example in card.examples)]
    plain = replace(card, overlap="each", negation=None, boosters=None, counting="occurrence")
    frame = frame_of(texts)
    read = (normalise(frame["text"]) if card.text == "normalised" else frame["text"]).to_list()
    lowered = [text.lower() for text in read]
    expected = {}
    for category in card.categories:
        for entry in category.entries:
            find = oracle(entry.pattern, entry.boundary).findall
            for n, text in enumerate(lowered):
                if entry.literals and not any(literal in text for literal in entry.literals):
                    continue  # what does not stand there at all cannot match
                if found := len(find(text)):
                    expected[f"{n:08d}", category.name, entry.pattern] = found
    rows = Engine([plain]).entry_counts(frame).select("text_hash", "category", "entry", "count").rows()
    assert {(h, c, e): n for h, c, e, n in rows} == expected
    assert expected


def test_hostile_texts_pass_every_card() -> None:
    texts = ["", "\u200b\u200c\u200d", "\n", "👩\u200d🔬 good", "\u202eשלום", "no " * 300_000, "a" * 1_000_000, "'’'’"]
    scores = Engine(load_cards()).score(frame_of(texts))
    assert scores["share"].drop_nulls().is_between(0, 1).all()
    assert set(scores["text_hash"]) >= {"00000003", "00000005"}
