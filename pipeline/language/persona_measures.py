"""Persona alignment: who describes itself, and how like that its messages are, as the teacher sees them.

What belongs here: rows of ``analysis.measure``. Every number is the teacher's: estimated from the texts that it has
read, and from the cheap vectors of all (`prediction_powered`). The unit that is sampled is the distinct text; it weighs
as often as it was posted. The null deals the descriptions out anew among the authors of the sampled texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import stream
from pipeline.activity.row import Sampling
from pipeline.language.clock import Clock
from pipeline.language.covered import corpus_coverage, refused
from pipeline.language.persona import FAMILY, FEWEST_TOKENS, persona_vectors, positions, read_personas, text_vectors
from pipeline.language.persona_estimates import refusal
from pipeline.language.persona_frame import KINDS, days, of_kind, read_aligned
from pipeline.language.persona_null import FEWEST_AGENTS, shuffled_mean, shuffled_share
from pipeline.language.prediction_powered import FEWEST_TEXTS, Powered, powered_mean
from pipeline.schema import Measure, join_warnings

THRESHOLD = 0.6
"""The dashed line of the first version of the study; that of the second is not printed."""
GROUPS = ((1, 1), (2, 4), (5, 19), (20, None))
"""Groups of agents by their number of posts and comments."""
NULL = "shuffled_personas"
DIGITS = 12

_AUTHORS = """
SELECT left(sha256(a.persona), 32) AS persona_hash, count(*) AS authors
FROM (SELECT DISTINCT agent_id FROM message WHERE agent_id IS NOT NULL) AS m
LEFT JOIN agent AS a ON a.agent_id = m.agent_id
GROUP BY 1 ORDER BY 1
"""


def persona_measures(con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling) -> list[Measure]:
    """Compute who describes itself, and the alignment of posts and comments: whole, by period and by activity.

    Parameters
    ----------
    con
        Connection with the views ``agent``, ``message``, ``text``, ``embedding``, ``persona_embedding`` and
        ``persona_alignment`` of one corpus.
    clock
        The period of the corpus.
    sampling
        Seed and draws of the null of shares, level of the intervals.

    Returns
    -------
    list of Measure
        What cannot be computed is a null row with its reason in `warnings`.
    """
    aligned = read_aligned(con, FEWEST_TOKENS)
    word = refusal(con, aligned)
    rows: list[Measure] = []
    for kind in KINDS:
        part = of_kind(aligned, kind)
        rows += _whole(con, part, kind, sampling, word)
        rows += _by_period(part, kind, clock, sampling.level)
        rows += _by_activity(aligned, kind, sampling.level)
    rows += _ends(aligned, sampling.level, word)
    return [*described(con), *refused(rows, corpus_coverage(con))]


def described(con: duckdb.DuckDBPyConnection) -> list[Measure]:
    """Return the shares of authors with a description, a short one, none, and one that another author has too."""
    tokens = read_personas(con).select("persona_hash", "n_tokens")
    frame = con.sql(_AUTHORS).pl().join(tokens, on="persona_hash", how="left")
    count = frame["authors"].to_numpy()
    length = frame["n_tokens"].fill_null(0).to_numpy()
    total = int(count.sum())
    parts = {
        "persona_described_share": length >= FEWEST_TOKENS,
        "persona_short_share": (length > 0) & (length < FEWEST_TOKENS),
        "persona_missing_share": length == 0,
        "persona_shared_share": (length >= FEWEST_TOKENS) & (count > 1),
    }
    return [
        Measure(
            family=FAMILY,
            measure_id=name,
            value=float(count[which].sum() / total) if total else None,
            n=total,
            n_unit="authors of a message",
            ci_method="census" if total else None,
            warnings=None if total else "no_messages",
        )
        for name, which in parts.items()
    ]


def powered(part: pl.DataFrame, level: float, *, is_share: bool) -> Powered:
    """Estimate the teacher's mean cosine, or its share from `THRESHOLD` on, over messages.

    Parameters
    ----------
    part
        Rows of `persona_frame.read_aligned`.
    level
        Level of the interval.
    is_share
        True for the share.
    """
    teacher = pl.col("similarity_full")
    texts = (
        part.group_by("text_hash")
        .agg(
            w=pl.len().cast(pl.Float64),
            cheap=pl.col("similarity_static").mean().round(9),
            full=((teacher >= THRESHOLD).mean() if is_share else teacher.mean()).round(9),
            is_read=teacher.is_not_null().all(),
        )
        .sort("text_hash")
    )
    # The cosine itself stands in for "at least .6" too: a mapped vector is shorter than the teacher's, so that few
    # cheap cosines reach .6, while λ puts any cheap number on the scale of the teacher's.
    read = texts.filter("is_read")
    return powered_mean(
        read["full"].to_numpy(),
        read["cheap"].to_numpy(),
        texts["cheap"].to_numpy(),
        weights_sample=read["w"].to_numpy(),
        weights_all=texts["w"].to_numpy(),
        level=level,
        is_share=is_share,
    )


def _whole(
    con: duckdb.DuckDBPyConnection, part: pl.DataFrame, kind: str, sampling: Sampling, word: str | None
) -> Iterator[Measure]:
    nulls = _nulls(con, part, sampling, kind)
    for is_share in (False, True):
        name = f"persona_aligned_{kind}_share" if is_share else f"persona_similarity_{kind}"
        if part.is_empty():
            empty = word or {"post": "few_posts", "comment": "few_replies"}[kind]
            yield _row(name, powered(part, sampling.level, is_share=is_share), kind, [empty])
            continue
        made = _row(name, powered(part, sampling.level, is_share=is_share), kind, ["composition_sensitive"])
        null = nulls[is_share] if nulls and made.value is not None else None
        yield replace(made, **null) if null else made


def _nulls(
    con: duckdb.DuckDBPyConnection, part: pl.DataFrame, sampling: Sampling, kind: str
) -> list[dict[str, Any]] | None:
    """Return the null of the mean and of the share, among the authors of the texts that the teacher has read."""
    read = part.filter(pl.col("similarity_full").is_not_null())
    # Each text of an author once: a text that one author posts a thousand times would be most of the null.
    once = read.unique(["author", "text_hash"]).sort("author", "text_hash")
    authors = once.select("author", "persona_hash").unique(maintain_order=True)
    if authors.height < FEWEST_AGENTS:
        return None
    code = once["author"].rank("dense").to_numpy().astype(np.int64) - 1
    hashes, personas = persona_vectors(con, "full")
    own = personas[positions(hashes, authors["persona_hash"].to_numpy().astype(str))]
    found = list(text_vectors(con, "full"))
    names, vectors = np.concatenate([f[0] for f in found]), np.concatenate([f[1] for f in found])
    of_text = vectors[positions(names, once["text_hash"].to_numpy().astype(str))]
    weights = np.full(len(code), 1 / len(code))
    sums = np.zeros(own.shape)
    np.add.at(sums, code, of_text.astype(np.float64) * weights[:, None])
    mean = shuffled_mean(own, sums)
    share = shuffled_share(
        own, of_text, code, weights, THRESHOLD, draws=sampling.null_draws, rng=stream(sampling.seed, f"persona_{kind}")
    )
    return [
        {"null_model": NULL, "null_mean": one.mean, "null_sd": one.sd, "p_value": one.p_value} for one in (mean, share)
    ]


def _row(name: str, found: Powered, kind: str, words: Iterable[str] = ()) -> Measure:
    numbers = (found.value, found.ci_low, found.ci_high)
    value, low, high = (None if number is None else round(number, DIGITS) for number in numbers)
    more = [word for word in found.warnings if not (list(words) and word == "few_texts" and not found.population)]
    return Measure(
        family=FAMILY,
        measure_id=name,
        value=value,
        n=found.n,
        n_unit=f"distinct texts of {kind}s that the teacher read, of {found.population}",
        ci_low=low,
        ci_high=high,
        ci_level=None if low is None else found.level,
        ci_method=found.method if value is not None else None,
        warnings=join_warnings([*words, *more]),
    )


def _by_period(part: pl.DataFrame, kind: str, clock: Clock, level: float) -> Iterator[Measure]:
    if clock.period is None:
        null = Measure(
            family=FAMILY, measure_id=f"persona_similarity_{kind}", value=None, n=0, n_unit="distinct texts",
            period=clock.name, warnings=clock.refusal,
        )  # fmt: skip
        yield null
        return
    every = "1w" if clock.period == "week" else "1d"
    timed = days(part).with_columns(start=pl.col("created_at").dt.truncate(every))
    for (start,), rows in timed.sort("start").group_by("start", maintain_order=True):
        made = _row(f"persona_similarity_{kind}", powered(rows, level, is_share=False), kind, ["composition_sensitive"])
        yield replace(made, period=clock.period, period_start=start if isinstance(start, datetime) else None)


def _by_activity(aligned: pl.DataFrame, kind: str, level: float) -> Iterator[Measure]:
    counted = aligned.with_columns(activity=pl.len().over("author"))
    for least, most in GROUPS:
        inside = pl.col("activity").is_between(least, most) if most else pl.col("activity") >= least
        rows = of_kind(counted.filter(inside), kind)
        if rows.height:
            name = f"{least}+" if most is None else str(least) if least == most else f"{least}-{most}"
            made = _row(f"persona_similarity_{kind}", powered(rows, level, is_share=False), kind)
            yield replace(made, unit="activity_group", unit_id=name)


def _ends(aligned: pl.DataFrame, level: float, word: str | None) -> Iterator[Measure]:
    """Return the alignment of posts and comments on the first and on the last day with enough texts that were read."""
    timed = days(aligned).with_columns(start=pl.col("created_at").dt.truncate("1d"))
    is_read = pl.col("similarity_full").is_not_null()
    read = timed.filter(is_read).group_by("start").agg(n=pl.col("text_hash").n_unique()).sort("start")
    enough = read.filter(pl.col("n") >= FEWEST_TEXTS)["start"].to_list()
    for name, at in (("persona_similarity_first_day", 0), ("persona_similarity_last_day", -1)):
        rows = timed.filter(pl.col("start") == enough[at]) if len(enough) > 1 else timed.clear()
        words = ["composition_sensitive", "definition_inferred"] if rows.height else [word or "few_texts"]
        yield _row(name, powered(rows, level, is_share=False), "message", words)
