"""How often messages attribute beliefs, desires and intentions, to whomever: rows of ``analysis.measure``.

What belongs here: shares of messages by state, from the scores of card ``mental_state``. Its categories one by one are
in family lexicon; here what the author says of itself and of others is taken together, as agents of MindForge (arXiv
2411.12977, METHODS 6 row 10) hold beliefs, desires and intentions of themselves and of their partners.
"""

from __future__ import annotations

from dataclasses import replace

import duckdb
import numpy as np

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, Interval, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.schema import Measure
from pipeline.transfer.order import FAMILY

NAME, CARD = "bdi_message_share", "mental_state"
STATES = ("belief", "desire", "intention")

_SHARES = """
WITH scored AS (
    SELECT text_hash, bool_or(category LIKE '%belief') AS belief, bool_or(category LIKE '%desire') AS desire,
           bool_or(category LIKE '%intention') AS intention
    FROM lexicon_score WHERE lexicon = $card GROUP BY text_hash
)
SELECT coalesce('0:' || m.agent_id, '1:' || m.message_id) AS author, CAST(count(*) AS BIGINT) AS messages,
       CAST(count(*) FILTER (WHERE s.belief) AS BIGINT) AS belief,
       CAST(count(*) FILTER (WHERE s.desire) AS BIGINT) AS desire,
       CAST(count(*) FILTER (WHERE s.intention) AS BIGINT) AS intention
FROM message AS m
JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens > 0 AND coalesce(t.language, 'und') IN ('en', 'und')
LEFT JOIN scored AS s ON s.text_hash = m.text_hash
WHERE m.kind <> 'repost'
GROUP BY author ORDER BY author
"""


def state_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling, words: list[str]) -> list[Measure]:
    """Compute the share of messages that attribute a belief, a desire, an intention.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``lexicon_score`` of one corpus.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        ``bdi_message_share`` of the three states (unit ``mental_state``), authors drawn with replacement.
    """
    found = con.sql(_SHARES, params={"card": CARD}).pl()
    n = int(found["messages"].sum())
    few = [*words, *([] if n else ["no_messages"])]
    few += ["few_agents"] if 0 < found.height < FEWEST_BOOTSTRAP_UNITS else []
    rows = []
    for state in STATES:
        hits = int(found[state].sum())
        interval = NO_INTERVAL
        if found.height >= FEWEST_BOOTSTRAP_UNITS:
            interval = _interval(found.select(state, "messages").to_numpy().astype(np.int64), state, hits, sampling)
        one = row(
            FAMILY, NAME, hits / n if n else None, n, "messages", level=sampling.level, interval=interval,
            warnings=[*few, *(["composition_sensitive"] if n else [])],
        )  # fmt: skip
        rows.append(replace(one, unit="mental_state", unit_id=state))
    return rows


def _interval(totals: np.typing.NDArray[np.int64], state: str, hits: int, sampling: Sampling) -> Interval:
    if not hits:  # drawing authors anew never shows what none has
        return Interval(0.0, min(1.0, -float(np.log(1 - sampling.level)) / len(totals)), "rule_of_three")
    return cluster_bootstrap(
        totals, _ratio, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, f"{NAME}/{state}"),
        level=sampling.level, method="cluster_bootstrap_agents",
    )  # fmt: skip


def _ratio(sums: FloatArray) -> FloatArray:
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)
