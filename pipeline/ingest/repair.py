"""Repairs JSON documents that a strict parser refuses, or says why they cannot be read.

Only the few documents that fail strict validation come here. Two faults are mended and flagged: unpaired surrogate
escapes (a crawler cut a text inside a character) and NUL characters; both become U+FFFD. `NaN`, `Infinity` and `inf`,
which some writers emit, become null in whatever case; raw control characters inside strings are kept.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass

_ESCAPES = re.compile(
    r"(?P<backslash>\\\\)"
    r"|(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|(?P<nul>\\u0000)"
)
# A string, up to the end of the text where it is cut, or a number that strict JSON does not know.
_NO_NUMBERS = re.compile(
    r'(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+"?)|(?<!\w)-?(?:nan|inf(?:inity)?)(?!\w)', re.IGNORECASE | re.DOTALL
)
REPLACEMENT = "\\ufffd"
EXCERPT_CHARS = 1000  # shortened further once it is redacted


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a document is quarantined: reason of the vocabulary, detail, raw excerpt, offset inside the document."""

    reason: str
    detail: str
    excerpt: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Repaired:
    """A document as strict JSON, and the flags of what was mended, comma-separated; none when nothing was."""

    text: str
    flags: str | None = None


class _Mender:
    """Replaces faulty escapes, and remembers which faults there were."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def __call__(self, match: re.Match[str]) -> str:
        kept: str | None = match.group("backslash") or match.group("pair")
        if kept is not None:
            return kept
        self.found.add("nul_removed" if match.group("nul") else "surrogate_repaired")
        return REPLACEMENT


def repair_document(text: str) -> Repaired | Rejected:
    """Return the document as strict JSON, or the reason why it is none.

    Parameters
    ----------
    text
        The document as it was read.
    """
    mended, found = spelled_strictly(text)
    constants: list[str] = []
    try:
        try:
            json.loads(mended, parse_constant=constants.append)
            is_strict = not constants
        except json.JSONDecodeError as error:
            if "control character" not in error.msg:
                return _reject(mended, error)
            is_strict = False
        if not is_strict:
            # Written anew: constants become null, raw control characters become escapes.
            value = json.loads(mended, parse_constant=lambda _: None, parse_float=_finite, strict=False)
            mended = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except json.JSONDecodeError as error:
        return _reject(mended, error)
    except (RecursionError, ValueError) as error:
        return Rejected("invalid_json", f"not readable as JSON ({type(error).__name__})", mended[:EXCERPT_CHARS])
    return Repaired(mended, ",".join(sorted(found)) or None)


def spelled_strictly(text: str) -> tuple[str, set[str]]:
    """Return a text without faulty escapes, NUL and odd spellings of NaN, and the flags of what was mended."""
    mender = _Mender()
    mended = _ESCAPES.sub(mender, text)
    if "\x00" in mended:
        mender.found.add("nul_removed")
        mended = mended.replace("\x00", "\ufffd")
    return _NO_NUMBERS.sub(_spelled, mended), mender.found


def _spelled(match: re.Match[str]) -> str:
    """Return a string as it is, anything else as the one spelling that the parser knows, of the same length."""
    return match.group() if match.group("string") else "NaN".rjust(len(match.group()))


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _reject(text: str, error: json.JSONDecodeError) -> Rejected:
    at_end = not text[error.pos :].strip() or "Unterminated" in error.msg
    offset = len(text[: error.pos].encode("utf-8", "replace"))
    if at_end:
        return Rejected(
            "truncated_json", "the JSON ends before it is complete; fetch the file again", text[:EXCERPT_CHARS], offset
        )
    return Rejected("invalid_json", f"{error.msg} at character {error.pos}", text[:EXCERPT_CHARS], offset)
