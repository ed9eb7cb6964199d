"""Lists and objects that a table holds as text, in JSON or in Python's notation, become JSON.

Nothing is evaluated: a text is cut into tokens of a fixed set, each of which has one spelling in JSON; a text with
anything else in it is none.
"""

from __future__ import annotations

import json
import re

MOST_CHARS = 4 << 20
MOST_LEVELS = 100
_TOKEN = re.compile(
    r"\s*(?:(?P<string>[rub]{0,2}(?:'(?:[^'\\\n]|\\.)*+'|\"(?:[^\"\\\n]|\\.)*+\"))"
    r"|(?P<number>-?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)"
    r"|(?P<word>None|True|False|null|true|false|nan|NaN)"
    r"|(?P<sign>[\[\](){},:]))",
    re.DOTALL,
)
_WORDS = {"None": "null", "True": "true", "False": "false", "nan": "null", "NaN": "null"}
_BRACKETS = {"(": "[", ")": "]"}
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U000[0-9a-fA-F]{5}|[0-7]{1,3}|.)", re.DOTALL)
_PLAIN = {"n": "\n", "t": "\t", "r": "\r", "\n": "", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


def literal_to_json(text: str) -> str | None:
    """Return a list or an object, written as JSON or as Python prints it, as JSON; None when it is neither.

    Parameters
    ----------
    text
        The text of a cell: ``['a', "b"]``, ``{'x': None}``, ``(1, 2)``, ``{'a', 'b'}`` or JSON.
    """
    if len(text) > MOST_CHARS or text.lstrip()[:1] not in ("[", "{", "("):
        return None
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        pass
    tokens = _tokens(text)
    if tokens is None:
        return None
    try:
        return json.dumps(json.loads("".join(_as_json(tokens))), ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        return None


def _tokens(text: str) -> list[tuple[str, str]] | None:
    found: list[tuple[str, str]] = []
    at, depth, end = 0, 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at)
        if not match or not match.lastgroup:
            return None
        token = match[match.lastgroup]
        depth += (token in ("[", "(", "{")) - (token in ("]", ")", "}"))
        if not 0 <= depth <= MOST_LEVELS:
            return None
        found.append((match.lastgroup, token))
        at = match.end()
    return found


def _as_json(tokens: list[tuple[str, str]]) -> list[str]:
    """Return the tokens in JSON; a set becomes a list, a comma before a closing bracket goes."""
    out: list[str] = []
    is_set = _sets(tokens)
    for number, (kind, sign) in enumerate(tokens):
        if kind == "string":
            out.append(json.dumps(_text(sign)))
        elif kind == "word":
            out.append(_WORDS.get(sign, sign))
        elif kind == "number":
            out.append(sign + "0" if sign.endswith(".") else sign)
        elif sign == "," and number + 1 < len(tokens) and tokens[number + 1][1] in ("]", ")", "}"):
            continue
        elif sign in ("{", "}") and number in is_set:
            out.append("[" if sign == "{" else "]")
        else:
            out.append(_BRACKETS.get(sign, sign))
    return out


def _sets(tokens: list[tuple[str, str]]) -> set[int]:
    """Return the places of the braces that hold no colon of their own: sets."""
    places: set[int] = set()
    stack: list[tuple[int, bool]] = []
    for number, (kind, sign) in enumerate(tokens):
        if kind != "sign":
            continue
        if sign in ("{", "[", "("):
            stack.append((number, False))
        elif sign == ":" and stack:
            stack[-1] = (stack[-1][0], True)
        elif sign in ("}", "]", ")") and stack:
            start, has_colon = stack.pop()
            if sign == "}" and not has_colon and number > start + 1:
                places |= {start, number}
    return places


def _text(sign: str) -> str:
    """Return what a string literal says; escapes are those of both languages."""
    prefix = sign[: min(sign.find("'") % (len(sign) + 1), sign.find('"') % (len(sign) + 1))]
    body = sign[len(prefix) + 1 : -1]
    if "r" in prefix or "\\" not in body:
        return body
    return _ESCAPE.sub(_unescaped, body)


def _unescaped(match: re.Match[str]) -> str:
    escape = match[0][1:]
    if escape[0] in "xuU":
        if len(escape) == 1:
            return match[0]
        code = int(escape[1:], 16)
        return "\ufffd" if 0xD800 <= code < 0xE000 or code == 0 or code > 0x10FFFF else chr(code)
    if escape[0] in "01234567":
        return chr(int(escape, 8)) if int(escape, 8) else "\ufffd"
    return _PLAIN.get(escape, escape if escape in "'\"\\/" else match[0])
