"""Whether the beliefs that an agent states on a topic change at a point: an analogue of belief trajectories.

What belongs here: rows of ``analysis.measure``. DToM-Track (arXiv 2603.14646, METHODS 6 row 28) asks models for a
belief before and after it is updated. In a corpus the statements ("I believe that", "I agree with" and the like, see
`pipeline.language.statements`) of one agent on one topic, in their order, are its trajectory. A change point is the cut
of the trajectory that leaves the two halves' mean vectors furthest apart; whether it is one is told by the same
statements in a random order, which is exact where order does not matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import duckdb
import numpy as np
from scipy import sparse

from pipeline.activity.resampling import FloatArray, IntArray, Interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.inference.intervals import wilson
from pipeline.schema import Measure
from pipeline.transfer.order import FAMILY, MESSAGES, SAID, TEXTS, Order, make_said, null_rows

SHARE, STRENGTH = "belief_change_point_share", "belief_change_strength"
NULL = "statements_shuffled_within_trajectory"
LEAST, MOST = 6, 20
"""Statements of an agent on a topic that make a trajectory, and the first ones that are read."""
SHORTEST_HALF = 2
MOST_TRAJECTORIES, MIN_TRAJECTORIES = 1_000, 10
ORDERS = 199
"""Random orders of each trajectory; a change point is one whose cut is among the largest twentieth."""
SIGNIFICANT = 0.05

# A statement that an agent repeats word by word counts once. Texts without a topic are one topic of their own.
_SAID = f"""
WITH said AS (
    SELECT s.text_id, k.topic_id, s.belief AS statement
    FROM {SAID} AS s JOIN {TEXTS} AS i ON i.text_id = s.text_id
    LEFT JOIN text_topic AS k ON k.text_hash = i.text_hash
),
once AS (
    SELECT m.agent, coalesce(s.topic_id, 0) AS topic, s.statement, m.moment, m.message_id,
           row_number() OVER (PARTITION BY m.agent, s.statement ORDER BY m.moment, m.message_id) AS copy
    FROM {MESSAGES} AS m JOIN said AS s ON s.text_id = m.text_id AND s.statement <> ''
),
numbered AS (
    SELECT *, row_number() OVER (PARTITION BY agent, topic ORDER BY moment, message_id) AS i,
           count(*) OVER (PARTITION BY agent, topic) AS n
    FROM once WHERE copy = 1
),
able AS (
    SELECT agent, topic FROM numbered WHERE i = 1 AND n >= {LEAST}
    ORDER BY sha256($salt || agent || chr(10) || CAST(topic AS VARCHAR)), agent, topic LIMIT {MOST_TRAJECTORIES}
)
SELECT n.agent, n.topic, n.statement FROM numbered AS n
JOIN able AS a ON a.agent = n.agent AND a.topic = n.topic
WHERE n.i <= {MOST} ORDER BY n.agent, n.topic, n.i
"""


@dataclass(frozen=True, slots=True)
class Trajectories:
    """Statements of trajectories, one trajectory after the other, each in the order of time.

    Attributes
    ----------
    trajectory
        Number of the trajectory, ascending, shape (n,).
    statement
        The words.
    has_topics
        False when the corpus has no topics, so that a trajectory is all that an agent says.
    """

    trajectory: IntArray
    statement: list[str]
    has_topics: bool


def read_trajectories(con: duckdb.DuckDBPyConnection, seed: int) -> Trajectories:
    """Return the trajectories of a corpus with view ``text_topic`` and the temporary tables of `order`."""
    make_said(con)
    found = con.sql(_SAID, params={"salt": f"{seed}:trajectories:"}).pl()
    has_topics = bool(con.sql("SELECT count(*) > 0 FROM text_topic").fetchall()[0][0])
    number = found.select("agent", "topic").to_struct().rle_id() if found.height else found["topic"]
    return Trajectories(number.to_numpy().astype(np.int64), found["statement"].to_list(), has_topics)


def statement_grams(found: Trajectories) -> list[FloatArray]:
    """Return the inner products of the tf-idf vectors of the statements of each trajectory, shape (n, n) each."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    if not found.statement:
        return []
    model = TfidfVectorizer(token_pattern=r"[a-z'-]{2,}", stop_words="english", sublinear_tf=True)  # noqa: S106 - no password
    try:
        vectors = sparse.csr_array(model.fit_transform(found.statement))
    except ValueError:  # function words only
        vectors = sparse.csr_array((len(found.statement), 1))
    ends = np.flatnonzero(np.diff(found.trajectory, append=-1)) + 1
    parts = [vectors[low:high] for low, high in zip([0, *ends[:-1]], ends, strict=True)]
    return [np.asarray((part @ part.T).todense(), dtype=np.float64) for part in parts]


def largest_cut(gram: FloatArray, orders: IntArray) -> FloatArray:
    """Return the largest k(n − k)/n · |mean before − mean after|² over cuts, for each order of the statements.

    Parameters
    ----------
    gram
        Inner products of the n statements, shape (n, n).
    orders
        Permutations, shape (orders, n).

    Returns
    -------
    ndarray
        Shape (orders,); a cut leaves at least `SHORTEST_HALF` statements on either side.
    """
    n = len(gram)
    whole = gram[orders[:, :, None], orders[:, None, :]]
    total = whole.sum(axis=(1, 2))
    k = np.arange(SHORTEST_HALF, n - SHORTEST_HALF + 1)
    table = np.cumsum(np.cumsum(whole, axis=1), axis=2)
    before = table[:, k - 1, k - 1]
    across = table[:, k - 1, n - 1] - before
    after = total[:, None] - before - 2 * across
    apart = before / k**2 + after / (n - k) ** 2 - 2 * across / (k * (n - k))
    return np.asarray((k * (n - k) / n * apart).max(axis=1), dtype=np.float64)


def cuts(grams: list[FloatArray], rng: np.random.Generator) -> FloatArray:
    """Return the largest cut of each trajectory as it is (row 0) and in random orders, shape (1 + orders, n)."""
    columns = []
    for gram in grams:
        n = len(gram)
        drawn = np.argsort(rng.random((ORDERS, n)), axis=1)
        columns.append(largest_cut(gram, np.concatenate([np.arange(n)[None, :], drawn])))
    return np.column_stack(columns)


def significant(values: FloatArray) -> FloatArray:
    """Return whether each value is among the largest twentieth of its column, shape of `values`.

    Equal values share the larger rank, so that a trajectory of equal statements has no change point.
    """
    ordered = np.sort(values, axis=0)
    tolerance = 1e-12
    result = np.empty(values.shape)
    for place in range(values.shape[1]):
        above = len(values) - np.searchsorted(ordered[:, place], values[:, place] - tolerance, side="left")
        result[:, place] = above / len(values) <= SIGNIFICANT
    return result


def trajectory_measures(
    con: duckdb.DuckDBPyConnection, order: Order, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute the share of trajectories with a change point, and how far apart the halves are.

    Parameters
    ----------
    con
        Connection with the views ``text`` and ``text_topic`` and the temporary tables of `order`.
    order
        What orders the statements.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        ``belief_change_point_share``, trajectories whose largest cut is among the largest twentieth of random orders,
        with a Wilson interval; by chance it is .05. ``belief_change_strength``, mean over trajectories of the largest
        cut less its mean over random orders, in standard deviations of those.
    """
    if order.unit is None:
        return null_rows((SHARE, STRENGTH), "trajectories", sampling, [*words, str(order.refusal)])
    found = read_trajectories(con, sampling.seed)
    said = [*words, *([] if found.has_topics else ["no_topics"])]
    grams = statement_grams(found)
    n = len(grams)
    emit = partial(row, FAMILY, n=n, n_unit="trajectories", level=sampling.level)
    if n < MIN_TRAJECTORIES:
        return [emit(name, None, warnings=[*said, "few_texts"]) for name in (SHARE, STRENGTH)]
    values = cuts(grams, stream(sampling.seed, SHARE))
    shares = significant(values).mean(axis=1)
    low, high = wilson(round(float(shares[0]) * n), n, sampling.level)
    spread = values.std(axis=0)
    strengths = ((values - values.mean(axis=0)) / np.where(spread > 1e-12, spread, 1.0)).mean(axis=1)
    return [
        emit(SHARE, float(shares[0]), interval=Interval(low, high, "wilson"),
             null=against(NULL, float(shares[0]), shares[1:]), warnings=[*said, "independence_assumed"]),
        emit(STRENGTH, float(strengths[0]), null=against(NULL, float(strengths[0]), strengths[1:]), warnings=said),
    ]  # fmt: skip
