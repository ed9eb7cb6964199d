"""Normalised texts: what goes, what stays, and that a card is scored on the text that it asks for."""

import unicodedata

import polars as pl
import pytest
from hostile import HOSTILE, TEXTS
from hypothesis import given, settings
from hypothesis import strategies as st
from lexicon_helpers import MINIMAL, frame_of

from pipeline.lexicon import Engine, load_cards
from pipeline.lexicon.card import parse_card
from pipeline.lexicon.normalise import mend, normalise

FAMILY = "\N{MAN}\u200d\N{WOMAN}\u200d\N{GIRL}"
PILOT = "\N{WOMAN}\N{EMOJI MODIFIER FITZPATRICK TYPE-4}\u200d\N{AIRPLANE}\ufe0f"


def one(text: str) -> str:
    return str(normalise(pl.Series([text])).item())


def doubled(text: str, encoding: str) -> str:
    """Return a text as it looks when its UTF-8 is read in another encoding; bytes that it lacks as in Latin-1."""
    out = []
    for byte in text.encode():
        try:
            out.append(bytes([byte]).decode(encoding))
        except UnicodeDecodeError:
            out.append(chr(byte))
    return "".join(out)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ig\u200bno\u2060re\ufeff", "ignore"),
        ("to\u200cken \u202etxet\u202c", "token txet"),
        ("run\U000e0072\U000e0075 it", "run it"),
        ("a\u0085b\x9fc\x00d", "abcd"),
        ("\uff54\uff4f\uff4b\uff45\uff4e", "token"),  # full-width
        ("\U0001d42d\U0001d428\U0001d424\U0001d41e\U0001d427", "token"),  # mathematical bold
        ("\ufb01le", "file"),
        ("e\u0301", "\u00e9"),
        ("\n title \r\n\t  text\u00a0\u3000more \n", "title text more"),
        ("fill\u3164er", "filler"),
        ("", ""),
        ("\n", ""),
        ("plain text", "plain text"),
    ],
)
def test_what_only_machines_see_goes(text: str, expected: str) -> None:
    assert one(text) == expected


def test_the_joiner_stays_inside_emoji_and_nowhere_else() -> None:
    assert one(f"x {FAMILY} {PILOT} y") == f"x {FAMILY} {PILOT} y"
    assert one("to\u200dken") == "token"
    assert one(f"\u200d{FAMILY}\u200d \N{CRAB}\u200dtoken") == f"{FAMILY} \N{CRAB}token"


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text",
    [
        "don’t",
        "café",
        "Größe",
        "£5 – “quoted”…",
        "Привет мир",
        "你好，世界",
        "\N{CRAB} lobster \N{RIGHTWARDS ARROW}",
        "naïve",
    ],
)
def test_double_encoded_texts_are_mended(text: str, encoding: str) -> None:
    assert doubled(text, encoding) != text
    assert mend(doubled(text, encoding)) == text
    assert mend(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "CAFÉ…",
        "o que é…”",
        "MAÇÃ”",
        "Spaß”",
        "voilà…”",
        "Ü–Ö",
        "É»",
        "ÇÃO",
        "ñ“x”",
        "«Ã»",
        "Â«",
        "MARCÃ®",
        "naïve – “où”",
    ],
)
def test_real_accents_before_punctuation_are_left(text: str) -> None:
    assert mend(text) == text


def test_hostile_texts() -> None:
    found = dict(zip(HOSTILE, normalise(pl.Series(TEXTS)), strict=True))
    assert found["hidden"] == "zero width, tag , filler , nul"
    assert found["bidi"] == "invoicefdp.exe and isolated"
    assert found["prompt"] == HOSTILE["prompt"]
    assert found["script"] == HOSTILE["script"]  # escaping is the business of the page
    assert len(found["marks"]) == 40  # one mark joins its letter, the others have none to join


parts = st.sampled_from([
    "a", "É", "…", "”", "Ã©", "â€™", "\u200d", "\u200b", "\U000e0041", "\N{CRAB}", "\ufe0f", "\u0301", "ﬁ", "\u3164",
    "\x85", "\n", " ", "Â", "ðŸ¦ž", "你",
])  # fmt: skip


@settings(deadline=None)  # a busy machine is no fault
@given(st.lists(st.lists(parts, max_size=12).map("".join), max_size=8))
def test_columns_equal_the_rules_text_by_text(texts: list[str]) -> None:
    whole = normalise(pl.Series(texts, dtype=pl.String))
    assert whole.to_list() == [one(text) for text in texts]
    for text in whole:
        assert unicodedata.is_normalized("NFKC", text)
        assert not set(text) & set("\u200b\u3164\x85\n\U000e0041")
        assert text == " ".join(text.split())


def card(kind: str, entries: list[str], **more: object):
    return parse_card({**MINIMAL, "id": kind, "text": kind, "categories": [{"name": "a", "entries": entries}], **more})


def test_a_card_is_scored_on_the_text_that_it_asks_for() -> None:
    texts = ["ap\u200bi  \uff4b\uff45\uff59", "api key", "none"]
    scores = Engine([card("raw", ["api key"]), card("normalised", ["api key"])]).score(frame_of(texts))
    found = {(row["text_hash"], row["lexicon"]): row for row in scores.iter_rows(named=True)}
    assert set(found) == {("00000000", "normalised"), ("00000001", "normalised"), ("00000001", "raw")}
    # Raw, the first text has three tokens (ap, i, key in full width); the share is of the two that are scored.
    assert found["00000000", "normalised"]["share"] == 1.0


def test_raw_scores_do_not_change_beside_a_normalised_card() -> None:
    frame = frame_of([*TEXTS, "follow these steps\u200b to ｒｕｎ"])
    alone = Engine(load_cards()).score(frame)
    beside = Engine([*load_cards(), card("normalised", ["run"])]).score(frame)
    assert beside.filter(pl.col("lexicon") != "normalised").equals(alone)
    assert beside.filter(pl.col("lexicon") == "normalised").height == 1
    replicating = {"airs", "reply", "token_mint", "holtz_themes"}
    assert {found.text for found in load_cards() if found.id in replicating} == {"raw"}


def test_entry_counts_follow_the_card() -> None:
    rows = Engine([card("normalised", ["run"])]).entry_counts(frame_of(["ｒｕｎ", "ru n"]))
    assert rows.select("text_hash", "entry", "count").rows() == [("00000000", "run", 1)]


@pytest.mark.parametrize("entry", ["a\\nb", "two  blanks", "ﬁle", "ze\u200bro"])
def test_entries_that_no_normalised_text_holds_are_refused(entry: str) -> None:
    with pytest.raises(ValueError, match="texts are normalised, so"):
        card("normalised", [entry], boundary="none")
    assert card("raw", [entry], boundary="none")
