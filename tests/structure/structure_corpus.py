"""Small corpora with threads, follows and reactions, as DuckDB tables."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
from synthetic import connect, random_threads, with_interactions

from pipeline.schema import TABLES

START = datetime(2026, 1, 28)
NAMES = ("tie_event", "reaction", "community_snapshot", "membership_event", "collection_gap")


def corpus(seed: int, *, posts=150, ties=700, likes=600, precision="s", messages=None) -> duckdb.DuckDBPyConnection:
    """Return the tables of a corpus of 40 agents: random threads, follows with some drops, likes and dislikes."""
    rng = np.random.default_rng(seed)
    con = with_interactions(connect(messages or random_threads(seed, posts=posts)))
    con.execute("""
        CREATE OR REPLACE TABLE message AS SELECT *,
               concat('{"lang": "', CASE WHEN sha256(agent_id) < 'a' THEN 'en' ELSE 'de' END, '"}') AS extra,
               CASE WHEN kind = 'post' THEN CAST(length(message_id) % 7 AS BIGINT) END AS upvotes,
               CASE WHEN kind = 'post' THEN CAST(length(message_id) % 2 AS BIGINT) END AS downvotes,
               CASE WHEN kind = 'post' THEN CAST(0 AS BIGINT) END AS claimed_comment_count,
               concat('c', left(sha256(message_id), 1)) AS community_id
        FROM message
    """)
    ids = [row[0] for row in con.sql("SELECT DISTINCT agent_id FROM agent ORDER BY agent_id").fetchall()]
    follows, reactions = [], []

    def pair():
        ego, alter = (ids[min(int(rng.exponential(8)), len(ids) - 1)], ids[int(rng.integers(len(ids)))])
        return ego, alter, START + timedelta(minutes=int(rng.integers(0, 20_000)))

    for _ in range(ties if ids else 0):
        ego, alter, at = pair()
        action = "add" if rng.random() < 0.85 else "remove"
        follows.append({"run_id": "observed", "source_id": ego, "target_id": alter, "relation": "follow",
                        "action": action, "at": at, "at_precision": precision, "origin": "log"})  # fmt: skip
    for _ in range(likes if ids else 0):
        ego, alter, at = pair()
        kind = "like" if rng.random() < 0.8 else "dislike"
        reactions.append({"run_id": "observed", "agent_id": ego, "target_agent_id": alter, "type": kind, "at": at,
                          "at_precision": precision})  # fmt: skip
    rows = {"tie_event": follows, "reaction": reactions}
    for name in NAMES:
        schema = {k: v for k, v in TABLES[name].polars_schema.items() if k != "corpus_id"}
        frame = pl.DataFrame(rows.get(name, []), schema=schema)
        con.register("given", frame)
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    return con
