"""Whether agents recall what they used to think, and whether they recall what is recent: an analogue.

What belongs here: rows of ``analysis.measure``. DToM-Track (arXiv 2603.14646, METHODS 6 row 28) asks models what was
believed before an update, and finds the recent belief recalled better. A corpus has "I used to think X" and the archive
of who says it: the recall is right where X is more like the author's own earlier messages than like as many earlier
messages of others. What an author says now is like its archive too, since authors keep to their subjects; statements
in the present tense ("I think X") stand beside as a placebo, and only what recalls exceed them by is recall.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import duckdb
import numpy as np
import polars as pl
from scipy import sparse, stats

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.language.statements import BELIEF
from pipeline.schema import Measure
from pipeline.socialisation.diversity import t_interval
from pipeline.transfer.order import FAMILY, MESSAGES, MICROSECONDS_PER_HOUR, RECALL, SAID, Order, make_said, null_rows

ACCURACY, RECENCY = "self_recall_accuracy", "self_recall_recency"
TENSES = (("recalled", RECALL), ("present", BELIEF))
MOST_AGENTS, ARCHIVE, LEAST_ARCHIVE = 500, 20, 3
"""Authors by hash with one statement each, earlier messages of each by hash, and the fewest that do."""
POOL, OTHERS, LEAST_OTHERS = 200, 19, 5
"""Other agents by hash of one run with their archives, and those that a statement is compared with."""
MOST_POOL = 600
"""Other agents of all runs together: of each run the first, of each the second, and so on."""
POOL_ARCHIVE = 60
MIN_AGENTS = 10
NULL, LAGS = "archives_dealt_among_agents", "lags_dealt_within_archive"
LONGEST_MESSAGE = 2_000

_FOUND = f"""
CREATE OR REPLACE TEMP TABLE transfer_statement AS
WITH hit AS (
    SELECT text_id, CASE WHEN $is_belief THEN belief ELSE recalled END AS statement, recalled <> '' AS is_recall
    FROM {SAID}
),
numbered AS (
    SELECT m.run_id, m.agent, m.moment, m.text_id, h.statement,
           row_number() OVER (PARTITION BY m.agent ORDER BY sha256($salt || m.message_id), m.message_id) AS i
    FROM {MESSAGES} AS m JOIN hit AS h ON h.text_id = m.text_id AND h.statement <> ''
    WHERE m.rank > {LEAST_ARCHIVE} AND (h.is_recall = $is_recalled)
)
SELECT run_id, agent, moment, text_id, statement FROM numbered WHERE i = 1
ORDER BY sha256($salt || agent), agent LIMIT {MOST_AGENTS}
"""
_STATEMENTS = "SELECT run_id, agent, moment, statement FROM transfer_statement ORDER BY agent"
# Messages that recall themselves are in no archive: an author that says it twice would recall its own recall.
_CLEAN = f"""
SELECT i.text_id, left(t.text, {LONGEST_MESSAGE}) AS text
FROM text AS t JOIN transfer_text AS i ON i.text_hash = t.text_hash
WHERE i.text_id NOT IN (SELECT text_id FROM {SAID} WHERE recalled <> '')
"""
_OWN = f"""
WITH clean AS ({_CLEAN}),
ranked AS (
    SELECT s.agent, m.moment, c.text,
           row_number() OVER (PARTITION BY s.agent ORDER BY sha256($salt || m.message_id), m.message_id) AS i
    FROM transfer_statement AS s
    JOIN {MESSAGES} AS m ON m.agent = s.agent AND m.moment < s.moment AND m.text_id <> s.text_id
    JOIN clean AS c ON c.text_id = m.text_id
)
SELECT agent, moment, text FROM ranked WHERE i <= {ARCHIVE} ORDER BY agent, i
"""
_POOL = f"""
WITH clean AS ({_CLEAN}),
able AS (
    SELECT run_id, agent, sha256($salt || agent) AS place FROM {MESSAGES}
    WHERE run_id IN (SELECT run_id FROM transfer_statement)
    GROUP BY run_id, agent HAVING count(*) > {LEAST_ARCHIVE}
),
turned AS (SELECT *, row_number() OVER (PARTITION BY run_id ORDER BY place, agent) AS turn FROM able),
taken AS (SELECT * FROM turned WHERE turn <= {POOL} ORDER BY turn, place, agent LIMIT {MOST_POOL}),
ranked AS (
    SELECT a.run_id, a.place, m.agent, m.moment, c.text,
           row_number() OVER (PARTITION BY m.agent ORDER BY sha256($salt || m.message_id), m.message_id) AS i
    FROM {MESSAGES} AS m JOIN taken AS a ON a.agent = m.agent JOIN clean AS c ON c.text_id = m.text_id
)
SELECT run_id, agent, moment, text FROM ranked WHERE i <= {POOL_ARCHIVE} ORDER BY place, agent, i
"""


@dataclass(frozen=True, slots=True)
class Recalls:
    """Statements with how like they are to archives.

    Attributes
    ----------
    scores
        Largest cosine with a message of each archive, own first, others after, shape (statements, 1 + others);
        not-a-number where there are fewer others.
    own, lag, statement
        Cosine with each own message, its age in hours (in messages where a corpus counts steps), and the place of its
        statement, shape (messages,).
    """

    scores: FloatArray
    own: FloatArray
    lag: FloatArray
    statement: IntArray


def read_recalls(
    con: duckdb.DuckDBPyConnection, order: Order, pattern: str, seed: int, *, is_recalled: bool
) -> Recalls:
    """Return what the statements of a pattern are like, own archives and those of others.

    Parameters
    ----------
    con
        Connection with view ``text`` and the temporary tables of `order`.
    order
        Whether lags are hours or steps.
    pattern
        `RECALL` or the pattern of beliefs.
    seed
        Seed of the choices.
    is_recalled
        False leaves out messages that hold a recall as well.
    """
    salt = f"{seed}:recall:"
    make_said(con)
    con.execute(_FOUND, {"is_belief": pattern == BELIEF, "salt": salt, "is_recalled": is_recalled})
    try:
        said = con.sql(_STATEMENTS).pl()
        own, pool = (con.sql(query, params={"salt": salt}).pl() for query in (_OWN, _POOL))
    finally:
        con.execute("DROP TABLE transfer_statement")
    if not own.height or not pool.height:
        return Recalls(np.zeros((0, 1)), np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
    vectors = _vectors([*said["statement"], *own["text"], *pool["text"]])
    parts = (vectors[: said.height], vectors[said.height : said.height + own.height], vectors[-pool.height :])
    return _compared(said, own, pool, parts, 1.0 / MICROSECONDS_PER_HOUR if order.is_timed else 1.0)


def _vectors(texts: list[str]) -> sparse.csr_array:
    from sklearn.feature_extraction.text import TfidfVectorizer

    model = TfidfVectorizer(token_pattern=r"[a-z'-]{2,}", stop_words="english", sublinear_tf=True)  # noqa: S106 - no password
    try:
        return sparse.csr_array(model.fit_transform(texts))
    except ValueError:  # function words only
        return sparse.csr_array((len(texts), 1))


def _compared(
    said: pl.DataFrame, own: pl.DataFrame, pool: pl.DataFrame, vectors: tuple[sparse.csr_array, ...], unit: float
) -> Recalls:
    statements, mine, others = vectors
    own_agent, own_at = own["agent"].to_numpy(), own["moment"].to_numpy()
    low, high = (np.searchsorted(own_agent, said["agent"].to_numpy(), side=side) for side in ("left", "right"))
    starts = np.flatnonzero(np.concatenate([[True], pool["agent"].to_numpy()[1:] != pool["agent"].to_numpy()[:-1]]))
    names, runs = (pool[name].to_numpy()[starts] for name in ("agent", "run_id"))
    pool_at = pool["moment"].to_numpy()
    archive = np.cumsum(np.isin(np.arange(pool.height), starts)) - 1
    likeness = np.asarray((statements @ others.T).todense(), dtype=np.float64)
    scores, cosines, lags, place = [], [], [], []
    for s, (run, agent, moment) in enumerate(said.select("run_id", "agent", "moment").iter_rows()):
        k = int(high[s] - low[s])
        if k < LEAST_ARCHIVE:
            continue
        like = np.asarray((mine[low[s] : high[s]] @ statements[[s]].T).todense(), dtype=np.float64).ravel()
        rest = _others(likeness[s], archive, pool_at < moment, (names != agent) & (runs == run), k)
        if len(rest) < LEAST_OTHERS:
            continue
        scores.append(np.concatenate([[like.max()], rest, np.full(OTHERS - len(rest), np.nan)]))
        cosines.append(like)
        lags.append((moment - own_at[low[s] : high[s]]) * unit)
        place.append(np.full(k, len(scores) - 1, dtype=np.int64))
    if not scores:
        return Recalls(np.zeros((0, 1)), np.zeros(0), np.zeros(0), np.zeros(0, dtype=np.int64))
    return Recalls(np.stack(scores), np.concatenate(cosines), np.concatenate(lags), np.concatenate(place))


def _others(
    like: FloatArray, archive: IntArray, is_before: np.typing.NDArray[np.bool_],
    is_other: np.typing.NDArray[np.bool_], k: int,
) -> FloatArray:  # fmt: skip
    """Return the largest cosine with the first k earlier messages of each of the first archives that have as many."""
    usable = np.flatnonzero(is_before & is_other[archive])
    number = archive[usable]
    turn = np.arange(len(number)) - np.searchsorted(number, number)
    enough = np.bincount(number, minlength=len(is_other)) >= k
    kept = (turn < k) & enough[number]
    best = np.zeros(len(is_other))
    np.maximum.at(best, number[kept], like[usable[kept]])
    return best[np.flatnonzero(enough)[:OTHERS]]


def ranks(scores: FloatArray) -> FloatArray:
    """Return for each archive the share of the other archives that are less like the statement, ties half.

    Parameters
    ----------
    scores
        Shape (statements, archives), not-a-number where there is none.

    Returns
    -------
    ndarray
        Shape of `scores`.
    """
    below = (scores[:, :, None] > scores[:, None, :] + 1e-12).sum(axis=2)
    equal = (np.abs(scores[:, :, None] - scores[:, None, :]) <= 1e-12).sum(axis=2) - 1
    others = np.isfinite(scores).sum(axis=1, keepdims=True) - 1
    return np.asarray(np.where(np.isfinite(scores), (below + equal / 2) / others, np.nan), dtype=np.float64)


def slopes(cosine: FloatArray, lag: FloatArray, statement: IntArray) -> FloatArray:
    """Return the sums of products and of squares of each statement, cosine on log2(1 + lag), shape (statements, 2)."""
    x = np.log2(1 + lag)
    n = np.bincount(statement)
    x, y = (v - (np.bincount(statement, weights=v) / n)[statement] for v in (x, cosine))
    return np.column_stack([np.bincount(statement, weights=x * y), np.bincount(statement, weights=x * x)])


def recall_measures(
    con: duckdb.DuckDBPyConnection, order: Order, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute how well "I used to think X" finds the author's archive, and how that falls with the age of messages.

    Parameters
    ----------
    con
        Connection with view ``text`` and the temporary tables of `order`.
    order
        What orders the messages.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        By tense (unit ``tense``: ``recalled``, and ``present`` as placebo): ``self_recall_accuracy``, the share of
        other archives that are less like what is stated than the own one, beside archives dealt out anew (.5 by
        chance); ``self_recall_recency``, the slope of the cosine with own messages on the binary logarithm of their
        age, within statements, beside ages dealt out anew.
    """
    rows = []
    for tense, pattern in TENSES:
        if order.unit is None:
            found = null_rows((ACCURACY, RECENCY), "statements", sampling, [*words, str(order.refusal)])
        else:
            recalls = read_recalls(con, order, pattern, sampling.seed, is_recalled=tense == "recalled")
            said = [*words, *([] if order.is_timed else ["clock_is_step"])]
            found = list(_measured(recalls, tense, sampling, said))
        rows += [replace(one, unit="tense", unit_id=tense) for one in found]
    return rows


def _measured(recalls: Recalls, tense: str, sampling: Sampling, words: list[str]) -> Iterator[Measure]:
    n = len(recalls.scores)
    emit = partial(row, FAMILY, n=n, n_unit="statements", level=sampling.level)
    if n < MIN_AGENTS:
        yield from (emit(name, None, warnings=[*words, "few_texts"]) for name in (ACCURACY, RECENCY))
        return
    table, rng = ranks(recalls.scores), stream(sampling.seed, f"{ACCURACY}/{tense}")
    many = np.isfinite(table).sum(axis=1)
    picks = (rng.random((sampling.null_draws, n)) * many).astype(np.int64)
    drawn, own = table[np.arange(n), picks].mean(axis=1), table[:, 0]
    yield emit(ACCURACY, float(own.mean()), interval=t_interval(own, sampling.level, "t_agents"),
               null=against(NULL, float(own.mean()), drawn), warnings=words)  # fmt: skip
    sums = slopes(recalls.own, recalls.lag, recalls.statement)
    if not sums[:, 1].sum() > 0 or np.ptp(recalls.own) == 0:
        yield emit(RECENCY, None, warnings=[*words, "no_variation"])
        return
    value, rng = float(sums[:, 0].sum() / sums[:, 1].sum()), stream(sampling.seed, f"{RECENCY}/{tense}")
    null = np.array([_dealt_slope(recalls, rng) for _ in range(sampling.null_draws)])
    yield emit(RECENCY, value, interval=_cluster_interval(sums, value, sampling.level),
               null=against(LAGS, value, null), warnings=words)  # fmt: skip


def _dealt_slope(recalls: Recalls, rng: np.random.Generator) -> float:
    order = np.argsort(recalls.statement + rng.random(len(recalls.statement)))
    sums = slopes(recalls.own, recalls.lag[order], recalls.statement)
    return float(sums[:, 0].sum() / sums[:, 1].sum())


def _cluster_interval(sums: FloatArray, value: float, level: float) -> Interval:
    """Return the interval of a slope within statements, statements being the clusters (Liang & Zeger 1986)."""
    n = len(sums)
    if n < 2:
        return NO_INTERVAL
    residual = sums[:, 0] - value * sums[:, 1]
    error = float(np.sqrt(n / (n - 1) * np.square(residual).sum())) / float(sums[:, 1].sum())
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    return Interval(value - reach, value + reach, "cluster_robust_t")
