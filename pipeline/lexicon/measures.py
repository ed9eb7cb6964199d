"""How often the categories of all lexicons occur in a corpus: rows of ``analysis.measure``, family ``lexicon``.

What belongs here: from scores of distinct texts to shares of messages and of texts, and their intervals. A message in a
language that a card does not cover is not scored, and stands neither above nor below the line; the row warns where
such messages are many. Intervals treat agents as the units: Taylor linearisation of a ratio of sums over agents
(Cochran 1977, Sampling Techniques, 6.4 and 11), on the logit scale for shares, so that they stay between 0 and 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, Interval
from pipeline.activity.row import CENSUS, row
from pipeline.language.covered import WORD, coverage
from pipeline.lexicon.model import Card
from pipeline.schema import Measure

FAMILY = "lexicon"
UNIT = "lexicon"
FEWEST_AGENTS = 20
THEMES = "holtz_themes"
"""The card whose shares of distinct texts are also measures of the corpus, since a study printed them."""

SENTIMENT, VALENCE = "sentiment", "valence"
"""The card and category whose sums of weights are also sorted into positive, neutral and negative messages."""
VADER_SPREAD, VADER_NEUTRAL = 15, 0.05
"""Of VADER (Hutto & Gilbert 2014): a sum w becomes w/√(w² + 15), neutral between −.05 and .05."""
INJECTION, CREDENTIAL = "injection", "credential"
"""The card and category whose hits are also counted, since a study printed how many credentials leaked."""

DISCLOSURE = "self_disclosure"
"""The card whose share of an agent's messages is averaged over agents, since a study printed that mean."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_MESSAGES = """
SELECT COALESCE('0:' || agent_id, '1:' || message_id) AS author, text_hash, CAST(count(*) AS BIGINT) AS messages,
       bool_or(agent_id IS NULL) AS is_unknown
FROM message GROUP BY ALL ORDER BY author, text_hash
"""
_TEXTS = "SELECT text_hash, language, n_tokens FROM text ORDER BY text_hash"
_SCORES = """
SELECT lexicon, category, text_hash, weight_sum, share FROM lexicon_score
{where} ORDER BY lexicon, category, text_hash
"""
_OF_ONE = "WHERE lexicon = $lexicon AND category = $category"
MOST_AT_ONCE = 3_000_000
"""Scores up to which all categories are read in one query (half a gigabyte); of more, each has its own."""


def lexicon_measures(con: duckdb.DuckDBPyConnection, cards: Sequence[Card], *, level: float = 0.95) -> list[Measure]:
    """Compute how often each category of each card occurs.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``lexicon_score`` of one corpus.
    cards
        The cards of the scores.
    level
        Level of the intervals.

    Returns
    -------
    list of Measure
        Of each category, by its id ``card/category``: ``lexicon_message_share`` (messages with a hit),
        ``lexicon_text_share`` (distinct texts with a hit), ``lexicon_token_share`` (mean over messages of the tokens
        inside matches as a share of all), and for cards with weights ``lexicon_weight_mean`` (mean sum of weights);
        of card self_disclosure also ``self_disclosing_ratio_mean`` of the corpus, of card sentiment the shares
        ``sentiment_positive_share``, ``sentiment_neutral_share`` and ``sentiment_negative_share``, and of card
        injection ``credential_leaks``.
    """
    texts = read_texts(con)
    held = con.sql(_MESSAGES).pl().join(texts.select("text_hash", "at"), on="text_hash", how="inner")
    held = held.sort("author", "text_hash")
    sums = Sums(held, texts)
    scores = Scores(con, sums)
    rows: list[Measure] = []
    for card in cards:
        base = Base.of(card, sums)
        for name in category_names(card):
            rows += _rows(scores.of(card.id, name), card, name, base, sums, level)
        if card.id == DISCLOSURE and card.total:
            rows.append(_disclosing(scores.of(card.id, card.total)["hit"], base, sums, level))
        if card.id == SENTIMENT and VALENCE in category_names(card):
            rows += _sentiment(scores.of(card.id, VALENCE)["weight"], base, sums, level)
        if card.id == INJECTION and CREDENTIAL in category_names(card):
            rows.append(_leaks(scores.of(card.id, CREDENTIAL)["weight"], base, sums, level))
    return rows


def read_texts(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the distinct texts: ``text_hash``, ``language``, ``n_tokens``, and their place ``at``."""
    texts: pl.DataFrame = con.sql(_TEXTS).pl()
    return texts.with_row_index("at")


def category_names(card: Card) -> list[str]:
    """Return the categories of a card, and its total where it has one."""
    return [category.name for category in card.categories] + ([card.total] if card.total else [])


class Scores:
    """The scores of the texts, by category; read at once where they are not many.

    Parameters
    ----------
    con
        Connection with view ``lexicon_score`` of one corpus.
    sums
        The texts.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, sums: Sums) -> None:
        self._con, self._sums = con, sums
        self._parts: dict[tuple[object, ...], pl.DataFrame] | None = None
        if con.sql("SELECT count(*) FROM lexicon_score").fetchall()[0][0] <= MOST_AT_ONCE:
            found = self._placed(con.sql(_SCORES.format(where="")).pl())
            self._parts = found.partition_by("lexicon", "category", as_dict=True)

    def of(self, lexicon: str, category: str) -> dict[str, Floats]:
        """Return ``hit`` (0 or 1), ``share`` and ``weight`` of a category, each by place of the text."""
        if self._parts is None:
            query = self._con.sql(_SCORES.format(where=_OF_ONE), params={"lexicon": lexicon, "category": category})
            placed: pl.DataFrame | None = self._placed(query.pl())
        else:
            placed = self._parts.get((lexicon, category))
        size = self._sums.texts.height
        if placed is None:
            return {key: np.zeros(size) for key in ("hit", "share", "weight")}
        at = placed["at"].cast(pl.Int64).to_numpy()
        columns = {"hit": np.ones(len(at)), "share": placed["share"].fill_null(0).to_numpy()}
        columns["weight"] = placed["weight_sum"].to_numpy()
        return {key: _dense(size, at, values) for key, values in columns.items()}

    def _placed(self, found: pl.DataFrame) -> pl.DataFrame:
        return found.join(self._sums.place, on="text_hash", how="inner").drop("text_hash")


class Sums:
    """Messages by author and text, and sums over the authors."""

    def __init__(self, held: pl.DataFrame, texts: pl.DataFrame) -> None:
        self.texts, self.place = texts, texts.select("text_hash", "at")
        self.text = held["at"].cast(pl.Int64).to_numpy()
        self.messages = held["messages"].to_numpy().astype(np.float64)
        authors = held["author"].rle_id().cast(pl.Int64)
        self.author = authors.to_numpy()
        self.n_authors = int(self.author[-1]) + 1 if len(self.author) else 0
        self.has_unknown = bool(held["is_unknown"].any())
        unknown = np.bincount(self.author, weights=held["is_unknown"].to_numpy(), minlength=self.n_authors)
        self.is_known = unknown == 0

    def by_author(self, values: Floats) -> Floats:
        """Return the sum over the messages of each author of a value of their texts, in a fixed order."""
        weights = values[self.text] * self.messages
        return np.bincount(self.author, weights=weights, minlength=self.n_authors).astype(np.float64)


class Base:
    """What the shares of a card are of: its texts, by author, and what is to be said of its languages."""

    def __init__(self, is_scored: Floats, has_tokens: Floats, sums: Sums, words: list[str]) -> None:
        self.is_scored, self.words = is_scored, words
        self.messages, self.with_tokens = sums.by_author(is_scored), sums.by_author(is_scored * has_tokens)
        self.n_texts = int(is_scored.sum())

    @classmethod
    def of(cls, card: Card, sums: Sums) -> Base:
        """Return the base of a card."""
        languages, codes = sums.texts["language"].fill_null("und"), card.scored_languages
        scored = np.ones(sums.texts.height) if codes is None else None
        if scored is None:
            scored = languages.is_in(sorted([*(codes or ()), "und"])).to_numpy().astype(np.float64)
        copies = np.bincount(sums.text, weights=sums.messages, minlength=sums.texts.height).astype(np.int64)
        covered = coverage(languages, pl.Series(copies), card.languages) if card.languages else None
        words = [WORD] if covered is not None and covered.is_warned else []
        has_tokens = (sums.texts["n_tokens"] > 0).to_numpy().astype(np.float64)
        return cls(scored, has_tokens, sums, words)


def _common_words(base: Base, sums: Sums) -> list[str]:
    words = [*base.words, *(["null_authors"] if sums.has_unknown else []), "composition_sensitive"]
    return [*words, *(["few_agents"] if sums.n_authors < FEWEST_AGENTS else [])]


def _sentiment(weight: Floats, base: Base, sums: Sums, level: float) -> Iterator[Measure]:
    """Yield the shares of messages whose normalised sum of weights is above, near and below zero."""
    valence = weight / np.sqrt(np.square(weight) + VADER_SPREAD)
    sides = {
        "positive": valence >= VADER_NEUTRAL,
        "neutral": np.abs(valence) < VADER_NEUTRAL,
        "negative": valence <= -VADER_NEUTRAL,
    }
    for name, is_it in sides.items():
        above = sums.by_author(is_it * base.is_scored)
        yield _ratio_row(f"sentiment_{name}_share", above, base.messages, "messages", _common_words(base, sums), level,
                         ("corpus", "corpus"))  # fmt: skip


def _leaks(found: Floats, base: Base, sums: Sums, level: float) -> Measure:
    """Return how many strings of the shape of a credential stand in the messages: each has weight 1."""
    value, n = float(sums.by_author(found * base.is_scored).sum()), int(base.messages.sum())
    words = base.words if n else [*base.words, "few_texts"]
    return row(FAMILY, "credential_leaks", value if n else None, n, "messages", level=level, interval=CENSUS,
               warnings=words)  # fmt: skip


def _rows(
    dense: Mapping[str, Floats], card: Card, name: str, base: Base, sums: Sums, level: float
) -> Iterator[Measure]:
    words = _common_words(base, sums)
    where = (UNIT, f"{card.id}/{name}")
    measures = [("lexicon_message_share", "hit", base.messages), ("lexicon_token_share", "share", base.with_tokens)]
    measures += [("lexicon_weight_mean", "weight", base.messages)] if card.is_weighted else []
    for measure_id, key, below in measures:
        above = sums.by_author(dense[key] * base.is_scored)
        yield _ratio_row(measure_id, above, below, "messages", words, level, where)
    hits = int((dense["hit"] * base.is_scored).sum())
    yield _text_row("lexicon_text_share", hits, base, words, level, where)
    if card.id == THEMES:
        own = f"{name}_share" if name == "my_human" else f"theme_{name}_share"
        yield _text_row(own, hits, base, words, level, ("corpus", "corpus"))


def _disclosing(hit: Floats, base: Base, sums: Sums, level: float) -> Measure:
    """Return the mean over agents of the share of their messages that disclose something of themselves."""
    kept = sums.is_known & (base.messages > 0)
    share = sums.by_author(hit * base.is_scored)[kept] / base.messages[kept]
    n = len(share)
    words = [*base.words, "composition_sensitive"]
    interval, error = NO_INTERVAL, float(share.std(ddof=1) / np.sqrt(n)) if n > 1 else 0.0
    if n < FEWEST_AGENTS or error == 0:
        words.append("few_agents" if n < FEWEST_AGENTS else "no_variation")
    else:
        reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
        low, high = max(0.0, float(share.mean()) - reach), min(1.0, float(share.mean()) + reach)
        interval = Interval(low, high, "t_agents")
    value = float(share.mean()) if n else None
    return row(FAMILY, "self_disclosing_ratio_mean", value, n, "agents", level=level, interval=interval, warnings=words)


def _dense(size: int, at: Ints, values: Floats) -> Floats:
    result = np.zeros(size)
    result[at] = values
    return result


def _text_row(
    measure_id: str, hits: int, base: Base, words: list[str], level: float, where: tuple[str, str]
) -> Measure:
    """Return a share of distinct texts; what texts there are was not drawn, and the interval takes them for drawn."""
    n = base.n_texts
    interval = NO_INTERVAL
    if 0 < hits < n:
        low, high = _wilson(hits, n, level)
        interval = Interval(low, high, "wilson")
    kept = [word for word in words if word not in ("few_agents", "null_authors")] + ["independence_assumed"]
    kept += ["no_variation"] if n and hits in (0, n) else []
    built = row(FAMILY, measure_id, hits / n if n else None, n, "texts", level=level, interval=interval, warnings=kept)
    return replace(built, unit=where[0], unit_id=where[1])


def _wilson(hits: int, n: int, level: float) -> tuple[float, float]:
    found = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)


def _ratio_row(
    measure_id: str,
    above: Floats,
    below: Floats,
    n_unit: str,
    words: list[str],
    level: float,
    where: tuple[str, str],
) -> Measure:
    total = float(below.sum())
    value = float(above.sum()) / total if total else None
    is_share = measure_id != "lexicon_weight_mean"
    interval = NO_INTERVAL if value is None else ratio_interval(above, below, level=level, is_share=is_share)
    flat = ["no_variation"] if value is not None and len(below) >= FEWEST_AGENTS and interval.low is None else []
    built = row(
        FAMILY, measure_id, value, round(total), n_unit, level=level, interval=interval, warnings=[*words, *flat]
    )
    return replace(built, unit=where[0], unit_id=where[1])


def ratio_interval(above: Floats, below: Floats, *, level: float, is_share: bool) -> Interval:
    """Return the interval of a ratio of sums over agents by linearisation.

    Parameters
    ----------
    above, below
        What each agent adds above and below the line, shape (agents,); agents with nothing below are left out.
    level
        Level of the interval, from the t distribution on agents − 1 degrees of freedom.
    is_share
        True for a ratio between 0 and 1: the interval is made on the logit scale (Korn & Graubard 1998).

    Returns
    -------
    Interval
        Empty with fewer than `FEWEST_AGENTS` agents, where nothing varies, and for a share of 0 or 1.
    """
    kept = below > 0
    above, below = above[kept], below[kept]
    n, total = len(below), float(below.sum())
    if n < FEWEST_AGENTS:
        return NO_INTERVAL
    value = float(above.sum()) / total
    error = float(np.sqrt(n / (n - 1) * np.square(above - value * below).sum())) / total
    if error == 0 or (is_share and not 0 < value < 1):
        return NO_INTERVAL
    reach = float(stats.t.ppf((1 + level) / 2, n - 1)) * error
    if not is_share:
        return Interval(value - reach, value + reach, "linearised_agents")
    centre, reach = float(np.log(value / (1 - value))), reach / (value * (1 - value))
    low, high = (float(1 / (1 + np.exp(-(centre + side)))) for side in (-reach, reach))
    return Interval(low, high, "linearised_agents_logit")
