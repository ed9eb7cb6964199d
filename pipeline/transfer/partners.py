"""Lexical alignment with partners that are met for the first time and with those that are met again: an analogue.

What belongs here: rows of ``analysis.measure``. Agents of referential games are trained to be understood by partners
that they have not met (arXiv 2110.14241, METHODS 6 row 31). The corpus analogue asks whether an answer repeats as many
of the words of what it answers when its author and the other have never answered one another before. Words that both
would use anyway are taken away: the same answer is set against messages that others of the community answered on the
same day (at the same step), of the same kind.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.schema import Measure
from pipeline.transfer.order import FAMILY, MESSAGES, WORDS, Order, null_rows

ALIGNMENT, BY_PARTNER = "partner_alignment", "partner_alignment_corrected"
GENERALITY, DIFFERENCE = "partner_generality", "partner_alignment_difference"
NAMES = (ALIGNMENT, BY_PARTNER, GENERALITY, DIFFERENCE)
SHUFFLED, LABELS = "partners_dealt_within_community_and_day", "labels_permuted_within_agent_and_kind"
MOST_REPLIES, MOST_PER_AGENT = 30_000, 40
"""Answers that are read, and of one author; authors come in the order of hashes."""
DEALINGS = 19
"""Dealings of partners: each needs the words of as many messages again."""
MIN_REPLIES = 20
"""Answers to first-time partners, and to partners met again, that the comparison needs."""

_ANSWERS = f"""
WITH answer AS (
    SELECT c.message_id, c.agent, c.agent_code, c.text_id, p.text_id AS partner_text, c.cell,
           p.agent_code AS partner_code,
           CASE WHEN p.kind = 'comment' THEN 1 ELSE 0 END AS partner_kind,
           row_number() OVER (
               PARTITION BY least(c.agent_code, p.agent_code), greatest(c.agent_code, p.agent_code)
               ORDER BY c.moment, c.message_id
           ) = 1 AS is_first
    FROM {MESSAGES} AS c
    JOIN {MESSAGES} AS p ON p.message_id = c.parent_id AND p.run_id = c.run_id
    WHERE p.agent_code <> c.agent_code AND p.moment <= c.moment
),
chosen AS (
    SELECT *, count(*) OVER () AS n,
           row_number() OVER (PARTITION BY agent_code ORDER BY sha256($salt || message_id), message_id) AS i
    FROM answer
    WHERE text_id <> partner_text AND partner_text IN (SELECT text_id FROM {WORDS})
)
SELECT agent_code, partner_code, text_id, partner_text, cell, partner_kind, is_first, n
FROM chosen WHERE i <= $most ORDER BY sha256($salt || agent), agent_code, i LIMIT $all
"""
_OVERLAP = f"""
WITH asked AS (SELECT DISTINCT text_id, partner_text FROM transfer_pair),
common AS (
    SELECT a.text_id, a.partner_text, count(*) AS n
    FROM asked AS a JOIN {WORDS} AS x ON x.text_id = a.text_id
    JOIN {WORDS} AS y ON y.text_id = a.partner_text AND y.word = x.word
    GROUP BY a.text_id, a.partner_text
),
size AS (
    SELECT text_id, count(*) AS n FROM {WORDS} WHERE text_id IN (SELECT partner_text FROM asked) GROUP BY text_id
)
SELECT p.place, CAST(coalesce(c.n, 0) AS DOUBLE) / s.n AS share
FROM transfer_pair AS p JOIN size AS s ON s.text_id = p.partner_text
LEFT JOIN common AS c ON c.text_id = p.text_id AND c.partner_text = p.partner_text
ORDER BY p.place
"""


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers to others, author after author, shape (answers,) each.

    Attributes
    ----------
    agent, stratum
        Codes of the author, and of the author with the kind of what is answered.
    is_first
        Whether author and partner had not answered one another before.
    alignment
        Share of the words of what is answered that the answer repeats.
    chance
        The same for messages that others answered, shape (answers, dealings); not-a-number where a dealing gives
        none, but not in all of them.
    """

    agent: IntArray
    stratum: IntArray
    is_first: NDArray[np.bool_]
    alignment: FloatArray
    chance: FloatArray

    @property
    def corrected(self) -> FloatArray:
        """The alignment less its mean over dealt partners, shape (answers,)."""
        return np.asarray(self.alignment - np.nanmean(self.chance, axis=1), dtype=np.float64)

    @property
    def dealt_means(self) -> FloatArray:
        """The mean alignment of each dealing, shape (dealings,).

        An answer that a dealing gives no partner counts with its mean over the others, so that each answer weighs the
        same in the null as in the value: where most of a cell answer one message, most dealings give it back.
        """
        own = np.nanmean(self.chance, axis=1, keepdims=True)
        return np.asarray(np.where(np.isnan(self.chance), own, self.chance).mean(axis=0), dtype=np.float64)


def read_answers(con: duckdb.DuckDBPyConnection, seed: int) -> tuple[Answers, bool]:
    """Return the answers that have words to be aligned with and others to compare with, and whether some were sampled.

    Parameters
    ----------
    con
        Connection with the temporary tables of `order`.
    seed
        Seed of the choice of answers and of the dealings.
    """
    bound: dict[str, object] = {"salt": f"{seed}:partners:", "most": MOST_PER_AGENT, "all": MOST_REPLIES}
    found = con.sql(_ANSWERS, params=bound).pl()
    is_sampled = found.height > 0 and found["n"][0] > found.height
    text, partner = (found[name].to_numpy().astype(np.int64) for name in ("text_id", "partner_text"))
    cell = found.select("cell", "partner_kind").to_struct().rank("dense") if found.height else found["cell"]
    stratum, rng = cell.to_numpy().astype(np.int64), stream(seed, ALIGNMENT)
    agent, met = (found[name].to_numpy().astype(np.int64) for name in ("agent_code", "partner_code"))
    dealt = np.stack([dealt_partners(stratum, rng) for _ in range(DEALINGS)], axis=1)
    # Neither the message that is answered, nor one of the author's own, nor a copy of the answer.
    others = partner[dealt]
    is_own = (others == partner[:, None]) | (others == text[:, None]) | (met[dealt] == agent[:, None])
    columns = np.column_stack([partner, np.where(is_own, -1, others)])
    usable = (columns[:, 1:] >= 0).any(axis=1)
    shares = _shares(con, text[usable], columns[usable])
    kept = found.filter(pl.Series(usable))
    own = kept.select("agent_code", "partner_kind").to_struct().rank("dense") if kept.height else kept["agent_code"]
    return Answers(
        kept["agent_code"].to_numpy().astype(np.int64), own.to_numpy().astype(np.int64),
        kept["is_first"].to_numpy().astype(np.bool_), shares[:, 0], shares[:, 1:],
    ), is_sampled  # fmt: skip


def dealt_partners(stratum: IntArray, rng: np.random.Generator) -> IntArray:
    """Return for each answer the place of another of its stratum, its own where there is none; shape (n,)."""
    order = np.lexsort((rng.random(stratum.size), stratum))
    code = stratum[order]
    low, high = np.searchsorted(code, code), np.searchsorted(code, code, side="right")
    following = np.where(np.arange(code.size) + 1 < high, np.arange(code.size) + 1, low)
    found = np.empty(stratum.size, dtype=np.int64)
    found[order] = order[following] if code.size else order
    return found


def _shares(con: duckdb.DuckDBPyConnection, text: IntArray, columns: IntArray) -> FloatArray:
    """Return the share of the words of each partner's text that a text repeats, shape of `columns`; −1 gives nan."""
    place = np.arange(columns.size).reshape(columns.shape)
    asked = columns >= 0
    frame = pl.DataFrame({
        "place": place[asked], "text_id": np.repeat(text, columns.shape[1]).reshape(columns.shape)[asked],
        "partner_text": columns[asked],
    })  # fmt: skip
    con.register("transfer_pair", frame.to_arrow())
    try:
        found = con.sql(_OVERLAP).pl()
    finally:
        con.unregister("transfer_pair")
    result = np.full(columns.size, np.nan)
    result[found["place"].to_numpy()] = found["share"].to_numpy()
    return result.reshape(columns.shape)


def partner_measures(
    con: duckdb.DuckDBPyConnection, order: Order, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Compute alignment with partners, and with first-time partners beside those met again.

    Parameters
    ----------
    con
        Connection with the temporary tables of `order`.
    order
        What orders the messages: who met whom first.
    sampling
        Seed, draws and level.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        ``partner_alignment`` of all answers beside dealt partners; ``partner_alignment_corrected`` by partner (unit
        ``partner``); ``partner_generality``, corrected alignment with first-time partners divided by that with
        partners met again; ``partner_alignment_difference``, the first less the second within authors and kinds of
        what is answered. The last two stand beside the labels permuted within authors and kinds; authors are drawn
        with replacement.
    """
    if order.unit is None:
        return null_rows(NAMES, "answers", sampling, [*words, str(order.refusal)])
    found, is_sampled = read_answers(con, sampling.seed)
    said = [*words, *(["units_sampled"] if is_sampled else [])]
    if len(found.agent) < MIN_REPLIES:
        few = [*said, "few_replies"]
        return [row(FAMILY, name, None, len(found.agent), "answers", level=sampling.level, warnings=few)
                for name in NAMES]  # fmt: skip
    return [*_levels(found, sampling, said), *_contrast(found, sampling, said)]


def _levels(found: Answers, sampling: Sampling, words: list[str]) -> list[Measure]:
    value, drawn = float(found.alignment.mean()), found.dealt_means
    few, interval = _interval(ALIGNMENT, found.agent, found.alignment, sampling)
    rows = [row(FAMILY, ALIGNMENT, value, len(found.agent), "answers", level=sampling.level, interval=interval,
                null=against(SHUFFLED, value, drawn), warnings=[*words, *few])]  # fmt: skip
    for name, mask in (("first", found.is_first), ("repeat", ~found.is_first)):
        part = found.corrected[mask]
        few, interval = _interval(f"{BY_PARTNER}/{name}", found.agent[mask], part, sampling)
        few += ["few_replies"] if len(part) < MIN_REPLIES else []
        one = row(
            FAMILY, BY_PARTNER, float(part.mean()) if len(part) >= MIN_REPLIES else None, len(part), "answers",
            level=sampling.level, interval=interval, warnings=[*words, *few],
        )  # fmt: skip
        rows.append(replace(one, unit="partner", unit_id=name))
    return rows


def _interval(name: str, agent: IntArray, values: FloatArray, sampling: Sampling) -> tuple[list[str], Interval]:
    codes = np.unique(agent, return_inverse=True)[1]
    totals = np.column_stack([np.bincount(codes, weights=values), np.bincount(codes)]).astype(np.float64)
    if len(totals) < FEWEST_BOOTSTRAP_UNITS:
        return ["few_agents"], NO_INTERVAL
    rng = stream(sampling.seed, name)
    draws = sampling.bootstrap_draws
    return [], cluster_bootstrap(
        totals, _mean, draws=draws, rng=rng, level=sampling.level, method="cluster_bootstrap_agents"
    )


def _mean(sums: FloatArray) -> FloatArray:
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _contrast(found: Answers, sampling: Sampling, words: list[str]) -> list[Measure]:
    n = len(found.agent)
    emit = partial(row, FAMILY, n=n, n_unit="answers", level=sampling.level)
    if min(int(found.is_first.sum()), int((~found.is_first).sum())) < MIN_REPLIES:
        return [emit(name, None, warnings=[*words, "few_replies"]) for name in (GENERALITY, DIFFERENCE)]
    value, rng = found.corrected, stream(sampling.seed, LABELS)
    labels = (permuted_labels(found.is_first, found.stratum, rng) for _ in range(sampling.null_draws))
    drawn = np.stack([sums(value, some, found.stratum) for some in labels])
    codes = np.unique(found.agent, return_inverse=True)[1]
    totals = np.column_stack([np.bincount(codes, weights=part) for part in terms(value, found.is_first, found.stratum)])
    few = [] if len(totals) >= FEWEST_BOOTSTRAP_UNITS else ["few_agents"]
    # A ratio to what is no more than chance is no number.
    refusals = {GENERALITY: [] if _is_above(found, value, sampling) else ["no_alignment"], DIFFERENCE: []}
    rows = []
    for name, statistic in ((GENERALITY, ratio), (DIFFERENCE, slope)):
        observed = float(statistic(totals.sum(axis=0)[None, :])[0])
        refusal = refusals[name] or ([] if np.isfinite(observed) else ["no_variation"])
        interval = NO_INTERVAL
        if not few and not refusal:
            interval = cluster_bootstrap(
                totals, statistic, draws=sampling.bootstrap_draws, rng=stream(sampling.seed, name),
                level=sampling.level, method="cluster_bootstrap_agents",
            )  # fmt: skip
        null = against(LABELS, observed, statistic(drawn))
        said = [*words, *few, *refusal]
        rows.append(emit(name, None if refusal else observed, interval=interval, null=null, warnings=said))
    return rows


def terms(value: FloatArray, is_first: NDArray[np.bool_], stratum: IntArray) -> FloatArray:
    """Return what each answer adds to the sums that both statistics are made of, shape (6, answers).

    Value and label of answers to new partners, of answers to others, and the products of the label less its mean in
    the stratum with the value less its mean in the stratum and with itself.
    """
    n = np.maximum(np.bincount(stratum), 1)
    label, y = (v - (np.bincount(stratum, weights=v) / n)[stratum] for v in (is_first.astype(np.float64), value))
    return np.stack([value * is_first, is_first, value * ~is_first, ~is_first, label * y, np.square(label)])


def sums(value: FloatArray, is_first: NDArray[np.bool_], stratum: IntArray) -> FloatArray:
    """Return the sums of `terms`, shape (6,)."""
    return np.asarray(terms(value, is_first, stratum).sum(axis=1), dtype=np.float64)


def _is_above(found: Answers, value: FloatArray, sampling: Sampling) -> bool:
    mask = ~found.is_first
    interval = _interval(f"{BY_PARTNER}/repeat", found.agent[mask], value[mask], sampling)[1]
    return interval.low is not None and interval.low > 0


def permuted_labels(is_first: NDArray[np.bool_], stratum: IntArray, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Permute the labels within strata, shape (n,)."""
    plain = np.argsort(stratum, kind="stable")
    result = np.empty_like(is_first)
    result[plain] = is_first[np.argsort(stratum + rng.random(stratum.size))]
    return result


def ratio(sums: FloatArray) -> FloatArray:
    """Return the mean over answers to new partners divided by that over the others, from sums of shape (draws, 6)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found = (sums[:, 0] / sums[:, 1]) / (sums[:, 2] / sums[:, 3])
    return np.where(sums[:, 2] > 0, found, np.nan)


def slope(sums: FloatArray) -> FloatArray:
    """Return the least-squares difference of new and other partners within strata, from sums of shape (draws, 6)."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(sums[:, 5] > 1e-12, sums[:, 4] / sums[:, 5], np.nan)
