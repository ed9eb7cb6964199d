"""Societies in which words pass from who answers to who is answered, or do not."""

from __future__ import annotations

from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl

START = datetime(2026, 2, 2)
MESSAGE = {
    "message_id": pl.String, "run_id": pl.String, "kind": pl.String, "agent_id": pl.String,
    "community_id": pl.String, "parent_id": pl.String, "root_id": pl.String, "text_hash": pl.String,
    "content": pl.String, "created_at": pl.Datetime("us"), "at_precision": pl.String, "step": pl.Int64,
    "score": pl.Int64, "upvotes": pl.Int64,
}  # fmt: skip
TABLES = {
    "agent": {"agent_id": pl.String, "name": pl.String},
    "lexicon_score": {"text_hash": pl.String, "lexicon": pl.String, "category": pl.String},
    "text_topic": {"text_hash": pl.String, "topic_id": pl.Int64},
    "template": {"text_hash": pl.String, "template_id": pl.String},
}


def connect(messages: list[dict], **tables: list[dict]) -> duckdb.DuckDBPyConnection:
    """Return a connection with the tables that the family reads; a message brings its text, the rest is null."""
    rows = [{**dict.fromkeys(MESSAGE), "at_precision": "us", "kind": "post", "run_id": "observed", **m}
            for m in messages]  # fmt: skip
    for r in rows:
        r["text_hash"] = f"h{hash_of(r['content'])}"
        r["root_id"] = r["root_id"] or r["message_id"]
    message = pl.DataFrame([{k: r[k] for k in MESSAGE} for r in rows], schema=MESSAGE)
    text = message.group_by("text_hash").agg(text=pl.col("content").first(), copies=pl.len().cast(pl.Int64))
    frames = {
        "message": message,
        "text": text.sort("text_hash").with_columns(
            n_tokens=pl.col("text").str.split(" ").list.len().cast(pl.Int64), language=pl.lit("en")
        ),
        **{name: pl.DataFrame(tables.get(name, []), schema=schema) for name, schema in TABLES.items()},
    }
    if "agent" not in tables:
        agents = sorted({r["agent_id"] for r in rows if r["agent_id"]})
        frames["agent"] = pl.DataFrame({"agent_id": agents, "name": agents})
    con = duckdb.connect()
    for name, frame in frames.items():
        con.register("given", frame.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def hash_of(text: str) -> str:
    """Return a name for a text."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:16]


def letters(number: int) -> str:
    """Return a word for a number, of letters alone."""
    return "q" + "".join(chr(ord("a") + int(digit)) for digit in f"{number:04d}")


def conversations(
    rng: np.random.Generator, *, passes: float = 0.0, agents: int = 60, rounds: int = 12, own: int = 12,
    common: int = 150, by_steps: bool = False, repeats: float = 0.0, mirrors: tuple[float, float] = (0.0, 0.0),
) -> duckdb.DuckDBPyConnection:  # fmt: skip
    """Return posts, each answered by another agent; the author writes again some hours later.

    Every agent has `own` words, some of them also those of others, and uses one at times. With probability `passes`
    the author takes up a word of who answered in its next message. Whom an agent answers is drawn anew each time, or
    with probability `repeats` is the partner that it had before; `mirrors` is the share of a partner's words that an
    answer repeats the first time and later.
    """
    vocabulary = [rng.choice(400, size=own, replace=False) for _ in range(agents)]
    weights = 1 / np.arange(1, common + 1)

    def said(agent: int, *, extra: list[str] | None = None) -> str:
        body = [f"c{letters(5000 + i)}" for i in rng.choice(common, size=12, p=weights / weights.sum())]
        return " ".join([*body, letters(int(rng.choice(vocabulary[agent]))), *(extra or [])])

    rows, taken, partner, met = [], [[] for _ in range(agents)], {}, set()
    for turn in range(rounds):
        posts = []
        for a in range(agents):
            at = START + timedelta(hours=24 * turn + float(rng.uniform(0, 4)))
            text = said(a, extra=taken[a])
            taken[a] = []
            posts.append(text)
            rows.append({"message_id": f"p{turn}-{a}", "agent_id": f"a{a}", "content": text, "community_id": "x",
                         "created_at": None if by_steps else at, "step": 2 * turn if by_steps else None})  # fmt: skip
        for a in range(agents):
            if a in partner and rng.random() < repeats:
                b = partner[a]
            else:
                b = int((a + 1 + rng.integers(agents - 1)) % agents)
            partner[a] = b
            is_first = frozenset((a, b)) not in met
            met.add(frozenset((a, b)))
            share = mirrors[0] if is_first else mirrors[1]
            echoed = [word for word in posts[a].split() if rng.random() < share]
            at = START + timedelta(hours=24 * turn + float(rng.uniform(5, 10)))
            rows.append({"message_id": f"r{turn}-{a}", "agent_id": f"a{b}", "content": said(b, extra=echoed),
                         "kind": "comment", "parent_id": f"p{turn}-{a}", "root_id": f"p{turn}-{a}",
                         "created_at": None if by_steps else at,
                         "step": 2 * turn + 1 if by_steps else None})  # fmt: skip
            if rng.random() < passes:
                taken[a] = [letters(int(rng.choice(vocabulary[b])))]
    return connect(rows)


SUBJECTS = 40
"""Words of one subject."""


def subject_words(rng: np.random.Generator, subject: int, n: int) -> list[str]:
    """Return words of one subject, or of none where it is negative."""
    start = 1000 + subject * SUBJECTS if subject >= 0 else 0
    return [f"k{letters(start + int(i))}" for i in rng.integers(SUBJECTS if subject >= 0 else 400, size=n)]


def believers(
    rng: np.random.Generator, *, agents: int = 40, statements: int = 10, turns: float = 0.0, topics: int = 2
) -> duckdb.DuckDBPyConnection:
    """Return statements of beliefs by topic; with probability `turns` the second half of a trajectory is another."""
    rows, topic = [], []
    for a in range(agents):
        for t in range(topics):
            first, second = rng.choice(20, size=2, replace=False)
            cut = statements // 2 if rng.random() < turns else statements
            for i in range(statements):
                subject = int(first if i < cut else second)
                text = f"i think that {' '.join(subject_words(rng, subject, 8))}"
                rows.append({"message_id": f"m{a}-{t}-{i}", "agent_id": f"a{a}", "content": text,
                             "created_at": START + timedelta(hours=3 * i + t)})  # fmt: skip
                topic.append({"text_hash": f"h{hash_of(text)}", "topic_id": t + 1})
    distinct = {t["text_hash"]: t for t in topic}
    return connect(rows, text_topic=list(distinct.values()))


def rememberers(
    rng: np.random.Generator, *, agents: int = 40, messages: int = 12, recalls: float = 0.0, fades: bool = False
) -> duckdb.DuckDBPyConnection:
    """Return messages, then "I used to think X"; X is with probability `recalls` of an own message, else of anyone's.

    Where recall `fades` it is of the last own message.
    """
    rows, said = [], {}
    for a in range(agents):
        for i in range(messages):
            said[a, i] = subject_words(rng, -1, 25)
            rows.append({"message_id": f"m{a}-{i}", "agent_id": f"a{a}", "content": " ".join(said[a, i]),
                         "created_at": START + timedelta(hours=float(12 * i + rng.uniform(0, 10)))})  # fmt: skip
    for a in range(agents):
        who = a if rng.random() < recalls else int(rng.integers(agents))
        source = said[who, messages - 1 if fades else int(rng.integers(messages))]
        text = f"i used to think that {' '.join(rng.choice(source, size=10, replace=False))}"
        rows.append({"message_id": f"s{a}", "agent_id": f"a{a}", "content": text,
                     "created_at": START + timedelta(hours=12 * messages + a)})  # fmt: skip
    return connect(rows)


def topic_writers(
    rng: np.random.Generator, *, agents: int = 60, days: int = 8, per_day: int = 3, topics: int = 4, lasts: int = 99
) -> duckdb.DuckDBPyConnection:
    """Return messages of agents on topics of their liking; each topic is dropped by all after `lasts` days."""
    liking = rng.dirichlet(np.ones(topics), size=agents)
    rows, topic = [], []
    for a in range(agents):
        for day in range(days):
            for i in range(per_day):
                able = np.array([lasts > day or k >= topics // 2 for k in range(topics)])
                weights = liking[a] * able
                k = int(rng.choice(topics, p=weights / weights.sum()))
                text = f"on {k} by {a} on {day} the {i}"
                rows.append({"message_id": f"m{a}-{day}-{i}", "agent_id": f"a{a}", "content": text,
                             "created_at": START + timedelta(days=day, hours=float(rng.uniform(0, 23)))})  # fmt: skip
                topic.append({"text_hash": f"h{hash_of(text)}", "topic_id": k + 1})
    return connect(rows, text_topic=topic)


def template_users(
    rng: np.random.Generator, *, pull: float = 0.0, days: int = 5, templates: int = 30, posts: int = 60
) -> duckdb.DuckDBPyConnection:
    """Return posts of new authors each day; with `pull` a template is used more where it had more votes the day before.

    Votes are drawn anew each day, so that nothing but they makes a template of today like that of tomorrow.
    """
    rows, template, weights = [], [], np.ones(templates)
    for day in range(days):
        votes = rng.normal(size=templates)
        for i in range(posts):
            k = int(rng.choice(templates, p=weights / weights.sum()))
            text = f"template {letters(k)} filled with {day} and {i}"
            rows.append({"message_id": f"m{day}-{i}", "agent_id": f"a{day}-{i}", "content": text,
                         "score": round(10 * votes[k] + rng.normal()),
                         "created_at": START + timedelta(days=day, hours=float(rng.uniform(0, 23)))})  # fmt: skip
            template.append({"text_hash": f"h{hash_of(text)}", "template_id": f"t{k}"})
        weights = np.exp(pull * votes)
    return connect(rows, template=template)


def wanderers(
    rng: np.random.Generator, *, agents: int = 60, days: int = 10, communities: int = 3, own: int = 60
) -> duckdb.DuckDBPyConnection:
    """Return posts and answers of agents that are in another community each day, and speak as one speaks there.

    Nothing passes in answers, but who answers has been where the answered one is now.
    """
    rows = []
    for day in range(days):
        where = rng.integers(communities, size=agents)
        for a in range(agents):
            at = START + timedelta(hours=24 * day + float(rng.uniform(0, 4)))
            for name, who, later, parent in ((f"p{day}-{a}", a, 0.0, None), (f"q{day}-{a}", a, 12.0, None)):
                words = [f"c{letters(5000 + i)}" for i in rng.integers(40, size=6)]
                words += [letters(1000 * int(where[who]) + int(i)) for i in rng.integers(own, size=1)]
                rows.append({"message_id": name, "agent_id": f"a{who}", "content": " ".join([*words, name]),
                             "community_id": f"x{where[who]}", "created_at": at + timedelta(hours=later),
                             "parent_id": parent})  # fmt: skip
            near = np.flatnonzero((where == where[a]) & (np.arange(agents) != a))
            if near.size:
                b = int(rng.choice(near))
                words = [letters(1000 * int(where[a]) + int(i)) for i in rng.integers(own, size=1)]
                rows.append({"message_id": f"r{day}-{a}", "agent_id": f"a{b}", "kind": "comment",
                             "content": " ".join([*words, f"answer {day} {a}"]), "community_id": f"x{where[a]}",
                             "parent_id": f"p{day}-{a}", "root_id": f"p{day}-{a}",
                             "created_at": at + timedelta(hours=float(rng.uniform(4, 8)))})  # fmt: skip
    return connect(rows)
