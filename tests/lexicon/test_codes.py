"""Code points that are not asked would not have answered otherwise."""

from __future__ import annotations

import sys
import unicodedata

import numpy as np

from pipeline.lexicon import codes
from pipeline.lexicon.boundary import is_word_character, wide_words
from pipeline.lexicon.normalise import _may_change, _unstable_codes

ALL = range(sys.maxunicode + 1)


def test_what_is_not_asked_has_no_letters_and_no_other_case() -> None:
    left_out = sorted(set(ALL) - set(codes.asked()))
    assert len(left_out) > len(ALL) / 2
    text = "".join(map(chr, left_out))
    assert text.lower() == text
    assert {unicodedata.category(character) for character in text} == {"Cn", "Co"}
    assert set(codes.unassigned()) == {code for code in left_out if unicodedata.category(chr(code)) == "Cn"}


def test_tables_are_those_of_asking_every_code_point() -> None:
    assert np.flatnonzero(wide_words()).tolist() == [code for code in ALL if is_word_character(chr(code))]
    wide = (code for code in ALL if code >= 0x80 and not 0xD800 <= code < 0xE000)
    assert list(_unstable_codes()) == [code for code in wide if _may_change(chr(code))]
