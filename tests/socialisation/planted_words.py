"""Corpora in which agents, days, votes and corrections move what is written, or do not."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl

START = datetime(2026, 2, 2)
MESSAGE = {
    "message_id": pl.String, "kind": pl.String, "agent_id": pl.String, "community_id": pl.String,
    "parent_id": pl.String, "root_id": pl.String, "text_hash": pl.String, "content": pl.String,
    "created_at": pl.Datetime("us"), "at_precision": pl.String, "step": pl.Int64, "score": pl.Int64,
    "upvotes": pl.Int64,
}  # fmt: skip
MODEL = "teacher"


def connect(messages: list[dict], texts: dict[str, str], vectors: dict[str, np.ndarray], classes: dict[str, str]):
    """Return a connection with the tables that the family reads; what a message does not say is null."""
    rows = [{**dict.fromkeys(MESSAGE), "at_precision": "us", "kind": "post", **m} for m in messages]
    for r in rows:
        r["content"] = texts[r["text_hash"]]
        r["root_id"] = r["root_id"] or r["message_id"]
    frames = {
        "message": pl.DataFrame([{k: r[k] for k in MESSAGE} for r in rows], schema=MESSAGE),
        "text": pl.DataFrame(
            [
                {"text_hash": h, "text": t, "n_tokens": len(t.split()), "language": "en", "copies": 1}
                for h, t in texts.items()
            ],
            schema={"text_hash": pl.String, "text": pl.String, "n_tokens": pl.Int64, "language": pl.String,
                    "copies": pl.Int64},
        ),
        "embedding": pl.DataFrame(
            [
                {"text_hash": h, "model": MODEL, "rung": "static", "vector": v.astype(np.float32).tolist()}
                for h, v in vectors.items()
            ],
            schema={"text_hash": pl.String, "model": pl.String, "rung": pl.String, "vector": pl.List(pl.Float32)},
        ),
        "reply_class": pl.DataFrame(
            {"message_id": list(classes), "class": list(classes.values())},
            schema={"message_id": pl.String, "class": pl.String},
        ),
    }  # fmt: skip
    con = duckdb.connect()
    for name, frame in frames.items():
        con.register(f"{name}_frame", frame)
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_frame")
    return con


def words(rng: np.random.Generator, n: int, types: int = 2000, first: int = 0) -> str:
    """Return so many words drawn by Zipf's law."""
    weights = 1 / np.arange(1, types + 1)
    return " ".join(f"w{first + i}" for i in rng.choice(types, size=n, p=weights / weights.sum()))


def society(
    rng: np.random.Generator,
    *,
    agents: int = 40,
    days: int = 4,
    per_day: int = 2,
    tokens: int = 30,
    persona: float = 0.0,
    day_pull: float = 0.0,
    new_words: bool = False,
    vote_pull: float = 0.0,
    correction_pull: float = 0.0,
    dimensions: int = 12,
):
    """Return posts of agents, each with a vote and a reply; pulls are weights on the vector of a post.

    `persona` pulls to the agent's own direction, `day_pull` to that of the day, `vote_pull` to the best-voted last
    posts, `correction_pull` to the first reply where it corrects. `new_words` gives each day words of its own.
    """
    messages, texts, vectors, classes = [], {}, {}, {}
    own, of_day = rng.normal(size=(agents, dimensions)), rng.normal(size=(days, dimensions))
    made: list[list[tuple[np.ndarray, int]]] = [[] for _ in range(agents)]
    first: dict[int, tuple[np.ndarray, bool]] = {}
    for day in range(days):
        for agent in rng.permutation(np.repeat(np.arange(agents), per_day)):
            i = len(texts)
            vector = rng.normal(size=dimensions) + persona * own[agent] + day_pull * of_day[day]
            if vote_pull and len(made[agent]) >= 4:
                last = sorted(made[agent][-10:], key=lambda item: item[1])
                vector += vote_pull * last[-1][0]
            if agent in first and first[agent][1]:
                vector += correction_pull * first[agent][0]
            at = START + timedelta(days=day, seconds=float(rng.uniform(0, 80_000)))
            score = int(rng.integers(0, 50))
            made[agent].append((vector, score))
            texts[f"t{i}"] = words(rng, tokens, first=5000 * day if new_words else 0)
            vectors[f"t{i}"] = vector
            messages.append({"message_id": f"m{i}", "agent_id": f"a{agent:03d}", "community_id": "c", "score": score,
                             "text_hash": f"t{i}", "created_at": at})  # fmt: skip
            if agent not in first:
                reply, corrects = rng.normal(size=dimensions), bool(rng.random() < 0.4)
                first[agent] = (reply, corrects)
                texts[f"r{i}"], vectors[f"r{i}"] = words(rng, tokens), reply
                classes[f"n{i}"] = "enforce" if corrects else "other"
                messages.append({"message_id": f"n{i}", "kind": "comment", "agent_id": f"a{(agent + 1) % agents:03d}",
                                 "parent_id": f"m{i}", "root_id": f"m{i}", "text_hash": f"r{i}",
                                 "created_at": at + timedelta(seconds=1)})  # fmt: skip
    return connect(messages, texts, vectors, classes)
