"""Corpora of conversations by hand and by seed, with what is planted in them; views as the step has them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl

START = datetime(2026, 1, 28)
SCORES = {
    "airs": ("airs", "total"), "agree": ("agreement", "agreement"), "correct": ("agreement", "correction"),
    "disagree": ("conflict", "disagreement"), "minds": ("mental_state", "allocentric_belief"),
    "thought": ("deliberation", "total"),
}  # fmt: skip


@dataclass
class Said:
    """One message: who answers what, when (seconds after the start), in which words, and what the cards count."""

    name: str
    agent: str | None
    parent: str | None = None
    root: str | None = None
    at: float | None = 0.0
    text: str = "you"
    sanction: bool = False
    tokens: int = 10
    kind: str = ""
    step: int | None = None
    precision: str = "us"
    mentions: tuple[str, ...] = ()
    scores: dict[str, int] = field(default_factory=dict)


def connect(said: list[Said], personas: dict[str, str] | None = None) -> duckdb.DuckDBPyConnection:
    """Return a connection with the views of the messages."""
    messages = [
        (m.name, "observed", m.kind or ("comment" if m.parent else "post"), m.agent, m.parent, m.root or m.name,
         None if m.at is None else START + timedelta(seconds=m.at), m.precision if m.at is not None else None, m.step,
         f"h{m.name}")
        for m in said
    ]  # fmt: skip
    frames = {
        "message": pl.DataFrame(
            messages, orient="row",
            schema={"message_id": pl.String, "run_id": pl.String, "kind": pl.String, "agent_id": pl.String,
                    "parent_id": pl.String, "root_id": pl.String, "created_at": pl.Datetime("us"),
                    "at_precision": pl.String, "step": pl.Int64, "text_hash": pl.String},
        ),
        "text": pl.DataFrame(
            [(f"h{m.name}", m.text, m.tokens, "en", 1) for m in said], orient="row",
            schema={"text_hash": pl.String, "text": pl.String, "n_tokens": pl.Int64, "language": pl.String,
                    "copies": pl.Int64},
        ),
        "lexicon_score": pl.DataFrame(
            [(f"h{m.name}", *SCORES[key], count) for m in said for key, count in m.scores.items() if count],
            orient="row",
            schema={"text_hash": pl.String, "lexicon": pl.String, "category": pl.String, "count": pl.Int64},
        ),
        "reply_class": pl.DataFrame(
            [(m.name, "enforce" if m.sanction else "other") for m in said if m.parent], orient="row",
            schema={"message_id": pl.String, "class": pl.String},
        ),
        "interaction": pl.DataFrame(
            [(m.agent, target, "mention", m.name) for m in said for target in m.mentions], orient="row",
            schema={"source_id": pl.String, "target_id": pl.String, "rule": pl.String, "message_id": pl.String},
        ),
        "agent": pl.DataFrame(
            sorted((personas or {}).items()), orient="row", schema={"agent_id": pl.String, "persona": pl.String}
        ),
    }  # fmt: skip
    con = duckdb.connect()
    for name, frame in frames.items():
        con.register("given", frame.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    con.execute('CREATE TABLE collection_gap ("table" VARCHAR, start_at TIMESTAMP, end_at TIMESTAMP)')
    con.execute("CREATE TABLE corpus AS SELECT CAST(NULL AS VARCHAR) AS warnings")
    return con


def logistic(x: float) -> float:
    """Return 1/(1 + exp(−x))."""
    return float(1 / (1 + np.exp(-x)))


def world(
    seed: int, *, direct: float = 0.0, avoid: float = 0.0, risk: float = 0.0, judged: float = 0.0, slow: float = 0.0,
    agents: int = 60, threads: int = 240, turns: int = 14,
) -> list[Said]:  # fmt: skip
    """Draw threads of a few speakers with tempers of their own, tones of threads and risk of authors.

    Parameters
    ----------
    seed
        Seed.
    direct
        Log odds of a sanction by the addressed party, beyond tone and temper.
    avoid
        Log weight that a sanction loses when its target chooses what to answer next.
    risk
        Log change of the mean AIRS of the post after a sanctioned one.
    judged
        Log odds of confirming or correcting in an answer to an attribution.
    slow
        Deliberation expressions per unit of the logarithm of minutes that a reply took.
    agents, threads, turns
        Sizes.
    """
    rng = np.random.default_rng(seed)
    temper, boldness, minds = (rng.normal(0, scale, agents) for scale in (0.7, 0.4, 0.6))
    pace = np.exp(rng.normal(0, 0.8, agents))
    is_sanctioned = np.zeros(agents, dtype=bool)
    said: list[Said] = []
    for t in range(threads):
        at = 20_000.0 * t
        group = rng.choice(agents, 6, replace=False)
        tone, op = rng.normal(-1.0, 0.7), int(group[0])
        mean = np.exp(boldness[op] + risk * is_sanctioned[op])
        root = Said(f"p{t:04d}", f"u{op:02d}", at=at, scores={"airs": min(int(rng.poisson(mean)), 10)})
        is_sanctioned[op] = False
        here, speaker_of, target_of, attributes = [root], [op], [-1], [False]
        for i in range(turns):
            speaker = int(rng.choice(group))
            weights = np.array([
                0.0 if speaker_of[k] == speaker
                else (3.0 * np.exp(-avoid * here[k].sanction) if speaker_of[target_of[k]] == speaker and k else 1.0)
                for k in range(len(here))
            ])  # fmt: skip
            if not weights.any():
                continue
            k = int(rng.choice(len(here), p=weights / weights.sum()))
            at += float(rng.exponential(120 * pace[speaker]))
            is_direct = k > 0 and speaker_of[target_of[k]] == speaker
            minutes = (at - here[k].at) / 60
            is_attributing = rng.random() < logistic(-0.8 + minds[speaker])
            is_judging = rng.random() < logistic(-0.8 + temper[speaker] + judged * attributes[k])
            reply = Said(
                f"r{t:04d}-{i:02d}", f"u{speaker:02d}", here[k].name, root.name, at,
                sanction=bool(rng.random() < logistic(tone + temper[speaker] + direct * is_direct)),
                tokens=int(10 + rng.integers(0, 60)),
                scores={
                    "minds": int(is_attributing), "agree": int(is_judging), "airs": int(rng.poisson(1)),
                    "thought": int(rng.poisson(1 + slow * np.log1p(minutes))),
                },
            )  # fmt: skip
            if reply.sanction and k == 0:
                is_sanctioned[op] = True
            here.append(reply)
            speaker_of.append(speaker)
            target_of.append(k)
            attributes.append(bool(is_attributing))
        said += here
    return said


def exchanges(seed: int, moved: float = 0.0, threads: int = 400, agents: int = 50) -> tuple[list[Said], dict[str, str]]:
    """Draw exchanges post, A to B, B to A, A to B; B's answer holds A's word with a probability that is B's own.

    The stance of A before and after is drawn from its own lean, and after a personalised answer with `moved` log odds
    more of agreement and less of disagreement.
    """
    rng = np.random.default_rng(seed)
    lean, habit = rng.normal(0, 0.8, agents), rng.uniform(0.1, 0.7, agents)
    said: list[Said] = []

    def stance(value: float) -> dict[str, int]:
        latent = value + rng.logistic()
        return {"agree": int(latent > 1), "disagree": int(latent < -1)}

    for t in range(threads):
        a, b = (int(x) for x in rng.choice(agents, 2, replace=False))
        is_personal = bool(rng.random() < habit[b])
        text = f"you may like topic{rng.integers(0, 300)}" + (f" and {word(a)} as well" if is_personal else "")
        names, at = [f"{kind}{t:04d}" for kind in "pqrs"], 1_000.0 * t
        said += [
            Said(names[0], f"u{b:02d}", at=at, text="a post"),
            Said(names[1], f"u{a:02d}", names[0], names[0], at + 10, "first", scores=stance(lean[a])),
            Said(names[2], f"u{b:02d}", names[1], names[0], at + 20, text, tokens=int(rng.integers(5, 60))),
            Said(names[3], f"u{a:02d}", names[2], names[0], at + 30, "then",
                 scores=stance(lean[a] + moved * is_personal)),
        ]  # fmt: skip
    return said, {f"u{a:02d}": f"an agent that likes {word(a)}" for a in range(agents)}


def word(agent: int) -> str:
    """Return the word of an agent's profile."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    return f"hobby{letters[agent // 26]}{letters[agent % 26]}"
