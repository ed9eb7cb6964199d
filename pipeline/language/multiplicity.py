"""Persona multiplicity: in how many styles an account writes (METHODS 6 row 29, Solo Performance Prompting).

What belongs here: style features of texts, mixtures of normals by BIC, and rows of ``analysis.measure``. The number of
style clusters of an account is the number of components, 1 to 3, of the mixture of normals with the least BIC on the
style of 30 of its texts. Skewed features make any mixture find two, so that the count means little beside its null: as
many texts drawn from one Gaussian copula with the account's own marginal distributions and the correlations that the
features have within accounts. A count above that null means texts that fall apart into kinds.
"""

from __future__ import annotations

import duckdb
import numpy as np
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.schema import Measure

FAMILY = "authorship"
CLUSTERS, SHARE = "persona_style_clusters", "persona_multiple_share"
NULL = "one_style_copula"
TEXTS, MOST_AGENTS, LEAST_AGENTS = 30, 60, 10
"""Texts of an account, accounts by hash, and accounts that a row needs."""
MOST_CLUSTERS, DIMENSIONS, DRAWS = 3, 3, 39
LEAST_TOKENS = 10
LONGEST = 2_000
_STEPS, _FLOOR = 25, 0.05

_STYLE = """
WITH once AS (
    SELECT m.run_id || chr(10) || m.agent_id AS agent, m.message_id, left(t.text, {longest}) AS x, t.n_tokens
    FROM message AS m JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens >= {tokens} AND t.copies = 1
    WHERE m.agent_id IS NOT NULL AND m.kind <> 'repost'
      AND m.text_hash NOT IN (SELECT text_hash FROM template)
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY agent ORDER BY sha256($salt || message_id)) AS place,
           count(*) OVER (PARTITION BY agent) AS n
    FROM once
),
able AS (SELECT DISTINCT agent FROM ranked WHERE n >= {texts} ORDER BY sha256($salt || agent), agent LIMIT {agents})
SELECT r.agent, ln(length(x)) AS chars, length(x) / (1 + length(regexp_replace(x, '\\S+', '', 'g'))) AS word,
       sqrt(length(regexp_replace(x, '[^,;:]', '', 'g')) / length(x)) AS commas,
       sqrt(length(regexp_replace(x, '[^.!?]', '', 'g')) / length(x)) AS stops,
       sqrt(length(regexp_replace(x, '[^A-Z]', '', 'g')) / length(x)) AS capitals,
       sqrt(length(regexp_replace(x, '[ -~\\s]', '', 'g')) / length(x)) AS symbols,
       sqrt(length(regexp_replace(x, '[^\\n]', '', 'g')) / length(x)) AS lines
FROM ranked AS r JOIN able AS a ON a.agent = r.agent WHERE r.place <= {texts} ORDER BY r.agent, r.place
"""


def read_styles(con: duckdb.DuckDBPyConnection, seed: int) -> FloatArray:
    """Return the style of the texts of accounts: length, words, punctuation, capitals, symbols, lines.

    Returns
    -------
    numpy.ndarray
        Shape (accounts, `TEXTS`, 7), each feature with mean 0 and variance 1 over all texts.
    """
    query = _STYLE.format(longest=LONGEST, tokens=LEAST_TOKENS, texts=TEXTS, agents=MOST_AGENTS)
    frame = con.sql(query, params={"salt": f"{seed}:style:"}).pl().drop("agent")
    values = frame.to_numpy().astype(np.float64)
    spread = values.std(axis=0) if len(values) else np.ones(values.shape[1])
    scaled: FloatArray = (values - (values.mean(axis=0) if len(values) else 0)) / np.where(spread > 0, spread, 1.0)
    return scaled.reshape(-1, TEXTS, values.shape[1])


def main_axes(styles: FloatArray) -> FloatArray:
    """Return the principal directions of the styles within accounts, shape (features, `DIMENSIONS`)."""
    within = (styles - styles.mean(axis=1, keepdims=True)).reshape(-1, styles.shape[2])
    values, vectors = np.linalg.eigh(within.T @ within / max(len(within), 1))
    order = np.argsort(values)[::-1][:DIMENSIONS]
    return np.asarray(vectors[:, order] / np.sqrt(np.maximum(values[order], 1e-12)), dtype=np.float64)


def component_counts(points: FloatArray) -> IntArray:
    """Return the number of components with the least BIC of each set of points.

    Parameters
    ----------
    points
        Shape (sets, n, d).

    Returns
    -------
    numpy.ndarray
        Shape (sets,): 1 to `MOST_CLUSTERS`. Normals with diagonal covariance by EM, started from equal parts along the
        first axis; variances are not below `_FLOOR` times those of the set.
    """
    scores = np.stack([_bic(points, k) for k in range(1, MOST_CLUSTERS + 1)], axis=1)
    return np.asarray(scores.argmin(axis=1) + 1, dtype=np.int64)


def _bic(points: FloatArray, k: int) -> FloatArray:
    sets, n, d = points.shape
    rank = np.argsort(np.argsort(points[:, :, 0], axis=1, kind="stable"), axis=1, kind="stable")
    weight = (rank * k // n)[:, :, None] == np.arange(k)
    member: FloatArray = weight.astype(np.float64)
    floor = _FLOOR * points.var(axis=1)[:, None, :] + 1e-9
    likelihood = np.zeros(sets)
    squared = points**2
    for _ in range(_STEPS if k > 1 else 1):
        size = member.sum(axis=1) + 1e-9  # sets, k
        mean = np.einsum("snk,snd->skd", member, points) / size[:, :, None]
        variance = np.einsum("snk,snd->skd", member, squared) / size[:, :, None] - mean**2
        variance = np.maximum(variance, floor)
        density = np.log(size / n)[:, None, :] - 0.5 * (
            np.log(2 * np.pi * variance).sum(axis=2)[:, None, :]
            + np.einsum("snd,skd->snk", squared, 1 / variance)
            - 2 * np.einsum("snd,skd->snk", points, mean / variance)
            + (mean**2 / variance).sum(axis=2)[:, None, :]
        )
        peak = density.max(axis=2, keepdims=True)
        total = np.exp(density - peak).sum(axis=2, keepdims=True)
        member = np.exp(density - peak) / total
        likelihood = (np.log(total) + peak).sum(axis=(1, 2))
    parameters = k * 2 * d + k - 1
    return np.asarray(parameters * np.log(n) - 2 * likelihood, dtype=np.float64)


def one_style(styles: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Draw texts of accounts with one style each: own marginals, correlations within accounts, a Gaussian copula."""
    ranks = stats.rankdata(styles, axis=1)
    normal = stats.norm.ppf(ranks / (styles.shape[1] + 1))
    flat = normal.reshape(-1, styles.shape[2])
    correlation = np.corrcoef(flat, rowvar=False)
    correlation = np.where(np.isfinite(correlation), correlation, 0.0)
    np.fill_diagonal(correlation, 1.0)
    values, vectors = np.linalg.eigh(correlation)
    drawn = rng.standard_normal(styles.shape) @ (vectors * np.sqrt(np.maximum(values, 0))).T
    place = np.argsort(np.argsort(drawn, axis=1), axis=1)
    return np.asarray(np.take_along_axis(np.sort(styles, axis=1), place, axis=1), dtype=np.float64)


def multiplicity_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling, words: list[str]) -> list[Measure]:
    """Return the mean number of style clusters of accounts, and the share of accounts with more than one.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``template`` of one corpus.
    sampling, words
        Seed, draws and level; warnings that all rows carry.
    """
    styles = read_styles(con, sampling.seed)
    n = len(styles)
    if n < LEAST_AGENTS:
        return [
            row(FAMILY, name, None, n, "agents", level=sampling.level, warnings=[*words, "few_agents"])
            for name in (CLUSTERS, SHARE)
        ]
    axes, rng = main_axes(styles), stream(sampling.seed, CLUSTERS)
    counts = component_counts(styles @ axes)
    points = np.concatenate([one_style(styles, rng) @ axes for _ in range(DRAWS)])
    drawn = component_counts(points).reshape(DRAWS, n)
    from pipeline.socialisation.diversity import t_interval

    rows = []
    for name, values, draws in (
        (CLUSTERS, counts.astype(np.float64), drawn.mean(axis=1)),
        (SHARE, (counts > 1).astype(np.float64), (drawn > 1).mean(axis=1)),
    ):
        mean = float(values.mean())
        interval = t_interval(values, sampling.level, "t_agents") if values.std() > 0 else NO_INTERVAL
        no = [] if values.std() > 0 else ["no_variation"]
        null = against(NULL, mean, draws)
        rows.append(row(FAMILY, name, mean, n, "agents", level=sampling.level, interval=interval, null=null,
                        warnings=[*words, *no]))  # fmt: skip
    return rows
