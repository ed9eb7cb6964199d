"""Small corpora with ties, as DuckDB tables, for the tests of ties and homophily."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl

from pipeline.network.traits import agent_week_sql
from pipeline.schema import TABLES

MONDAY = datetime(2024, 1, 1)
NAMES = ("agent", "message", "text", "lexicon_score", "gender_score", "interaction", "tie_event")


def connect(**rows: list[dict]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the tables of a corpus; columns that rows leave out are null."""
    con = duckdb.connect()
    for name in NAMES:
        schema = {k: v for k, v in TABLES[name].polars_schema.items() if k != "corpus_id"}
        frame = pl.DataFrame(rows.get(name, []), schema=schema)
        con.register("given", frame)
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    con.execute(f"CREATE TABLE agent_week AS {agent_week_sql()}")
    return con


def agents(*ids: str) -> list[dict]:
    return [{"agent_id": name, "agent_kind": "llm"} for name in ids]


def event(source, target, action, at=None, **more):
    given = {"run_id": "observed", "source_id": source, "target_id": target, "relation": "follow", "action": action}
    return {**given, "at": at, "at_precision": "s" if at else None, "origin": "log", **more}


def society(h: float, seed: int, *, people=150, weeks=6, precision="s", timed=True) -> dict[str, list[dict]]:
    """Return a follower network of two languages with Coleman homophily h; lengths of messages differ by language."""
    rng = np.random.default_rng(seed)
    ids = [f"a{i:03d}" for i in range(people)]
    speaks = rng.integers(0, 2, size=people)
    ties, messages, texts = [], [], []
    for i in range(people):
        own = np.flatnonzero(speaks == speaks[i])
        for j in {int(rng.choice(own) if rng.random() < h else rng.integers(people)) for _ in range(8)} - {i}:
            at = MONDAY + timedelta(hours=int(rng.integers(1, 100)))
            more = {"at_precision": precision} if timed else {"at": None, "at_precision": None, "step": 3}
            ties.append({**event(ids[i], ids[j], "add", at), **more})
        for week in range(weeks):
            length = int(rng.poisson(20 + 30 * speaks[i])) + 1
            name = f"m{i:03d}-{week}"
            message = {
                "message_id": name,
                "run_id": "observed",
                "kind": "post",
                "agent_id": ids[i],
                "community_id": f"c{int(rng.integers(3))}",
                "text_hash": name,
                "extra": f'{{"lang": "{("en", "de")[speaks[i]]}"}}',
                "created_at": MONDAY + timedelta(weeks=week, hours=int(rng.integers(160))) if timed else None,
                "at_precision": precision if timed else None,
                "step": None if timed else week,
            }
            messages.append(message)
            texts.append({"text_hash": name, "text": "x", "n_chars": 1, "n_tokens": length, "copies": 1})
    scores = [
        {"text_hash": t["text_hash"], "lexicon": "airs", "category": "total", "count": 1, "weight_sum": 1.0}
        for t in texts[::5]
    ]
    return {"agent": agents(*ids), "message": messages, "text": texts, "lexicon_score": scores, "tie_event": ties}
