r"""Word boundaries in UTF-8 text, vectorised: exactly the ``\b`` of Python's `re` on `str`.

What belongs here: the decision whether the character before or after a byte position is a word character. A
word character is what `str.isalnum` accepts, or the underscore; the two ends of a text count as no word
character.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Bytes = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_ASCII_IS_WORD: Flags = np.array([chr(code).isalnum() or chr(code) == "_" for code in range(128)])
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


def word_before(buffer: Bytes, position: Positions, text_start: Positions) -> Flags:
    """Tell for each position whether the character that ends there, in its text, is a word character."""
    start = position.copy()
    has_character = position > text_start
    start[has_character] -= 1
    for _ in range(_LONGEST - 1):
        inside = has_character & _is_continuation(buffer, start, has_character)
        if not inside.any():
            break
        start[inside] -= 1
    return _word_at(buffer, start, has_character)


def word_after(buffer: Bytes, position: Positions, text_end: Positions) -> Flags:
    """Tell for each position whether the character that starts there, in its text, is a word character."""
    return _word_at(buffer, position, position < text_end)


def _is_continuation(buffer: Bytes, position: Positions, valid: Flags) -> Flags:
    result = np.zeros(len(position), dtype=np.bool_)
    result[valid] = (buffer[position[valid]] & 0xC0) == 0x80
    return result


def _word_at(buffer: Bytes, position: Positions, valid: Flags) -> Flags:
    result = np.zeros(len(position), dtype=np.bool_)
    where = np.flatnonzero(valid)
    lead = buffer[position[where]]
    is_ascii = lead < 128
    result[where[is_ascii]] = _ASCII_IS_WORD[lead[is_ascii]]
    other = where[~is_ascii]
    codes = _decode(buffer, position[other])
    distinct, inverse = np.unique(codes, return_inverse=True)
    flags = np.fromiter((is_word_character(chr(code)) for code in distinct), np.bool_, len(distinct))
    result[other] = flags[inverse]
    return result


def _decode(buffer: Bytes, position: Positions) -> Positions:
    """Return the code points of the multi-byte characters that start at these positions of valid UTF-8."""
    lead = buffer[position].astype(np.int64)
    length = np.where(lead >= 0xF0, 4, np.where(lead >= 0xE0, 3, 2))
    code: Positions = lead & np.array([0, 0, 0x1F, 0x0F, 0x07], dtype=np.int64)[length]
    for step in range(1, _LONGEST):
        longer = length > step
        code[longer] = (code[longer] << 6) | (buffer[position[longer] + step] & 0x3F)
    return code
