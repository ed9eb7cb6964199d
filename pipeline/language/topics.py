"""From the vectors of a corpus to its topics: their number, the topic of each text, and the words that name them.

What belongs here: the rows of ``feature.topic``, ``feature.text_topic`` and ``feature.topic_number``. What is counted
and tested with them is in `topic_measures` and `topic_drift`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import stream
from pipeline.language.convergence_sample import Embedding, find_embedding
from pipeline.language.covered import corpus_coverage
from pipeline.language.similarity import Floats, Ints
from pipeline.language.topic_clusters import (
    Numbers,
    Space,
    assign,
    choose_number,
    fit,
    one_thread,
    principal_space,
)
from pipeline.language.topic_texts import (
    FEWEST_TEXTS,
    NUMBER_TEXTS,
    WORD_TEXTS,
    hidden_names,
    read_all,
    read_sample,
    vectors_of,
)
from pipeline.language.topic_words import class_weights, cut_words, top_words
from pipeline.schema import TABLES

BATCH_ROWS = 32_768
_NAMES = ("topic", "text_topic", "topic_number")


def make_topics(
    con: duckdb.DuckDBPyConnection,
    seed: int,
    number: int = 0,
    progress: Callable[[str], None] = lambda _: None,
) -> dict[str, pl.DataFrame]:
    """Find the topics of a corpus.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``embedding`` and ``agent`` of one corpus.
    seed
        Seed of the choice of texts, of the starts of k-means and of the references.
    number
        Topics that the user asks for; 0 takes the rule of `choose_number`.
    progress
        Receives a sentence per stage.

    Returns
    -------
    dict of polars.DataFrame
        ``topic``, ``text_topic`` and ``topic_number``, without ``corpus_id``; empty where there are no vectors, too few
        texts, most texts are of a language that the model does not cover, or no clustering stands above the reference.
    """
    embedding = find_embedding(con)
    if embedding is None or corpus_coverage(con).is_refused:
        return {name: _empty(name) for name in _NAMES}
    sample = read_sample(con, embedding, seed)
    if sample.height < FEWEST_TEXTS:
        return {name: _empty(name) for name in _NAMES}
    vectors = vectors_of(sample)
    with one_thread():
        space = principal_space(vectors)
        points = space.points(vectors)
        progress(f"choosing the number of topics of {sample.height} texts")
        numbers = choose_number(points[:NUMBER_TEXTS], seed, number)
        if numbers is None or not numbers.chosen:
            return {name: _empty(name) for name in _NAMES[:2]} | {"topic_number": number_frame(numbers)}
        progress(f"clustering {sample.height} texts into {numbers.chosen} topics")
        centres, labels = ordered_topics(points, numbers.chosen, seed)
        parts = list(_assigned(con, embedding, space, centres))
    texts = pl.concat(parts) if parts else _empty("text_topic")
    return {
        "topic": _topic_frame(con, sample.drop("vector"), labels, texts, numbers.chosen),
        "text_topic": texts,
        "topic_number": number_frame(numbers),
    }


def ordered_topics(points: Floats, number: int, seed: int) -> tuple[Floats, Ints]:
    """Return centres, largest topic first, and the topic of each point; equal sizes in the order of first texts."""
    centres = fit(points, number, seed)
    labels = assign(points, centres)[0]
    sizes = np.bincount(labels, minlength=number)
    first = np.full(number, len(labels))
    np.minimum.at(first, labels, np.arange(len(labels)))
    order = np.lexsort((first, -sizes))
    place = np.empty(number, dtype=np.int64)
    place[order] = np.arange(number)
    return centres[order], place[labels]


def _assigned(
    con: duckdb.DuckDBPyConnection, embedding: Embedding, space: Space, centres: Floats
) -> Iterator[pl.DataFrame]:
    after = ""
    while (part := read_all(con, embedding, after, BATCH_ROWS)).height:
        labels, nearest = assign(space.points(vectors_of(part)), centres)
        yield pl.DataFrame({"text_hash": part["text_hash"], "topic_id": labels + 1, "distance": nearest})
        after = part["text_hash"][-1]


def _empty(name: str) -> pl.DataFrame:
    schema = TABLES[name].polars_schema
    return pl.DataFrame(schema={column: kind for column, kind in schema.items() if column != "corpus_id"})


def number_frame(numbers: Numbers | None) -> pl.DataFrame:
    """Return the rows of ``feature.topic_number``."""
    if numbers is None:
        return _empty("topic_number")
    return pl.DataFrame(
        {
            "topics": list(numbers.tried),
            "silhouette": numbers.observed,
            "null_mean": numbers.null_mean,
            "null_sd": numbers.null_sd,
            "p_value": [numbers.p_value] * len(numbers.tried),
            "is_chosen": [k == numbers.chosen for k in numbers.tried],
        }
    )


def split_words(texts: int) -> tuple[Ints, Ints]:
    """Return the places of the texts that name topics and of those that judge the names: every other one."""
    places = np.arange(min(texts, WORD_TEXTS), dtype=np.int64)
    return places[::2], places[1::2]


def _topic_frame(
    con: duckdb.DuckDBPyConnection, sample: pl.DataFrame, labels: Ints, texts: pl.DataFrame, number: int
) -> pl.DataFrame:
    naming, _ = split_words(sample.height)
    vocabulary = cut_words(con, sample[naming], hidden_names(con))
    chosen = top_words(class_weights(vocabulary, labels[naming], number))
    sizes = np.bincount(texts["topic_id"].to_numpy() - 1, minlength=number)
    return pl.DataFrame(
        {
            "topic_id": np.arange(1, number + 1),
            "words": [", ".join(vocabulary.words[j] for j in row) for row in chosen],
            "texts": sizes,
        },
        schema_overrides={"words": pl.String},
    )


def topic_stream(seed: int, name: str) -> np.random.Generator:
    """Return the random stream of one measure of topics."""
    return stream(seed, f"topics/{name}")
