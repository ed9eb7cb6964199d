"""Repairs JSON documents that a strict parser refuses, or says why they cannot be read.

Only the few documents that fail strict validation come here. Two faults are mended and flagged: unpaired surrogate
escapes (a crawler cut a text inside a character) and NUL characters; both become U+FFFD. `NaN` and `Infinity`, which
some writers emit, become null.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_ESCAPES = re.compile(
    r"(?P<backslash>\\\\)"
    r"|(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    r"|(?P<nul>\\u0000)"
)
REPLACEMENT = "\\ufffd"


@dataclass(frozen=True, slots=True)
class Rejected:
    """Why a document is quarantined: reason of the vocabulary, detail, raw excerpt, offset inside the document."""

    reason: str
    detail: str
    excerpt: str
    offset: int = 0


def repair_document(text: str) -> str | Rejected:
    """Return the document as strict JSON, or the reason why it is none.

    Parameters
    ----------
    text
        The document as it was read.
    """
    mended = _ESCAPES.sub(_replace, text)
    try:
        value = json.loads(mended, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        return _reject(mended, error)
    except (RecursionError, ValueError) as error:
        return Rejected("invalid_json", f"not readable as JSON ({type(error).__name__})", mended[:200])
    if re.search(r"\b(NaN|Infinity)\b", mended):
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    return mended


def _replace(match: re.Match[str]) -> str:
    kept: str | None = match.group("backslash") or match.group("pair")
    return kept if kept is not None else REPLACEMENT


def _reject(text: str, error: json.JSONDecodeError) -> Rejected:
    at_end = not text[error.pos :].strip() or "Unterminated" in error.msg
    offset = len(text[: error.pos].encode("utf-8", "replace"))
    if at_end:
        return Rejected(
            "truncated_json", "the JSON ends before it is complete; fetch the file again", text[:200], offset
        )
    return Rejected("invalid_json", f"{error.msg} at character {error.pos}", text[:200], offset)
