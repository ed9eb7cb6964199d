"""Corpora for the tests of templates and convergence: connections on frames, with what a test leaves out filled in."""

from __future__ import annotations

import hashlib

import duckdb
import polars as pl

from pipeline.language.template_shares import template_sql
from pipeline.language.templates import find_templates
from pipeline.simulation.convergence import ConvergenceCorpus

MESSAGE = {
    "message_id": pl.String,
    "run_id": pl.String,
    "kind": pl.String,
    "agent_id": pl.String,
    "community_id": pl.String,
    "root_id": pl.String,
    "text_hash": pl.String,
    "created_at": pl.Datetime("us"),
    "at_precision": pl.String,
    "step": pl.Int64,
}
TEXT = {
    "text_hash": pl.String,
    "text": pl.String,
    "n_tokens": pl.Int64,
    "language": pl.String,
    "copies": pl.Int64,
}
EMBEDDING = {"text_hash": pl.String, "model": pl.String, "rung": pl.String, "vector": pl.List(pl.Float32)}


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def on_frames(message=None, text=None, embedding=None) -> duckdb.DuckDBPyConnection:
    """Return a connection with tables message, text and embedding; what is not given is empty."""
    con = duckdb.connect()
    given = {"message": (message, MESSAGE), "text": (text, TEXT), "embedding": (embedding, EMBEDDING)}
    for name, (frame, schema) in given.items():
        rows = pl.DataFrame(schema=schema) if frame is None else frame
        if name == "text" and "language" not in rows.columns:
            rows = rows.with_columns(language=pl.lit("en"))
        rows = rows.select(list(schema)).cast(schema)
        con.register("given", rows.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def on_corpus(corpus: ConvergenceCorpus, **changed) -> duckdb.DuckDBPyConnection:
    """Return a connection on a simulated corpus; `changed` replaces columns of its messages."""
    return on_frames(corpus.message.with_columns(**changed), corpus.text, corpus.embedding)


def messages_of(texts: list[str], **columns) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return messages that hold these texts, each by an author of its own unless said otherwise, and their texts."""
    size = len(texts)
    ids = [f"p{i}" for i in range(size)]
    rows = {
        "message_id": ids,
        "run_id": ["observed"] * size,
        "kind": ["post"] * size,
        "agent_id": [f"u{i}" for i in range(size)],
        "community_id": [None] * size,
        "root_id": ids,
        "text_hash": [text_hash(text) for text in texts],
        "created_at": [None] * size,
        "at_precision": [None] * size,
        "step": [None] * size,
        **columns,
    }
    text = (
        pl.DataFrame({"text_hash": rows["text_hash"], "text": texts})
        .group_by("text_hash", "text")
        .agg(copies=pl.len().cast(pl.Int64))
        .with_columns(n_tokens=pl.col("text").str.count_matches(r"\w+").cast(pl.Int64))
        .sort("text_hash")
    )
    return pl.DataFrame(rows, schema=MESSAGE, strict=False), text


def with_templates(con: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Add table template, as its step does."""
    found = find_templates([con.sql("SELECT text_hash, text, copies FROM text ORDER BY 1").pl()])
    con.register("found", found.to_arrow())
    con.execute(f"CREATE TABLE template AS {template_sql('found')}")
    return con
