"""The engine against Python's `re` on `str.lower()`: zero differences, on real texts and on every code point."""

import csv
import re
import sys
from collections import Counter

import duckdb
import polars as pl
import pytest
from lexicon_helpers import MINIMAL, archive_files, frame_of, oracle_pattern, text_hash

from pipeline.lexicon import Card, Engine, reply_class_sql
from pipeline.lexicon.boundary import utf8_buffer, word_after, word_before, word_flags
from pipeline.lexicon.card import parse_card
from pipeline.lexicon.lower import lower_exact

REAL_TEXTS_AT_LEAST = 143_000  # distinct texts of the dumps: fewer means that a dump was not read


def oracle_entries(texts: list[str], cards: tuple[Card, ...]) -> set[tuple[int, str, str, str]]:
    """Every (text, lexicon, category, entry) that `re` finds.

    An entry that does not match without boundaries cannot match with them: that first look is fast in `re`.
    """
    lowered = [text.lower() for text in texts]
    found = set()
    for card in cards:
        for category in card.categories:
            for entry in category.entries:
                loose = re.compile(entry.pattern).search
                exact = oracle_pattern(entry.pattern, entry.boundary).search
                key = (card.id, category.name, entry.pattern)
                found.update((n, *key) for n, text in enumerate(lowered) if loose(text) and exact(text))
    return found


def test_no_difference_on_all_real_texts(engine: Engine, cards: tuple[Card, ...], real_texts: list[str]) -> None:
    assert len(real_texts) >= REAL_TEXTS_AT_LEAST
    expected = oracle_entries(real_texts, cards)
    frame = frame_of(real_texts)
    rows = engine.entry_counts(frame)
    found = {(int(h), *rest) for h, *rest in rows.select("text_hash", "lexicon", "category", "entry").iter_rows()}
    assert len(found) == rows.height
    assert found ^ expected == set()
    assert {entry for *_, entry in expected} >= {"no", "token", "run", '"p": ?"mbc-20"', "\\n!clawnch"}

    sums = Counter((n, lexicon, category) for n, lexicon, category, _ in expected)
    totals: Counter[tuple[int, str, str]] = Counter()
    for (n, lexicon, _), count in sums.items():
        if lexicon == "airs":
            totals[n, lexicon, "total"] += count
    sums.update({key: min(count, 10) for key, count in totals.items()})
    scores = engine.score(frame)
    assert {(int(h), x, c): n for h, x, c, n in scores.select(scores.columns[:4]).iter_rows()} == dict(sums)
    assert scores["share"].is_between(0, 1).all()


def test_every_code_point_is_a_word_character_as_in_re() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    is_word = re.compile(r"\w").match
    expected = [is_word(character) is not None for character in characters]
    buffer, offsets = utf8_buffer(pl.Series(characters))
    flags = word_flags(buffer)
    assert word_after(flags, offsets[:-1].copy(), offsets[1:]).tolist() == expected
    assert word_before(flags, offsets[1:].copy(), offsets[:-1]).tolist() == expected
    # The same positions with the text ending, or starting, right there: the end of a text is no word character.
    assert not word_after(flags, offsets[1:].copy(), offsets[1:]).any()
    assert not word_before(flags, offsets[:-1].copy(), offsets[:-1]).any()


def test_every_code_point_is_lowered_as_in_python() -> None:
    characters = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]
    assert lower_exact(pl.Series(characters)).to_list() == [character.lower() for character in characters]
    around_sigma = [f"{before}Σ{after}" for before in characters[::41] for after in ("", "a", "\u0301", ".Α")]
    assert lower_exact(pl.Series(around_sigma)).to_list() == [text.lower() for text in around_sigma]


def test_no_difference_beside_code_points() -> None:
    """Words stand after and before all code points of the first planes of scripts, and a sample of the others."""
    engine = Engine([parse_card({**MINIMAL, "categories": [{"name": "a", "entries": ["no", '"x']}]})])
    codes = [*range(0x3100), *range(0x3100, 0xD800, 53), *range(0xE000, sys.maxunicode + 1, 53)]
    for entry, shape in (("no", "{}no"), ("no", "no{}"), ('"x', '{}"x')):
        texts = [shape.replace("{}", chr(code)) for code in codes]
        hits = engine.entry_counts(frame_of(texts))
        search = oracle_pattern(entry, "word").search
        expected = {n for n, text in enumerate(texts) if search(text.lower())}
        assert set(hits["text_hash"].cast(pl.Int64)) == expected
        assert 0 < len(expected) < len(texts)


@pytest.fixture(scope="module")
def observatory(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pl.DataFrame]:
    files = {path.name: path for path in archive_files("moltbook-observatory-csv", tmp_path_factory.mktemp("obs"))}
    tables = {}
    for kind in ("posts", "comments"):
        with files[f"moltbook_{kind}.csv"].open(encoding="utf-8", newline="") as lines:
            rows = list(csv.DictReader(lines))
        texts = [row.get("title", "") + "\n" + row["content"] for row in rows]
        hashes = [text_hash(text) for text in texts]
        tables[kind] = pl.DataFrame({"message_id": [row["id"] for row in rows], "text_hash": hashes, "text": texts})
    return tables


def scored(engine: Engine, messages: pl.DataFrame) -> pl.DataFrame:
    texts = messages.select("text_hash", "text").unique("text_hash", keep="first", maintain_order=True)
    return engine.score(texts.with_columns(n_tokens=frame_of(texts["text"].to_list())["n_tokens"]))


def test_airs_share_of_the_public_sample(engine: Engine, observatory: dict[str, pl.DataFrame]) -> None:
    """METHODS.md 1.6: 36.7 % of 1,710 posts, action-only 28.9 %, sensitive-only 15.4 %."""
    posts = observatory["posts"]
    scores = scored(engine, posts).filter(pl.col("lexicon") == "airs")
    hits = posts.join(scores, on="text_hash").group_by("category").agg(pl.len()).rows()
    counts = dict(hits)
    assert posts.height == 1_710
    assert counts["total"] == 627
    assert round(100 * counts["action"] / posts.height, 1) == 28.9
    assert round(100 * counts["sensitive"] / posts.height, 1) == 15.4


def test_reply_classes_of_the_public_sample(engine: Engine, observatory: dict[str, pl.DataFrame]) -> None:
    """METHODS.md 1.6: other 78, enforce 14, endorse 4, toxic 1 of 97 comments."""
    message = observatory["comments"].with_columns(kind=pl.lit("comment"))
    lexicon_score = scored(engine, message)
    with duckdb.connect() as con:
        con.register("message", message.to_arrow())
        con.register("lexicon_score", lexicon_score.to_arrow())
        classes = con.sql(reply_class_sql()).pl()
    assert classes.columns == ["message_id", "class"]
    assert classes["message_id"].is_sorted()
    assert dict(classes["class"].value_counts().iter_rows()) == {
        "other": 78,
        "enforce": 14,
        "endorse": 4,
        "toxic": 1,
    }
