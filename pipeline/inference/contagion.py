"""Conditional shares of conflict and emotion as published, response rates, herding: measures of family ``contagion``.

What belongs here: shares that describe. Whether they are contagion is for `contagion_estimates`: a post and its
comments have topic, community and readers in common, and a share given the post moves with all three.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import duckdb
import numpy as np
import polars as pl
from scipy import stats

from pipeline.activity.resampling import stream
from pipeline.activity.row import Sampling
from pipeline.inference.contagion_frames import CONFLICT, EMOTIONS, Corpus, integers, mark, read_messages
from pipeline.inference.intervals import wilson
from pipeline.inference.order import blocks
from pipeline.inference.result import FEW_CLUSTERS, Ints
from pipeline.inference.slices import BUILT_IN_SLICES, SliceRule, slice_replies
from pipeline.language.covered import coverage
from pipeline.schema import Measure, join_warnings

FAMILY = "contagion"
FEW_EVENTS = 10
LEAST_RESPONSES = 3
"""Responses to each kind of stimulus that an agent needs to be in the correlation of its two rates."""
FEWEST_AGENTS = 20
RUN = 10
"""Comments of a run within which the null of herding shuffles."""
EXPOSURES = ((0, "0"), (1, "1"), (2, "2"), (3, "3 or more"))


def contagion_measures(
    con: duckdb.DuckDBPyConnection, sampling: Sampling, *, slices: Sequence[SliceRule] = BUILT_IN_SLICES
) -> list[Measure]:
    """Return the conditional shares of conflict by slice, and response rates, herding and emotions of the whole corpus.

    Parameters
    ----------
    con
        Connection with the views message, text, text_label and lexicon_score of one corpus.
    sampling
        Seed, draws and level.
    slices
        The slices of the conditional shares.

    Returns
    -------
    list of Measure
        What the data do not allow is a null row with its reason.
    """
    corpus = Corpus(read_messages(con))
    level, rows = sampling.level, []
    for rule in slices:
        comments = slice_replies(corpus.comments, rule)
        words = coverage(comments["language"]).words
        found = list(_conditional(comments, CONFLICT, level))
        if rule.slice_id == "all":
            found += [*_emotions(corpus, level), *_responses(comments, sampling), *_herding(comments, sampling)]
        rows += [_in_slice(row, rule.slice_id, words) for row in found]
    return rows


def _in_slice(row: Measure, slice_id: str, words: list[str]) -> Measure:
    given = [*(row.warnings or "").split(","), "classifier_error", *words, *(["few_replies"] if row.n == 0 else [])]
    return replace(row, slice_id=slice_id, warnings=join_warnings(given))


def _measure(
    name: str, value: float | None, n: int, n_unit: str, low: float | None = None, high: float | None = None,
    method: str | None = None, level: float = 0.95, words: Sequence[str] = (), unit: str = "corpus",
    unit_id: str = "corpus",
) -> Measure:  # fmt: skip
    return Measure(
        family=FAMILY, measure_id=name, value=value, n=n, n_unit=n_unit, unit=unit, unit_id=unit_id, ci_low=low,
        ci_high=high, ci_level=None if low is None else level, ci_method=None if low is None else method,
        warnings=join_warnings(words),
    )  # fmt: skip


# Shares with intervals


def cluster_share(k: Ints, n: Ints, level: float) -> tuple[float | None, float | None, float | None, str, float]:
    """Return a share of clustered trials, its interval, the method, and its variance.

    Parameters
    ----------
    k, n
        Successes and trials of each cluster, shape (G,).
    level
        Level of the interval.

    Returns
    -------
    tuple
        Share, low, high, method, variance. The interval is that of the ratio estimator, linearised, on the log odds,
        with t of G − 1 (Cochran 1977); where every or no trial succeeds it is Wilson's with one trial per cluster.
    """
    used = n > 0
    k, n, g = k[used], n[used], int(used.sum())
    if g == 0:
        return None, None, None, "cluster_logit", float("nan")
    total, share = float(n.sum()), float(k.sum() / n.sum())
    if g < 2 or share in (0.0, 1.0):
        low, high = wilson(round(share * g), g, level)
        return share, low, high, "wilson_clusters", float("nan")
    variance = g / (g - 1) * float(((k - share * n) ** 2).sum()) / total**2
    if variance == 0:  # every cluster has the same share
        low, high = wilson(round(share * g), g, level)
        return share, low, high, "wilson_clusters", variance
    reach = float(stats.t.ppf(0.5 + level / 2, g - 1)) * np.sqrt(variance) / (share * (1 - share))
    centre = np.log(share / (1 - share))
    low, high = (float(1 / (1 + np.exp(-(centre + sign * reach)))) for sign in (-1, 1))
    return share, low, high, "cluster_logit", variance


def _share_row(
    name: str,
    frame: pl.DataFrame,
    cluster: str,
    level: float,
    n_unit: str,
    unit: str = "corpus",
    unit_id: str = "corpus",
) -> tuple[Measure, float]:
    sums = frame.group_by(cluster).agg(k=pl.col("y").sum(), n=pl.len()).sort(cluster)
    share, low, high, method, variance = cluster_share(integers(sums, "k"), integers(sums, "n"), level)
    words = ["few_clusters"] if sums.height < FEW_CLUSTERS else []
    words += ["few_events"] if int(frame["y"].sum() or 0) < FEW_EVENTS else []
    return (
        _measure(name, share, frame.height, n_unit, low, high, method, level, words, unit, unit_id),
        variance,
    )


def _any_row(name: str, frame: pl.DataFrame, level: float) -> Measure:
    threads = frame.group_by("post").agg(y=(pl.col("y").sum() > 0).cast(pl.Int64))
    k, n = int(threads["y"].sum() or 0), threads.height
    low, high = wilson(k, n, level)
    words = ["independence_assumed", *(["few_events"] if k < FEW_EVENTS else [])]
    return _measure(name, k / n if n else None, n, "threads", low, high, "wilson", level, words)


# As published: post to comments, first comment to later ones


def _conditional(comments: pl.DataFrame, outcome: str, level: float) -> Iterator[Measure]:
    # Of a corpus of millions of comments a copy of all columns is a gigabyte.
    frame = comments.select(
        "post", "agent", "is_own_post", "is_ordered",
        y=mark(outcome), post_y=mark(outcome, "post_"), place=pl.int_range(1, pl.len() + 1).over("post"),
    ).with_columns(first_y=pl.col("y").first().over("post"))  # fmt: skip
    threads = frame.group_by("post").agg(
        pl.col("post_y").first(), pl.col("first_y").first(), pl.col("is_ordered").any()
    )
    for name, column in (("conflict_post_share", "post_y"), ("conflict_first_comment_share", "first_y")):
        k, n = int(threads[column].sum() or 0), threads.height
        low, high = wilson(k, n, level)
        yield _measure(name, k / n if n else None, n, "threads", low, high, "wilson", level, ["independence_assumed"])
    yield _share_row("conflict_comment_share", frame, "post", level, "comments")[0]
    later = frame.filter((pl.col("place") > 1) & pl.col("is_ordered"))
    yield from _two_by_two(frame, "post", "post_y", "", level)
    yield from _two_by_two(later, "first", "first_y", "", level)
    # Nobody catches anything from oneself: without what the author of the exposing message says further down.
    others = ~pl.col("is_own_post"), pl.col("agent") != pl.col("agent").first().over("post")
    yield from _two_by_two(frame.filter(others[0]), "post", "post_y", "_others", level)
    not_first = frame.filter(others[1]).filter((pl.col("place") > 1) & pl.col("is_ordered"))
    yield from _two_by_two(not_first, "first", "first_y", "_others", level)


def _two_by_two(sample: pl.DataFrame, word: str, column: str, suffix: str, level: float) -> Iterator[Measure]:
    pair = []
    for state, value in (("conflict", 1), ("calm", 0)):
        part = sample.filter(pl.col(column) == value)
        row, variance = _share_row(f"conflict_share_{word}_{state}{suffix}", part, "post", level, "comments")
        yield replace(row, warnings=join_warnings([*(row.warnings or "").split(","), "homophily_or_contagion"]))
        if not suffix:
            yield _any_row(f"conflict_any_{word}_{state}", part, level)
        pair.append((row.value, variance))
    yield _ratio(f"conflict_ratio_{word}{suffix}", pair, sample.height, level)


def _ratio(name: str, pair: list[tuple[float | None, float]], n: int, level: float) -> Measure:
    (exposed, v1), (calm, v0) = pair
    if not exposed or not calm:
        return _measure(name, None, n, "comments", words=["few_events"])
    value = exposed / calm
    error = float(np.sqrt(v1 / exposed**2 + v0 / calm**2))
    if not np.isfinite(error):
        return _measure(name, value, n, "comments", words=["few_clusters", "homophily_or_contagion"])
    reach = float(np.exp(stats.norm.ppf(0.5 + level / 2) * error))
    return _measure(
        name, value, n, "comments", value / reach, value * reach, "cluster_log_ratio", level, ["homophily_or_contagion"]
    )


# Emotions


def _emotions(corpus: Corpus, level: float) -> Iterator[Measure]:
    first = corpus.comments.select(
        "post", "is_ordered", "emotion", "post_emotion",
        first_emotion=pl.col("emotion").first().over("post"), place=pl.int_range(1, pl.len() + 1).over("post"),
    )  # fmt: skip
    later = first.filter((pl.col("place") > 1) & pl.col("is_ordered"))
    for emotion in EMOTIONS:
        messages = corpus.messages.select("root_id", y=mark(emotion))
        yield _share_row("emotion_share", messages, "root_id", level, "messages", "emotion", emotion)[0]
        for word, sample in (("post", first), ("first", later)):
            marked = sample.select("post", y=mark(emotion), x=mark(emotion, f"{word}_"))
            for state, value in (("same", 1), ("other", 0)):
                part = marked.filter(pl.col("x") == value)
                row, _ = _share_row(
                    f"emotion_share_{word}_{state}", part, "post", level, "comments", "emotion", emotion
                )
                yield replace(row, warnings=join_warnings([*(row.warnings or "").split(","), "homophily_or_contagion"]))


# Response rates (Coppolillo, Luceri and Ferrara 2026)


def _responses(comments: pl.DataFrame, sampling: Sampling) -> Iterator[Measure]:
    level = sampling.level
    is_other = (pl.col("agent_id") != pl.col("parent_agent_id")).fill_null(True)
    is_answer = pl.col("parent_conflict").is_not_null() & is_other & pl.col("agent_id").is_not_null()
    columns = ("agent", "is_ordered", "created_at", "step", "message_id")
    frame = comments.select(*columns, is_answer=is_answer, y=mark(CONFLICT), x="parent_conflict").filter("is_answer")
    for name, value in (("influence_driven_response_rate", 1), ("spontaneous_response_rate", 0)):
        row, _ = _share_row(name, frame.filter(pl.col("x") == value), "agent", level, "responses")
        yield replace(row, warnings=join_warnings([*(row.warnings or "").split(","), "definition_inferred"]))
    yield _trade_off(frame, sampling)
    timed = frame.filter("is_ordered").sort("agent", "created_at", "step", "message_id", nulls_last=True)
    # The stimulus that is answered now is not counted: it is the other measure.
    met = (pl.col("x").cum_sum().over("agent") - pl.col("x")).clip(upper_bound=EXPOSURES[-1][0])
    counted = timed.with_columns(met=met)
    for number, label in EXPOSURES:
        part = counted.filter(pl.col("met") == number)
        yield _share_row("conflict_response_by_exposure", part, "agent", level, "responses", "stimuli_before", label)[0]


def _trade_off(frame: pl.DataFrame, sampling: Sampling) -> Measure:
    by_agent = (
        frame.group_by("agent")
        .agg(
            n1=(pl.col("x") == 1).sum(), n0=(pl.col("x") == 0).sum(),
            k1=pl.col("y").filter(pl.col("x") == 1).sum(), k0=pl.col("y").filter(pl.col("x") == 0).sum(),
        )
        .filter((pl.col("n1") >= LEAST_RESPONSES) & (pl.col("n0") >= LEAST_RESPONSES))
        .sort("agent")
    )  # fmt: skip
    name, words = "response_rate_correlation", ["definition_inferred"]
    induced = (by_agent["k1"] / by_agent["n1"]).to_numpy()
    spontaneous = (by_agent["k0"] / by_agent["n0"]).to_numpy()
    if by_agent.height < FEWEST_AGENTS or np.ptp(induced) == 0 or np.ptp(spontaneous) == 0:
        return _measure(name, None, by_agent.height, "agents", words=[*words, "few_agents"])
    value = float(stats.spearmanr(induced, spontaneous).statistic)
    rng = stream(sampling.seed, name)
    drawn = rng.integers(0, by_agent.height, (sampling.bootstrap_draws, by_agent.height))
    draws = np.array([_spearman(induced[i], spontaneous[i]) for i in drawn])
    tail = (1 - sampling.level) / 2
    low, high = np.nanquantile(draws, [tail, 1 - tail])
    return _measure(
        name, value, by_agent.height, "agents", float(low), float(high), "bootstrap_agents", sampling.level, words
    )


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    ranks = stats.rankdata(a), stats.rankdata(b)
    if np.ptp(ranks[0]) == 0 or np.ptp(ranks[1]) == 0:
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


# Herding: the label of a comment given those just before it


def _herding(comments: pl.DataFrame, sampling: Sampling) -> Iterator[Measure]:
    is_counted = pl.col("is_ordered") & pl.col("is_first_of_author")
    frame = comments.select("post", is_counted=is_counted, y=mark(CONFLICT)).filter("is_counted")
    seen, n = herding_shares(integers(frame, "y"), integers(frame, "post"))
    label, thread = integers(frame, "y"), integers(frame, "post")
    # Shuffled within runs: where conflict grows or fades along a thread, neighbours are alike without any herding.
    run = blocks(thread, RUN)
    rng = stream(sampling.seed, "herding_conflict_share")
    draws = np.full((sampling.null_draws, 3), np.nan)
    # Threads without conflict are the same in any order; their rows count as calm after calm.
    hot = np.isin(thread, np.unique(thread[label > 0]))
    rest_seen, rest_n = herding_counts(label[~hot], thread[~hot])
    for i in range(sampling.null_draws):
        order = np.argsort(run[hot] + rng.random(int(hot.sum())), kind="stable")
        k, m = herding_counts(label[hot][order], thread[hot])
        draws[i] = np.divide(k + rest_seen, m + rest_n, out=np.full(3, np.nan), where=(m + rest_n) > 0)
    for before in range(3):
        drawn = draws[np.isfinite(draws[:, before]), before]
        value = None if np.isnan(seen[before]) else float(seen[before])
        row = _measure(
            "herding_conflict_share", value, int(n[before]), "comments", unit="conflicts_before", unit_id=str(before),
            words=["few_events"] if n[before] * (value or 0) < FEW_EVENTS else [],
        )  # fmt: skip
        if value is not None and drawn.size > 1:
            far = int((np.abs(drawn - drawn.mean()) >= abs(value - drawn.mean()) - 1e-12).sum())
            row = replace(
                row, null_model="order_in_runs", null_mean=float(drawn.mean()), null_sd=float(drawn.std(ddof=1)),
                p_value=(1 + far) / (drawn.size + 1),
            )  # fmt: skip
        yield row


def herding_counts(label: Ints, thread: Ints) -> tuple[Ints, Ints]:
    """Count comments, and those with the label, by how many of the two comments before them have it.

    Parameters
    ----------
    label, thread
        Shape (n,): 0 or 1, and sorted codes of threads.

    Returns
    -------
    tuple of arrays
        Labelled comments and comments with 0, 1 and 2 labels before them, each of shape (3,). The first two comments of
        a thread are left out.
    """
    if label.size < 3:
        return np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    has_two = thread[2:] == thread[:-2]
    before, now = (label[1:-1] + label[:-2])[has_two], label[2:][has_two]
    n = np.bincount(before, minlength=3).astype(np.int64)
    k = np.bincount(before, weights=now, minlength=3).astype(np.int64)
    return k, n


def herding_shares(label: Ints, thread: Ints) -> tuple[np.ndarray, Ints]:
    """Return the share of labelled comments by the labels of the two before (not-a-number where none), and their n."""
    k, n = herding_counts(label, thread)
    return np.divide(k, n, out=np.full(3, np.nan), where=n > 0), n
