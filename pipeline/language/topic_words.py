"""Words that name topics (class-based TF-IDF), and whether they belong together (NPMI against other words).

What belongs here: from texts and labels to words and coherence. A word is a run of 3 to 20 letters in lower case; it
has to stand in texts of several authors, so that no handle, password or private joke of one author names a topic.
Credentials and addresses are redacted, links and mentions dropped before texts are cut into words.
"""

from __future__ import annotations

import importlib
from collections.abc import Collection
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from scipy import sparse

from pipeline.language.similarity import Floats, Ints
from pipeline.lexicon.tokens import TOKEN_PATTERN
from pipeline.warehouse.redact import redact_sql

WORDS = 10
"""Words of a topic."""
LEAST_AUTHORS, LEAST_TEXTS = 5, 5
MOST_WORDS = 3000
"""Words in most texts that may name a topic."""
NEIGHBOURS = 10
"""Words of like frequency on either side that may stand in for one in the null."""
READ_CHARS = 4000
_DROPPED = r"(?i)https?://\S+|www\.\S+|\[redacted:\w+\]|(?:^|[^\w])(?:@|/?u/|/?m/|r/)[\w.\-]+"
_WORD = r"^\p{Ll}{3,20}$"


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Words, and the texts that hold them: a matrix of zeros and ones, shape (texts, words), frequent words first."""

    words: list[str]
    holds: sparse.csr_matrix

    def of(self, texts: Ints) -> Vocabulary:
        """Return the same words with some of the texts."""
        return Vocabulary(self.words, self.holds[texts])


def cut_words(con: duckdb.DuckDBPyConnection, texts: pl.DataFrame, hidden: Collection[str]) -> Vocabulary:
    """Cut texts into words.

    Parameters
    ----------
    con
        Any connection; it redacts.
    texts
        Columns text and author, in a fixed order.
    hidden
        Names in lower case that are never words.
    """
    read = texts.with_row_index("i").select("i", "author", pl.col("text").str.slice(0, READ_CHARS))
    con.register("topic_reading", read.to_arrow())
    try:
        clean: pl.DataFrame = con.sql(f"SELECT i, author, {redact_sql('text')} AS text FROM topic_reading").pl()
    finally:
        con.unregister("topic_reading")
    stop = importlib.import_module("sklearn.feature_extraction.text").ENGLISH_STOP_WORDS
    tokens = pl.col("text").str.replace_all(_DROPPED, " ").str.to_lowercase().str.extract_all(TOKEN_PATTERN)
    long = (
        clean.select("i", "author", word=tokens)
        .explode("word")
        .drop_nulls("word")
        .filter(pl.col("word").str.contains(_WORD) & ~pl.col("word").is_in([*sorted(stop), *sorted(hidden)]))
        .unique(["i", "word"])
    )
    chosen = (
        long.group_by("word")
        .agg(texts=pl.len(), authors=pl.col("author").n_unique())
        .filter((pl.col("texts") >= LEAST_TEXTS) & (pl.col("authors") >= LEAST_AUTHORS))
        .sort("texts", "word", descending=[True, False])
        .head(MOST_WORDS)
        .with_row_index("j")
    )
    places = long.join(chosen.select("word", "j"), on="word").sort("i", "j")
    shape = (texts.height, chosen.height)
    rows, columns = (places[name].to_numpy().astype(np.int64) for name in ("i", "j"))
    return Vocabulary(chosen["word"].to_list(), sparse.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=shape))


def class_weights(vocabulary: Vocabulary, labels: Ints, number: int) -> Floats:
    """Return the weight of each word in each topic, shape (topics, words).

    c-TF-IDF (Grootendorst 2022) in the form that holds frequent words down: the root of the share of the word among
    the words of the topic, times log(1 + (A − f + 0.5)/(f + 0.5)) with f the count of the word in all topics and A the
    mean words of a topic; at least 0. A word counts once a text.
    """
    topics = sparse.csr_matrix((np.ones(len(labels)), (labels, np.arange(len(labels)))), (number, len(labels)))
    counts = np.asarray((topics @ vocabulary.holds).todense(), dtype=np.float64)
    total, frequency = counts.sum(axis=1, keepdims=True), counts.sum(axis=0)
    rarity = np.log(np.maximum(1 + (total.mean() - frequency + 0.5) / (frequency + 0.5), 1.0))
    return np.asarray(np.sqrt(counts / np.maximum(total, 1)) * rarity)


def top_words(weights: Floats, most: int = WORDS) -> list[Ints]:
    """Return the places of the heaviest words of each topic; ties go to the more frequent, words of no weight out."""
    order = np.argsort(-weights, axis=1, kind="stable")[:, :most]
    return [row[weights[topic, row] > 0].astype(np.int64) for topic, row in enumerate(order)]


def pair_npmi(vocabulary: Vocabulary) -> Floats:
    """Return the normalised pointwise mutual information of each pair of words over texts, shape (words, words).

    log(p_ab / p_a p_b) / −log p_ab (Bouma 2009), −1 where no text holds both.
    """
    n = max(vocabulary.holds.shape[0], 1)
    both = np.asarray((vocabulary.holds.T @ vocabulary.holds).todense(), dtype=np.float64) / n
    single = np.maximum(both.diagonal(), 1e-300)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = np.log(both / np.outer(single, single)) / -np.log(both)
    return np.asarray(np.where(both <= 0, -1.0, np.where(both >= 1, 1.0, value)))


def coherence(npmi: Floats, words: list[Ints]) -> Floats:
    """Return the mean NPMI over pairs of words of each topic with two words or more, shape (topics,)."""
    found = [float(npmi[np.ix_(row, row)][np.triu_indices(len(row), 1)].mean()) for row in words if len(row) > 1]
    return np.array(found, dtype=np.float64)


def random_coherence(npmi: Floats, words: list[Ints], draws: int, rng: np.random.Generator) -> Floats:
    """Return the mean coherence of topics of random words of like frequency, shape (draws,)."""
    last = len(npmi) - 1
    drawn = []
    for _ in range(draws):
        moved = [row + rng.integers(-NEIGHBOURS, NEIGHBOURS, len(row), endpoint=True) for row in words]
        drawn.append(coherence(npmi, [np.unique(np.abs(last - np.abs(last - np.abs(row)))) for row in moved]).mean())
    return np.array(drawn, dtype=np.float64)
