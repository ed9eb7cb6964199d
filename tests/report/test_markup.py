"""The one way from text to markup: nothing that a corpus says becomes an element, an attribute or invisible."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hostile import HOSTILE
from hypothesis import given
from hypothesis import strategies as st

from pipeline.report.html.markup import Html, corpus_label, corpus_text, escape, join, tag, visible

# Every plane, with the characters that break or hide markup more likely than chance.
TEXT = st.text(st.one_of(st.characters(), st.sampled_from("<>\"'&`=/\x00\u202e\u2028\u200b\ufeff\u0301\U000e0041")))


class _Read(HTMLParser):
    """What a parser finds: elements with their attributes, and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, list[tuple[str, str | None]]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, attrs))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(markup: str) -> _Read:
    parser = _Read()
    parser.feed(markup)
    parser.close()
    return parser


@given(TEXT)
def test_any_text_comes_back_as_itself(text: str) -> None:
    found = read(tag("p", text, title=text))
    assert [name for name, _ in found.elements] == ["p"]
    assert found.elements[0][1] == [("title", read(escape(text)).text)]
    assert found.text.strip(" ") == visible(text)


@given(TEXT)
def test_corpus_text_is_one_element_without_attributes(text: str) -> None:
    found = read(corpus_text(text))
    assert found.elements == [("bdi", [])]
    assert "\n" not in found.text
    assert len(found.text) <= 160


@given(TEXT)
def test_what_is_shown_hides_and_reorders_nothing(text: str) -> None:
    shown = visible(text)
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u3164]", shown)
    assert not any(0xE0000 <= ord(character) <= 0xE0FFF for character in shown)
    assert visible(shown) == shown


def test_hidden_characters_are_named() -> None:
    assert visible(HOSTILE["bidi"]) == "invoice[U+202E]fdp.exe and [U+2066]isolated"
    assert "[U+200B]" in visible(HOSTILE["hidden"])
    assert "[U+E0041]" in visible(HOSTILE["hidden"])
    assert visible(HOSTILE["marks"]).startswith("z\u0301\u0301[U+0301]")
    assert visible("naïve café 中文 العربية 🦞 हिन्दी") == "naïve café 中文 العربية 🦞 हिन्दी"


def test_credentials_do_not_reach_the_page() -> None:
    key = "sk-ant-api03-" + "A1b2" * 12
    assert "[redacted:" in corpus_text(f"use {key} now")
    assert key not in corpus_text(f"{'x' * 140}{key}") + corpus_label(f"my {key}")


def test_markup_is_not_escaped_twice_and_text_always_once() -> None:
    assert tag("b", "<i>", tag("i", "&")) == "<b>&lt;i&gt;<i>&amp;</i></b>"
    assert join(("a ", Html("<br>"), " b")) == "a <br> b"
    assert tag("td", None, class_=None, hidden=False, open=True) == "<td open></td>"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_are_text(text: str) -> None:
    assert [name for name, _ in read(tag("td", corpus_text(text, 400), title=corpus_label(text)))
            .elements] == ["td", "bdi"]  # fmt: skip
