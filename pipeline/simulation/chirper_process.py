"""A co-evolving world as a follower network: its entries, ties and traits, and chirps as long as its scores say.

What belongs here: the map from the world to what agents do and write. The world itself is drawn in `coevolution`.

The score is the length of chirps: of tokens, as `log_length` of table ``agent_week`` measures it, the mean over the
week's chirps of log(1 + tokens). A chirp has the planted number of words, and a word of these texts is a token except
for emoji, handles and hostile texts. With the defaults the error of a chirp has a standard deviation of 0.04 and the
score one of 0.4 · 0.75, a reliability of 0.98; what is rounded and cut at `WORDS` is far below that.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import stats

from pipeline.simulation import pools
from pipeline.simulation.chirper_ties import MILLISECOND, TieHistory
from pipeline.simulation.chirper_truth import WORDS, ChirperTruth
from pipeline.simulation.coevolution import FIRST_WEEK, CoevolutionWorld, TieEvents
from pipeline.simulation.compose import BoolArray, FloatArray, IntArray, neutral_sentences, slot_sentences

SHORTEST_SENTENCE = 5  # words, in the languages whose words are set apart
MOST_ROUNDS = 40  # of drawing repeated texts again


def entry_weeks(world: CoevolutionWorld) -> IntArray:
    """Return the first week in which each agent is there, shape (agents,)."""
    return np.asarray(world.is_present.argmax(axis=1), dtype=np.int64)


def propensities(truth: ChirperTruth, world: CoevolutionWorld) -> FloatArray:
    """Return propensities to write an AIRS pattern, Beta as in ChirperTruth, of agents in the order of their traits."""
    share = stats.norm.cdf(world.trait)
    return np.asarray(stats.beta.ppf(share, truth.airs_alpha, truth.airs_beta), dtype=np.float64)


def process_ties(truth: ChirperTruth, agents: pl.DataFrame, world: CoevolutionWorld, rng: Generator) -> TieHistory:
    """Return what crawls show of the ties of a world, and a time for every change."""
    snapshots = []
    for week in range(truth.n_weeks):
        standing = world.ties.at(FIRST_WEEK + week)
        pairs = {"week": np.full(len(standing.source), week), "source": standing.source, "target": standing.target}
        snapshots.append(pl.DataFrame(pairs))
    changes = [_changes(truth, agents, world.formed, "add", rng), _changes(truth, agents, world.ended, "remove", rng)]
    return TieHistory(pl.concat(snapshots), pl.concat(changes).sort("at", "source", "target"))


def _changes(truth: ChirperTruth, agents: pl.DataFrame, events: TieEvents, action: str, rng: Generator) -> pl.DataFrame:
    """Draw times within the weeks; those of an ego's week are in the order of its events."""
    week, entered = events.week.astype(np.int64) - FIRST_WEEK, agents["entered"].to_numpy()
    first, last = (edge[week] for edge in truth.windows)
    first = np.maximum(first, np.maximum(entered[events.ego], entered[events.alter]))
    share = rng.random(len(week))
    share = share[np.lexsort((share, events.ego, week))]
    at = first + (share * (last - first)).astype(np.int64)
    frame = {"week": week, "source": events.ego.astype(np.int64), "target": events.alter.astype(np.int64)}
    return pl.DataFrame({**frame, "at": at - at % MILLISECOND}).with_columns(pl.lit(action).alias("action"))


def chirp_counts(truth: ChirperTruth, agents: pl.DataFrame, world: CoevolutionWorld, rng: Generator) -> IntArray:
    """Draw the chirps of every agent and week, at least one where its score is observed and none elsewhere."""
    rate = (truth.chirps_per_week - 1.0) * agents["chirp_rate"].to_numpy()
    more = rng.poisson(rate[:, None], world.latent.shape)
    return np.asarray(np.where(np.isfinite(world.panel.scores), 1 + more, 0), dtype=np.int64)


def planned_words(
    truth: ChirperTruth, world: CoevolutionWorld, author: IntArray, week: IntArray, rng: Generator
) -> IntArray:
    """Draw the number of words of chirps from the observed scores of their authors, shape (chirps,)."""
    score = world.panel.scores[author, week]
    length = truth.length_mean + truth.length_slope * score + truth.length_sd * rng.standard_normal(len(author))
    return np.asarray(np.clip(np.rint(np.exp(length) - 1), *WORDS), dtype=np.int64)


def texts_of_length(language: IntArray, is_airs: BoolArray, words: IntArray, rng: Generator) -> pl.Series:
    """Compose distinct texts of exactly so many words, each with one AIRS sentence or a twin of one.

    Parameters
    ----------
    language
        Places in `pools.LANGUAGES`, shape (texts,).
    is_airs
        Whether a sentence or a twin, shape (texts,).
    words
        Words of each text, shape (texts,).

    Raises
    ------
    ValueError
        If there are more texts of some length than the pools can tell apart.
    """
    again = np.arange(len(words))
    texts = pl.Series([""] * len(words), dtype=pl.String)
    for _ in range(MOST_ROUNDS):
        fixed = slot_sentences(rng.integers(0, len(pools.AIRS_SENTENCES), len(again)), is_airs[again])
        texts = texts.scatter(again, _filled(fixed, language[again], words[again], rng))
        again = np.flatnonzero(~texts.is_first_distinct().to_numpy())
        if not len(again):
            return texts
    message = f"{len(again)} texts could not be made distinct; plant longer texts or fewer of them."
    raise ValueError(message)


def _filled(fixed: pl.Series, language: IntArray, words: IntArray, rng: Generator) -> pl.Series:
    """Put neutral words before or after a sentence, cut to the number that is missing."""
    n = len(fixed)
    sentences = words // SHORTEST_SENTENCE + 1
    owner = np.repeat(np.arange(n), sentences)
    rows = pl.DataFrame({"owner": owner, "sentence": neutral_sentences(language[owner], rng)})
    neutral = rows.group_by("owner", maintain_order=True).agg(pl.col("sentence").str.join(" "))["sentence"]
    frame = pl.DataFrame({"fixed": fixed, "neutral": neutral, "words": words, "is_before": rng.random(n) < 0.5})
    missing = (pl.col("words") - pl.col("fixed").str.split(" ").list.len()).clip(0)
    cut = pl.col("neutral").str.split(" ").list.head(missing).list.join(" ").str.strip_chars_end(",.?!")
    filler = pl.when(missing > 0).then(cut + ".").otherwise(pl.lit(""))
    before, after = pl.format("{} {}", filler, pl.col("fixed")), pl.format("{} {}", pl.col("fixed"), filler)
    whole = pl.when(pl.col("is_before")).then(before).otherwise(after).str.strip_chars(" ")
    return frame.select(whole.alias("text"))["text"]


def repeated_texts(texts: pl.Series, is_repeated: BoolArray, kind: NDArray[np.int64]) -> pl.Series:
    """Give all repeated texts of a kind, shape (texts, parts of the kind), the words of the first of them."""
    _, first_of = np.unique(kind[is_repeated], axis=0, return_inverse=True)
    places = np.flatnonzero(is_repeated)
    first = np.full(first_of.max(initial=-1) + 1, len(texts), dtype=np.int64)
    np.minimum.at(first, first_of.ravel(), places)
    return texts.scatter(places, texts.gather(first[first_of.ravel()]))
