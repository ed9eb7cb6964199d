"""Corpora for the tests of persona alignment: connections on planted frames, alignment computed as its step does."""

from __future__ import annotations

import duckdb
import polars as pl

from pipeline.language.persona import alignment

SCHEMAS = {
    "agent": {"agent_id": pl.String, "persona": pl.String, "karma": pl.Int64},
    "message": {
        "message_id": pl.String,
        "run_id": pl.String,
        "kind": pl.String,
        "agent_id": pl.String,
        "text_hash": pl.String,
        "created_at": pl.Datetime("us"),
        "at_precision": pl.String,
        "step": pl.Int64,
        "upvotes": pl.Int64,
        "score": pl.Int64,
    },
    "text": {"text_hash": pl.String, "n_tokens": pl.Int64, "language": pl.String, "copies": pl.Int64},
    "embedding": {"text_hash": pl.String, "model": pl.String, "rung": pl.String, "vector": pl.List(pl.Float32)},
    "persona_embedding": {
        "persona_hash": pl.String,
        "model": pl.String,
        "rung": pl.String,
        "vector": pl.List(pl.Float32),
    },
    "persona_alignment": {
        "message_id": pl.String,
        "persona_hash": pl.String,
        "persona_tokens": pl.Int64,
        "similarity_static": pl.Float64,
        "similarity_full": pl.Float64,
    },
}


def on_tables(tables: dict[str, pl.DataFrame]) -> duckdb.DuckDBPyConnection:
    """Return a connection on the frames; columns and tables that are not given are empty."""
    con = duckdb.connect()
    for name, schema in SCHEMAS.items():
        frame = tables.get(name, pl.DataFrame(schema=schema))
        missing = [pl.lit(None).alias(column) for column in schema if column not in frame.columns]
        con.register("given", frame.with_columns(missing).select(list(schema)).cast(schema).to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def aligned(tables: dict[str, pl.DataFrame]) -> duckdb.DuckDBPyConnection:
    """Return a connection on the frames and on their alignment."""
    con = on_tables(tables)
    con.register("given", alignment(con).to_arrow())
    con.execute("INSERT INTO persona_alignment SELECT * FROM given")
    con.unregister("given")
    return con
