"""Corpora with planted coordination, or none, in the tables that the family reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl

START = datetime(2026, 2, 1)
MESSAGE = {
    "message_id": pl.String, "kind": pl.String, "agent_id": pl.String, "root_id": pl.String, "text_hash": pl.String,
    "created_at": pl.Datetime("us"), "at_precision": pl.String, "step": pl.Int64,
}  # fmt: skip
AGENT = {"agent_id": pl.String, "name": pl.String, "owner_handle": pl.String, "owner_followers": pl.Int64}


def message(i: int, agent: str | None, seconds: float | None, **more: object) -> dict[str, object]:
    """Return a post at so many seconds after the start."""
    at = None if seconds is None else START + timedelta(seconds=float(seconds))
    base = {"message_id": f"m{i:06d}", "kind": "post", "agent_id": agent, "root_id": f"m{i:06d}", "text_hash": f"t{i}",
            "created_at": at, "at_precision": at and "us", "step": None}  # fmt: skip
    return {**base, **more}


def connect(
    messages: Sequence[Mapping[str, object]],
    agents: Sequence[Mapping[str, object]] = (),
    templates: Mapping[str, str] | None = None,
) -> duckdb.DuckDBPyConnection:
    """Return a connection with the tables message, agent, template and collection_gap."""
    known = agents or [{"agent_id": name} for name in sorted({str(m["agent_id"]) for m in messages if m["agent_id"]})]
    frames = {
        "message": pl.DataFrame([{k: m.get(k) for k in MESSAGE} for m in messages], schema=MESSAGE),
        "agent": pl.DataFrame([{k: a.get(k) for k in AGENT} for a in known], schema=AGENT),
        "template": pl.DataFrame(
            {"text_hash": list(templates or {}), "template_id": list((templates or {}).values())},
            schema={"text_hash": pl.String, "template_id": pl.String},
        ),
        "collection_gap": pl.DataFrame(
            schema={"table_name": pl.String, "start_at": pl.Datetime("us"), "end_at": pl.Datetime("us")}
        ),
    }
    con = duckdb.connect()
    for name, frame in frames.items():
        con.register(f"{name}_frame", frame)
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_frame")
    return con


def posters(rng: np.random.Generator, agents: int = 60, mean_posts: float = 8, hours: float = 48) -> list[dict]:
    """Return posts at random moments: nobody has a schedule and nobody is prompted."""
    found: list[dict] = []
    for a in range(agents):
        times = rng.uniform(0, hours * 3600, size=3 + rng.poisson(mean_posts))
        found += [message(len(found) + i, f"a{a:03d}", t) for i, t in enumerate(times)]
    return found


def copiers(rng: np.random.Generator, *, is_coordinated: bool, agents: int = 40, posts: int = 600) -> tuple:
    """Return posts of which one in six is of a template; coordinated templates come in bursts of several agents.

    Returns
    -------
    tuple
        The posts, and the template of each text of one.
    """
    at = rng.uniform(0, 48 * 3600, size=posts)
    agent = rng.integers(0, agents, size=posts)
    template = np.where(rng.random(posts) < 1 / 6, rng.integers(0, 5, size=posts), -1)
    if is_coordinated:
        chosen = np.flatnonzero(template >= 0)
        burst = rng.integers(0, 6, size=len(chosen))
        centre = rng.uniform(0, 48 * 3600, size=(5, 6))
        at[chosen] = centre[template[chosen], burst] + rng.uniform(0, 120, size=len(chosen))
    found = [message(i, f"a{agent[i]:03d}", at[i]) for i in range(posts)]
    return found, {f"t{i}": f"template{template[i]}" for i in range(posts) if template[i] >= 0}
