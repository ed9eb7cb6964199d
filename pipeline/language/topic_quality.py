"""How far topics can be trusted: agreement of seeds, coherence of words, and entropy, each against its null.

What belongs here: what is computed once on the sample of texts, and shared by the rows of all slices.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np

from pipeline.activity.resampling import Null
from pipeline.activity.row import Sampling
from pipeline.language.convergence_sample import find_embedding
from pipeline.language.similarity import Floats, Ints
from pipeline.language.topic_clusters import (
    QUICK_ROUNDS,
    REFERENCES,
    assign,
    each,
    fit,
    one_thread,
    principal_space,
    reference,
    seeds_agree,
)
from pipeline.language.topic_texts import NUMBER_TEXTS, hidden_names, read_sample, vectors_of
from pipeline.language.topic_words import class_weights, coherence, cut_words, pair_npmi, random_coherence, top_words
from pipeline.language.topics import ordered_topics, split_words, topic_stream

NULL = "reference_normal"
AGREEMENT_SEEDS = 4
"""Seeds that are set beside each other on a reference; the spread over references is what matters there."""


@dataclass(frozen=True, slots=True)
class Quality:
    """What the sample says of the topics.

    Attributes
    ----------
    texts, number_texts
        Texts of the sample, and of its part that the number was chosen on.
    agreement, agreement_null
        Adjusted Rand index of each pair of seeds; its mean on references.
    coherence, coherence_null
        NPMI of each topic on texts that did not name it; its mean over topics of random words of like frequency.
    entropy_null
        Entropy in bits of the sizes of as many clusters of references; without a p, which `entropy_p` gives.
    """

    texts: int
    number_texts: int
    agreement: Floats
    agreement_null: Null
    coherence: Floats
    coherence_null: Null | None
    entropy_null: Null | None


def read_quality(con: duckdb.DuckDBPyConnection, number: int, sampling: Sampling) -> Quality | None:
    """Compute what the sample says of `number` topics; None without topics."""
    embedding = find_embedding(con)
    if not number or embedding is None:
        return None
    sample = read_sample(con, embedding, sampling.seed)
    vectors = vectors_of(sample)
    with one_thread():
        points = principal_space(vectors).points(vectors)
        labels = ordered_topics(points, number, sampling.seed)[1]
        part = points[:NUMBER_TEXTS]
        agreement = seeds_agree(part, number, sampling.seed)
        agreed, entropy = _references(part, number, sampling.seed)
    naming, judging = split_words(sample.height)
    vocabulary = cut_words(con, sample.drop("vector")[: len(naming) + len(judging)], hidden_names(con))
    words = top_words(class_weights(vocabulary.of(naming), labels[naming], number))
    npmi = pair_npmi(vocabulary.of(judging))
    found = coherence(npmi, words)
    drawn = random_coherence(npmi, words, sampling.null_draws, topic_stream(sampling.seed, "words"))
    return Quality(
        sample.height, len(part), agreement, above(float(agreement.mean()), agreed, NULL), found,
        above(float(found.mean()), drawn, "random_words") if found.size else None,
        below(_entropy(labels, number), entropy, NULL),
    )  # fmt: skip


def _references(points: Floats, number: int, seed: int) -> tuple[Floats, Floats]:
    rng = topic_stream(seed, "quality")

    def found(drawn: Floats) -> tuple[float, float]:
        labels = assign(drawn, fit(drawn, number, seed, starts=2, rounds=QUICK_ROUNDS))[0]
        return float(seeds_agree(drawn, number, seed, AGREEMENT_SEEDS).mean()), _entropy(labels, number)

    agreed, entropy = zip(*each(found, (reference(points, rng) for _ in range(REFERENCES))), strict=True)
    return np.array(agreed), np.array(entropy)


def _entropy(labels: Ints, number: int) -> float:
    share = np.bincount(labels, minlength=number) / len(labels)
    return float(-(share[share > 0] * np.log2(share[share > 0])).sum())


def above(value: float, drawn: Floats, model: str) -> Null:
    """Return the null with the share of draws, the value counted among them, that are at least the value."""
    p_value = (1 + np.count_nonzero(drawn >= value - 1e-12)) / (drawn.size + 1)
    return Null(model, float(drawn.mean()), float(drawn.std()), float(p_value))


def below(value: float, drawn: Floats, model: str) -> Null:
    """Return the null with the share of draws, the value counted among them, that are at most the value."""
    p_value = (1 + np.count_nonzero(drawn <= value + 1e-12)) / (drawn.size + 1)
    return Null(model, float(drawn.mean()), float(drawn.std()), float(p_value))
