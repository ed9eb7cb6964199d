"""What agents say of themselves: their goals and their beliefs, found by two expressions.

What belongs here: the expressions, and the statements of a choice of agents in the order of time. What is computed from
them is in `goals` and `beliefs`.

A goal is what follows "my goal is to", "I want to", "I will" and the like, up to twelve words of one sentence (LMA3,
arXiv 2305.12487, METHODS 6 row 32: "I want/will/my goal"); a belief is what follows "I believe that", "I agree with"
and the like, up to fifteen words (arXiv 2408.07237, row 35, whose statements are "I agree/disagree with the following:
T"). One statement per message, the first. Both are English; the expressions were written for this project.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import FloatArray, IntArray
from pipeline.language.clock import ORDER_PRECISIONS, Clock, is_precise_sql

FAMILY = "self_statement"
GOAL = (
    r"\b(?:my (?:\w+ )?(?:goal|aim|mission|objective|ambition|purpose) (?:is|was|remains|will be)(?: to)?|"
    r"i (?:want|intend|plan|aim|hope|aspire|wish|resolve) to|"
    r"i(?:'m| am) (?:trying|aiming|planning|going|determined) to|i(?:'ll| will)) "
    r"((?:[a-z'-]+,? ){2,11}[a-z'-]+)"
)
BELIEF = (
    r"\b(?:i (?:strongly |firmly |really |truly |still |also )?(?:believe|think|agree|disagree|suspect|doubt|maintain)|"
    r"i(?:'m| am) convinced|in my (?:view|opinion),?|my (?:view|belief|position|opinion) is)(?: that| with)? "
    r"((?:[a-z'-]+,? ){2,14}[a-z'-]+)"
)
LONGEST = 20_000
"""Characters of a text that are searched."""
MOST_AGENTS, MOST_STATEMENTS = 1_000, 10
"""Agents, chosen by hash, and first statements of each."""

_SAID = """
WITH said AS (
    SELECT text_hash, regexp_extract(replace(lower(left(text, {longest})), '’', ''''), $pattern, 1) AS statement
    FROM text AS t WHERE n_tokens > 0 {vectors}
),
once AS (
    SELECT m.run_id || chr(10) || m.agent_id AS agent, m.message_id, m.created_at, m.step, s.text_hash, s.statement,
           {start} AS period_start,
           row_number() OVER (
               PARTITION BY m.run_id, m.agent_id, s.statement ORDER BY m.created_at, m.step, m.message_id
           ) AS copy
    FROM message AS m JOIN said AS s ON s.text_hash = m.text_hash AND s.statement <> ''
    WHERE m.agent_id IS NOT NULL AND m.kind <> 'repost' AND ({ordered} OR m.step IS NOT NULL)
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY agent ORDER BY created_at, step, message_id) AS i,
           count(*) OVER (PARTITION BY agent) AS n
    FROM once WHERE copy = 1
),
able AS (SELECT agent FROM numbered WHERE i = 1 AND n >= $least ORDER BY sha256($salt || agent), agent LIMIT $agents)
SELECT o.agent, o.text_hash, o.statement, o.period_start
FROM numbered AS o JOIN able AS a ON a.agent = o.agent
WHERE o.i <= $most ORDER BY o.agent, o.i
"""
_VECTORS = "AND text_hash IN (SELECT text_hash FROM embedding WHERE model = $model AND rung = $rung)"


@dataclass(frozen=True, slots=True)
class Statements:
    """Statements of agents in their order, agent after agent; of each agent no statement twice.

    Attributes
    ----------
    agent
        Code of the agent, ascending, shape (n,).
    stratum
        Code of the period, shape (n,); one code where times allow no period.
    text_hash, statement
        The message, and the words of the statement.
    """

    agent: IntArray
    stratum: IntArray
    text_hash: pl.Series
    statement: pl.Series

    def kept(self, mask: np.typing.NDArray[np.bool_]) -> Statements:
        """Return some of the statements, agents coded anew."""
        agent = np.unique(self.agent[mask], return_inverse=True)[1].astype(np.int64)
        chosen = pl.Series(mask)
        return Statements(agent, self.stratum[mask], self.text_hash.filter(chosen), self.statement.filter(chosen))


def read_statements(
    con: duckdb.DuckDBPyConnection,
    clock: Clock,
    pattern: str,
    *,
    seed: int,
    least: int,
    embedded: tuple[str, str] | None = None,
) -> Statements:
    """Return the statements of agents that have at least `least` of them.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and, where vectors are asked for, ``embedding``.
    clock
        Its periods are the strata.
    pattern
        `GOAL` or `BELIEF`.
    seed, least
        Seed of the choice of agents, and the statements that one needs.
    embedded
        Model and rung: only messages whose text has such a vector.
    """
    start = f"CASE WHEN {clock.is_timed_sql('m')} THEN {clock.start_sql('m')} END" if clock.period else "NULL"
    ordered = is_precise_sql("m", ORDER_PRECISIONS)
    query = _SAID.format(longest=LONGEST, start=start, ordered=ordered, vectors=_VECTORS if embedded else "")
    bound: dict[str, object] = {
        "pattern": pattern, "salt": f"{seed}:statements:", "least": least, "agents": MOST_AGENTS,
        "most": MOST_STATEMENTS,
    }  # fmt: skip
    if embedded:
        bound |= {"model": embedded[0], "rung": embedded[1]}
    found = con.sql(query, params=bound).pl()
    period = found["period_start"].cast(pl.Datetime("us")).dt.epoch("us").fill_null(0)
    return Statements(
        found["agent"].rle_id().to_numpy().astype(np.int64),
        np.unique(period.to_numpy(), return_inverse=True)[1].astype(np.int64),
        found["text_hash"],
        found["statement"],
    )


def shuffled(stratum: IntArray, rng: np.random.Generator) -> IntArray:
    """Return places dealt out anew within strata, shape (n,)."""
    order = np.argsort(stratum, kind="stable")
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.argsort(stratum + rng.random(len(order)))
    return place


def means(codes: IntArray, values: FloatArray) -> FloatArray:
    """Return the mean of the values of each code that has one."""
    n, sums = np.bincount(codes), np.bincount(codes, weights=values)
    return np.asarray(sums[n > 0] / n[n > 0], dtype=np.float64)
