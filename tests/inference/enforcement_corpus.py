"""A small corpus with planted truth, as the views that the enforcement family reads."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl

MESSAGE_SCHEMA = {
    "message_id": pl.String,
    "kind": pl.String,
    "agent_id": pl.String,
    "community_id": pl.String,
    "root_id": pl.String,
    "text_hash": pl.String,
    "created_at": pl.Datetime("us"),
    "at_precision": pl.String,
    "step": pl.Int64,
}
SCORE_SCHEMA = {
    "text_hash": pl.String,
    "lexicon": pl.String,
    "category": pl.String,
    "count": pl.Int64,
    "weight_sum": pl.Float64,
    "share": pl.Float64,
}


def message(
    message_id, kind="post", agent="a", community="c", root=None, text=None, at=None, precision="us", step=None
):
    return (message_id, kind, agent, community, root or message_id, text or message_id, at, precision, step)


def connect(messages, *, chars=None, airs=None, mint=(), classes=None, languages=None):
    """Views of a corpus: `airs` maps a text to (action, sensitive), `classes` a comment to its class.

    `languages` maps a text to its language; others are English.
    """
    airs, chars = airs or {}, chars or {}
    frame = pl.DataFrame(messages, schema=MESSAGE_SCHEMA, orient="row")
    texts = frame["text_hash"].unique().sort().to_list()
    scores = []
    for text, (action, sensitive) in airs.items():
        parts = {"action": action, "sensitive": sensitive, "total": min(action + sensitive, 10)}
        scores += [(text, "airs", k, v, float(v), v / 50) for k, v in parts.items() if v]
    scores += [(text, "token_mint", "mint", 1, 1.0, 0.1) for text in mint]
    comments = frame.filter(pl.col("kind") == "comment")["message_id"].to_list()
    con = duckdb.connect()
    tables = {
        "message": frame,
        "text": pl.DataFrame(
            {
                "text_hash": texts,
                "n_chars": [chars.get(t, 20) for t in texts],
                "language": [(languages or {}).get(t, "en") for t in texts],
            },
            schema_overrides={"text_hash": pl.String, "n_chars": pl.Int64, "language": pl.String},
        ),
        "lexicon_score": pl.DataFrame(scores, schema=SCORE_SCHEMA, orient="row"),
        "reply_class": pl.DataFrame(
            {"message_id": comments, "class": [(classes or {}).get(c, "other") for c in comments]},
            schema_overrides={"message_id": pl.String, "class": pl.String},
        ),
    }
    for name, table in tables.items():
        con.register(f"{name}_frame", table.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM {name}_frame")
    return con


def planted(seed=1, n_posts=600, mean_replies=6.0, slope=0.5, through_length=0.0, post_sd=0.5):
    """A corpus where the log odds of enforcement rise by `slope` per AIRS and `through_length` per log char."""
    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 28)
    length = rng.normal(5.5, 1.0, n_posts)
    count = rng.poisson(np.exp(0.6 * (length - 6.2)))
    messages, chars, airs, classes = [], {}, {}, {}
    for p in range(n_posts):
        pid, at = f"p{p:05d}", start + timedelta(minutes=10 * p)
        action = int(rng.binomial(count[p], 0.7))
        airs[pid], chars[pid] = (action, int(count[p]) - action), int(np.exp(length[p]))
        messages.append(message(pid, agent=f"a{rng.integers(80)}", community=f"c{p % 7}", at=at))
        effect = rng.normal(0, post_sd)
        for r in range(rng.poisson(mean_replies)):
            cid = f"{pid}-r{r:03d}"
            eta = -1.5 + slope * min(count[p], 10) + through_length * (length[p] - 5.5) + effect
            if rng.random() < 1 / (1 + np.exp(-eta)):
                classes[cid] = "enforce"
            else:
                classes[cid] = str(rng.choice(["other", "endorse", "toxic"], p=[0.8, 0.15, 0.05]))
            chars[cid], airs[cid] = int(rng.integers(5, 400)), (int(rng.random() < 0.3), 0)
            messages.append(
                message(cid, "comment", f"a{rng.integers(80)}", f"c{p % 7}", pid, at=at + timedelta(minutes=r + 1))
            )
    return connect(messages, chars=chars, airs=airs, classes=classes)
