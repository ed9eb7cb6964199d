"""Corpora with planted gender performance, as DuckDB tables: agents with a level, weeks with a drift, marked words."""

from __future__ import annotations

import sys
from datetime import timedelta
from functools import cache
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from pipeline.gender.scorers import LexiconScorer
from pipeline.lexicon import Engine, card_by_id, load_cards
from pipeline.network.traits import agent_week_sql
from pipeline.schema import TABLES

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "network"))
from homophily_corpus import MONDAY, agents

NAMES = ("agent", "message", "text", "lexicon_score", "embedding", "gender_score", "interaction", "tie_event")
FEMININE, MASCULINE, PLAIN = "So cute, sweetie!", "Hey bro, to the gym.", "The report is on the table."
PERSONAS = {1: "A woman who paints.", -1: "A man who paints.", 0: "Someone who paints."}


@cache
def engine() -> Engine:
    """Return the engine of the shipped card."""
    return Engine((card_by_id(load_cards(), "gender"),))


def corpus(
    *, people=60, weeks=8, messages=4, between=0.35, persistence=0.0, noise=0.1, seed=0, declared=True, **times
) -> dict[str, list[dict]]:
    """Return the tables of a corpus.

    A marked message of agent i in week t is feminine with probability ``0.5 + level_i + drift_it``: levels are
    ``± between`` and what the agent declares, drifts are autoregressive with `persistence` and sd `noise`.
    """
    rng = np.random.default_rng(seed)
    ids = [f"a{i:03d}" for i in range(people)]
    side = np.where(np.arange(people) % 2 == 0, 1, -1)
    rows, texts = [], {}
    for i in range(people):
        drift = rng.normal(0, noise)
        for week in range(weeks):
            probability = np.clip(0.5 + between * side[i] + drift, 0.02, 0.98)
            drift = persistence * drift + np.sqrt(1 - persistence**2) * rng.normal(0, noise)
            for number in range(messages):
                words = FEMININE if rng.random() < probability else MASCULINE
                text = PLAIN if rng.random() < 0.2 else words
                texts[text] = {"text_hash": text, "text": text, "n_chars": len(text), "n_tokens": 6, "copies": 1}
                given = {"created_at": MONDAY + timedelta(weeks=week, hours=number), "at_precision": "s", "step": None}
                rows.append({
                    "message_id": f"m{i:03d}-{week}-{number}", "run_id": "observed", "kind": "post", "agent_id": ids[i],
                    "text_hash": text, **given, **times,
                })  # fmt: skip
    people_rows = [{**row, "persona": PERSONAS[int(side[i]) if declared else 0]} for i, row in enumerate(agents(*ids))]
    return {"agent": people_rows, "message": rows, "text": list(texts.values())}


def connect(**rows: list[dict]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the tables of a corpus, its words and its weeks scored as the steps do."""
    con = duckdb.connect()
    for name in NAMES:
        schema = {k: v for k, v in TABLES[name].polars_schema.items() if k != "corpus_id"}
        frame = pl.DataFrame(rows.get(name, []), schema=schema)
        if name == "lexicon_score" and rows.get("text"):
            texts = pl.DataFrame(rows["text"]).select("text_hash", "text", "n_tokens")
            frame = engine().score(texts)
        if name == "gender_score" and not rows.get("gender_score"):
            frame = pl.concat(LexiconScorer().parts(con))
        con.register("given", frame)
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    con.execute(f"CREATE TABLE agent_week AS {agent_week_sql()}")
    return con
