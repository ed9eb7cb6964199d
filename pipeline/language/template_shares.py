"""The share of messages whose text is a template.

What belongs here: from the templates of a corpus to rows of ``analysis.measure``. A template is one of the corpus:
the share of a community or a period is the share of its messages whose text the corpus holds again, there or
elsewhere. Messages with a blank text are left out, above and below the line.

Intervals draw authors with replacement while what counts as a template stays as it was found: drawing texts anew
would make copies that the corpus does not have. Messages without an author are each an author of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, Interval, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.language.clock import Clock
from pipeline.language.templates import NOT_BLANK
from pipeline.schema import Measure

FAMILY = "convergence"
MIN_MESSAGES = 30
"""Messages that a community needs for a row of its own; below it, other rows warn."""

SHARES = ("template_share_exact", "template_share_near", "template_share")


def template_sql(found: str) -> str:
    """Return the rows of ``feature.template``: each text of a template in each community that holds it.

    Parameters
    ----------
    found
        Relation with the columns of `find_templates`. A comment without a community belongs to that of its post.
    """
    return f"""
    SELECT DISTINCT f.text_hash, COALESCE(m.community_id, r.community_id) AS community_id, f.template_id, f.similarity
    FROM {found} AS f
    JOIN message AS m ON m.text_hash = f.text_hash
    LEFT JOIN message AS r ON r.message_id = m.root_id
    """


def _counts_sql(clock: Clock) -> str:
    """Messages and templates among them by author, community and period."""
    start = f"CASE WHEN {clock.is_timed_sql('m')} THEN {clock.start_sql('m')} END" if clock.period else "NULL"
    return f"""
    WITH copied AS (SELECT text_hash FROM message GROUP BY text_hash HAVING count(*) > 1),
    family AS (SELECT template_id FROM template GROUP BY template_id HAVING count(DISTINCT text_hash) > 1),
    near AS (SELECT DISTINCT t.text_hash FROM template AS t JOIN family AS f ON f.template_id = t.template_id),
    flagged AS (
        SELECT COALESCE('0:' || m.agent_id, '1:' || m.message_id) AS author, m.agent_id IS NULL AS is_unknown,
               COALESCE(m.community_id, r.community_id) AS community_id,
               CAST({start} AS TIMESTAMP) AS period_start,
               c.text_hash IS NOT NULL AS is_exact, n.text_hash IS NOT NULL AS is_near
        FROM message AS m
        JOIN text AS t ON t.text_hash = m.text_hash
        LEFT JOIN message AS r ON r.message_id = m.root_id
        LEFT JOIN copied AS c ON c.text_hash = m.text_hash
        LEFT JOIN near AS n ON n.text_hash = m.text_hash
        WHERE regexp_matches(t.text, '{NOT_BLANK}')
    )
    SELECT author, community_id, period_start, CAST(count(*) AS BIGINT) AS messages,
           CAST(count(*) FILTER (WHERE is_unknown) AS BIGINT) AS unknown,
           CAST(count(*) FILTER (WHERE is_exact) AS BIGINT) AS template_share_exact,
           CAST(count(*) FILTER (WHERE is_near) AS BIGINT) AS template_share_near,
           CAST(count(*) FILTER (WHERE is_exact OR is_near) AS BIGINT) AS template_share
    FROM flagged
    GROUP BY author, community_id, period_start
    ORDER BY author, community_id, period_start
    """


def template_measures(con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling) -> list[Measure]:
    """Compute the shares of messages whose text is a template.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``template`` of one corpus.
    clock
        The period of the corpus.
    sampling
        Seed, draws and level of the intervals.

    Returns
    -------
    list of Measure
        ``template_share_exact``: messages whose very text occurs at least twice; ``template_share_near``: whose text
        shares its template with another distinct text; ``template_share``: either. For the corpus, each community
        with at least `MIN_MESSAGES` messages, and each period of the corpus.
    """
    counts: pl.DataFrame = con.sql(_counts_sql(clock)).pl()
    rows = list(_rows(counts, sampling, "corpus", "corpus", None, None))
    for (community,), part in _groups(counts, "community_id"):
        if part["messages"].sum() >= MIN_MESSAGES:
            rows += _rows(part, sampling, "community", str(community), None, None)
    if clock.period is None:
        rows += [_refused(name, clock) for name in SHARES]
        return rows
    for (start,), part in _groups(counts, "period_start"):
        assert isinstance(start, datetime)  # noqa: S101 - narrows the type for mypy
        rows += _rows(part, sampling, "corpus", "corpus", clock.period, start)
    return rows


def _groups(counts: pl.DataFrame, column: str) -> Iterator[tuple[tuple[object, ...], pl.DataFrame]]:
    yield from counts.drop_nulls(column).sort(column, maintain_order=True).group_by(column, maintain_order=True)


def _refused(measure_id: str, clock: Clock) -> Measure:
    refused = row(FAMILY, measure_id, None, 0, "messages", level=0.95, warnings=[clock.refusal or ""])
    return replace(refused, period=clock.name)


def _rows(
    part: pl.DataFrame, sampling: Sampling, unit: str, unit_id: str, period: str | None, start: datetime | None
) -> Iterator[Measure]:
    by_author = part.group_by("author").agg(pl.col("messages", "unknown", *SHARES).sum()).sort("author")
    messages = int(by_author["messages"].sum())
    words = ["few_posts"] if messages < MIN_MESSAGES else []
    words += ["few_agents"] if by_author.height < FEWEST_BOOTSTRAP_UNITS else []
    words += ["null_authors"] if by_author["unknown"].sum() else []
    words += ["composition_sensitive"] if messages else []
    for name in SHARES:
        hits = int(by_author[name].sum())
        built = row(
            FAMILY,
            name,
            hits / messages if messages else None,
            messages,
            "messages",
            level=sampling.level,
            interval=_interval(by_author.select(name, "messages"), sampling, f"{name}/{unit_id}/{start}"),
            warnings=words,
        )
        yield replace(built, unit=unit, unit_id=unit_id, period=period, period_start=start)


def _interval(totals: pl.DataFrame, sampling: Sampling, name: str) -> Interval:
    if totals.height < FEWEST_BOOTSTRAP_UNITS:
        return NO_INTERVAL
    return cluster_bootstrap(
        totals.to_numpy().astype(np.int64),
        _ratio,
        draws=sampling.bootstrap_draws,
        rng=stream(sampling.seed, name),
        level=sampling.level,
        method="cluster_bootstrap_agents",
    )


def _ratio(sums: FloatArray) -> FloatArray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)
