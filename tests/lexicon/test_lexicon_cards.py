"""Cards: the shipped ones keep what they assert, the reader refuses the rest, and the SQL follows the card."""

from pathlib import Path

import duckdb
import polars as pl
import pytest
from lexicon_helpers import MINIMAL, frame_of

from pipeline.lexicon import (
    LEXICON_FOLDER,
    Card,
    Engine,
    card_by_id,
    fingerprint,
    level_case_sql,
    load_cards,
    reply_class_sql,
)
from pipeline.lexicon.card import parse_card

CATEGORY = {"name": "a", "entries": ["no"]}
CARD_FILE = """
id = "{id}"
title = "t"
version = "1"
source = "s"
licence = "l"
language = "en"
evidence = "I"
text = "raw"
counting = "presence"
[[categories]]
name = "first"
entries = ['{entry}']
"""


def test_shipped_cards_are_those_of_methods(cards: tuple[Card, ...]) -> None:
    sizes = {card.id: {c.name: len(c.entries) for c in card.categories} for card in cards}
    assert sizes["airs"] == {"action": 23, "sensitive": 15}
    assert sizes["reply"] == {"toxic": 8, "enforce": 14, "endorse": 10}
    assert list(sizes["reply"]) == ["toxic", "enforce", "endorse"]
    assert list(sizes["token_mint"]) == ["mint"]
    airs, reply = card_by_id(cards, "airs"), card_by_id(cards, "reply")
    assert (airs.cap, airs.total, airs.default, reply.default) == (10, "total", None, "other")
    assert all(entry.weight == 1 for card in cards for c in card.categories for entry in c.entries)


def test_shipped_examples_hold(cards: tuple[Card, ...]) -> None:
    for card in cards:
        assert card.examples, f"{card.id} asserts nothing"
        for example in card.examples:
            scores = Engine([card]).score(frame_of([example.text]))
            assert dict(scores.select("category", "count").iter_rows()) == dict(example.counts), example.why


def test_levels_are_data() -> None:
    airs = card_by_id(load_cards(LEXICON_FOLDER), "airs")
    levels = duckdb.sql(f"SELECT n, {level_case_sql(airs, 'n')} AS level FROM range(12) AS r(n) ORDER BY n").fetchall()
    assert levels == [(0, "low"), (1, "med"), *((n, "high") for n in range(2, 12))]
    with pytest.raises(ValueError, match="no levels"):
        level_case_sql(card_by_id(load_cards(LEXICON_FOLDER), "reply"), "n")


def test_classes_follow_the_order_of_the_card(engine: Engine) -> None:
    texts = ["\nkill: no thanks", "\nno thanks", "\nthanks", "\nhello", "\nDIE", "title\nno"]
    message = pl.DataFrame({"message_id": list("fedcba"), "kind": ["comment"] * 5 + ["post"], "text": texts})
    message = message.join(frame_of(texts).select("text", "text_hash"), on="text")
    no_text = pl.DataFrame({"message_id": ["z"], "kind": ["comment"], "text": [None], "text_hash": [None]})
    message = pl.concat([message, no_text.cast(message.schema)])
    with duckdb.connect() as con:
        con.register("message", message.to_arrow())
        con.register("lexicon_score", engine.score(frame_of(texts)).to_arrow())
        assert con.sql(reply_class_sql()).fetchall() == [
            ("b", "toxic"), ("c", "other"), ("d", "endorse"), ("e", "enforce"), ("f", "toxic"), ("z", "other"),
        ]  # fmt: skip
        categories = [{"name": n, "entries": e} for n, e in (("endorse", ["thanks"]), ("toxic", ["kill"]))]
        other = parse_card({**MINIMAL, "id": "reply", "default": "none_of_them", "categories": categories})
        classes = dict(con.sql(reply_class_sql(other)).fetchall())
    assert classes["f"] == "endorse"
    assert classes["c"] == "none_of_them"


def test_a_card_without_default_does_not_classify(cards: tuple[Card, ...]) -> None:
    with pytest.raises(ValueError, match="does not classify"):
        reply_class_sql(card_by_id(cards, "airs"))
    with pytest.raises(ValueError, match="no lexicon card has the id 'nope'"):
        card_by_id(cards, "nope")


def test_fingerprint_follows_the_content(cards: tuple[Card, ...]) -> None:
    assert fingerprint(cards) == fingerprint(tuple(reversed(cards)))
    assert fingerprint(load_cards()) == fingerprint(load_cards()) != fingerprint(cards)
    variants = [
        {**MINIMAL, "categories": [CATEGORY]},
        {**MINIMAL, "categories": [CATEGORY], "counting": "occurrence"},
        {**MINIMAL, "categories": [CATEGORY], "boundary": "none"},
        {**MINIMAL, "categories": [CATEGORY], "total": "sum"},
        {**MINIMAL, "categories": [CATEGORY], "total": "sum", "cap": 3},
        {**MINIMAL, "categories": [{"name": "a", "entries": ["not"]}]},
        {**MINIMAL, "categories": [{"name": "a", "entries": [{"pattern": "no", "weight": 2}]}]},
    ]
    assert len({fingerprint([parse_card(raw)]) for raw in variants}) == len(variants)


def test_load_reads_a_folder_sorted_by_id(tmp_path: Path) -> None:
    for name in ("zeta", "alpha"):
        (tmp_path / f"{name}.toml").write_text(CARD_FILE.format(id=name, entry="a(b|c)"), encoding="utf-8")
    cards = load_cards(tmp_path)
    assert [card.id for card in cards] == ["alpha", "zeta"]
    assert cards[0].categories[0].entries[0].literals == ("ab", "ac")


def test_errors_name_card_category_and_entry(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(CARD_FILE.format(id="bad", entry="rules.*"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"lexicon card bad\.toml: category 'first', entry 'rules\.\*' is rejected"):
        load_cards(tmp_path)
    (tmp_path / "bad.toml").write_text(CARD_FILE.format(id="good", entry="rules"), encoding="utf-8")
    with pytest.raises(ValueError, match=r"name the file good\.toml"):
        load_cards(tmp_path)
    (tmp_path / "bad.toml").write_text("id = ", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bad\.toml is not a TOML file"):
        load_cards(tmp_path)
    (tmp_path / "bad.toml").unlink()
    with pytest.raises(ValueError, match="holds no lexicon card"):
        load_cards(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"colour": "red"}, "unknown keys"),
        ({"source": " "}, "source must be a non-empty string"),
        ({"text": "cleaned"}, 'text must be "raw"'),
        ({"counting": "often"}, "counting must be"),
        ({"cap": 10}, "needs a total"),
        ({"cap": 0, "total": "sum"}, "positive integer"),
        ({"categories": []}, "no categories"),
        ({"categories": [{"name": "a", "entries": []}]}, "has no entries"),
        ({"categories": [{"name": "a", "entries": "no"}]}, "has no entries"),
        ({"categories": [{"name": "a'; --", "entries": ["no"]}]}, "lower-case identifier"),
        ({"categories": [CATEGORY, CATEGORY]}, "are the same"),
        ({"categories": [CATEGORY], "total": "a"}, "are the same"),
        ({"categories": [{"name": "a", "entries": ["no", "no"]}]}, "listed twice"),
        ({"categories": [{"name": "a", "entries": ["No"]}]}, "'No' can never match"),
        ({"categories": [{"name": "a", "entries": [3]}]}, "a string or a table"),
        (
            {"categories": [{"name": "a", "entries": [{"pattern": "no", "weight": "x"}]}]},
            "weight must be a number",
        ),
        ({"categories": [{"name": "a", "entries": [{"pattern": "no", "colour": 1}]}]}, "a string or a table"),
        ({"boundary": "line"}, "boundary must be one of"),
        ({"categories": [{**CATEGORY, "boundry": "none"}]}, "unknown keys"),
        ({"levels": [{"name": "low", "at_most": 1}]}, "levels must have rising"),
        (
            {"levels": [{"name": "b", "at_most": 1}, {"name": "a", "at_most": 0}, {"name": "c"}]},
            "levels must have",
        ),
        ({"assertions": {"entries": {"a": 2}}}, "asserts"),
        ({"assertions": {"examples": [{"text": "x"}]}}, "exactly text, counts and why"),
    ],
)
def test_cards_say_only_what_the_engine_does(change: dict[str, object], reason: str) -> None:
    raw = {**MINIMAL, "categories": [CATEGORY], **change}
    with pytest.raises(ValueError, match=reason):
        parse_card(raw)


def test_the_engine_needs_distinct_cards(cards: tuple[Card, ...]) -> None:
    for wrong in ((), (cards[0], cards[0])):
        with pytest.raises(ValueError, match="distinct ids"):
            Engine(wrong)
