"""Sums of the vectors of each author's messages, in one pass over the vectors.

What belongs here: `agent_sums`. With them the mean cosine with any assignment of descriptions costs one product per
agent instead of one per message.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from pipeline.language.persona import persona_vectors, positions, text_vectors

Key: TypeAlias = tuple[str, str]


@dataclass(frozen=True, slots=True)
class AgentSums:
    """Per author: the vector of its description, the sum of the vectors of its messages, and how many these are.

    Attributes
    ----------
    personas, sums
        Shape (agents, dimensions).
    counts, tokens
        Shape (agents,): messages, and tokens of the description.
    """

    personas: NDArray[np.float32]
    sums: NDArray[np.float64]
    counts: NDArray[np.int64]
    tokens: NDArray[np.int64]

    def of(self, chosen: NDArray[np.bool_]) -> AgentSums:
        """Return the rows of some authors; those of all are no copy."""
        if chosen.all():
            return self
        return AgentSums(self.personas[chosen], self.sums[chosen], self.counts[chosen], self.tokens[chosen])


@dataclass(frozen=True, slots=True)
class _Sample:
    """Authors of a sample, and how often each text is by each of them, ordered by text."""

    authors: pl.DataFrame
    texts: NDArray[np.str_]
    rows: NDArray[np.int64]
    counts: NDArray[np.float64]


def agent_sums(con: duckdb.DuckDBPyConnection, samples: Mapping[Key, pl.DataFrame]) -> dict[Key, AgentSums]:
    """Sum the static vectors of the messages of each author, for several samples of messages in one pass.

    Parameters
    ----------
    con
        Connection with the views ``embedding`` and ``persona_embedding`` of one corpus.
    samples
        Rows of `persona_frame.read_aligned`: all of them have vectors.
    """
    hashes, vectors = persona_vectors(con, "static")
    coded = {key: _coded(messages) for key, messages in samples.items()}
    sums = {key: np.zeros((sample.authors.height, vectors.shape[1])) for key, sample in coded.items()}
    for names, batch in text_vectors(con, "static"):
        for key, sample in coded.items():
            first = np.searchsorted(sample.texts, names[:1], "left")
            last = np.searchsorted(sample.texts, names[-1:], "right")
            at = slice(int(first[0]), int(last[0]))
            if at.start < at.stop:
                # Texts are in order, and those of others are left out: they would only be made wide.
                used, column = np.unique(positions(names, sample.texts[at]), return_inverse=True)
                shape = (sample.authors.height, len(used))
                counted = sparse.csr_matrix((sample.counts[at], (sample.rows[at], column)), shape=shape)
                sums[key] += counted @ batch[used].astype(np.float64)
    found = {}
    for key, sample in coded.items():
        own = sample.authors["persona_hash"].to_numpy().astype(str)
        at_own = positions(hashes, own) if len(own) else np.zeros(0, np.int64)
        counts, tokens = (sample.authors[name].to_numpy() for name in ("n", "persona_tokens"))
        found[key] = AgentSums(vectors[at_own], sums[key], counts, tokens)
    return found


def _coded(messages: pl.DataFrame) -> _Sample:
    authors = (
        messages.group_by("author")
        .agg(pl.col("persona_hash", "persona_tokens").first(), n=pl.len().cast(pl.Int64))
        .sort("author")
    )
    code = authors.select("author").with_row_index("code")
    pairs = messages.join(code, on="author").group_by("text_hash", "code").agg(n=pl.len().cast(pl.Float64))
    pairs = pairs.sort("text_hash", "code")
    rows = pairs["code"].to_numpy().astype(np.int64)
    return _Sample(authors, pairs["text_hash"].to_numpy().astype(str), rows, pairs["n"].to_numpy())
