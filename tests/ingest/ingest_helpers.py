"""A corpus folder in a temporary place: write dump files, ingest them, look at the tables and the account."""

from __future__ import annotations

import contextlib
import itertools
import json
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from pipeline.ingest import ingest, load_config, scan
from pipeline.ingest.formats import FORMATS
from pipeline.schema import TABLES
from pipeline.warehouse import redact

Row = dict[str, Any]


class Tables:
    """The tables of one ingestion."""

    def __init__(self, tables: dict[str, pl.DataFrame]) -> None:
        self.tables = tables
        self.known: dict[str, dict[str, Row]] = {}

    def __getattr__(self, name: str) -> pl.DataFrame:
        try:
            return self.tables[name]
        except KeyError:
            raise AttributeError(name) from None

    def rows(self, table: str, key: str) -> dict[str, Row]:
        """Return the rows of a table by key."""
        if table not in self.known:
            self.known[table] = {row[key]: row for row in self.tables[table].to_dicts()}
        return self.known[table]

    @property
    def messages(self) -> dict[str, Row]:
        return self.rows("message", "message_id")

    @property
    def agents(self) -> dict[str, Row]:
        return self.rows("agent", "agent_id")

    @property
    def communities(self) -> dict[str, Row]:
        return self.rows("community", "community_id")

    @property
    def files(self) -> dict[str, Row]:
        return self.rows("source_file", "path")

    def reasons(self) -> list[str]:
        """Return the reasons of quarantine, in the order of file and row."""
        return self.quarantine["reason"].to_list()

    def account(self) -> tuple[int, int, int, int, int]:
        """Return rows_read, new, revised, repeated and quarantined over all files."""
        names = ("rows_read", "new", "revised", "repeated", "quarantined")
        return tuple(int(self.source_file[name].sum()) for name in names)  # type: ignore[return-value]


class Corpus:
    """A folder with dump files."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.folder = base / "corpus"
        self.folder.mkdir()
        self.runs = itertools.count()

    def close(self) -> None:
        """Nothing stays open between ingestions."""

    def write(self, path: str, content: object) -> Path:
        """Write bytes, text, or anything else as JSON."""
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            text = content if isinstance(content, str) else json.dumps(content)
            target.write_bytes(text.encode("utf-8", "surrogatepass"))
        return target

    def lines(self, path: str, rows: list[object], end: str = "\n") -> Path:
        """Write JSON lines."""
        return self.write(path, "".join(json.dumps(row) + end for row in rows))

    def read(self, between: Any = None, threads: int = 2) -> Tables:
        """Ingest the folder and check the account of every file; `between` runs after the scan."""
        config = load_config(self.folder, "corpus", tuple(FORMATS))
        found = scan(self.folder, config)
        if between is not None:
            between()
        staging = self.base / f"staging-{next(self.runs)}"
        staging.mkdir()
        limits = {"threads": threads, "memory_limit": "2GB"}
        with duckdb.connect(config=limits) as con, contextlib.ExitStack() as cleanup:
            result = ingest(found, config, con, staging, redact=redact, cleanup=cleanup)
            tables = {name: con.sql(f"SELECT * FROM {sql} AS t").pl() for name, sql in result.queries.items()}
        made = Tables({**tables, **result.frames})
        check_account(made)
        return made


def check_account(tables: Tables) -> None:
    """Every row of every file is new, revised, repeated or quarantined, and what is new is in the tables."""
    files = tables.source_file
    parts = files["new"] + files["revised"] + files["repeated"] + files["quarantined"]
    assert (files["rows_read"] == parts).all(), files.filter(files["rows_read"] != parts)
    kept = tables.message.height + tables.agent["has_profile"].sum() + tables.community["has_profile"].sum()
    ties, members, runs = tables.tie_event, tables.membership_event, tables.run
    kept += ties.filter((pl.col("origin").fill_null("") != "snapshot") | (pl.col("action") == "add")).height
    kept += members.filter(~pl.col("origin").fill_null("").is_in(["created_by", "moderators"])).height
    kept += runs.filter((pl.col("run_id") != "observed") & pl.col("clock").is_not_null()).height
    kept += tables.reaction.height + tables.exposure.height + tables.label.height
    assert files["new"].sum() == kept
    for name in ("tie_event", "membership_event", "reaction", "exposure", "label", "run"):
        table = TABLES[name]
        assert tables.tables[name].select(table.key).is_unique().all(), name
        assert set(tables.tables[name].columns) == {c.name for c in table.columns}, name
    assert files["quarantined"].sum() == tables.quarantine.height
    for name, key in (("message", "message_id"), ("agent", "agent_id"), ("community", "community_id")):
        assert tables.tables[name][key].is_unique().all(), name
        assert tables.tables[name][key].null_count() == 0, name
    positions = tables.quarantine.select("path", "source_row")
    assert positions.is_unique().all()


POST_ID = "0a000000-0000-4000-8000-{:012d}"


def post(number: int = 1, **changes: object) -> Row:
    """Return a post of API v1; a change to ... leaves the key out."""
    body: Row = {
        "id": POST_ID.format(number), "title": f"Title {number}", "content": f"Text {number}", "url": None,
        "upvotes": 3, "downvotes": 1, "comment_count": 0, "created_at": "2026-01-30T10:00:00.123456+00:00",
        "submolt": {"id": "5b000000-0000-4000-8000-000000000001", "name": "general", "display_name": "General"},
        "author": {"id": "a0000000-0000-4000-8000-000000000001", "name": "Ada"},
    }  # fmt: skip
    body.update(changes)
    return {key: value for key, value in body.items() if value is not ...}


def comment(number: int = 1, replies: list[Row] | None = None, **changes: object) -> Row:
    """Return a comment of API v1."""
    body: Row = {
        "id": "c0000000-0000-4000-8000-" + f"{number:012d}", "content": f"Comment {number}", "parent_id": None,
        "upvotes": 1, "downvotes": 0, "created_at": "2026-01-30T11:00:00.5+00:00",
        "author": {"id": "a0000000-0000-4000-8000-000000000002", "name": "Bo", "karma": 5, "follower_count": 2},
        "replies": replies or [],
    }  # fmt: skip
    body.update(changes)
    return {key: value for key, value in body.items() if value is not ...}


def detail(number: int = 1, comments: list[object] | None = None, **changes: object) -> Row:
    """Return a detail body of API v1."""
    return {
        "success": True, "post": post(number, **changes), "comments": comments or [], "context": {"tip": "t"},
        "_downloaded_at": "2026-01-31T08:00:00.5+00:00", "_endpoint": "/posts/x",
    }  # fmt: skip


def flat(number: int = 1, **changes: object) -> Row:
    """Return a comment of API v3 as it stands alone in JSON lines."""
    body: Row = {
        "id": "c0000000-0000-4000-8000-" + f"{number:012d}", "post_id": POST_ID.format(1), "content": f"Flat {number}",
        "upvotes": 2, "downvotes": 0, "score": 2, "created_at": "2026-04-07T05:39:05.821Z", "is_deleted": False,
        "author_id": "a0000000-0000-4000-8000-000000000002",
        "author": {"id": "a0000000-0000-4000-8000-000000000002", "name": "Bo", "karma": 7, "followerCount": 3},
    }  # fmt: skip
    body.update(changes)
    return {key: value for key, value in body.items() if value is not ...}
