"""Normalised texts, for the lexicon cards that ask for them: what a reader sees, without what only machines see.

What belongs here: the rules of ``text = "normalised"``, on columns. In their order:

1. Double-encoded UTF-8 (read as Windows-1252 or Latin-1, such as ``donâ€™t``) is mended where it is safely told; see
   `mend`.
2. Characters that nobody sees go: TAG characters, zero-width characters, marks of direction, fillers of Hangul, C1
   controls, NUL. The joiner U+200D stays between emoji, where it makes one sign of several.
3. NFKC: full-width letters, ligatures and styled alphabets become plain letters.
4. Runs of white space become one space, and none is left at the ends. A title and the text below it are then one line.

Texts are scored lower-cased, like raw ones. Polars does the work; only texts that hold a suspect sequence of rule 1 or
a joiner are looked at by Python, one by one.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable

import polars as pl

from pipeline.lexicon import codes
from pipeline.lexicon.lower import divergent_characters

_HIDDEN = (
    r"[\x{00}\x{7F}-\x{9F}\x{AD}\x{115F}\x{1160}\x{180E}\x{200B}\x{200C}\x{200E}\x{200F}\x{202A}-\x{202E}\x{2060}-\x{206F}"
    r"\x{3164}\x{FEFF}\x{FFA0}\x{E0000}-\x{E007F}]"
)
_SPACES = r"  |^\s|\s$|[^\S ]"
_JOINER = "\u200d"
# What may stand before the joiner (an emoji, its colour of skin, its presentation) and after it.
_PICTURES = "\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
_LOOSE_JOINER = re.compile(f"(?<![{_PICTURES}\ufe0f\U0001f3fb-\U0001f3ff]){_JOINER}+|{_JOINER}+(?![{_PICTURES}])")


def _windows(byte: int) -> str:
    """Return the character that Windows-1252 reads a byte as; the five bytes that it lacks are read as Latin-1."""
    try:
        return bytes([byte]).decode("cp1252")
    except UnicodeDecodeError:
        return chr(byte)


_BYTE = {_windows(byte): byte for byte in range(0x80, 0x100)} | {chr(byte): byte for byte in range(0x80, 0xA0)}


def _class(*ranges: tuple[int, int], without: str = "") -> str:
    wanted = {byte for low, high in ranges for byte in range(low, high + 1)}
    found = sorted(character for character, byte in _BYTE.items() if byte in wanted and character not in without)
    return "[" + "".join(f"\\u{ord(character):04x}" for character in found) + "]"


_TAIL = _class((0x80, 0xBF))
_PAIR, _TRIPLE = f"{_class((0xC2, 0xDF))}{_TAIL}", f"{_class((0xE0, 0xEF))}{_TAIL}{{2}}"
_PICTURE = f"\u00f0{_class((0x90, 0xBF))}{_TAIL}{{2}}"
_SYMBOL = f"\u00e2{_class((0x80, 0xAF))}{_TAIL}"
# What may well follow a capital with an accent is left alone.
_LETTER = "\u00c3" + _class((0xA1, 0xBF), without="\u00ab\u00ae\u00b0\u00b7\u00bb")
_SIGN = "\u00c2" + _class((0xA0, 0xBF), without="\u00ab\u00bb")
_ANY = f"(?:{_PICTURE}|{_TRIPLE}|{_PAIR})"
_HIGH = "[" + "".join(f"\\u{ord(character):04x}" for character in sorted(_BYTE)) + "]"
_TOLD = re.compile(f"(?<!{_HIGH}){_ANY}{{2,}}(?!{_HIGH})|{_PICTURE}|{_SYMBOL}|{_LETTER}|{_SIGN}")
# The same suspects for polars: a lead byte and a byte that continues.
_SUSPECT = "[\u00c2-\u00f4]" + _TAIL.encode("ascii").decode("unicode_escape")


def normalise(texts: pl.Series) -> pl.Series:
    """Return the normalised texts.

    Parameters
    ----------
    texts
        String series without nulls; it is not changed.

    Returns
    -------
    polars.Series
        Same length and order; texts that need nothing are as they were.
    """
    hidden = _by_hand(texts, _SUSPECT, mend).str.replace_all(_HIDDEN, "")
    joined = _by_hand(hidden, _JOINER, lambda text: _LOOSE_JOINER.sub("", text))
    composed = _where(joined, _unstable(), lambda some: some.str.normalize("NFKC").str.replace_all(_HIDDEN, ""))
    folded = composed.str.replace_all("\n", " ", literal=True).str.strip_chars(" ")
    return _where(folded, _SPACES, lambda some: some.str.replace_all(r"\s+", " ").str.strip_chars(" "))


def is_plain(texts: pl.Series) -> pl.Series:
    """Tell of each text whether nothing but runs of ASCII white space may change when it is normalised.

    Such a text may be lower-cased first, and by polars: it holds no character whose lower case is in doubt. A text
    that is not plain may still be one that needs nothing.
    """
    plain = ~texts.str.contains_any(["\x00", "\x7f"])
    wide = (texts.str.len_bytes() != texts.str.len_chars()).arg_true()
    return (
        plain if wide.is_empty() else plain.scatter(wide, ~texts.gather(wide).str.contains(_changing()) & plain[wide])
    )


@functools.cache
def _changing() -> str:
    """Return what only texts that are not plain hold; the sign of presentation of emoji joins nothing."""
    found = re.sub(r"\[(.*)\]", r"\1", _unstable(frozenset({0xFE0F})))
    return f"{_SUSPECT}|[{found}{_HIDDEN[1:-1]}{_JOINER}{divergent_characters()}\\x{{1680}}\\x{{2028}}\\x{{2029}}]"


def _where(texts: pl.Series, pattern: str, change: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """Apply a function on columns to the texts that hold a pattern, and to no other."""
    rows = texts.str.contains(pattern).arg_true()
    return texts if rows.is_empty() else texts.clone().scatter(rows, change(texts.gather(rows)))


@functools.cache
def _unstable(without: frozenset[int] = frozenset()) -> str:
    """Return the class of the characters that NFKC may change, alone or after another; all others are left out fast."""
    codes = [code for code in _unstable_codes() if code not in without]
    firsts = [code for code, before in zip(codes, [-2, *codes], strict=False) if code != before + 1]
    lasts = [code for code, after in zip(codes, [*codes[1:], -2], strict=True) if after != code + 1]
    return "[" + "".join(f"\\x{{{a:x}}}-\\x{{{b:x}}}" for a, b in zip(firsts, lasts, strict=True)) + "]"


@functools.cache
def _unstable_codes() -> tuple[int, ...]:
    """Return the code points beyond ASCII that may change, surrogates excepted."""
    changing = (
        code for code in codes.asked() if code >= 0x80 and not 0xD800 <= code < 0xE000 and _may_change(chr(code))
    )
    return tuple(sorted((*changing, *codes.unassigned())))


def _may_change(character: str) -> bool:
    """Tell whether a character changes, joins the one before it, or is not known to this version of Unicode."""
    return (
        unicodedata.combining(character) != 0
        or unicodedata.category(character) in ("Cn", "Mc", "Mn")
        or "\u1160" <= character <= "\u11ff"
        or unicodedata.normalize("NFKC", character) != character
    )


def mend(text: str) -> str:
    """Mend what is safely told to be double-encoded UTF-8, and leave the rest.

    Safe are: a run of two or more sequences that fills all of the non-ASCII characters it stands in
    (``ÐŸÑ€Ð¸Ð²ÐµÑ‚``); a picture (``ðŸ¦ž``); a sign of punctuation (``â€™``); an accented letter (``Ã©``) or sign
    (``Â£``) unless the second character may follow a capital. A lone ``É…`` or ``é…”`` is French, not a fault.
    """
    return _TOLD.sub(_decoded, text)


def _decoded(match: re.Match[str]) -> str:
    data = bytes(_BYTE[character] for character in match.group())
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return match.group()


def _by_hand(texts: pl.Series, pattern: str, change: Callable[[str], str]) -> pl.Series:
    """Apply a function to the texts that hold a pattern, and to no other."""
    rows = texts.str.contains(pattern).arg_true()
    if rows.is_empty():
        return texts
    changed = [change(text) for text in texts.gather(rows)]
    return texts.clone().scatter(rows, changed)
