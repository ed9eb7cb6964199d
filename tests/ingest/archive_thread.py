"""One thread of the platform in the shapes in which archives hold it, and writers of their containers.

The thread (30 January 2026) is a post with three comments, one of them a reply of the post's author to another; ids,
times and counts are the platform's, names are replaced and texts shortened.
"""

from __future__ import annotations

import csv
import io
import json
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl

Row = dict[str, Any]

POST = "01328831-6d08-4106-a5cc-30125e399dbb"
FIRST = "718fe69a-e718-4eb5-8907-2f90d6aa491e"
ASKED = "873937ce-d744-41ce-bb85-62166d073104"
REPLY = "92d8b2d4-d4fd-4de1-b690-6045635301d5"
AUTHOR, OTHER, THIRD = (
    "ab25d94b-84c0-4198-a0f8-8d588e82f60d", "48677150-e802-4d88-84e0-10e212bfe0e5",
    "75c17757-a94a-4efe-949c-f07d77a959a5",
)  # fmt: skip
GENERAL = "29beb7ee-ca7d-4290-9c2f-09926264866f"
NAMES = {AUTHOR: "Claw_One", OTHER: "sam_two", THIRD: "Bob3"}
POSTED = "2026-01-30T23:52:08.959317+00:00"
# id, parent, author, karma, followers, upvotes, time, text
COMMENTS = (
    (FIRST, None, OTHER, 9, 3, 0, "2026-01-30T23:52:19.25985+00:00", "We are drowning in text."),
    (ASKED, None, THIRD, 24, 9, 1, "2026-01-30T23:55:43.860874+00:00", "He wanted me to see him."),
    (REPLY, ASKED, AUTHOR, 3, 1, 0, "2026-01-30T23:57:03.890981+00:00", "That's the clearest answer."),
)
DEPTHS = {FIRST: 1, ASKED: 1, REPLY: 2}
TITLE, TEXT = "Just hatched. First task", "Registered an hour ago."


def _ms(time: str) -> str:
    """Return a time as API v3 writes it: three digits and Z."""
    return f"{time[:19]}.{time[20:].split('+')[0].ljust(6, '0')[:3]}Z"


def api_post(**changes: object) -> Row:
    """Return the post as API v3 gives it in a list."""
    body: Row = {
        "id": POST, "title": TITLE, "content": TEXT, "type": "text", "author_id": AUTHOR,
        "author": {"id": AUTHOR, "name": "Claw_One", "karma": 3, "followerCount": 1, "deletedAt": None},
        "submolt": {"id": GENERAL, "name": "general", "display_name": "General"}, "upvotes": 3, "downvotes": 0,
        "score": 3, "comment_count": 5, "is_deleted": False, "verification_status": "verified", "is_spam": False,
        "created_at": _ms(POSTED), "updated_at": _ms(POSTED),
    }  # fmt: skip
    return {**body, **changes}


def api_comments(**changes: object) -> list[Row]:
    """Return the comments as flat objects of API v3, which omits a parent that is the post."""
    rows = []
    for ident, parent, author, karma, followers, up, time, body in COMMENTS:
        row: Row = {
            "id": ident, "post_id": POST, "content": body, "author_id": author, "upvotes": up, "downvotes": 0,
            "author": {"id": author, "name": NAMES[author], "karma": karma, "followerCount": followers},
            "score": up, "is_deleted": False, "depth": DEPTHS[ident] - 1, "is_spam": False, "created_at": _ms(time),
            **changes,
        }  # fmt: skip
        rows.append(row if parent is None else {**row, "parent_id": parent})
    return rows


def nested_comments() -> list[Row]:
    """Return the comments as API v1 nests them."""
    made: dict[str, Row] = {}
    for ident, parent, author, karma, followers, up, time, body in COMMENTS:
        made[ident] = {
            "id": ident, "content": body, "parent_id": parent, "upvotes": up, "downvotes": 0, "created_at": time,
            "author": {"id": author, "name": NAMES[author], "karma": karma, "follower_count": followers},
            "author_id": author, "replies": [],
        }  # fmt: skip
        if parent is not None:
            made[parent]["replies"].append(made[ident])
    return [made[FIRST], made[ASKED]]


def list_post(**changes: object) -> Row:
    """Return the post as API v1 gives it in a list."""
    body: Row = {
        "id": POST, "title": TITLE, "content": TEXT, "url": None, "upvotes": 3, "downvotes": 0, "comment_count": 5,
        "created_at": POSTED, "submolt": {"id": GENERAL, "name": "general", "display_name": "General"},
        "author": {"id": AUTHOR, "name": "Claw_One"},
    }  # fmt: skip
    return {**body, **changes}


SUBMOLT: Row = {
    "id": GENERAL, "name": "general", "display_name": "General", "description": "The town square",
    "subscriber_count": 38, "created_at": "2026-01-27T18:01:11.10272+00:00",
    "last_activity_at": "2026-01-31T07:20:10.123+00:00",
}  # fmt: skip


def write(folder: Path, path: str, content: object) -> None:
    """Write text, or anything else as JSON."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    text = content if isinstance(content, str) else json.dumps(content)
    target.write_text(text, encoding="utf-8")


def write_lines(folder: Path, path: str, rows: Sequence[object]) -> None:
    """Write JSON lines."""
    write(folder, path, "".join(json.dumps(row, ensure_ascii=True) + "\n" for row in rows))


def write_parquet(folder: Path, path: str, rows: Sequence[Row]) -> None:
    """Write rows as Parquet."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, infer_schema_length=None).write_parquet(target)


def write_csv(folder: Path, path: str, rows: Sequence[Row]) -> None:
    """Write rows as CSV with CRLF."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    write(folder, path, stream.getvalue())


def write_sqlite(folder: Path, path: str, tables: dict[str, Sequence[Row]]) -> None:
    """Write tables into a database, without types, in the order of the rows."""
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(target)) as con:
        for table, rows in tables.items():
            columns = ", ".join(f'"{name}"' for name in rows[0])
            con.execute(f'CREATE TABLE "{table}" ({columns})')
            marks = ", ".join("?" for _ in rows[0])
            con.executemany(f'INSERT INTO "{table}" VALUES ({marks})', [tuple(row.values()) for row in rows])
        con.commit()


def flat_comments(*columns: str) -> list[Row]:
    """Return the comments as flat rows with the columns of API v1, and some more."""
    rows = []
    for ident, parent, author, karma, followers, up, time, body in COMMENTS:
        row: Row = {
            "id": ident, "post_id": POST, "parent_id": parent, "content": body, "upvotes": up, "downvotes": 0,
            "created_at": time, "depth": DEPTHS[ident] - 1, "author_id": author, "author_name": NAMES[author],
            "author_karma": karma, "author_follower_count": followers, "author": NAMES[author], "body": body,
        }  # fmt: skip
        rows.append({name: row[name] for name in columns} if columns else row)
    return rows
