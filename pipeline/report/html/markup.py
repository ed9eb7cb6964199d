"""Markup that cannot be forged: every text is escaped, and characters that hide or reorder text become visible.

What belongs here: the type `Html`, the one way from text to it, and tags. A plain ``str`` given to `tag` is text and is
escaped; only `Html` passes unchanged, and only this module makes it from strings.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from pipeline.warehouse import redact

MOST_MARKS = 2
"""Combining marks in a row that are shown; scripts that people read need no more."""

TEXT_CHARS = 160
READ_CHARS = 4_000  # texts are cut before they are redacted: nobody waits for a megabyte that shows 160 characters
_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp"})
# Letters and marks by category that draw nothing: Hangul fillers, variation selectors, the grapheme joiner.
_BLANK = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)})
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;"})
_VOID = frozenset({"meta", "img", "br", "hr", "col"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def visible(text: str) -> str:
    """Return one line of text in which nothing is hidden.

    White space becomes single spaces. Control, format (bidirectional, zero-width, TAG) and unassigned characters,
    blanks that are no space, and combining marks after the second in a row are written as ``[U+202E]``.

    Parameters
    ----------
    text
        Any text.
    """
    out: list[str] = []
    n_marks = 0
    for character in " ".join(text.split()):
        category = unicodedata.category(character)
        n_marks = n_marks + 1 if category in ("Mn", "Me") else 0
        is_hidden = category in _HIDDEN or ord(character) in _BLANK or 0xE0100 <= ord(character) <= 0xE01EF
        out.append(f"[U+{ord(character):04X}]" if is_hidden or n_marks > MOST_MARKS else character)
    return "".join(out)


def escape(text: object) -> Html:
    """Return text as markup that shows it: visible, escaped; a space at an end stays, it separates from a neighbour."""
    raw = str(text)
    first, last = (" " if raw[:1] == " " else ""), (" " if raw[-1:] == " " and raw.strip() else "")
    return Html(first + visible(raw).translate(_ENTITIES) + last)


def corpus_text(text: object, most: int = TEXT_CHARS) -> Html:
    """Return text of the corpus as markup: redacted, cut, visible, escaped, and apart from the direction around it.

    Parameters
    ----------
    text
        The text; ``None`` gives a dash.
    most
        Characters that are shown.
    """
    if text is None:
        return Html("–")
    flat = visible(redact(str(text)[:READ_CHARS]))
    shown = flat if len(flat) <= most else flat[: most - 1] + "…"
    return Html(f"<bdi>{shown.translate(_ENTITIES)}</bdi>")


def corpus_label(text: object, most: int = 28) -> str:
    """Return text of the corpus as plain text for a drawing or an attribute; `tag` escapes it."""
    flat = visible(redact(str(text)[:READ_CHARS]))
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def join(parts: Iterable[object]) -> Html:
    """Return the parts one after the other; those that are text are escaped, ``None`` is left out."""
    return Html("".join(part if isinstance(part, Html) else escape(part) for part in parts if part is not None))


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element.

    Parameters
    ----------
    name
        Name of the element.
    *children
        Its content; what is not `Html` is escaped, ``None`` is left out.
    **attributes
        Attributes; a trailing underscore is dropped, other underscores become hyphens. ``None`` and False leave the
        attribute out, True writes its bare name.
    """
    words = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        attribute = key.rstrip("_").replace("_", "-")
        words.append(attribute if value is True else f'{attribute}="{escape(value)}"')
    opened = f"<{' '.join(words)}>"
    if name in _VOID:
        return Html(opened)
    return Html(f"{opened}{join(child for child in children if child is not None)}</{name}>")
