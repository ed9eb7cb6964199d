r"""Word boundaries and tokens in UTF-8 text, vectorised: exactly the ``\b`` of Python's `re` on `str`.

What belongs here: the decision whether the character before or after a byte position is a word character or an
apostrophe, and where tokens start. A word character is what `str.isalnum` accepts, or the underscore; the two ends of a
text count as no word character.
"""

from __future__ import annotations

import functools
import sys
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from pipeline.lexicon import codes

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

APOSTROPHES = (b"'", "’".encode())
_IS_WORD: Flags = np.array([code < 128 and (chr(code).isalnum() or chr(code) == "_") for code in range(256)])
WORD_BYTES = bytes(int(is_word) for is_word in _IS_WORD)
_LEAD = 0xC0
_LONGEST = 4  # bytes of a UTF-8 character


def is_word_character(character: str) -> bool:
    r"""Tell whether `re` counts a character as ``\w``."""
    return character.isalnum() or character == "_"


def utf8_buffer(texts: pl.Series) -> tuple[Bytes, Positions]:
    """Return the UTF-8 bytes of all texts, one after the other, and where each text starts.

    Parameters
    ----------
    texts
        String series of length n, without nulls.

    Returns
    -------
    tuple of numpy arrays
        The bytes, and n + 1 offsets into them.
    """
    array: Any = texts.rechunk().to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets_buffer, data = array.buffers()
    offsets = np.frombuffer(offsets_buffer, dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    if data is None or len(offsets) == 0:
        return np.zeros(0, dtype=np.uint8), np.zeros(len(array) + 1, dtype=np.int64)
    return np.frombuffer(data, dtype=np.uint8), offsets


def word_flags(buffer: Bytes) -> Flags:
    """Tell of each byte whether it belongs to a word character."""
    flags: Flags = _IS_WORD[buffer]
    flag_wide(buffer, flags)
    return flags


def flag_wide(buffer: Bytes, flags: Flags) -> None:
    """Set the flags of the bytes of word characters beyond ASCII."""
    lead = np.flatnonzero(buffer >= _LEAD)
    lead = lead[wide_words()[_decode(buffer, lead)]]
    length = _length(buffer[lead])
    for step in range(_LONGEST):
        flags[lead[length > step] + step] = True


@functools.cache
def wide_words() -> Flags:
    """Tell of each code point whether it is a word character."""
    found = np.zeros(sys.maxunicode + 1, dtype=np.bool_)
    found[[code for code in codes.asked() if is_word_character(chr(code))]] = True
    return found


def word_before(flags: Flags, position: Positions, text_start: Positions) -> Flags:
    """Tell for each position whether the character that ends there, in its text, is a word character.

    `flags` are those of `word_flags`.
    """
    found = position > text_start
    return np.asarray(found & flags[np.where(found, position - 1, 0)], dtype=np.bool_) if len(flags) else found


def word_after(flags: Flags, position: Positions, text_end: Positions) -> Flags:
    """Tell for each position whether the character that starts there, in its text, is a word character."""
    found = position < text_end
    return np.asarray(found & flags[np.where(found, position, 0)], dtype=np.bool_) if len(flags) else found


def token_starts_in(buffer: Bytes, flags: Flags, offsets: Positions) -> Positions:
    """Return the positions at which the tokens of the texts start.

    The rule is that of `tokens.py` with the word characters of this module: a word character that goes on neither a
    word nor, over one apostrophe, a token.
    """
    goes_on = np.zeros(len(flags) + 1, dtype=np.bool_)
    goes_on[1:] = flags
    for sign in APOSTROPHES:
        at = _places(buffer, sign)
        joined = at[(at > 0) & flags[at - 1]]
        starts_text = offsets[np.searchsorted(offsets, joined)] == joined
        joined = joined[~starts_text]  # the character before it is of another text
        goes_on[joined + len(sign)] = True
    goes_on[offsets] = False
    lead = (buffer & 0xC0) != 0x80
    return np.flatnonzero(flags & lead & ~goes_on[:-1])


def apostrophe_before(buffer: Bytes, position: Positions, text_start: Positions) -> Positions:
    """Return the bytes of the apostrophe that ends at each position, in its text; 0 where there is none."""
    return _apostrophe(buffer, position, text_start, is_before=True)


def apostrophe_after(buffer: Bytes, position: Positions, text_end: Positions) -> Positions:
    """Return the bytes of the apostrophe that starts at each position, in its text; 0 where there is none."""
    return _apostrophe(buffer, position, text_end, is_before=False)


def _apostrophe(buffer: Bytes, position: Positions, limit: Positions, *, is_before: bool) -> Positions:
    size = np.zeros(len(position), dtype=np.int64)
    for sign in APOSTROPHES:
        start = position - len(sign) if is_before else position
        at = np.flatnonzero(start >= limit if is_before else start + len(sign) <= limit)
        for step, byte in enumerate(sign):
            at = at[buffer[start[at] + step] == byte]
        size[at] = len(sign)
    return size


def _places(buffer: Bytes, sign: bytes) -> Positions:
    at = np.flatnonzero(buffer == sign[0])
    for step, byte in enumerate(sign[1:], 1):
        at = at[buffer[at + step] == byte]
    return at


def _length(lead: Bytes) -> Positions:
    """Return the bytes of the characters with these first bytes, of two to four bytes each."""
    return np.where(lead >= 0xF0, 4, np.where(lead >= 0xE0, 3, 2))


def _decode(buffer: Bytes, position: Positions) -> Positions:
    """Return the code points of the multi-byte characters that start at these positions of valid UTF-8."""
    lead = buffer[position].astype(np.int64)
    length = _length(buffer[position])
    code: Positions = lead & np.array([0, 0, 0x1F, 0x0F, 0x07], dtype=np.int64)[length]
    for step in range(1, _LONGEST):
        longer = length > step
        code[longer] = (code[longer] << 6) | (buffer[position[longer] + step] & 0x3F)
    return code
