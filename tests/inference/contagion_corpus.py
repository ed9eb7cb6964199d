"""Labelled threads as the views that contagion reads: planted ones, and some written down by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import polars as pl

START = datetime(2026, 1, 28)


def views(messages: pl.DataFrame) -> duckdb.DuckDBPyConnection:
    """Views message, text, text_label, lexicon_score and slice of messages as `read_messages` gives them."""
    con = duckdb.connect()
    message = messages.select(
        *("message_id", "kind", "agent_id", "community_id", "root_id", "parent_id"),
        *("created_at", "at_precision", "step"),
        text_hash="message_id",
    )
    text = messages.select("n_chars", "language", text_hash="message_id")
    conflict = messages.filter(pl.col("conflict") == 1).select(
        text_hash="message_id", scheme=pl.lit("conflict"), label=pl.lit("yes"), classifier=pl.lit("by hand")
    )
    emotion = messages.filter(pl.col("emotion") != "none").select(
        text_hash="message_id", scheme=pl.lit("emotion"), label="emotion", classifier=pl.lit("by hand")
    )
    scores = pl.DataFrame(schema={"text_hash": pl.String, "lexicon": pl.String})
    frames = {
        "message": message,
        "text": text,
        "text_label": pl.concat([conflict, emotion]),
        "lexicon_score": scores,
    }
    for name, frame in frames.items():
        con.register(f"{name}_frame", frame.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_frame")
    return con


def threads(*written: tuple[str, str], authors: tuple[str, ...] = ()) -> pl.DataFrame:
    """Threads by hand: (post, comments) as strings of x (conflict) and o (calm); authors are new unless given.

    ``authors`` gives a letter per message of each thread, the post first.
    """
    rows = []
    for t, (post, comments) in enumerate(written):
        who = authors[t] if authors else None
        for k, letter in enumerate(post + comments):
            name = f"t{t}-{k}"
            rows.append(
                {
                    "message_id": name,
                    "kind": "comment" if k else "post",
                    "agent_id": who[k] if who else name,
                    "community_id": "c",
                    "root_id": f"t{t}-0",
                    "parent_id": f"t{t}-0" if k else None,
                    "created_at": START + timedelta(hours=t, minutes=k),
                    "at_precision": "us",
                    "step": None,
                    "n_chars": 40 + k,
                    "language": "en",
                    "conflict": int(letter == "x"),
                    "emotion": "anger" if letter == "x" else "none",
                }
            )
    return pl.DataFrame(
        rows, schema_overrides={"step": pl.Int64, "parent_id": pl.String, "created_at": pl.Datetime("us")}
    )
