"""What a mutation is: a change of one record before it is written, or of the bytes of a file after."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]

RECORD_KINDS = ("drop", "type", "nest", "huge", "repeat", "no record")
BYTE_KINDS = ("flip", "flips", "insert", "delete", "cut", "double", "recode")
ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 10**20, 1.5, 1e300, float("nan"), "", " ", "-1", "null", "[deleted]", "9" * 19, "\u0000",
    "{", '"', "\ud83d", "\U000e0041\u200b", "<script>", "'; DROP TABLE message; --", [], {}, [None], [[1]], {"a": None},
    {"id": {"id": 1}}, [["x"]], {"name": 3},
)  # fmt: skip
NO_RECORDS: tuple[Any, ...] = (7, "x", True, {}, {"a": 1}, 1.5)
DEEPEST, LONGEST = 3000, 60_000
ENCODINGS = ("utf-16", "utf-8-sig", "utf-16-le", "utf-32", "latin-1", "cp500")


@dataclass(frozen=True)
class Mutation:
    """Its kind, and the seed of everything else about it."""

    kind: str
    seed: int


@dataclass
class Changed:
    """The records to write, and which of the planted ones were left alone."""

    records: list[Any]
    sound: list[int] = field(default_factory=list)


NESTED = "nested {} deep, in {}"


def nested(rng: random.Random) -> str:
    """Return a text that stands for a value nested deeper than the json module writes."""
    return NESTED.format(rng.choice([10, 100, 900, DEEPEST]), rng.choice(["lists", "objects"]))


def with_nesting(text: str) -> str:
    """Return JSON with the values that such texts stand for."""
    if "nested" not in text:
        return text
    return re.sub(r'"nested (\d+) deep, in (lists|objects)"', _nest, text)


def _nest(match: re.Match[str]) -> str:
    depth, begin, end = int(match.group(1)), "[", "]"
    if match.group(2) == "objects":
        begin, end = '{"a": ', "}"
    return begin * depth + "0" + end * depth


def changed(planted: list[Row], mutation: Mutation, *, may_nest: bool = True) -> Changed:
    """Change one record; `may_nest` is false where a container has no form for values in values."""
    rng = random.Random(mutation.seed)
    at = rng.randrange(len(planted))
    rows: list[Any] = [dict(row) for row in planted]
    key = rng.choice(list(rows[at]))
    sound = [n for n in range(len(planted)) if n != at]
    match mutation.kind:
        case "drop":
            del rows[at][key]
        case "type":
            odd = rng.choice([value for value in ODD if may_nest or not isinstance(value, list | dict)])
            rows[at][key] = odd
        case "nest":
            rows[at][key] = nested(rng) if may_nest else "[" * DEEPEST + "]" * DEEPEST
        case "huge":
            rows[at][key] = rng.choice(["x", "ü", "\u200b", '"', "\\", "\n", "a "]) * rng.choice([5000, LONGEST])
        case "repeat":
            rows.insert(rng.randrange(len(rows) + 1), dict(planted[at]))
            sound = list(range(len(planted)))
        case "no record":
            rows[at] = rng.choice(NO_RECORDS) if may_nest else dict.fromkeys(planted[at], "")
    return Changed(rows, sound)


def spoiled(body: bytes, mutation: Mutation) -> bytes:
    """Change some bytes."""
    rng = random.Random(mutation.seed)
    at = rng.randrange(len(body))
    match mutation.kind:
        case "flip":
            made = bytearray(body)
            made[at] ^= 1 << rng.randrange(8)
            return bytes(made)
        case "flips":
            made = bytearray(body)
            for place in range(at, min(at + rng.randrange(1, 12), len(body))):
                made[place] = rng.randrange(256)
            return bytes(made)
        case "insert":
            return (
                body[:at] + rng.choice([rng.randbytes(rng.randrange(1, 20)), b"\0" * 9, b'"', b"\n", b"}]"]) + body[at:]
            )
        case "delete":
            return body[:at] + body[at + rng.randrange(1, 40) :]
        case "cut":
            return body[:at] or body[:1]
        case "double":
            return body[: at + rng.randrange(1, 60)] + body[at:]
        case _:
            return recoded(body, rng.choice(ENCODINGS))


def recoded(body: bytes, encoding: str) -> bytes:
    """Write a text anew in another encoding; bytes that are no text are taken for Latin-1."""
    try:
        return body.decode("utf-8").encode(encoding, "replace")
    except UnicodeDecodeError:
        return body.decode("latin-1").encode("utf-8")


def common_ends(one: bytes, other: bytes) -> tuple[int, int]:
    """Return how many bytes two texts share at the start, and how many of the rest at the end."""
    shortest = min(len(one), len(other))
    start = _shared(one[:shortest], other[:shortest])
    left = shortest - start
    end = _shared(one[len(one) - left :][::-1], other[len(other) - left :][::-1]) if left else 0
    return start, end


def _shared(one: bytes, other: bytes) -> int:
    low, high = 0, len(one)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low
