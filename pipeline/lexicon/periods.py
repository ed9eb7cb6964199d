"""How often the categories of lexicons occur in each week or day: rows of family ``lexicon`` with a period.

What belongs here: shares of messages by period. Shares of the whole corpus, and why their intervals treat agents as the
units, are in `measures`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, Interval
from pipeline.activity.row import row
from pipeline.language.clock import Clock
from pipeline.lexicon.measures import FAMILY, FEWEST_AGENTS, UNIT, Base, Scores, Sums, category_names, read_texts
from pipeline.lexicon.model import Card
from pipeline.schema import Measure

MEASURE = "lexicon_message_share"

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MESSAGES = """
SELECT {start} AS start, COALESCE('0:' || agent_id, '1:' || message_id) AS author, text_hash,
       CAST(count(*) AS BIGINT) AS messages, bool_or(agent_id IS NULL) AS is_unknown
FROM message AS m WHERE {timed} GROUP BY ALL
"""


def period_measures(
    con: duckdb.DuckDBPyConnection, cards: Sequence[Card], clock: Clock, *, level: float = 0.95
) -> list[Measure]:
    """Compute the share of messages with a hit of each category in each period.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``lexicon_score`` of one corpus.
    cards
        The cards of the scores.
    clock
        The period of the corpus.
    level
        Level of the intervals.

    Returns
    -------
    list of Measure
        ``lexicon_message_share`` by category and period; one null row a category where times allow no period. A period
        in which no message is in a language that the card scores has no row.
    """
    if clock.period is None:
        words = [clock.refusal or "no_times", "composition_sensitive"]
        null = row(FAMILY, MEASURE, None, 0, "messages", level=level, interval=NO_INTERVAL, warnings=words)
        return [replace(null, unit=UNIT, unit_id=where, period=clock.name) for card in cards for where in _ids(card)]
    texts = read_texts(con)
    query = _MESSAGES.format(start=clock.start_sql("m"), timed=clock.is_timed_sql("m"))
    held = con.sql(query).pl().join(texts.select("text_hash", "at"), on="text_hash", how="inner")
    held = held.sort("start", "author", "text_hash")
    starts = held["start"].unique(maintain_order=True)
    place = held["start"].rle_id().cast(pl.Int64).to_numpy()
    sums = Sums(held.with_columns(author=pl.struct("start", "author")), texts)
    of_cell = np.zeros(sums.n_authors, dtype=np.int64)
    of_cell[sums.author] = place  # a cell is an author in a period
    scores = Scores(con, sums)
    rows: list[Measure] = []
    for card in cards:
        base = Base.of(card, sums)
        for name in category_names(card):
            hits = scores.of(card.id, name)["hit"]
            above = sums.by_author(hits * base.is_scored)
            shares = period_shares(above, base.messages, of_cell, len(starts), level)
            rows += _rows(shares, starts, f"{card.id}/{name}", clock.name, base, level, sums.has_unknown)
    return rows


def _ids(card: Card) -> list[str]:
    return [f"{card.id}/{name}" for name in category_names(card)]


def period_shares(
    above: Floats, below: Floats, period: Ints, n_periods: int, level: float
) -> list[tuple[float | None, int, int, Interval]]:
    """Return share, messages, agents and interval of each period.

    Parameters
    ----------
    above, below
        Messages with a hit, and messages, of each agent in a period, shape (cells,).
    period
        Place of the period of each cell, shape (cells,).
    n_periods
        Number of periods.
    level
        Level of the interval, which is that of `pipeline.lexicon.measures.ratio_interval` in each period.
    """
    above, below, period = above[below > 0], below[below > 0], period[below > 0]
    agents = np.bincount(period, minlength=n_periods)
    total = np.bincount(period, weights=below, minlength=n_periods)
    hits = np.bincount(period, weights=above, minlength=n_periods)
    share = np.divide(hits, total, out=np.full(n_periods, np.nan), where=total > 0)
    spread = np.bincount(period, weights=np.square(above - share[period] * below), minlength=n_periods)
    found: list[tuple[float | None, int, int, Interval]] = []
    for n, messages, value, squares in zip(agents, total, share, spread, strict=True):
        interval = NO_INTERVAL
        if n >= FEWEST_AGENTS and 0 < value < 1 and squares > 0:
            error = np.sqrt(n / (n - 1) * squares) / messages / (value * (1 - value))
            reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
            centre = np.log(value / (1 - value))
            low, high = (float(1 / (1 + np.exp(-(centre + side)))) for side in (-reach, reach))
            interval = Interval(low, high, "linearised_agents_logit")
        found.append((float(value) if messages else None, round(messages), int(n), interval))
    return found


def _rows(
    shares: list[tuple[float | None, int, int, Interval]],
    starts: pl.Series,
    unit_id: str,
    period: str,
    base: Base,
    level: float,
    has_unknown: bool,
) -> Iterator[Measure]:
    common = [*base.words, *(["null_authors"] if has_unknown else []), "composition_sensitive"]
    for start, (value, messages, agents, interval) in zip(starts.to_list(), shares, strict=True):
        if value is None:
            continue
        words = [*common, "few_agents"] if agents < FEWEST_AGENTS else common
        words = [*words, "no_variation"] if agents >= FEWEST_AGENTS and interval.low is None else words
        built = row(FAMILY, MEASURE, value, messages, "messages", level=level, interval=interval, warnings=words)
        yield replace(built, unit=UNIT, unit_id=unit_id, period=period, period_start=start)
