"""Whether agents take up rare terms of those who answer them: rows of ``analysis.measure``, an analogue.

What belongs here: the shares, their nulls and intervals. MindForge (arXiv 2411.12977, METHODS 6 row 10) has experts
teach novices in Minecraft; a corpus shows only that an agent first uses a rare term soon after a reply of somebody who
had used it before. Who answers is no accident, and thread and day bring words of their own: two nulls keep what each
can. One deals the replies out anew among those who were answered in the same community on the same day (at the same
step); the other deals the replies of each answered agent in a community out anew among their times.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import duckdb
import numpy as np

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.schema import Measure
from pipeline.transfer.order import FAMILY, Order, null_rows
from pipeline.transfer.terms import Pairs, Replies, Terms, dealt, dealt_times, hits, reachable

SHARE, EXCESS, IN_REPLY = "term_transfer_share", "term_transfer_excess", "term_transfer_reply_share"
SHARE_NEXT, EXCESS_NEXT = "term_transfer_share_messages", "term_transfer_excess_messages"
BY_HOURS, BY_MESSAGES = (SHARE, EXCESS, IN_REPLY), (SHARE_NEXT, EXCESS_NEXT)
DEALT, TIMES = "replies_dealt_within_community_and_day", "reply_times_dealt_within_author_and_community"
MIN_USES, MIN_AUTHORS = 20, 10
LEAST_HITS = 10
"""First uses after a reply of a user, below which the excess has no interval: a few hits are no normal sum."""

Deal = Callable[[Replies, np.random.Generator], IntArray]
NULLS: tuple[tuple[str, Deal], ...] = ((DEALT, dealt), (TIMES, dealt_times))


def transfer_measures(
    con: duckdb.DuckDBPyConnection, order: Order, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute shares of second-hand first uses of rare terms that follow a reply of somebody who used the term.

    Parameters
    ----------
    con
        Connection with view ``agent`` and the temporary tables of `order`.
    order
        What orders the messages.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        ``term_transfer_share`` (24 hours) beside both nulls; ``term_transfer_excess``, the share less its mean where
        replies are dealt out anew, answered agents drawn with replacement; ``term_transfer_reply_share``, where the
        reply itself holds the term; ``term_transfer_share_messages`` and ``term_transfer_excess_messages`` for
        replies since the fifth last message. n counts first uses of authors who were answered in the window.
    """
    if order.unit is None:
        return null_rows((*BY_HOURS, *BY_MESSAGES), "uses", sampling, [*words, str(order.refusal)])
    terms = Terms(con, sampling.seed)
    rows, asked = [], []
    for names, by_hours in ((BY_HOURS, True), (BY_MESSAGES, False)):
        if by_hours and not order.is_timed:
            rows += null_rows(names, "uses", sampling, [*words, str(order.refusal)])
            continue
        pairs = terms.pairs(by_hours=by_hours)
        said = [*words, *(["units_sampled"] if pairs.is_sampled else [])]
        if few := _few(pairs):
            rows += [row(FAMILY, name, None, len(pairs.author), "uses", level=sampling.level, warnings=[*said, few])
                     for name in names]  # fmt: skip
            continue
        asked.append(Question(names[0], names[1], pairs, False, said))
        asked += [Question(IN_REPLY, None, pairs, True, said)] if by_hours else []
    return rows + _answered(asked, terms, sampling)


@dataclass(frozen=True, slots=True)
class Question:
    """A share, and the name of its excess where there is one: of what uses, and whether the reply is asked."""

    share: str
    excess: str | None
    pairs: Pairs
    in_reply: bool
    words: list[str]


def _few(pairs: Pairs) -> str | None:
    if len(pairs.author) < MIN_USES:
        return "few_events"
    return "few_agents" if len(np.unique(pairs.author)) < MIN_AUTHORS else None


def _answered(asked: list[Question], terms: Terms, sampling: Sampling) -> list[Measure]:
    """Return the rows of the questions; all of them are asked of the same dealings, which are the dearest part."""
    plain = np.arange(len(terms.replies.at))
    observed = [hits(q.pairs, terms.replies, plain, terms, in_reply=q.in_reply) for q in asked]
    size = len(plain) + max((len(q.pairs.use) for q in asked), default=0)
    rows, n_draws = [], affordable(sampling.null_draws, size)
    for model, deal in NULLS:
        rng = stream(sampling.seed, f"{SHARE}/{model}")
        concerned = [i for i, q in enumerate(asked) if model == DEALT or not q.in_reply]
        group = terms.replies.cell if model == DEALT else terms.replies.author_in_community
        within = {i: reachable(asked[i].pairs, terms, group, in_reply=asked[i].in_reply) for i in concerned}
        total, shares = [np.zeros(len(q.pairs.author)) for q in asked], np.zeros((n_draws, len(asked)))
        for draw in range(n_draws if concerned else 0):
            came = deal(terms.replies, rng)
            for i in concerned:
                found = hits(within[i], terms.replies, came, terms, in_reply=asked[i].in_reply)
                total[i] += found
                shares[draw, i] = found.mean()
        for i in concerned:
            q, value = asked[i], float(observed[i].mean())
            rows.append(row(FAMILY, q.share, value, len(observed[i]), "uses", level=sampling.level,
                            null=against(model, value, shares[:, i]), warnings=q.words))  # fmt: skip
            if q.excess and model == DEALT:
                rows.append(_excess(q.excess, observed[i], total[i] / n_draws, q.pairs, sampling, q.words))
    return rows


def _excess(
    name: str, observed: FloatArray, expected: FloatArray, pairs: Pairs, sampling: Sampling, words: list[str]
) -> Measure:
    over = observed - expected
    author = np.unique(pairs.author, return_inverse=True)[1]
    totals = np.column_stack([np.bincount(author, weights=over), np.bincount(author)]).astype(np.float64)
    few = [] if len(totals) >= FEWEST_BOOTSTRAP_UNITS else ["few_agents"]
    few += [] if observed.sum() >= LEAST_HITS else ["few_events"]
    interval = NO_INTERVAL
    if not few:
        interval = cluster_bootstrap(
            totals, _ratio, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, name), level=sampling.level,
            method="cluster_bootstrap_agents",
        )  # fmt: skip
    return row(
        FAMILY, name, float(over.mean()), len(over), "uses", level=sampling.level, interval=interval,
        warnings=[*words, *few],
    )  # fmt: skip


def _ratio(sums: FloatArray) -> FloatArray:
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)
