"""Vocabulary of cohorts: what words those who arrive later bring, against agents dealt anew among cohorts.

What belongs here: the first words of each agent and the rows about them. A cohort is those who wrote first in one
period. Agents are compared at equal age and equal length: each contributes the first `TOKENS` tokens that it wrote,
and each cohort as many agents, chosen by hash.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray, IntArray, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.language.clock import Clock
from pipeline.network.edges import distinct
from pipeline.schema import Measure
from pipeline.socialisation.rows import dated
from pipeline.socialisation.samples import coded, place_in_text
from pipeline.socialisation.vocabulary import FAMILY

TOKENS, MESSAGES = 100, 10
"""Tokens per agent, from its first messages, so many at most."""
SIZES = (50, 20, 10)
"""Agents per cohort: the largest for which `MIN_COHORTS` cohorts have as many."""
MIN_COHORTS, MOST_COHORTS = 3, 52
NAMES = ("cohort_types", "cohort_new_type_share", "cohort_types_trend")
NULL = "agents_shuffled_among_cohorts"

_FIRST = """
WITH timed AS (
    SELECT m.agent_id, m.text_hash, m.created_at, m.message_id, {start} AS period_start, t.n_tokens,
           row_number() OVER (PARTITION BY m.agent_id ORDER BY m.created_at, m.message_id) AS i
    FROM message AS m JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0
    WHERE m.kind <> 'repost' AND m.agent_id IS NOT NULL AND {timed} {only}
),
able AS (
    SELECT agent_id, min(period_start) AS cohort FROM timed WHERE i <= $messages
    GROUP BY agent_id HAVING sum(n_tokens) >= $tokens
),
ranked AS (
    SELECT agent_id, cohort,
           row_number() OVER (PARTITION BY cohort ORDER BY sha256($salt || agent_id)) AS rank,
           count(*) OVER (PARTITION BY cohort) AS available
    FROM able
)
SELECT r.agent_id, r.cohort, r.rank, r.available, string_agg(t.text, chr(10) ORDER BY m.i) AS text
FROM ranked AS r
JOIN timed AS m ON m.agent_id = r.agent_id AND m.i <= $messages
JOIN text AS t ON t.text_hash = m.text_hash
WHERE r.rank <= $size AND r.available >= $least
GROUP BY r.agent_id, r.cohort, r.rank, r.available ORDER BY r.cohort, r.agent_id
"""


@dataclass(frozen=True, slots=True)
class Cohorts:
    """The types of each agent's first tokens.

    Attributes
    ----------
    starts
        Period of each cohort.
    size
        Agents per cohort; agent i is of cohort ``i // size``.
    agent, token
        Every pair of an agent and a type that it used, ordered by type, shape (pairs,).
    """

    starts: tuple[datetime, ...]
    size: int
    agent: IntArray
    token: IntArray


def read_cohorts(
    con: duckdb.DuckDBPyConnection, clock: Clock, seed: int, *, n_tokens: int = TOKENS, only: str = ""
) -> Cohorts | None:
    """Return the cohorts of a corpus (views ``message`` and ``text``); None when too few have enough agents.

    Each agent contributes its first `n_tokens` tokens; `only` is a further condition of the grid on messages ``m``.
    """
    query = _FIRST.format(start=clock.start_sql("m"), timed=clock.is_timed_sql("m"), only=only)
    bound: dict[str, object] = {
        "salt": f"{seed}:cohorts:", "messages": MESSAGES, "tokens": n_tokens, "size": max(SIZES), "least": min(SIZES),
    }  # fmt: skip
    found = con.sql(query, params=bound).pl()
    available = found.group_by("cohort").agg(pl.col("available").first()).sort("cohort")
    for size in SIZES:
        starts = available.filter(pl.col("available") >= size)["cohort"].tail(MOST_COHORTS)
        if len(starts) >= MIN_COHORTS:
            break
    else:
        return None
    kept = found.filter((pl.col("rank") <= size) & pl.col("cohort").is_in(starts.implode()))
    tokens = coded(kept, most=n_tokens)
    is_first = place_in_text(tokens.text) < n_tokens
    pairs = np.unique(np.stack([tokens.token[is_first], tokens.text[is_first]]), axis=1)
    return Cohorts(tuple(starts.to_list()), size, pairs[1], pairs[0])


def accumulated(token: IntArray, cohort: IntArray, cohorts: int) -> FloatArray:
    """Return types of each cohort and the share of them that no earlier cohort has, shape (2, cohorts).

    Parameters
    ----------
    token, cohort
        Pairs of a type and a cohort that used it, ordered by type, repeats allowed, shape (pairs,).
    cohorts
        Number of cohorts.
    """
    begins = np.flatnonzero(np.concatenate([[True], token[1:] != token[:-1]]))
    first = np.bincount(np.minimum.reduceat(cohort, begins), minlength=cohorts)
    types = np.bincount(distinct(token * cohorts + cohort) % cohorts, minlength=cohorts)
    return np.stack([types.astype(np.float64), first / types])


def cohort_measures(
    con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute how many words a cohort uses and how many of them are new.

    Parameters
    ----------
    con
        Connection with the views ``message`` and ``text`` of one corpus.
    clock
        Its period.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        Types and share of new types of each cohort, each beside agents dealt anew among cohorts; their means; and the
        least-squares slope of types on the number of the cohort. The mean share of new types falls with the number of
        cohorts by itself: read it beside its null.
    """
    emit = partial(row, FAMILY, level=sampling.level)
    found = read_cohorts(con, clock, sampling.seed) if clock.period else None
    if found is None:
        refusal = "few_agents" if clock.period else str(clock.refusal)
        return [emit(name, None, 0, "agents", warnings=[*words, refusal]) for name in NAMES]
    n = len(found.starts)
    member = np.repeat(np.arange(n), found.size)
    values = accumulated(found.token, member[found.agent], n)
    rng = stream(sampling.seed, "cohorts")
    draws = np.stack([
        accumulated(found.token, rng.permutation(member)[found.agent], n) for _ in range(sampling.null_draws)
    ])  # fmt: skip
    rows = []
    for place, name in enumerate(NAMES[:2]):
        inner = slice(place, None)
        mean = float(values[place, inner].mean())
        # Who is in which cohort does not change how many agents there are in all, but it does change both means.
        null = against(NULL, mean, draws[:, place, inner].mean(axis=1))
        rows.append(emit(name, mean, len(member), "agents", null=null, warnings=words))
        for c in range(n)[inner]:
            one = against(NULL, float(values[place, c]), draws[:, place, c])
            rows.append(
                dated(
                    emit(name, float(values[place, c]), found.size, "agents", null=one, warnings=words),
                    clock, found.starts[c],
                )
            )  # fmt: skip
    weight = trend_weights(n)
    null = against(NULL, float(values[0] @ weight), draws[:, 0] @ weight)
    rows.append(emit(NAMES[2], float(values[0] @ weight), len(member), "agents", null=null, warnings=words))
    return rows


def trend_weights(n: int) -> FloatArray:
    """Return what the least-squares slope on the numbers 0 to n − 1 weighs each value with, shape (n,)."""
    trend = np.arange(n) - (n - 1) / 2
    return np.asarray(trend / (trend @ trend), dtype=np.float64)
