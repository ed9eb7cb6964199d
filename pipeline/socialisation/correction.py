"""Whether authors take up what corrects them: the next message after a corrective reply, against matched authors.

What belongs here: the first reply that each author got, whether it corrects (class ``enforce``), and by how much the
next message of the author is near to the reply. Authors whose first reply, to the same kind of message in the same
community and period, does not correct, are the comparison; what became of them later is not looked at, so that labels
may be permuted. Each author counts once. Corrections resemble what they answer less or more than other replies do, and
the next message resembles the answered one: the likeness of reply and answered message is held constant.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import duckdb
import numpy as np
import polars as pl
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import Embedding
from pipeline.schema import Measure
from pipeline.socialisation.diversity import t_interval
from pipeline.socialisation.vectors import VECTORS, cosines, read_vectors
from pipeline.socialisation.vocabulary import FAMILY

NAMES = ("correction_uptake", "corrected_movement", "corrected_return_share")
MIN_AUTHORS = 10
MOST_AUTHORS = 10_000

_EVENTS = """
WITH able AS (
    SELECT m.message_id, m.agent_id, m.kind, m.text_hash, m.created_at, m.parent_id,
           coalesce(m.community_id, r.community_id, '') AS community_id, {start} AS period_start
    FROM message AS m JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0
    {vectors}
    LEFT JOIN message AS r ON r.message_id = m.root_id
    WHERE m.agent_id IS NOT NULL AND {timed} AND m.kind <> 'repost' {only}
),
reply AS (
    SELECT p.agent_id, p.message_id AS answered_id, p.kind, p.text_hash AS answered, c.text_hash AS reply, c.created_at,
           c.community_id, c.period_start, {treated} AS is_corrected,
           row_number() OVER (PARTITION BY p.agent_id ORDER BY c.created_at, c.message_id) AS i
    FROM able AS c
    JOIN reply_class AS k ON k.message_id = c.message_id
    JOIN able AS p ON p.message_id = c.parent_id AND p.agent_id <> c.agent_id AND p.created_at <= c.created_at
),
first AS (SELECT * FROM reply WHERE i = 1 ORDER BY sha256($salt || agent_id), agent_id LIMIT $most),
later AS (
    SELECT f.agent_id, n.text_hash, n.created_at,
           row_number() OVER (PARTITION BY f.agent_id ORDER BY n.created_at {order}, n.message_id {order}) AS i
    FROM first AS f JOIN able AS n ON n.agent_id = f.agent_id AND n.created_at {side} f.created_at
    WHERE n.text_hash <> f.answered
)
SELECT f.agent_id, f.answered, f.reply, n.text_hash AS next, f.is_corrected, {stratum} AS stratum
FROM first AS f
LEFT JOIN later AS n ON n.agent_id = f.agent_id AND n.i = $place
ORDER BY stratum, f.agent_id
"""


_STRATA = {
    "community": "f.kind || '|' || CAST(f.period_start AS VARCHAR) || '|' || f.community_id",
    "period": "f.kind || '|' || CAST(f.period_start AS VARCHAR)",
}
_TREATED = {
    "enforce": "k.class = 'enforce'",
    "hash": "SUBSTR(SHA256('correction control:' || c.message_id), 1, 1) IN ('0', '2', '4', '6', '8', 'a', 'c', 'e')",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Which replies and which messages are set beside each other; what stands here is what the measures read.

    Attributes
    ----------
    treated
        ``enforce``, or ``hash``: half of all first replies by a hash.
    stratum
        ``community`` (with kind and period), or ``period`` (and kind).
    place
        Which of the messages after the reply is looked at: 1 for the next.
    is_before
        True looks at the last message before the reply, which it cannot have moved.
    only, having
        A further condition of the grid on messages ``m``, and what keeps those whose text has a vector.
    """

    treated: str = "enforce"
    stratum: str = "community"
    place: int = 1
    is_before: bool = False
    only: str = ""
    having: str = VECTORS


def read_events(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, seed: int, events: Events = Events()
) -> pl.DataFrame:
    """Return one row per author: answered, reply, next (texts; the last is null where there is none), is_corrected."""
    query = _EVENTS.format(
        start=clock.start_sql("m"), timed=clock.is_timed_sql("m"), vectors=events.having, only=events.only,
        treated=_TREATED[events.treated], stratum=_STRATA[events.stratum],
        side="<" if events.is_before else ">", order="DESC" if events.is_before else "ASC",
    )  # fmt: skip
    bound: dict[str, object] = {
        "salt": f"{seed}:correction:", "most": MOST_AUTHORS, "model": embedding.model, "rung": embedding.rung,
        "place": events.place,
    }  # fmt: skip
    found: pl.DataFrame = con.sql(query, params=bound).pl()
    return found


@dataclass(frozen=True, slots=True)
class Stratified:
    """Outcomes of treated and of not treated units in strata that hold both.

    Attributes
    ----------
    value, is_treated, stratum
        Shape (n,); strata are numbered from 0, ascending.
    """

    value: FloatArray
    is_treated: IntArray
    stratum: IntArray


def stratified(value: FloatArray, is_treated: IntArray, stratum: IntArray) -> Stratified:
    """Keep the strata that hold treated and not treated units, and number them."""
    n = np.bincount(stratum)
    treated = np.bincount(stratum, weights=is_treated)
    kept = ((treated > 0) & (treated < n))[stratum]
    numbers = np.unique(stratum[kept], return_inverse=True)[1].astype(np.int64)
    return Stratified(value[kept], is_treated[kept], numbers)


def matched_difference(found: Stratified, is_treated: IntArray) -> float:
    """Return the mean over treated units of their value less the mean of the not treated of their stratum."""
    n = np.bincount(found.stratum)
    treated = np.bincount(found.stratum, weights=is_treated)
    sums = np.bincount(found.stratum, weights=found.value * is_treated)
    rest = np.bincount(found.stratum, weights=found.value) - sums
    return float((sums - treated * rest / (n - treated)).sum() / treated.sum())


def matched_interval(found: Stratified, level: float) -> Interval:
    """Return the interval of `matched_difference`: variances within strata, pooled for treated and for the others."""
    n = np.bincount(found.stratum)
    treated = np.bincount(found.stratum, weights=found.is_treated)
    arms, strata = [], len(n)
    for arm, size in ((1, treated), (0, n - treated)):
        mine = found.is_treated == arm
        mean = np.bincount(found.stratum[mine], weights=found.value[mine], minlength=strata) / size
        free = int(mine.sum()) - strata
        if free < 2:
            return NO_INTERVAL
        arms.append((float(np.square(found.value[mine] - mean[found.stratum[mine]]).sum() / free), free))
    total = treated.sum()
    error = np.sqrt(arms[0][0] / total + arms[1][0] * float((np.square(treated / total) / (n - treated)).sum()))
    value = matched_difference(found, found.is_treated)
    reach = float(stats.t.ppf((1 + level) / 2, min(arms[0][1], arms[1][1])) * error)
    return Interval(value - reach, value + reach, "stratified_difference")


def adjusted(outcome: FloatArray, baseline: FloatArray, found: Stratified) -> FloatArray:
    """Return the outcome less what the baseline explains of it within strata and labels, shape (n,)."""
    cell = found.stratum * 2 + found.is_treated
    n = np.maximum(np.bincount(cell), 1)
    y, x = (v - (np.bincount(cell, weights=v) / n)[cell] for v in (outcome, baseline))
    spread = float(x @ x)
    slope = float(x @ y) / spread if spread > 0 else 0.0
    return np.asarray(outcome - slope * baseline, dtype=np.float64)


def correction_measures(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute the uptake of corrections.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``embedding`` and ``reply_class`` of one corpus.
    embedding, clock
        Vectors and period.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        ``correction_uptake``, the matched difference of cos(next, reply) with cos(answered, reply) held constant;
        ``corrected_movement``, the mean of cos(next, reply) − cos(answered, reply) over corrected authors;
        ``corrected_return_share``, the matched difference of
        the share of authors who write anything else afterwards. The differences stand beside labels permuted within
        strata.
    """
    emit = partial(row, FAMILY, level=sampling.level)
    events = read_events(con, embedding, clock, sampling.seed)
    if not events.height or not events["is_corrected"].any():
        return [emit(name, None, 0, "authors", warnings=[*words, "few_replies"]) for name in NAMES]
    stratum = events["stratum"].rle_id().to_numpy().astype(np.int64)
    is_corrected = events["is_corrected"].to_numpy().astype(np.int64)
    returns = events["next"].is_not_null().to_numpy()
    there, names = np.flatnonzero(returns), ("answered", "reply", "next")
    vectors = read_vectors(
        con, embedding, pl.concat([events[name].gather(there).rename("text_hash") for name in names])
    )
    answered, reply, later = np.split(vectors, 3) if there.size else (np.zeros((0, 1)),) * 3
    after, before = cosines(later, reply), cosines(answered, reply)
    moved = (after - before)[is_corrected[returns] == 1]
    enough = len(moved) >= MIN_AUTHORS
    return [
        _matched(NAMES[0], uptake(after, before, is_corrected[returns], stratum[returns]), sampling, words),
        emit(
            NAMES[1], float(moved.mean()) if enough else None, len(moved), "authors",
            interval=t_interval(moved, sampling.level, "t_agents") if enough else NO_INTERVAL,
            warnings=[*words, *([] if enough else ["few_replies"])],
        ),
        _matched(NAMES[2], stratified(returns.astype(np.float64), is_corrected, stratum), sampling, words),
    ]  # fmt: skip


def uptake(after: FloatArray, before: FloatArray, is_treated: IntArray, stratum: IntArray) -> Stratified:
    """Return cos(next, reply) with cos(answered, reply) held constant, in strata that hold both kinds of authors."""
    found, baseline = (stratified(v, is_treated, stratum) for v in (after, before))
    return replace(found, value=adjusted(found.value, baseline.value, found))


def dealt(found: Stratified, rng: np.random.Generator) -> IntArray:
    """Return the labels dealt anew within strata, shape (n,)."""
    return found.is_treated[np.argsort(found.stratum + rng.random(len(found.stratum)))]


def _matched(name: str, found: Stratified, sampling: Sampling, words: list[str]) -> Measure:
    treated = int(found.is_treated.sum())
    if treated < MIN_AUTHORS:
        return row(FAMILY, name, None, treated, "authors", level=sampling.level, warnings=[*words, "few_replies"])
    value = matched_difference(found, found.is_treated)
    rng = stream(sampling.seed, name)
    draws = [matched_difference(found, dealt(found, rng)) for _ in range(sampling.null_draws)]
    return row(
        FAMILY, name, value, treated, "authors", level=sampling.level, interval=matched_interval(found, sampling.level),
        null=against("labels_permuted_within_strata", value, np.array(draws)), warnings=words,
    )  # fmt: skip
