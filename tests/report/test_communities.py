"""The largest communities of the page: a comment belongs where its post does."""

from __future__ import annotations

import duckdb

from pipeline.report.html.corpus_sections import _COMMUNITIES

ROWS = [
    ("c", "p1", "post", "a", "general", "p1"),
    ("c", "p2", "post", "b", "small", "p2"),
    ("c", "p3", "post", "b", "small", "p3"),
    ("c", "r1", "comment", "x", None, "p1"),
    ("c", "r2", "comment", "y", None, "p1"),
    ("c", "r3", "comment", "y", None, "gone"),
    ("other", "p1", "post", "z", "elsewhere", "p1"),
]


def test_comments_count_in_the_community_of_their_post() -> None:
    con = duckdb.connect()
    con.execute("CREATE SCHEMA corpus")
    con.execute(
        "CREATE TABLE corpus.message (corpus_id VARCHAR, message_id VARCHAR, kind VARCHAR, agent_id VARCHAR, "
        "community_id VARCHAR, root_id VARCHAR)"
    )
    con.executemany("INSERT INTO corpus.message VALUES (?, ?, ?, ?, ?, ?)", ROWS)
    con.execute("CREATE TABLE corpus.community (corpus_id VARCHAR, community_id VARCHAR, title VARCHAR)")
    found = con.execute(_COMMUNITIES, {"corpus_id": "c"}).fetchall()
    assert found == [("general", None, 3, 1, 3), ("small", None, 2, 2, 1)]
