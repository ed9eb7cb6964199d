"""The containers of the fuzz: how records are written into each, and which of them a reader must give after damage.

What must be given is decided without the project: by the bytes that a mutation left alone, by json, csv, sqlite3,
pyarrow, and the unpackers of the standard library.
"""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import dataclass
from typing import Any

from fuzz_mutations import Changed, Mutation, Row, changed, common_ends, spoiled, with_nesting

WORDS = ("plain", "ünï", 'it\'s "so"', "x,y;z", "two\nlines", "{'k': [1}", "\\", "😀", "tab\there", "}, {", '"], [')
COLUMNS = ("id", "title", "content", "submolt", "agent_name", "score", "comment_count", "created_at")
CREATED = "2026-01-30T10:00:00"


def plant(file_no: int, n: int, salt: int = 0) -> list[Row]:
    """Return records whose identifiers differ from all others in many characters, so that no flip makes one of them."""
    rng = random.Random(file_no * 1_000_003 + salt)
    return [
        {"id": rng.randbytes(12).hex(), "title": f"T{rng.randrange(10**6)} {rng.choice(WORDS)}",
         "content": f"C{rng.randrange(10**9)} {rng.choice(WORDS)} {rng.choice(WORDS)}", "submolt": "general",
         "agent_name": f"ada{rng.randrange(3)}", "score": rng.randrange(-5, 100), "comment_count": 0,
         "created_at": CREATED}
        for _ in range(n)
    ]  # fmt: skip


def as_body(row: Any) -> Any:
    """Return a row as the API writes a post; what is no row stays what it is."""
    if not isinstance(row, dict) or ("content" not in row and "id" not in row):
        return row
    made = dict(row)
    if "agent_name" in made:
        name = made.pop("agent_name")
        made["author"] = {"id": f"id-{name}", "name": name} if isinstance(name, str) else name
    if "score" in made:
        made["upvotes"], made["downvotes"] = made.pop("score"), 0
    if "submolt" in made:
        made["submolt"] = {"name": made["submolt"]}
    return made


def text_of(value: Any) -> bytes:
    return with_nesting(json.dumps(value, ensure_ascii=False)).encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Written:
    """Bytes of a file, and where each record of the plant stands in them (start and end), if that is known."""

    body: bytes
    spans: list[tuple[int, int]]


def joined(head: bytes, parts: list[bytes], tail: bytes, between: bytes) -> Written:
    """Write parts one after the other."""
    body, spans = bytearray(head), []
    for number, part in enumerate(parts):
        body += between if number else b""
        spans.append((len(body), len(body) + len(part)))
        body += part
    return Written(bytes(body + tail), spans)


def left_alone(written: Written, body: bytes, *, behind: bool) -> list[int]:
    """Return the records whose bytes stand before the damage, or `behind` it."""
    start, end = common_ends(written.body, body)
    last = len(written.body) - end
    return [n for n, (a, b) in enumerate(written.spans) if b < start or (behind and a > last)]


class Container:
    """A way to write records, and to say which of them are left after the bytes were changed."""

    suffix = "json"
    toml = ""
    may_nest = True
    has_bytes_only = False
    n_records = 6

    def write(self, rows: list[Any]) -> Written:
        raise NotImplementedError

    def sound(self, written: Written, body: bytes, planted: list[Row]) -> list[int]:
        """Return the records that a mutation of the bytes left alone, and that can be found."""
        raise NotImplementedError

    def rows(self, body: bytes, records: list[Any]) -> int | None:
        """Return how many rows a file has whose records were changed."""
        return len(records)

    def make(self, planted: list[Row], mutation: Mutation) -> tuple[bytes, list[int], int | None]:
        """Return the bytes of a mutated file, the records that have to arrive, and how many rows it has."""
        if mutation.kind in ("drop", "type", "nest", "huge", "repeat", "no record"):
            found: Changed = changed(planted, mutation, may_nest=self.may_nest)
            body = self.write(found.records).body
            return body, found.sound, self.rows(body, found.records)
        written = self.write(planted)
        body = spoiled(written.body, mutation)
        return body, self.sound(written, body, planted), None


class Json(Container):
    """A JSON document; records are left where json can read it, else before and behind the damage."""

    head, tail, between = b"[", b"]", b", "
    is_list = True

    def record(self, row: Any) -> bytes:
        return text_of(as_body(row))

    def write(self, rows: list[Any]) -> Written:
        return joined(self.head, [self.record(row) for row in rows], self.tail, self.between)

    def found(self, body: Any) -> list[Any]:
        """Return the records of a document that was read."""
        return body if isinstance(body, list) else []

    def sound(self, written: Written, body: bytes, planted: list[Row]) -> list[int]:
        start = common_ends(written.body, body)[0]
        if body.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
            return []  # UTF-32 is no encoding of JSON
        try:
            text = body.decode("utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
            held = [json.dumps(record) for record in self.found(json.loads(text, strict=False))]
        except (ValueError, RecursionError, TypeError, AttributeError, KeyError):
            # Brackets that come or go may end the list itself: what follows them stands elsewhere.
            end = common_ends(written.body, body)[1]
            changed_parts = written.body[start : len(written.body) - end] + body[start : len(body) - end]
            is_behind = self.is_list or not set(changed_parts) & set(b"{}[]")
            return left_alone(written, body, behind=is_behind) if start >= len(self.head) else []
        whole = left_alone(written, body, behind=True) if body[:8] == written.body[:8] else range(len(planted))
        return [n for n in whole if self.key(planted[n]) in held]

    def key(self, row: Row) -> str:
        return json.dumps(as_body(row))


class Object(Json):
    """A detail body: a post, and posts beside it in a list."""

    is_list = False
    head, tail = b"", b"]}"

    def write(self, rows: list[Any]) -> Written:
        first = self.record(rows[0] if isinstance(rows[0], dict) else {"id": None})
        made = joined(b'{"success": true, "post": ' + first + b', "posts": [', [self.record(r) for r in rows[1:]],
                      self.tail, self.between)  # fmt: skip
        begin = len(b'{"success": true, "post": ')
        return Written(made.body, [(begin, begin + len(first)), *made.spans])

    def found(self, body: Any) -> list[Any]:
        if not isinstance(body, dict) or body.get("success") is not True:
            return []
        posts = body.get("posts")
        return [body.get("post"), *(posts if isinstance(posts, list) else [])]

    def sound(self, written: Written, body: bytes, planted: list[Row]) -> list[int]:
        found = super().sound(written, body, planted)
        start = common_ends(written.body, body)[0]
        # Damage of the post or of the keys around it: what stands behind is not found for certain.
        return found if start > written.spans[1][0] or self._is_whole(body) else []

    @staticmethod
    def _is_whole(body: bytes) -> bool:
        try:
            json.loads(body.decode("utf-8-sig"), strict=False)
        except (ValueError, RecursionError):
            return False
        return True

    def rows(self, body: bytes, records: list[Any]) -> int | None:
        return None if not isinstance(records[0], dict) or not records[0] else len(records)


class Wrapped(Json):
    is_list = False
    head, tail = b'{"success": true, "posts": [', b"]}"

    def found(self, body: Any) -> list[Any]:
        is_whole = isinstance(body, dict) and body.get("success") is True and isinstance(body.get("posts"), list)
        return body["posts"] if is_whole else []


class Keyed(Json):
    """A dict of records by id, which corpus.toml describes."""

    is_list = False
    head, tail = b'{"data": {', b"}}"
    toml = """
[[records]]
files = "*.json"
path = "data.*"
kind = "post"
[records.fields]
id = "@key"
title = "title"
content = "content"
community = "submolt.name"
author_name = "author.name"
score = "upvotes"
created_at = { from = "created_at", time = "iso" }
"""

    def record(self, row: Any) -> bytes:
        if not isinstance(row, dict):
            return text_of(f"odd{random.Random(repr(row)).randrange(99)}") + b": " + text_of(row)
        body = as_body(row)
        key = body.pop("id", "none")
        return (
            text_of(key if isinstance(key, str) and not key.startswith("nested") else f"odd {repr(key)[:50]}")
            + b": "
            + text_of(body)
        )

    def found(self, body: Any) -> list[Any]:
        held = body.get("data") if isinstance(body, dict) else None
        return (
            [{"id": key, **row} for key, row in held.items() if isinstance(row, dict)] if isinstance(held, dict) else []
        )

    def rows(self, body: bytes, records: list[Any]) -> int | None:
        return None  # a key that stands twice is one record for some readers and two for others


class Table(Json):
    """Columns and rows."""

    is_list = False
    head = b'{"columns": ' + text_of(list(COLUMNS)) + b', "data": ['
    tail = b"]}"

    def record(self, row: Any) -> bytes:
        if isinstance(row, dict) and row:
            return text_of([row.get(name) for name in COLUMNS])
        return text_of(row)

    def found(self, body: Any) -> list[Any]:
        is_whole = isinstance(body, dict) and body.get("columns") == list(COLUMNS)
        return body["data"] if is_whole and isinstance(body.get("data"), list) else []

    def key(self, row: Row) -> str:
        return json.dumps([row[name] for name in COLUMNS])


class Lines(Container):
    suffix = "jsonl"

    def write(self, rows: list[Any]) -> Written:
        return joined(b"", [text_of(as_body(row)) for row in rows], b"\n", b"\n")

    def sound(self, written: Written, body: bytes, planted: list[Row]) -> list[int]:
        if body.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
            return []
        if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            body = body.decode("utf-16", "replace").encode()
        held = set(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"))
        return [n for n, (a, b) in enumerate(written.spans) if written.body[a:b] in held]


class Csv(Container):
    suffix, delimiter, may_nest = "csv", ",", False

    def write(self, rows: list[Any]) -> Written:
        buffer = io.StringIO()
        writer = csv.writer(buffer, delimiter=self.delimiter, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in rows:
            held = ["" if row.get(name) is None else row.get(name) for name in COLUMNS]
            writer.writerow([str(value).encode("utf-8", "replace").decode() for value in held])
        return Written(buffer.getvalue().encode(), [])

    def sound(self, written: Written, body: bytes, planted: list[Row]) -> list[int]:
        if body.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) or (b"\0" in body and body[:2] not in (b"\xff\xfe",)):
            return []
        encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        text = io.StringIO(body.decode(encoding, "replace"), newline="")
        held = list(csv.reader(text, delimiter=self.delimiter))
        if not held or held[0] != list(COLUMNS):
            return []
        return [n for n, row in enumerate(planted) if [str(row[name]) for name in COLUMNS] in held]


class Tsv(Csv):
    suffix, delimiter = "tsv", "\t"
