"""Random threads for the tests: messages in the shape of `corpus_measures.read_tree`, and as DuckDB tables."""

from __future__ import annotations

import hashlib
import random
from datetime import datetime, timedelta

import duckdb
import polars as pl

START = datetime(2026, 1, 28)


def random_threads(seed: int, posts: int = 80, authors: int = 40, *, faults: bool = False) -> list[dict]:
    """Return random posts with nested comments; `faults` adds null authors, null times and lost parents."""
    draw = random.Random(seed)
    names = [f"agent-{i:03d}" for i in range(authors)]
    weights = [1 / (i + 1) for i in range(authors)]
    messages: list[dict] = []
    for p in range(posts):
        post = _message(draw, f"post-{p:04d}", "post", None, f"post-{p:04d}", 0, names, weights, START)
        thread = [post]
        for c in range(draw.choice([0, 1, 3, 8, 20])):
            parent = draw.choice(thread) if draw.random() < 0.4 else post
            name = f"comment-{p:04d}-{c:03d}"
            depth = parent["depth"] + 1
            thread.append(_message(draw, name, "comment", parent["id"], post["id"], depth, names, weights, post["at"]))
        messages += thread
    if faults:
        for message in draw.sample(messages, len(messages) // 10):
            message["author"] = None
        for message in draw.sample(messages, len(messages) // 10):
            message["at"] = None
        comments = [m for m in messages if m["kind"] == "comment"]
        lost = {m["id"] for m in draw.sample(comments, len(comments) // 20)}
        messages = [m for m in messages if m["id"] not in lost]
    return messages


def _message(
    draw: random.Random,
    name: str,
    kind: str,
    parent: str | None,
    root: str,
    depth: int,
    names: list[str],
    weights: list[float],
    after: datetime,
) -> dict:
    return {
        "id": name,
        "kind": kind,
        "author": draw.choices(names, weights)[0],
        "parent": parent,
        "root": root,
        "depth": depth,
        "text": f"{draw.randrange(9) if kind == 'post' else ''}\n{draw.randrange(60)}",
        "at": after + timedelta(microseconds=draw.randrange(1, 10**10)),
    }


def connect(messages: list[dict], agents: dict[str, str] | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection with tables message and agent; `agents` maps agent ids to names."""
    schema = {
        "message_id": pl.String,
        "kind": pl.String,
        "agent_id": pl.String,
        "parent_id": pl.String,
        "root_id": pl.String,
        "depth": pl.Int32,
        "title": pl.String,
        "content": pl.String,
        "text_hash": pl.String,
        "created_at": pl.Datetime("us"),
        "at_precision": pl.String,
        "step": pl.Int64,
        "run_id": pl.String,
    }
    rows = []
    for m in messages:
        title, _, content = m["text"].partition("\n")
        digest = hashlib.sha256(m["text"].encode()).hexdigest()[:32]
        at = m["at"].replace(tzinfo=None) if m["at"] else None
        rows.append(
            (
                m["id"],
                m["kind"],
                m["author"],
                m["parent"],
                m["root"],
                m["depth"],
                title,
                content,
                digest,
                at,
                at and "us",
                m.get("step"),
                m.get("run", "observed"),
            )
        )
    known = agents or {m["author"]: m["author"] for m in messages if m["author"]}
    message = pl.DataFrame(rows, schema=schema, orient="row")
    agent = pl.DataFrame(
        {"agent_id": list(known), "name": list(known.values()), "is_claimed": [None] * len(known)},
        schema={"agent_id": pl.String, "name": pl.String, "is_claimed": pl.Boolean},
    )
    con = duckdb.connect()
    con.register("message_frame", message)
    con.register("agent_frame", agent)
    con.execute("CREATE TABLE message AS SELECT * FROM message_frame")
    con.execute("CREATE TABLE agent AS SELECT * FROM agent_frame")
    return con


def with_interactions(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Add table interaction to the connection and return it."""
    from pipeline.network.interactions import interaction_sql

    con.execute(f"CREATE TABLE interaction AS {interaction_sql()}")
    return con
