"""Self-stated goals: how often agents state one, and whether an agent stays with its goals.

What belongs here: rows of ``analysis.measure``. The statements are found in `statements`. Likeness of goals is the
cosine of the words of the statements, weighted by rarity (tf-idf, function words left out); it is set against goals
dealt out anew among the agents of a period, so that what all strive for at a time is no stability.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import duckdb
import numpy as np
from scipy import sparse

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.inference.intervals import wilson
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.language.clock import Clock
from pipeline.language.statements import FAMILY, GOAL, LONGEST, Statements, means, read_statements, shuffled
from pipeline.schema import Measure

MIN_AGENTS = 10
NULL = "goals_shuffled_within_period"
_MOST_PAIRS = 4_000_000
STABLE, LASTING, NOVEL = "goal_stability", "goal_persistence", "goal_novelty"

_SHARE = f"""
WITH said AS (
    SELECT text_hash, regexp_matches(replace(lower(left(text, {LONGEST})), '’', ''''), $pattern) AS is_goal
    FROM text WHERE n_tokens > 0
)
SELECT COALESCE('0:' || m.agent_id, '1:' || m.message_id) AS author, m.agent_id IS NOT NULL AS is_known,
       CAST(count(*) FILTER (WHERE s.is_goal) AS BIGINT) AS goals, CAST(count(*) AS BIGINT) AS messages
FROM message AS m JOIN said AS s ON s.text_hash = m.text_hash
WHERE m.kind <> 'repost' GROUP BY ALL ORDER BY author
"""


def goal_measures(con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str]) -> list[Measure]:
    """Return shares of messages and agents with a goal, and stability, persistence and novelty of goals.

    Parameters
    ----------
    con
        Connection with the views ``message`` and ``text`` of one corpus.
    clock
        Its periods are those within which goals are dealt out anew.
    sampling
        Seed, draws and level.
    words
        Warnings that all rows carry.
    """
    rows = _shares(con, sampling, words)
    found = read_statements(con, clock, GOAL, seed=sampling.seed, least=2)
    vectors, found = statement_vectors(found)
    pairs = {STABLE: _neighbours(found.agent), LASTING: _ends(found.agent)}
    for name, (first, second) in pairs.items():
        rows.append(_likeness(name, found, vectors, first, second, sampling, words))
    return [*rows, _novelty(found, vectors, sampling, words)]


def statement_vectors(found: Statements) -> tuple[sparse.csr_array, Statements]:
    """Return tf-idf vectors of length one of the statements that hold a word, and these statements."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    texts = found.statement.to_list()
    if not texts:
        return sparse.csr_array((0, 1)), found
    model = TfidfVectorizer(token_pattern=r"[a-z'-]{2,}", stop_words="english", sublinear_tf=True)  # noqa: S106 - no password
    try:
        vectors = sparse.csr_array(model.fit_transform(texts))
    except ValueError:  # function words only
        vectors = sparse.csr_array((len(texts), 1))
    filled = np.diff(vectors.indptr) > 0
    return sparse.csr_array(vectors[np.flatnonzero(filled)]), found.kept(filled)


def _shares(con: duckdb.DuckDBPyConnection, sampling: Sampling, words: list[str]) -> list[Measure]:
    found = con.sql(_SHARE, params={"pattern": GOAL}).pl()
    total, hits = int(found["messages"].sum()), int(found["goals"].sum())
    interval, few = NO_INTERVAL, ["few_agents"] if found.height < FEWEST_BOOTSTRAP_UNITS else []
    if not few and hits:
        interval = cluster_bootstrap(
            found.select("goals", "messages").to_numpy().astype(np.int64), _ratio, draws=sampling.bootstrap_draws,
            rng=stream(sampling.seed, "goal_share"), level=sampling.level, method="cluster_bootstrap_agents",
        )  # fmt: skip
    elif not few:  # drawing authors anew never shows what none has
        interval = Interval(0.0, min(1.0, -float(np.log(1 - sampling.level)) / found.height), "rule_of_three")
    known = found.filter("is_known")
    with_goal = int((known["goals"] > 0).sum())
    low, high = wilson(with_goal, known.height, sampling.level)
    share = hits / total if total else None
    agents = with_goal / known.height if known.height else None
    no = [] if total else ["no_messages"]
    method = "wilson" if known.height else None
    return [
        row(FAMILY, "goal_share", share, total, "messages", level=sampling.level, interval=interval,
            warnings=[*words, *few, *no]),
        row(FAMILY, "goal_agent_share", agents, known.height, "agents", level=sampling.level,
            interval=Interval(low, high, method), warnings=[*words, *([] if known.height else ["few_agents"])]),
    ]  # fmt: skip


def _ratio(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _neighbours(agent: IntArray) -> tuple[IntArray, IntArray]:
    """Return the places of consecutive statements of an agent."""
    first = np.flatnonzero(agent[1:] == agent[:-1]).astype(np.int64)
    return first, first + 1


def _ends(agent: IntArray) -> tuple[IntArray, IntArray]:
    """Return the places of the first and the last statement of each agent that has two or more."""
    size = int(agent.max(initial=-1)) + 1
    low, high = np.searchsorted(agent, np.arange(size)), np.searchsorted(agent, np.arange(size), side="right") - 1
    many = high > low
    return low[many].astype(np.int64), high[many].astype(np.int64)


def _cosines(vectors: sparse.csr_array, first: IntArray, second: IntArray) -> FloatArray:
    product = vectors[first].multiply(vectors[second])
    return np.asarray(product.sum(axis=1), dtype=np.float64).ravel()


def _against_shuffled(
    name: str, found: Statements, size: int, of: Callable[[IntArray], FloatArray], sampling: Sampling, words: list[str]
) -> Measure:
    """Return the mean over agents of `of` the places of the statements, set against places dealt out anew."""
    values = of(np.arange(len(found.agent)))
    settings: dict[str, Any] = {"level": sampling.level}
    if len(values) < MIN_AGENTS:
        return row(FAMILY, name, None, len(values), "agents", warnings=[*words, "few_agents"], **settings)
    rng, mean = stream(sampling.seed, name), float(values.mean())
    draws = max(50, min(sampling.null_draws, _MOST_PAIRS // max(size, 1)))
    drawn = np.array([float(of(shuffled(found.stratum, rng)).mean()) for _ in range(draws)])
    spread = float(values.std(ddof=1))
    from pipeline.socialisation.diversity import t_interval

    interval = t_interval(values, sampling.level, "t_agents") if spread > 0 else NO_INTERVAL
    null = against(NULL, mean, drawn)
    return row(
        FAMILY, name, mean, len(values), "agents", interval=interval, null=null,
        warnings=[*words, *([] if spread > 0 else ["no_variation"])], **settings,
    )  # fmt: skip


def _likeness(
    name: str, found: Statements, vectors: sparse.csr_array, first: IntArray, second: IntArray, sampling: Sampling,
    words: list[str],
) -> Measure:  # fmt: skip
    who = found.agent[second]

    def of(place: IntArray) -> FloatArray:
        return means(who, _cosines(vectors, place[first], place[second]))

    return _against_shuffled(name, found, len(first), of, sampling, words)


def _novelty(found: Statements, vectors: sparse.csr_array, sampling: Sampling, words: list[str]) -> Measure:
    """1 − the largest cosine with an own earlier goal, mean over the goals after the first."""
    later, earlier = _earlier(found.agent)
    starts = np.flatnonzero(np.concatenate([[True], later[1:] != later[:-1]])) if later.size else later
    who = found.agent[later[starts]]

    def of(place: IntArray) -> FloatArray:
        if not later.size:
            return np.zeros(0)
        alike = _cosines(vectors, place[later], place[earlier])
        return means(who, 1 - np.maximum.reduceat(alike, starts))

    return _against_shuffled(NOVEL, found, len(later), of, sampling, words)


def _earlier(agent: IntArray) -> tuple[IntArray, IntArray]:
    """Return all pairs of a statement and an earlier one of the same agent, sorted by the first."""
    place = np.arange(agent.size) - np.searchsorted(agent, agent)
    later = np.repeat(np.arange(agent.size), place)
    step = np.arange(later.size) - np.repeat(np.cumsum(place) - place, place)
    return later.astype(np.int64), (later - 1 - step).astype(np.int64)
