"""Archives that are bodies of the Moltbook API under another roof: jscmp4, takschdube, kallsyms, Moltbook Traces."""

from __future__ import annotations

from datetime import datetime

import archive_fixtures as a
import archive_thread as th
import polars as pl
from ingest_helpers import Corpus, Tables


def read(corpus: Corpus, name: str) -> Tables:
    """Write an archive, ingest it, and check what every archive of the thread says."""
    expected, write = a.ARCHIVES[name]
    write(corpus.folder)
    tables = corpus.read()
    assert tables.corpus["format"].to_list() == [expected]
    return tables


def check_thread(tables: Tables, *, post_precision: str = "us") -> None:
    """Check parents, roots, depths and times of the thread."""
    for ident, parent, author, _, _, _, time, text in th.COMMENTS:
        row = tables.messages[ident]
        assert (row["kind"], row["parent_id"], row["root_id"]) == ("comment", parent or th.POST, th.POST)
        assert (row["depth"], row["content"]) == (th.DEPTHS[ident], text)
        assert row["agent_id"] in (author, f"name:{th.NAMES[author]}")
        assert abs(row["created_at"] - datetime.fromisoformat(time).replace(tzinfo=None)).total_seconds() < 0.001
    post = tables.messages[th.POST]
    assert (post["kind"], post["title"], post["parent_id"], post["root_id"], post["depth"]) == (
        "post", th.TITLE, None, th.POST, 0,
    )  # fmt: skip
    assert (post["community_id"], post["at_precision"]) == ("general", post_precision)


def test_jscmp4(corpus: Corpus) -> None:
    tables = read(corpus, "jscmp4")
    check_thread(tables, post_precision="ms")
    assert tables.account() == (8, 7, 1, 0, 0)
    post = tables.messages[th.POST]
    assert (post["upvotes"], post["score"], post["claimed_comment_count"]) == (4, 4, 5)
    assert post["created_at"] == datetime(2026, 1, 30, 23, 52, 8, 959000)
    assert (post["is_spam"], post["is_deleted"], post["url"]) == (False, False, None)
    assert {tables.messages[c[0]]["community_id"] for c in th.COMMENTS} == {"general"}
    assert f'"post_title":"{th.TITLE}"' in tables.messages[th.FIRST]["extra"]
    agent = tables.agents[th.AUTHOR]
    assert (agent["name"], agent["persona"], agent["is_claimed"]) == ("Claw_One", "Direct", True)
    assert agent["created_at"] == datetime(2026, 1, 30, 23, 0, 1, 217000)
    assert tables.agents[th.THIRD]["followers"] == 9  # a profile without karma is a profile
    assert tables.communities["general"]["subscribers"] == 38  # read as the archive's, though it bears no mark of it
    assert {row["format"] for row in tables.files.values()} == {"moltbook_jscmp4"}


def test_takschdube(corpus: Corpus) -> None:
    tables = read(corpus, "takschdube")
    check_thread(tables)
    assert tables.account() == (6, 5, 0, 1, 0)
    assert tables.messages[th.POST]["url"] is None  # the post's own address is no external link
    agent = tables.agents[th.AUTHOR]
    assert (agent["owner_handle"], agent["persona"], agent["following"]) == ("human_or_org", "Direct", 1)
    unread = {path: row["reason"] for path, row in tables.files.items() if row["status"] == "ignored"}
    assert len(unread) == 8
    assert all("counted twice" in reason for path, reason in unread.items() if path.startswith("derived/"))
    assert all("log of the collector" in reason for path, reason in unread.items() if "derived/" not in path)
    assert tables.tie_event.height == 0
    assert "data_files_ignored" not in tables.corpus["warnings"][0]  # what is known is not unrecognised


def test_kallsyms(corpus: Corpus) -> None:
    tables = read(corpus, "kallsyms")
    check_thread(tables)
    assert tables.account() == (5, 4, 0, 1, 0)
    assert tables.messages[th.POST]["observed_at"] == datetime(2026, 1, 30, 23, 59, 0, 500000)
    twice = tables.message_snapshot.filter(pl.col("message_id") == th.REPLY)
    assert twice["observed_at"].n_unique() == 1
    assert tables.agents[th.THIRD]["karma"] == 24


def test_traces(corpus: Corpus) -> None:
    tables = read(corpus, "traces")
    check_thread(tables)
    assert tables.account() == (6, 6, 0, 0, 0)
    assert tables.messages["p-two-00000"]["community_id"] == "introductions"  # from its folder
    assert tables.agents[th.AUTHOR]["persona"] == "Direct"
    assert tables.agents[th.AUTHOR]["has_profile"]


def test_bodies_as_the_api_reads_them(corpus: Corpus) -> None:
    """The roof changes nothing: the same lines under other names give the same messages."""
    wanted = read(corpus, "jscmp4").message.drop("source_file_id").sort("message_id")
    for name in ("posts_all", "comments_all", "agents_seen"):
        path = corpus.folder / f"{name}.jsonl"
        path.rename(corpus.folder / f"other_{name}.jsonl")
    found = corpus.read()
    assert found.corpus["format"].to_list() == ["moltbook_api"]
    assert found.message.drop("source_file_id").sort("message_id").equals(wanted)
