"""Texts of a corpus made safe to print on a terminal and to write into TOML."""

from __future__ import annotations

import re

from pipeline.warehouse.redact import redact

EXAMPLE_CHARS = 48
# Controls, line and paragraph separators, bidirectional marks, zero-width and TAG characters, surrogates, private use.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ue000-\uf8ff\ufeff"
    "\ufff0-\ufffb\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)


def shown(text: str, most: int = 400) -> str:
    """Return a text in one line, with every character that a terminal may act upon as an escape."""
    cut = text if len(text) <= most else text[: most - 1] + "…"
    return _UNSAFE.sub(lambda match: _escape(match[0]), cut)


def example(text: str) -> str:
    """Return a short example of a value, without credentials and addresses: redacted before it is cut."""
    redacted = redact(text[:4000])
    return shown(" ".join(redacted.split()), EXAMPLE_CHARS)


def toml_text(text: str) -> str:
    """Return a text as a string of TOML."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _UNSAFE.sub(lambda match: _escape(match[0]) if not _is_surrogate(match[0]) else "\ufffd", plain) + '"'


def _is_surrogate(character: str) -> bool:
    return 0xD800 <= ord(character) < 0xE000


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
