"""Whether agents stay themselves, and whether votes move them.

What belongs here: measures on the messages of one agent in their order. Inertia is the likeness of consecutive
messages, against authors shuffled within period and kind. Adaptation is whether the next post is nearer to the
well-voted than to the badly voted of the agent's last posts, against votes permuted within agents (Li, Li & Zhou 2026,
arXiv 2602.14299). Texts that an agent repeats word by word count once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.activity.resampling import FloatArray, IntArray, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import Embedding
from pipeline.schema import Measure
from pipeline.socialisation.diversity import t_interval
from pipeline.socialisation.vectors import VECTORS, cosines, read_vectors
from pipeline.socialisation.vocabulary import FAMILY

MIN_AGENTS = 10
MOST_AGENTS, MOST_MESSAGES = 1_000, 8
"""Agents, chosen by hash, and first messages of each for inertia."""
POSTING_AGENTS, MOST_POSTS, LEAST_POSTS = 1_000, 40, 5
"""The same for adaptation, and the posts that an agent needs."""
WINDOW, EXTREME = 10, 0.3
"""Posts before the next one, and the share of them that is best and that is worst."""
_PAIRS = 512

_MESSAGES = """
WITH once AS (
    SELECT m.agent_id, m.message_id, m.text_hash, {kind} AS kind, {start} AS period_start, m.created_at,
           coalesce(m.score, m.upvotes) AS votes,
           row_number() OVER (PARTITION BY m.agent_id, m.text_hash ORDER BY m.created_at, m.message_id) AS copy
    FROM message AS m JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0
    {vectors}
    {joined}
    WHERE m.agent_id IS NOT NULL AND {timed} AND {chosen} {only}
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY agent_id ORDER BY created_at, message_id) AS i,
           count(*) OVER (PARTITION BY agent_id) AS n
    FROM once WHERE {repeats}
),
able AS (
    SELECT agent_id FROM numbered WHERE i = 1 AND n >= $least ORDER BY sha256($salt || agent_id), agent_id LIMIT $agents
)
SELECT o.agent_id, o.text_hash, o.kind, o.period_start, o.votes
FROM numbered AS o JOIN able AS a ON a.agent_id = o.agent_id
WHERE o.i <= $most ORDER BY o.agent_id, o.i
"""


@dataclass(frozen=True, slots=True)
class Sequences:
    """Messages of agents in their order, agent after agent.

    Attributes
    ----------
    agent
        Code of the author, ascending, shape (n,).
    stratum
        Code of period and kind, shape (n,).
    votes
        Votes, not-a-number where not known, shape (n,).
    vectors
        Shape (n, d).
    """

    agent: IntArray
    stratum: IntArray
    votes: FloatArray
    vectors: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Which messages of which agents are read; what stands here is what the measures read.

    Attributes
    ----------
    most, least
        First messages of an agent that are read, and messages that it needs; None for those of the measures.
    kind
        ``all``, ``post`` or ``comment``.
    has_repeats
        True keeps texts that an agent repeats word by word.
    in_community
        True sets a message beside those of its community only.
    only, having
        A further condition of the grid on messages ``m``, and what keeps those whose text has a vector.
    """

    most: int | None = None
    least: int | None = None
    kind: str = "all"
    has_repeats: bool = False
    in_community: bool = False
    only: str = ""
    having: str = VECTORS


def read_sequences(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, seed: int, *, is_voted: bool,
    reading: Reading = Reading(), vectors: Callable[[pl.Series], FloatArray] | None = None,
) -> Sequences:  # fmt: skip
    """Return the messages of a choice of agents; posts with votes only where `is_voted`.

    `vectors` returns those of texts, where they are kept for further readings.
    """
    found = read_messages(con, embedding, clock, seed, is_voted=is_voted, reading=reading)
    return sequences_of(found, vectors or partial(read_vectors, con, embedding))


def read_messages(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, seed: int, *, is_voted: bool, reading: Reading
) -> pl.DataFrame:
    """Return the messages that `read_sequences` chooses: author, text_hash, kind, period_start and votes."""
    voted = "m.kind IN ('post', 'quote', 'utterance') AND coalesce(m.score, m.upvotes) IS NOT NULL"
    unvoted = {"all": "m.kind <> 'repost'", "post": "m.kind = 'post'", "comment": "m.kind = 'comment'"}[reading.kind]
    # Kind and community in one column, so that both make the stratum; most corpora say the community of posts only.
    place = "m.kind || ':' || coalesce(m.community_id, r.community_id, '')"
    query = _MESSAGES.format(
        start=clock.start_sql("m"), timed=clock.is_timed_sql("m"), vectors=reading.having,
        chosen=voted if is_voted else unvoted, only=reading.only, repeats="TRUE" if reading.has_repeats else "copy = 1",
        kind=place if reading.in_community else "m.kind",
        joined="LEFT JOIN message AS r ON r.message_id = m.root_id" if reading.in_community else "",
    )  # fmt: skip
    bound: dict[str, object] = {
        "salt": f"{seed}:sequences:", "model": embedding.model, "rung": embedding.rung,
        "least": reading.least or (LEAST_POSTS if is_voted else 2),
        "agents": POSTING_AGENTS if is_voted else MOST_AGENTS,
        "most": reading.most or (MOST_POSTS if is_voted else MOST_MESSAGES),
    }  # fmt: skip
    found: pl.DataFrame = con.sql(query, params=bound).pl()
    return found


def sequences_of(found: pl.DataFrame, vectors: Callable[[pl.Series], FloatArray]) -> Sequences:
    """Return the sequences of messages as `read_messages` gives them."""
    stratum = found.select("period_start", "kind").to_struct().rank("dense") if found.height else found["votes"]
    return Sequences(
        found["agent_id"].rle_id().to_numpy().astype(np.int64),
        stratum.to_numpy().astype(np.int64),
        found["votes"].cast(float).fill_null(float("nan")).to_numpy(),
        vectors(found["text_hash"]),
    )


def agent_means(agent: IntArray, values: FloatArray) -> FloatArray:
    """Return the mean of the values of each agent that has one, shape (agents,)."""
    n = np.bincount(agent)
    sums = np.bincount(agent, weights=values)
    return np.asarray(sums[n > 0] / n[n > 0], dtype=np.float64)


def consecutive(found: Sequences, vectors: FloatArray | NDArray[np.float32]) -> FloatArray:
    """Return the mean cosine of consecutive messages of each agent that has two, shape (agents,)."""
    return consecutive_dealt(found, vectors, np.arange(len(vectors)))


def consecutive_dealt(found: Sequences, vectors: FloatArray | NDArray[np.float32], place: IntArray) -> FloatArray:
    """Return `consecutive` where the messages of other places come, in pieces that stay near the processor."""
    second = np.flatnonzero(found.agent[1:] == found.agent[:-1]) + 1
    cosine = np.empty(len(second))
    for start in range(0, len(second), _PAIRS):
        part = second[start : start + _PAIRS]
        cosine[start : start + _PAIRS] = cosines(vectors[place[part]], vectors[place[part - 1]])
    return agent_means(found.agent[second], cosine)


def dealings(found: Sequences, draws: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield places of messages dealt anew within strata, shape (n,) each."""
    order = np.argsort(found.stratum, kind="stable")
    for _ in range(draws):
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.argsort(found.stratum + rng.random(len(order)))
        yield place


def inertia_measure(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, sampling: Sampling, words: list[str]
) -> Measure:
    """Compute the mean cosine of consecutive messages of an agent, mean over agents.

    The null deals the messages of a period and kind anew among their places, so that agents keep how much they write,
    and when, and lose what.
    """
    name, found = "agent_inertia", read_sequences(con, embedding, clock, sampling.seed, is_voted=False)
    values = consecutive(found, found.vectors)
    if len(values) < MIN_AGENTS:
        return row(FAMILY, name, None, len(values), "agents", level=sampling.level, warnings=[*words, "few_agents"])
    rng = stream(sampling.seed, name)
    places = dealings(found, sampling.null_draws // 2, rng)
    draws = [float(consecutive_dealt(found, found.vectors, place).mean()) for place in places]
    mean = float(values.mean())
    return row(
        FAMILY, name, mean, len(values), "agents", level=sampling.level,
        interval=t_interval(values, sampling.level, "t_agents"),
        null=against("authors_shuffled_within_period", mean, np.array(draws)), warnings=words,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Windows:
    """The cosine of each post with those before it.

    Attributes
    ----------
    before
        Place of the post that stands 1, 2, … before, −1 where there is none, shape (windows, length).
    cosine
        Their cosine with the next post, less the mean at that distance, not-a-number where there is none.
    agent
        Author of each window.
    """

    before: IntArray
    cosine: FloatArray
    agent: IntArray


def windows(found: Sequences, window: int = WINDOW, least: int = LEAST_POSTS, *, is_raw: bool = False) -> Windows:
    """Return the windows of the last `window` posts before those that have at least `least` − 1 before them.

    What stands nearer in time is more alike and has had less time for votes: the mean at each distance is taken off,
    unless `is_raw`.
    """
    n = len(found.agent)
    place = np.arange(n) - np.searchsorted(found.agent, found.agent)
    cosine = np.full((n, window), np.nan)
    before = np.full((n, window), -1, dtype=np.int64)
    for lag in range(1, min(window, n - 1) + 1):
        has = np.flatnonzero(place >= lag)
        before[has, lag - 1] = has - lag
        cosine[has, lag - 1] = cosines(found.vectors[has], found.vectors[has - lag])
    kept = place >= least - 1
    cosine, before = cosine[kept], before[kept]
    held = ~np.isnan(cosine)
    mean = np.where(held, cosine, 0.0).sum(axis=0) / np.maximum(held.sum(axis=0), 1)
    return Windows(before, cosine if is_raw else cosine - mean, found.agent[kept])


def best_less_worst(found: Windows, votes: FloatArray, extreme: float = EXTREME) -> tuple[FloatArray, IntArray]:
    """Return the mean cosine with the best-voted less that with the worst-voted of each window, and its agent.

    Windows whose best have no more votes than their worst are left out. Ties are broken by fractions of `votes`.
    """
    held = found.before >= 0
    seen = np.where(held, votes[found.before], np.inf)
    rank = seen.argsort(axis=1).argsort(axis=1)
    n = held.sum(axis=1, keepdims=True)
    k = np.maximum(1, np.floor(extreme * n + 0.5)).astype(np.int64)
    is_worst, is_best = rank < k, (rank >= n - k) & (rank < n)
    whole = np.floor(np.where(held, seen, 0.0))
    differs = (whole * is_best).sum(axis=1) > (whole * is_worst).sum(axis=1)
    filled = np.where(held, found.cosine, 0.0)
    value = ((filled * is_best).sum(axis=1) - (filled * is_worst).sum(axis=1)) / k[:, 0]
    return value[differs], found.agent[differs]


def adaptation_measure(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, sampling: Sampling, words: list[str]
) -> Measure:
    """Compute by how much the next post is nearer to well-voted than to badly voted own posts, mean over agents."""
    name, found = "feedback_adaptation", read_sequences(con, embedding, clock, sampling.seed, is_voted=True)
    if not len(found.agent):
        return row(FAMILY, name, None, 0, "agents", level=sampling.level, warnings=[*words, "few_posts"])
    rng, part = stream(sampling.seed, name), windows(found)
    votes = found.votes + rng.random(len(found.votes))
    difference, who = best_less_worst(part, votes)
    values = agent_means(who, difference)
    if len(values) < MIN_AGENTS:
        return row(FAMILY, name, None, len(values), "agents", level=sampling.level, warnings=[*words, "few_agents"])
    draws = []
    for _ in range(sampling.null_draws):
        dealt = votes[np.argsort(found.agent + rng.random(len(votes)))]
        drawn, of = best_less_worst(part, dealt)
        draws.append(float(agent_means(of, drawn).mean()))
    mean = float(values.mean())
    return row(
        FAMILY, name, mean, len(values), "agents", level=sampling.level,
        interval=t_interval(values, sampling.level, "t_agents"),
        null=against("votes_permuted_within_agents", mean, np.array(draws)), warnings=words,
    )  # fmt: skip
