"""The static model: one vector per word piece, distilled from the teacher; a text is the mean of its pieces.

What belongs here: running the model that `pipeline.language.distil` made. A text is cut into words at blanks and
punctuation, and the tokenizer sees each distinct word once: it ends its pieces there anyway, so the pieces are those of
the whole text, several times faster. As the teacher does, the model reads the first `MAX_CHARS` characters and
`MAX_PIECES` word pieces.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from pipeline.language.distil import TOKENIZER, WEIGHTS
from pipeline.language.teacher import DIMENSIONS, MAX_CHARS, MAX_TOKENS

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

MAX_PIECES = MAX_TOKENS - 2  # the teacher's two marks have no vector here
SLICE_TEXTS = 1024  # texts that one thread sums at a time
MOST_WORDS = 300_000  # distinct words whose pieces are kept, about 60 MB

_BLANKS = r"[ \t\n\r]+"
_MARKS = r"([!-/:-@\[-`{-~])"  # the tokenizer makes each punctuation mark of ASCII a word of its own


@dataclass(frozen=True, slots=True)
class Read:
    """What the static model makes of texts before they are mapped.

    Attributes
    ----------
    vectors
        Unit vectors, shape (texts, `DIMENSIONS`); zero for a text without a word piece.
    pieces
        How often each word piece is in each text, shape (texts, vocabulary), sorted.
    """

    vectors: FloatArray
    pieces: sparse.csr_matrix

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.vectors)

    def rows(self, at: NDArray[Any] | slice) -> Read:
        """Return some texts, chosen by numbers, a mask or a slice."""
        return Read(self.vectors[at], self.pieces[at])


class StaticModel:
    """Vectors of texts from the vectors of their word pieces.

    Parameters
    ----------
    folder
        What `pipeline.language.distil.distil` wrote.
    """

    def __init__(self, folder: Path) -> None:
        self.torch = importlib.import_module("torch")
        weights = importlib.import_module("safetensors.numpy").load_file(str(folder / WEIGHTS))["weights"]
        if weights.ndim != 2 or weights.shape[1] != DIMENSIONS:
            raise ValueError(
                f"{WEIGHTS} of the static model has shape {weights.shape}; remove its folder and run again"
            )
        self.weights = self.torch.from_numpy(weights)
        tokenizer = importlib.import_module("tokenizers").Tokenizer.from_file(str(folder / TOKENIZER))
        tokenizer.no_padding()
        tokenizer.no_truncation()
        self.pieces = WordPieces(tokenizer)

    def encode(self, texts: Sequence[str], pool: Executor) -> FloatArray:
        """Return unit vectors of texts, shape (texts, `DIMENSIONS`); zero for a text without a word piece.

        Parameters
        ----------
        texts
            Texts.
        pool
            From `pipeline.language.workers.single_threaded`.
        """
        return self._encode(*self.pieces.of(texts), pool)

    def read(self, texts: Sequence[str], pool: Executor) -> Read:
        """Return vectors and word pieces of texts, for `pipeline.language.mapping`; parameters as of `encode`."""
        flat, counts = self.pieces.of(texts)
        starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
        shape = (len(counts), len(self.weights))
        pieces = sparse.csr_matrix((np.ones(len(flat), dtype=np.float32), flat, starts), shape=shape)
        pieces.sum_duplicates()
        return Read(self._encode(flat, counts, pool), pieces)

    def _encode(self, flat: IntArray, counts: IntArray, pool: Executor) -> FloatArray:
        ends = np.cumsum(counts)
        jobs = []
        for start in range(0, len(counts), SLICE_TEXTS):
            stop = min(start + SLICE_TEXTS, len(counts))
            first = int(ends[start] - counts[start])
            jobs.append((flat[first : int(ends[stop - 1])], ends[start:stop] - counts[start:stop] - first))
        found = list(pool.map(self._mean, jobs))
        return np.concatenate(found) if found else np.zeros((0, DIMENSIONS), dtype=np.float32)

    def _mean(self, job: tuple[IntArray, IntArray]) -> FloatArray:
        """Return the normalised means of the pieces of some texts; a text begins at each offset."""
        pieces, offsets = (self.torch.from_numpy(part) for part in job)
        means: FloatArray = self.torch.nn.functional.embedding_bag(pieces, self.weights, offsets, mode="mean").numpy()
        return unit_length(means)


class WordPieces:
    """Word pieces of texts, through a memory of the words seen.

    Parameters
    ----------
    tokenizer
        A fast tokenizer that ends its pieces at blanks and at the punctuation marks of ASCII.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self._forget()

    def _forget(self) -> None:
        self.number: dict[str, int] = {}
        self.ids, self.counts = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)

    def of(self, texts: Sequence[str]) -> tuple[IntArray, IntArray]:
        """Return the pieces of all texts one after the other, and how many each text has (at most `MAX_PIECES`)."""
        spaced = pl.col("text").str.slice(0, MAX_CHARS).str.replace_all(_MARKS, " $1 ").str.replace_all(_BLANKS, " ")
        words = (
            pl.DataFrame({"text": texts}, schema={"text": pl.String})
            .select(spaced.str.split(" ").alias("word"))
            .with_row_index("at")
            .explode("word")
            .filter(pl.col("word") != "")
        )
        distinct = words["word"].unique(maintain_order=True)
        lookup = pl.DataFrame({"word": distinct, "number": self._learn(distinct.to_list())})
        numbers = words.join(lookup, on="word", how="left", maintain_order="left")["number"].to_numpy()
        at = words["at"].to_numpy().astype(np.int64)
        starts = np.cumsum(self.counts) - self.counts
        return _gather(self.ids, starts[numbers], self.counts[numbers], at, len(texts))

    def _learn(self, words: list[str]) -> IntArray:
        """Return the number of each word after the tokenizer has seen those that are new."""
        if len(self.number) > MOST_WORDS:
            self._forget()
        new = [word for word in words if word not in self.number]
        found = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(new, add_special_tokens=False)]
        self.number.update(zip(new, range(len(self.number), len(self.number) + len(new)), strict=True))
        self.counts = np.concatenate([self.counts, np.array([len(ids) for ids in found], dtype=np.int64)])
        self.ids = np.concatenate([self.ids, np.array([at for ids in found for at in ids], dtype=np.int64)])
        return np.array([self.number[word] for word in words], dtype=np.int64)


def _gather(ids: IntArray, starts: IntArray, counts: IntArray, at: IntArray, n_texts: int) -> tuple[IntArray, IntArray]:
    """Return the pieces of words in the order of the texts, each text cut at `MAX_PIECES`, and the pieces per text."""
    before = np.cumsum(counts) - counts  # pieces of all words before this one
    first = np.searchsorted(at, at)  # first word of the same text
    left = np.clip(MAX_PIECES - (before - before[first] if len(at) else before), 0, None)
    kept = np.minimum(counts, left)
    ends = np.cumsum(kept)
    within = np.arange(int(kept.sum())) - np.repeat(ends - kept, kept)
    flat = ids[np.repeat(starts, kept) + within]
    return flat, np.bincount(at, weights=kept, minlength=n_texts).astype(np.int64)


def unit_length(vectors: NDArray[Any]) -> NDArray[Any]:
    """Return rows divided by their length; a zero row stays zero."""
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    scaled: NDArray[Any] = vectors / np.where(lengths > 0, lengths, 1).astype(vectors.dtype)
    return scaled
