"""Archives that are SQLite databases: giordano-dm, L-S26, and the scraper of deskreject and daveholtz."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import datetime

import archive_fixtures as a
import archive_thread as th
import polars as pl
import pytest
from ingest_helpers import Corpus
from test_ingest_archive_bodies import check_thread, read


@pytest.mark.parametrize("name", ["giordano", "giordano_exports"])
def test_giordano(corpus: Corpus, name: str) -> None:
    tables = read(corpus, name)
    check_thread(tables)
    agent, stub = tables.agents[th.AUTHOR], tables.agents[th.OTHER]
    assert (agent["karma"], agent["followers"], agent["owner_handle"], agent["owner_followers"]) == (30, 4, "rob", 124)
    assert (stub["name"], stub["karma"], stub["followers"]) == ("sam_two", None, None)  # defaults, not knowledge
    assert tables.agent_snapshot.filter(pl.col("agent_id") == th.AUTHOR).sort("observed_at").select(
        "observed_at", "karma", "followers"
    ).rows() == [(datetime(2026, 2, 1, 9), 3, 1), (datetime(2026, 2, 5, 10), 30, 4)]
    history = tables.message_snapshot.filter(pl.col("message_id") == th.POST).sort("observed_at")
    assert history["upvotes"].to_list() == [1, 2, 3]
    assert history["text_hash"].is_null().to_list() == [True, True, False]
    post = tables.messages[th.POST]
    assert (post["content"], post["upvotes"], post["claimed_comment_count"]) == (th.TEXT, 3, 5)
    assert post["observed_at"] == datetime(2026, 2, 5, 9)
    assert tables.communities["general"]["subscribers"] == 38
    snapshots = tables.community_snapshot.filter(pl.col("subscribers") == 20)["community_id"].to_list()
    assert snapshots == [f"id:{th.GENERAL}" if name == "giordano_exports" else "general"]
    assert tables.account() == (11, 8, 3, 0, 0) if name == "giordano_exports" else (11, 7, 4, 0, 0)


def test_ls26(corpus: Corpus) -> None:
    tables = read(corpus, "ls26")
    check_thread(tables, post_precision="day")
    assert tables.account() == (6, 5, 0, 0, 1)
    post, gone = tables.messages[th.POST], tables.messages["p-two-00000"]
    assert (post["created_at"], post["content"], post["is_deleted"]) == (datetime(2026, 1, 30), th.TEXT, False)
    assert (gone["is_deleted"], gone["at_precision"]) == (True, "us")
    assert '"source":"archive"' in gone["extra"]
    assert tables.agents[th.THIRD]["karma"] == 24
    assert tables.quarantine["reason"].to_list() == ["table_not_read"]
    assert "its columns mystery are not read" in tables.quarantine["detail"][0]


def test_scraper(corpus: Corpus) -> None:
    tables = read(corpus, "scraper")
    check_thread(tables)
    assert tables.account() == (14, 8, 2, 4, 0)
    assert tables.messages[th.POST]["agent_id"] == th.AUTHOR  # the name belongs to one id
    assert tables.messages[th.FIRST]["agent_id"] == "name:sam_two"  # the scraper never saw an id
    history = tables.message_snapshot.filter(pl.col("message_id") == th.POST).sort("observed_at")
    assert history.select("observed_at", "upvotes").rows() == [
        (datetime(2026, 2, 1, 8), 1), (datetime(2026, 2, 5, 8), 3),
    ]  # fmt: skip
    assert history["text_hash"].n_unique() == 2
    agent = tables.agents[th.AUTHOR]
    assert (agent["karma"], agent["owner_handle"], agent["owner_name"], agent["is_claimed"]) == (
        30, "rob", "Robert", True,
    )  # fmt: skip
    assert agent["extra"] == '{"avatar_url":null}' or agent["extra"] is None
    members = tables.membership_event.select("agent_id", "community_id", "action", "role", "origin", "at")
    assert members.sort("action").rows() == [
        (th.AUTHOR, "general", "create", "creator", "created_by", None),
        ("name:Bob3", "general", "moderate", "moderator", "scrape", None),
    ]
    assert tables.community_snapshot["subscribers"].to_list() == [38, 38]


@pytest.mark.parametrize("name", ["giordano", "ls26", "scraper"])
def test_damage_is_said(corpus: Corpus, name: str) -> None:
    """A database that was cut is one quarantined row; so is a write-ahead log, beside the rows that are there."""
    a.ARCHIVES[name][1](corpus.folder)
    (path,) = corpus.folder.iterdir()
    path.with_name(f"{path.name}-wal").write_bytes(b"x")
    whole = corpus.read()
    assert whole.quarantine.filter(pl.col("detail").str.contains("write-ahead log")).height == 1
    assert whole.message.height >= 4
    path.with_name(f"{path.name}-wal").unlink()
    path.with_name(f"{path.name}-journal").write_bytes(b"x")
    assert corpus.read().reasons() == ["damaged_sqlite"]
    path.with_name(f"{path.name}-journal").unlink()
    path.write_bytes(path.read_bytes()[:-5000])
    assert corpus.read().reasons()[-1:] == ["damaged_sqlite"]


def test_tables_that_nobody_described(corpus: Corpus) -> None:
    a.giordano(corpus.folder)
    with closing(sqlite3.connect(corpus.folder / "moltbook.db")) as con:
        con.execute("CREATE TABLE extras (x)")
        con.executemany("INSERT INTO extras VALUES (?)", [(1,), (2,)])
        con.commit()
    tables = corpus.read()
    assert tables.account() == (12, 7, 4, 0, 1)
    assert "table extras: 2 rows are not read" in tables.quarantine["detail"][0]
