r"""Word boundaries and tokens in UTF-8 text, vectorised: exactly the ``\b`` of Python's `re` on `str`.

What belongs here: the decision whether the character before or after a byte position is a word character or an
apostrophe, and where tokens start. A word character is what `str.isalnum` accepts, or the underscore; the two ends of a
text count as no word character.
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
_ASCII_APOSTROPHE, _CURLY = 0x27, "’".encode()
_CHUNK_BYTES = 2**22  # bytes looked at together: positions take eight times that


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


def tokens_in(buffer: Bytes, start: Positions, end: Positions) -> tuple[Positions, Positions]:
    """Return where tokens start in stretches of the buffer, each read as a text of its own.

    Parameters
    ----------
    buffer
        UTF-8 bytes of all texts.
    start, end
        The stretches, each of whole characters.

    Returns
    -------
    tuple of arrays
        Index of the stretch and position in the buffer of each token, sorted by both. The rule is that of `tokens.py`
        with the word characters of this module.
    """
    owners, positions = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    size = end - start
    chunk = (np.cumsum(size) - size) // _CHUNK_BYTES
    for first, after in zip(*_runs(chunk), strict=True):
        owner, position = _tokens(buffer, start[first:after], size[first:after])
        owners.append(owner + first)
        positions.append(position)
    return np.concatenate(owners), np.concatenate(positions)


def _runs(values: Positions) -> tuple[list[int], list[int]]:
    cuts = [0, *(np.flatnonzero(np.diff(values)) + 1).tolist(), len(values)] if len(values) else [0]
    return cuts[:-1], cuts[1:]


def _tokens(buffer: Bytes, start: Positions, size: Positions) -> tuple[Positions, Positions]:
    owner = np.repeat(np.arange(len(size)), size)
    position = np.arange(len(owner)) + np.repeat(start - (np.cumsum(size) - size), size)
    lead = buffer[position]
    is_character = (lead & 0xC0) != 0x80
    owner, position, lead = owner[is_character], position[is_character], lead[is_character]
    word = _word_at(buffer, position, np.ones(len(position), dtype=np.bool_))
    apostrophe = (lead == _ASCII_APOSTROPHE) | _is_curly(buffer, position, lead)
    goes_on = np.zeros(len(word), dtype=np.bool_)
    goes_on[1:] = word[:-1] & (owner[1:] == owner[:-1])
    goes_on[2:] |= apostrophe[1:-1] & word[:-2] & (owner[2:] == owner[:-2])
    begins = word & ~goes_on
    return owner[begins], position[begins]


def apostrophe_before(buffer: Bytes, position: Positions, text_start: Positions) -> Positions:
    """Return the bytes of the apostrophe that ends at each position, in its text; 0 where there is none."""
    size = np.zeros(len(position), dtype=np.int64)
    one = np.flatnonzero(position - 1 >= text_start)
    size[one[buffer[position[one] - 1] == _ASCII_APOSTROPHE]] = 1
    three = np.flatnonzero(position - len(_CURLY) >= text_start)
    before = position[three] - len(_CURLY)
    size[three[_is_curly(buffer, before, buffer[before])]] = len(_CURLY)
    return size


def apostrophe_after(buffer: Bytes, position: Positions, text_end: Positions) -> Positions:
    """Return the bytes of the apostrophe that starts at each position, in its text; 0 where there is none."""
    size = np.zeros(len(position), dtype=np.int64)
    inside = np.flatnonzero(position < text_end)
    lead = buffer[position[inside]]
    size[inside[lead == _ASCII_APOSTROPHE]] = 1
    size[inside[_is_curly(buffer, position[inside], lead)]] = len(_CURLY)
    return size


def _is_curly(buffer: Bytes, position: Positions, lead: Bytes) -> Flags:
    """Tell whether the typographic apostrophe starts at each position, whose byte is `lead`."""
    found: Flags = lead == _CURLY[0]
    maybe = np.flatnonzero(found)
    at = position[maybe]
    found[maybe] = (buffer[at + 1] == _CURLY[1]) & (buffer[at + 2] == _CURLY[2])
    return found
