"""Write simulated OASIS runs as SQLite files with the schema of OASIS 0.2.5 (FORMATS.md), byte for byte repeatable."""

from __future__ import annotations

import sqlite3
import struct
from pathlib import Path

from pipeline.simulation.folders import write_folder
from pipeline.simulation.oasis import Oasis, OasisRun

PAGE_SIZE = 4096
# The header says which library wrote the file last, at byte 96; that would differ between machines.
VERSION_PLACE = 96
VERSION = 3_040_000
CORPUS_CARD = """\
title = "Simulated OASIS runs with planted truth"
kind = "simulation"
teacher_texts = 300  # texts that the embedding teacher reads: few, so that the demo is quick
licence = "CC0-1.0"
"""
SCHEMA = """
CREATE TABLE user (
    user_id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id INTEGER, user_name TEXT, name TEXT, bio TEXT,
    created_at DATETIME, num_followings INTEGER DEFAULT 0, num_followers INTEGER DEFAULT 0
);
CREATE TABLE post (
    post_id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, original_post_id INTEGER, content TEXT DEFAULT '',
    quote_content TEXT, created_at DATETIME, num_likes INTEGER DEFAULT 0, num_dislikes INTEGER DEFAULT 0,
    num_shares INTEGER DEFAULT 0, num_reports INTEGER DEFAULT 0
);
CREATE TABLE comment (
    comment_id INTEGER PRIMARY KEY AUTOINCREMENT, post_id INTEGER, user_id INTEGER, content TEXT,
    created_at DATETIME, num_likes INTEGER DEFAULT 0, num_dislikes INTEGER DEFAULT 0
);
CREATE TABLE "like" (
    like_id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, post_id INTEGER, created_at DATETIME
);
CREATE TABLE dislike (
    dislike_id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, post_id INTEGER, created_at DATETIME
);
CREATE TABLE comment_like (
    comment_like_id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, comment_id INTEGER, created_at DATETIME
);
CREATE TABLE comment_dislike (
    comment_dislike_id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, comment_id INTEGER, created_at DATETIME
);
CREATE TABLE follow (
    follow_id INTEGER PRIMARY KEY AUTOINCREMENT, follower_id INTEGER, followee_id INTEGER, created_at DATETIME
);
CREATE TABLE mute (
    mute_id INTEGER PRIMARY KEY AUTOINCREMENT, muter_id INTEGER, mutee_id INTEGER, created_at DATETIME
);
CREATE TABLE report (
    report_id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, post_id INTEGER, report_reason TEXT,
    created_at DATETIME
);
CREATE TABLE trace (
    user_id INTEGER, created_at DATETIME, action TEXT, info TEXT, PRIMARY KEY (user_id, created_at, action, info)
);
CREATE TABLE rec (user_id INTEGER, post_id INTEGER, PRIMARY KEY (user_id, post_id));
CREATE TABLE product (product_id INTEGER PRIMARY KEY, product_name TEXT, sales INTEGER DEFAULT 0);
CREATE TABLE chat_group (group_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created_at DATETIME);
CREATE TABLE group_members (
    group_id INTEGER NOT NULL, agent_id INTEGER NOT NULL, joined_at DATETIME, PRIMARY KEY (group_id, agent_id)
);
CREATE TABLE group_messages (
    message_id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL, sender_id INTEGER NOT NULL,
    content TEXT NOT NULL, sent_at DATETIME
);
"""
ENTITY_TABLES = (
    "user", "post", "comment", "like", "dislike", "comment_like", "comment_dislike", "follow", "mute", "report",
)  # fmt: skip


def write_oasis_sqlite(corpus: Oasis, folder: Path) -> bool:
    """Write one SQLite file per run into `folder`, or leave it as it is when it is current.

    What it returns and raises is that of `write_folder`.
    """
    return write_folder(folder, corpus.truth, lambda root: _write_runs(corpus, root))


def _write_runs(corpus: Oasis, root: Path) -> None:
    for run in corpus.runs:
        path = root / f"{run.name}.db"
        con = sqlite3.connect(path, isolation_level=None)
        try:
            _fill(con, run)
        finally:
            con.close()
        with path.open("r+b") as stream:
            stream.seek(VERSION_PLACE)
            stream.write(struct.pack(">I", VERSION))
    (root / "corpus.toml").write_text(CORPUS_CARD, encoding="utf-8")


def _fill(con: sqlite3.Connection, run: OasisRun) -> None:
    """Write the tables in one transaction: the change counter of the header is then the same every time."""
    for pragma in (f"page_size = {PAGE_SIZE}", "auto_vacuum = 0", "journal_mode = OFF", "synchronous = OFF"):
        con.execute(f"PRAGMA {pragma}")
    con.execute("BEGIN")
    for statement in SCHEMA.split(";\n"):
        if statement.strip():
            con.execute(statement)
    for table in ENTITY_TABLES:
        rows = list(run.platform.tables[table].values())
        if rows:
            marks = ", ".join(f":{name}" for name in rows[0])
            con.executemany(f'INSERT INTO "{table}" ({", ".join(rows[0])}) VALUES ({marks})', rows)
    con.executemany("INSERT INTO trace VALUES (?, ?, ?, ?)", run.platform.trace)
    con.executemany("INSERT INTO rec VALUES (?, ?)", run.recommended)
    con.execute("COMMIT")
