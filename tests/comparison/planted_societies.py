"""Small societies with planted activity, depth, repetition and rhythm, as the tables of several corpora in DuckDB."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl

from pipeline.network.interactions import interaction_sql
from pipeline.schema import TABLES

START = datetime(2026, 1, 27)


@dataclass(frozen=True)
class Society:
    """What is planted; every run has the same truth and other members."""

    n_agents: int = 80
    n_messages: int = 2000
    spread: float = 0.8
    deepening: float = 0.4
    repetition: float = 0.2
    burst: float = 0.0
    clock: str = "time"
    has_depth: bool = True
    kind: str = "platform"
    runs: int = 1
    models: tuple[str, ...] = ("m",)
    seed: int = 1


def messages(truth: Society) -> pl.DataFrame:
    """Return table ``message`` of one corpus, without ``corpus_id``."""
    names = ["observed"] if truth.runs == 1 and truth.kind != "simulation" else [f"r{i}" for i in range(truth.runs)]
    frames = [_run(truth, name, np.random.default_rng([truth.seed, i])) for i, name in enumerate(names)]
    return _typed("message", pl.concat(frames))


def _run(truth: Society, run_id: str, rng: np.random.Generator) -> pl.DataFrame:
    n, weight = truth.n_messages, rng.lognormal(0, truth.spread, truth.n_agents)
    agent = rng.choice(truth.n_agents, size=n, p=weight / weight.sum())
    is_post = rng.random(n) < 0.15
    is_post[:5] = True
    text = np.where(rng.random(n) < truth.repetition, rng.integers(0, 20, n), np.arange(n) + 100)
    parent, root, depth, posts = np.full(n, -1), np.arange(n), np.zeros(n, dtype=int), []
    members: dict[int, list[int]] = {}
    answers, picks = rng.random(n) < truth.deepening, rng.random((n, 2))
    for i in range(n):
        if is_post[i]:
            posts.append(i)
            members[i] = [i]
            continue
        root[i] = posts[int(picks[i, 0] * len(posts))]
        thread = members[root[i]]
        parent[i] = thread[int(picks[i, 1] * len(thread))] if answers[i] else root[i]
        depth[i] = depth[parent[i]] + 1
        thread.append(i)
    prefix = "" if run_id == "observed" else f"{run_id}:"
    gaps = rng.exponential(1, n) * np.exp(truth.burst * rng.standard_normal(n))
    seconds = np.cumsum(gaps) * 40
    ids = [f"{prefix}p{truth.seed}-{i}" for i in range(n)]
    is_time = truth.clock == "time"
    return pl.DataFrame(
        {
            "run_id": run_id,
            "message_id": ids,
            "kind": ["post" if p else "comment" for p in is_post],
            "agent_id": [f"{prefix}u{truth.seed}-{a}" for a in agent],
            "parent_id": [ids[p] if p >= 0 else None for p in parent],
            "root_id": [ids[r] for r in root],
            "depth": [int(d) if truth.has_depth or p else None for d, p in zip(depth, is_post, strict=True)],
            "text_hash": [f"{prefix}t{truth.seed}-{t}" for t in text],
            "created_at": [START + timedelta(seconds=round(s, 6)) if is_time else None for s in seconds],
            "at_precision": "us" if is_time else None,
            "step": [None if is_time else i // 20 for i in range(n)],
        },
        schema_overrides={
            "created_at": pl.Datetime("us"),
            "step": pl.Int64,
            "depth": pl.Int32,
            "at_precision": pl.String,
        },
    )


def _typed(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    empty = pl.DataFrame(schema=TABLES[table].polars_schema)
    return pl.concat([empty, frame.select(pl.all())], how="diagonal_relaxed").select(empty.columns).cast(empty.schema)


def connect(
    corpora: Mapping[str, Society | pl.DataFrame], kinds: Mapping[str, str] | None = None
) -> duckdb.DuckDBPyConnection:
    """Return a connection in which the tables hold all the corpora."""
    con = duckdb.connect()
    con.execute("SET threads = 1")
    con.execute("SET TimeZone = 'UTC'")
    tables = {name: [] for name in ("corpus", "run", "slice", "message", "interaction", "lexicon_score", "agent")}
    for corpus_id, truth in corpora.items():
        frame = truth if isinstance(truth, pl.DataFrame) else messages(truth)
        kind = truth.kind if isinstance(truth, Society) else (kinds or {}).get(corpus_id, "platform")
        models = truth.models if isinstance(truth, Society) else ("m",)
        runs = frame["run_id"].unique().sort()
        tables["message"].append(frame.with_columns(corpus_id=pl.lit(corpus_id)))
        tables["corpus"].append(pl.DataFrame({"corpus_id": [corpus_id], "kind": [kind], "format": ["x"]}))
        model = [models[i % len(models)] for i in range(len(runs))]
        tables["run"].append(pl.DataFrame({"run_id": runs, "model": model}).with_columns(corpus_id=pl.lit(corpus_id)))
        con.register("one", frame)
        con.register("nobody", pl.DataFrame(schema={"agent_id": pl.String, "name": pl.String}))
        sql = interaction_sql().replace("FROM message", "FROM one").replace("JOIN message", "JOIN one")
        found = con.sql(f"SELECT * FROM ({sql.replace('FROM agent', 'FROM nobody')})").pl()
        tables["interaction"].append(found.with_columns(corpus_id=pl.lit(corpus_id)))
    for name, frames in tables.items():
        typed = [_typed(name, frame) for frame in frames] or [pl.DataFrame(schema=TABLES[name].polars_schema)]
        con.register(f"{name}_frame", pl.concat(typed))
        con.execute(f'CREATE TABLE "{name}" AS SELECT * FROM {name}_frame')
    return con
