"""Support: posts in distress, who comforts, and how the author comes back (METHODS 6 row 3, analogue).

What belongs here: a post is in distress when it has more entries of sadness and fear than of joy and affection (card
``emotion``); a reply is supportive when it has an entry of card ``support``; the uplift is the valence of the author's
next message after the first reply less that of the post. In CharacterChat (arXiv 2308.10278) a seeker and a supporter
talk; here posts are chosen for being low, so that what comes next is higher without any cause: regression to the mean.
Three rows beside the uplift show how much: that of posts in distress whose replies comfort nobody, that of support
dealt anew among such posts, and the rise backward, to the author's message before the post, which no reply has lifted.
"""

from __future__ import annotations

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import Null, stream
from pipeline.activity.row import Sampling
from pipeline.conversation.repair import dealt_mean
from pipeline.conversation.rows import Contrast, Question, codes, ints, share_row
from pipeline.conversation.turns import REPLY, SAID, TURN, Turns
from pipeline.conversation.within import Strata, dealer, difference, informative
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import Floats, Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

STEPS_OF_VALENCE = 5
"""Classes of the valence of the post, of equal width from −1 to 1, that posts are compared within."""

_REPLIES = f"""
SELECT r.id, r.parent AS post, r.author, r.partner, CAST(FLOOR(LOG2(r.n_tokens + 1)) AS BIGINT) AS length,
       CAST(s.is_supportive AS BIGINT) AS is_supportive, CAST(p.is_distress AS BIGINT) AS is_distress
FROM {REPLY} AS r JOIN {SAID} AS s ON s.id = r.id JOIN {SAID} AS p ON p.id = r.parent
WHERE r.is_to_post ORDER BY r.id
"""


def _returns(who: str) -> str:
    """Return the statement of posts in distress with the next message of their author; `who` says next of what."""
    keys = who.split(", ")
    same = " AND ".join(f"b.{key} = d.{key}" for key in keys)
    return f"""
WITH drawn AS (
    SELECT p.id, p.author, p.thread, MIN(r.moment) AS moment
    FROM {TURN} AS p JOIN {SAID} AS s ON s.id = p.id JOIN {REPLY} AS r ON r.parent = p.id AND r.moment >= p.moment
    WHERE s.is_distress AND p.kind = 'post' GROUP BY p.id, p.author, p.thread
),
own AS (
    SELECT t.id, t.author, t.thread, t.moment, LAG(t.id) OVER (PARTITION BY t.author ORDER BY t.moment, t.id) AS before
    FROM {TURN} AS t WHERE t.moment IS NOT NULL AND t.author IN (SELECT author FROM drawn)
),
event AS (
    SELECT id, author, thread, moment, 0 AS is_own FROM drawn
    UNION ALL SELECT id, author, thread, moment, 1 FROM own
),
seen AS (
    SELECT *, MIN(CASE WHEN is_own = 1 THEN moment END) OVER (
               PARTITION BY {who} ORDER BY moment, is_own DESC, id ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
           ) AS next_moment
    FROM event
),
back AS (SELECT {who}, moment, MIN(id) AS id FROM event WHERE is_own = 1 GROUP BY {who}, moment)
SELECT d.id, d.author, f.valence AS first, MAX(n.valence) AS back, MAX(q.valence) AS before, count(*) AS replies,
       MAX(CAST(w.is_supportive AS BIGINT)) AS is_supported
FROM seen AS d JOIN back AS b ON {same} AND b.moment = d.next_moment
JOIN {REPLY} AS r ON r.parent = d.id AND r.moment >= d.moment AND r.moment < d.next_moment
JOIN {SAID} AS w ON w.id = r.id JOIN {SAID} AS f ON f.id = d.id JOIN {SAID} AS n ON n.id = b.id
JOIN own AS o ON o.id = d.id LEFT JOIN {SAID} AS q ON q.id = o.before
WHERE d.is_own = 0
GROUP BY d.id, d.author, f.valence ORDER BY d.id
"""


DRAWS = Question(
    "distress_draws_support", "share of supportive replies among those to posts in distress less that among those to "
    "other posts, within repliers and classes of length (association)", "supportive reply", "1[post in distress]",
    "replier x class of length", "author of the post",
)  # fmt: skip
UPLIFT = Question(
    "support_lifts_valence", "valence of the author's next message less that of its post in distress, after supportive "
    "replies less after other replies to posts of about the same valence and number of replies (association)",
    "change of valence", "1[supportive reply]", "class of valence x class of replies", "author",
)  # fmt: skip


def support_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute how often posts are in distress, draw support, and how the valence of their authors changes.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` of one corpus.
    turns, clock
        What there is, and the window of the corpus.
    sampling
        Seed, draws and level.
    n_draws
        Dealings of the permutations of the estimates.

    Returns
    -------
    tuple of list
        Measures ``distress_post_share``, ``distress_supported_share`` (null: support dealt anew among replies of a
        class of length), ``undistressed_supported_share``, ``support_uplift`` (null: support dealt anew among alike
        posts), ``unsupported_uplift`` and ``support_uplift_backward``; estimates of `DRAWS` and `UPLIFT`, the latter
        with the next message anywhere and in the thread, and with the message before as a further placebo.
    """
    posts = con.sql(
        f"SELECT t.author, CAST(s.is_distress AS BIGINT) AS is_distress FROM {TURN} AS t "
        f"JOIN {SAID} AS s ON s.id = t.id WHERE t.kind = 'post' ORDER BY t.id"
    ).pl()
    measures = [share_row("distress_post_share", ints(posts, "is_distress"), ints(posts, "author"), "posts", sampling,
                          few="few_posts")]  # fmt: skip
    replies = con.sql(_REPLIES).pl()
    measures += _drawn(replies, sampling)
    supportive, distress, author = (ints(replies, name) for name in ("is_supportive", "is_distress", "partner"))
    stratum = codes(replies, "author", "length")
    first = Contrast(DRAWS, informative(supportive.astype(np.float64), distress, stratum, author))
    estimates = list(first(sampling, clock, n_draws))
    words = ("regression_to_the_mean", *turns.words_of_order)
    frame = _alike(con.sql(_returns("author")).pl())
    measures += _uplift(frame, sampling, words)
    estimates += Contrast(UPLIFT, _strata(frame, "back"), words=words)(sampling, clock, n_draws)
    known = frame.filter(pl.col("before").is_not_null())
    backward = difference(_strata(known, "before"), sampling.level)
    estimates.append(UPLIFT.estimate(
        "placebo", "within_strata", backward, sampling, clock, variant="message_before", words=words,
        placebo="the message before the post in place of the next one",
    ))  # fmt: skip
    within = _alike(con.sql(_returns("author, thread")).pl())
    estimates += Contrast(UPLIFT, _strata(within, "back"), "in_the_thread", words)(sampling, clock, n_draws)
    return measures, estimates


def _alike(frame: pl.DataFrame) -> pl.DataFrame:
    width = 2 / STEPS_OF_VALENCE
    return frame.with_columns(
        step=((pl.col("first") + 1) / width).floor().cast(pl.Int64).clip(0, STEPS_OF_VALENCE - 1),
        level=pl.col("replies").log(2).floor().cast(pl.Int64),
    )


def _floats(frame: pl.DataFrame, name: str) -> Floats:
    return frame[name].cast(pl.Float64).to_numpy()


def _strata(frame: pl.DataFrame, outcome: str) -> Strata:
    change = _floats(frame, outcome) - _floats(frame, "first")
    return informative(change, ints(frame, "is_supported"), codes(frame, "step", "level"), ints(frame, "author"))


def _drawn(replies: pl.DataFrame, sampling: Sampling) -> list[Measure]:
    """Return the shares of posts, in distress and not, with a supportive reply."""
    support, distress, length = (ints(replies, name) for name in ("is_supportive", "is_distress", "length"))
    post, number = np.unique(ints(replies, "post"), return_index=True)[0], codes(replies, "post")
    first = np.unique(number, return_index=True)[1]
    author, low = ints(replies, "partner")[first], distress[first] == 1

    def comforted(label: Ints) -> Ints:
        return (np.bincount(number, weights=label, minlength=post.size) > 0).astype(np.int64)

    found, null = comforted(support), None
    if low.any() and support.any():
        rng, deal = stream(sampling.seed, "conversation/distress"), dealer(length)
        draws = affordable(sampling.null_draws, 4 * support.size)
        drawn = np.array([comforted(deal(support, rng))[low].mean() for _ in range(draws)])
        null = against("support_dealt_in_length", float(found[low].mean()), drawn)
    return [
        share_row("distress_supported_share", found[low], author[low], "posts", sampling, few="few_posts", null=null,
                  words=["conditional_on_replies"]),
        share_row("undistressed_supported_share", found[~low], author[~low], "posts", sampling, few="few_posts",
                  words=["conditional_on_replies"]),
    ]  # fmt: skip


def _uplift(frame: pl.DataFrame, sampling: Sampling, words: tuple[str, ...]) -> list[Measure]:
    supported, author, stratum = ints(frame, "is_supported"), ints(frame, "author"), codes(frame, "step", "level")
    change = _floats(frame, "back") - _floats(frame, "first")
    null: Null | None = dealt_mean("support_dealt_in_alike_posts", change, supported, stratum, sampling)
    some = frame.filter(pl.col("before").is_not_null() & (pl.col("is_supported") == 1))
    rise = _floats(some, "before") - _floats(some, "first")
    kinds = (
        ("support_uplift", change[supported == 1], author[supported == 1], null),
        ("unsupported_uplift", change[supported == 0], author[supported == 0], None),
        ("support_uplift_backward", rise, ints(some, "author"), None),
    )
    return [
        share_row(name, value, cluster, "posts", sampling, few="few_posts", words=words, null=beside, is_share=False)
        for name, value, cluster, beside in kinds
    ]
