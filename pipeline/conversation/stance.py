"""Whether a reply that takes up the profile of its reader moves the reader's stance (METHODS 6 row 12, analogue).

What belongs here: exchanges in which A says something to B, B answers it, and A later says something to B again in the
same thread. The stance of a message toward whom it answers is the sign of its expressions of agreement less those of
disagreement and correction: −1, 0 or 1. B's answer is personalised when it holds a word of A's description of itself
that few answers hold. In arXiv 2403.14380 partners and personal data are dealt out to people; here both are chosen, and
a topic that both share looks like personalisation: association.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, Interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.conversation.ordinal import OrdinalFit, fit_ordinal
from pipeline.conversation.rows import MOST_DRAWS, Question, ints, share_row
from pipeline.conversation.turns import FAMILY, REPLY, TURN, Turns
from pipeline.conversation.within import LEAST_CLUSTERS, LEAST_LABELLED, against_draws, dealer, dealt
from pipeline.inference.result import FEW_CLUSTERS, Fit, Floats, Ints, wald
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

MOST_EXCHANGES = 20_000
"""Exchanges, chosen by hash."""
MOST_COMMON = 0.05
"""Words in more than this share of the answers personalise none."""
LONGEST = 20_000
"""Characters of a text or a description that are searched."""
_WORD = r"\p{L}{4,}"

_EXCHANGE = f"""
WITH answer AS (
    SELECT b.id, b.thread, b.partner AS author, b.author AS other, b.moment, b.n_tokens, b.parent, a.stance AS before
    FROM {REPLY} AS b JOIN {REPLY} AS a ON a.id = b.parent AND a.partner = b.author
    WHERE b.moment IS NOT NULL
),
event AS (
    SELECT author, other, thread, moment, 0 AS is_own, id, 0 AS stance FROM answer
    UNION ALL
    SELECT author, partner, thread, moment, 1, id, stance FROM {REPLY} WHERE moment IS NOT NULL
),
seen AS (
    SELECT *, MIN(CASE WHEN is_own = 1 THEN moment END) OVER (
               PARTITION BY author, other, thread ORDER BY moment, is_own DESC, id
               ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING
           ) AS next_moment
    FROM event
),
own AS (
    SELECT author, other, thread, moment, MIN(id) AS id FROM event WHERE is_own = 1
    GROUP BY author, other, thread, moment
)
SELECT w.id, w.thread, w.author, w.other, g.agent_id, u.text_hash, g.text_hash AS said, w.n_tokens, w.before,
       e.stance AS after
FROM seen AS s
JOIN own AS o ON o.author = s.author AND o.other = s.other AND o.thread = s.thread AND o.moment = s.next_moment
JOIN {REPLY} AS e ON e.id = o.id
JOIN answer AS w ON w.id = s.id
JOIN {TURN} AS u ON u.id = w.id
JOIN {TURN} AS g ON g.id = w.parent
WHERE s.is_own = 0
ORDER BY sha256($salt || u.message_id), w.id LIMIT $most
"""
_PERSONALISED = f"""
WITH word AS (
    SELECT DISTINCT e.id, unnest(regexp_extract_all(lower(left(t.text, {LONGEST})), '{_WORD}')) AS term
    FROM conversation_exchange AS e JOIN text AS t ON t.text_hash = e.text_hash
),
echo AS (
    SELECT DISTINCT e.id, unnest(regexp_extract_all(lower(left(t.text, {LONGEST})), '{_WORD}')) AS term
    FROM conversation_exchange AS e JOIN text AS t ON t.text_hash = e.said
),
common AS (
    SELECT term FROM word GROUP BY term
    HAVING count(*) > $common * (SELECT count(*) FROM conversation_exchange) AND count(*) > 1
),
described AS (SELECT DISTINCT agent_id FROM conversation_exchange),
profile AS (
    SELECT DISTINCT d.agent_id, unnest(regexp_extract_all(lower(left(g.persona, {LONGEST})), '{_WORD}')) AS term
    FROM described AS d JOIN agent AS g ON g.agent_id = d.agent_id
),
rare AS (
    SELECT p.agent_id, p.term FROM profile AS p LEFT JOIN common AS c ON c.term = p.term WHERE c.term IS NULL
),
owned AS (SELECT agent_id, count(*) AS terms FROM rare GROUP BY agent_id),
hit AS (
    SELECT w.id, MAX(CASE WHEN o.id IS NULL THEN 1 ELSE 0 END) AS is_new
    FROM word AS w JOIN conversation_exchange AS e ON e.id = w.id
    JOIN rare AS r ON r.agent_id = e.agent_id AND r.term = w.term
    LEFT JOIN echo AS o ON o.id = w.id AND o.term = w.term
    GROUP BY w.id
)
SELECT e.thread, e.author, e.other, e.n_tokens, e.before, e.after,
       CASE WHEN h.id IS NULL THEN 0 ELSE 1 END AS is_personal, COALESCE(h.is_new, 0) AS is_new
FROM conversation_exchange AS e JOIN owned AS d ON d.agent_id = e.agent_id LEFT JOIN hit AS h ON h.id = e.id
ORDER BY e.id
"""

STANCE = Question(
    "personal_reply_moves_stance", "log odds of a higher change of stance toward the partner after an answer that "
    "holds words of the author's profile, less after other answers (association)", "change of stance",
    "1[personalised]", "", "author",
)  # fmt: skip
_CONTROLLED = "change of stance ~ 1[personalised] + stance before + log(1 + tokens of the answer)"


def stance_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute how often answers are personalised, how stances change, and the association of both.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` and the views ``agent`` and ``text`` of one corpus.
    turns, clock
        What there is, and the window of the corpus.
    sampling
        Seed, draws and level.
    n_draws
        Dealings of the permutation.

    Returns
    -------
    tuple of list
        Measures ``stance_exchange_change``, ``stance_personal_share`` and ``stance_personal_odds_ratio``; estimates of
        hypothesis `STANCE`: with controls, without them, for words that the author has not just used, with
        personalisation dealt anew among the answers of each partner, and a placebo of one such dealing.
    """
    frame, words = _read(con, sampling.seed), [*turns.words_of_order]
    if turns.refusal_of_order is None and not frame.height:
        has_exchanges = con.sql("SELECT count(*) FROM conversation_exchange").fetchall()[0][0]
        words += ["no_descriptions"] if has_exchanges else ["few_replies"]
    con.execute("DROP TABLE conversation_exchange")
    shift, author = ints(frame, "after") - ints(frame, "before"), ints(frame, "author")
    measures = [
        share_row("stance_exchange_change", shift, author, "exchanges", sampling, words=words, is_share=False),
        share_row("stance_personal_share", ints(frame, "is_personal"), author, "exchanges", sampling, words=words),
    ]
    estimates = list(_estimates(frame, clock, sampling, min(n_draws, MOST_DRAWS), words))
    return [*measures, _odds_ratio(estimates[0], sampling)], estimates


def _read(con: duckdb.DuckDBPyConnection, seed: int) -> pl.DataFrame:
    chosen = con.sql(_EXCHANGE, params={"salt": f"{seed}:exchange:", "most": MOST_EXCHANGES}).pl()
    con.register("chosen_exchange", chosen.to_arrow())
    con.execute("CREATE OR REPLACE TEMP TABLE conversation_exchange AS SELECT * FROM chosen_exchange")
    con.unregister("chosen_exchange")
    found: pl.DataFrame = con.sql(_PERSONALISED, params={"common": MOST_COMMON}).pl()
    return found


def _odds_ratio(primary: Estimate, sampling: Sampling) -> Measure:
    value, interval = None, NO_INTERVAL
    if primary.estimate is not None and primary.conf_low is not None and primary.conf_high is not None:
        value = float(np.exp(primary.estimate))
        interval = Interval(float(np.exp(primary.conf_low)), float(np.exp(primary.conf_high)), "cluster_sandwich")
    return row(
        FAMILY, "stance_personal_odds_ratio", value, primary.n_obs or 0,
        "exchanges", level=sampling.level, interval=interval, warnings=(primary.warnings or "").split(","),
    )  # fmt: skip


def _estimates(
    frame: pl.DataFrame, clock: Clock, sampling: Sampling, n_draws: int, words: list[str]
) -> Iterator[Estimate]:
    level, rng = sampling.level, stream(sampling.seed, f"{FAMILY}/{STANCE.hypothesis_id}")
    shift, author, partner = (ints(frame, "after") - ints(frame, "before"), ints(frame, "author"), ints(frame, "other"))
    controls = np.column_stack([ints(frame, "before").astype(np.float64), np.log1p(ints(frame, "n_tokens"))])
    personal, new = ints(frame, "is_personal"), ints(frame, "is_new")
    bare = controls[:, :0]
    for role, variant, label, beside in (
        ("primary", "", personal, controls),
        ("robustness", "without_controls", personal, bare),
        ("robustness", "words_not_echoed", new, controls),
        ("placebo", "", dealt(personal, partner, rng) if personal.size else personal, controls),
    ):
        fit = shift_fit(shift, label, beside, author, level)
        model = _CONTROLLED if beside.shape[1] else "change of stance ~ 1[personalised]"
        yield STANCE.estimate(
            role, "ordinal_logit", fit, sampling, clock, variant=variant, model=model, words=words,
            placebo="labels dealt anew once among the answers of each partner",
        )  # fmt: skip
    for variant, label in (("", personal), ("words_not_echoed", new)):
        fit = _dealt_fit(shift, label, controls, author, partner, level, n_draws, rng)
        yield STANCE.estimate(
            "robustness", "labels_permuted", fit, sampling, clock, variant=variant,
            model=f"{_CONTROLLED}, dealt anew within partners", words=words,
        )  # fmt: skip


def _dealt_fit(
    shift: Ints, label: Ints, controls: Floats, author: Ints, partner: Ints, level: float, n_draws: int,
    rng: np.random.Generator,
) -> Fit:  # fmt: skip
    """Fit the ordinal logit beside labels dealt anew within partners."""
    base = shift_fit(shift, label, controls, author, level)
    if base.estimate is None:
        return base
    deal = dealer(partner)
    null = np.full(n_draws, np.nan)
    for i in range(n_draws):
        fit, error = _fitted(shift, deal(label, rng), controls, author)
        if not _why_not(fit, error):
            null[i] = fit.beta[0]
    counts = Fit(n_obs=base.n_obs, n_events=base.n_events, n_clusters=int(np.unique(partner).size))
    return against_draws(base.estimate, null, level, counts)


def shift_fit(shift: Ints, label: Ints, controls: Floats, cluster: Ints, level: float) -> Fit:
    """Fit the ordinal logit of a change of stance on a label and controls.

    Parameters
    ----------
    shift
        Whole numbers, shape (n,); levels that do not occur are left out.
    label
        0 or 1, shape (n,).
    controls
        Shape (n, q); those that do not vary are left out.
    cluster
        Codes, shape (n,).
    level
        Level of the interval.

    Returns
    -------
    Fit
        Log odds of the label; null with a warning where the label is too rare, the shift stands still, or the label
        predicts it perfectly.
    """
    base = Fit(n_obs=shift.size, n_events=int(label.sum()), n_clusters=int(np.unique(cluster).size))
    if min(int(label.sum()), int((label == 0).sum())) < LEAST_LABELLED:
        return replace(base, warnings=("few_events",))
    values, y = np.unique(shift, return_inverse=True)
    if values.size < 2:
        return replace(base, warnings=("no_variation",))
    if (base.n_clusters or 0) < LEAST_CLUSTERS:
        return replace(base, warnings=("few_clusters",))
    fit, error = _fitted(shift, label, controls, cluster)
    if reason := _why_not(fit, error):
        return replace(base, converged=fit.converged, warnings=reason)
    test = wald(float(fit.beta[0]), error, level, fit.n_clusters - 1)
    few = ("few_clusters",) if fit.n_clusters < FEW_CLUSTERS else ()
    moved = int((shift != np.bincount(y).argmax() + values[0]).sum()) if values.size else 0
    return replace(
        base, estimate=float(fit.beta[0]), std_error=error, statistic=test.statistic, df=float(fit.n_clusters - 1),
        p_value=test.p_value, conf_low=test.low, conf_high=test.high, converged=True,
        warnings=(*few, *(("few_events",) if moved < LEAST_LABELLED else ())),
    )  # fmt: skip


def _fitted(shift: Ints, label: Ints, controls: Floats, cluster: Ints) -> tuple[OrdinalFit, float]:
    """Return the ordinal logit and the standard error of the label."""
    y = np.unique(shift, return_inverse=True)[1].astype(np.int64)
    varying = controls[:, np.ptp(controls, axis=0) > 0]
    x = np.column_stack([label.astype(np.float64), varying - varying.mean(axis=0)])
    fit = fit_ordinal(x, y, cluster)
    return fit, float(np.sqrt(max(fit.covariance[0, 0], 0.0)))


def _why_not(fit: OrdinalFit, error: float) -> tuple[str, ...]:
    """Return why a fit gives no number; empty where it does."""
    if fit.converged and not fit.is_separated and np.isfinite(error) and error > 0:
        return ()
    return ("separation",) if fit.is_separated else ("not_converged",)
