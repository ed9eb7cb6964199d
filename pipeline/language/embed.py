"""Vectors of all texts of a corpus: the static model on every one, the teacher and the light model on samples by hash.

What belongs here: the order of the work, its chunks, and the files that it leaves. Texts come sorted by their hash;
chunks have a fixed number of texts, and vectors are rounded to half precision, so that the rows do not depend on the
number of threads. The sample is the texts with the smallest hashes: as good as drawn at random, and the same again
everywhere. The fold of a text is the end of its hash, which has nothing to do with whether it is in the sample. The
light model reads the first chunk of the sample, enough to say how far it can be trusted, or every text where the
setting asks for it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from pipeline.language import teacher
from pipeline.language.cache import Chunks
from pipeline.language.mapping import FOLDS, MOST_TEXTS, Map, apply_maps, fit_maps
from pipeline.language.rungs import FULL, LIGHT, STATIC
from pipeline.language.static import StaticModel

STATIC_CHUNK, TEACHER_CHUNK = 8192, 256

Progress = Callable[[str], None]
_SCHEMA = pa.schema(
    [("text_hash", pa.string()), ("model", pa.string()), ("rung", pa.string()), ("vector", pa.list_(pa.float32()))]
)


@dataclass(frozen=True, slots=True)
class Models:
    """The models; the teacher and the light model are loaded when they are first needed.

    Attributes
    ----------
    static
        The static model.
    load_teacher, load_light
        Return the others; without `load_light` there are no light vectors.
    """

    static: StaticModel
    load_teacher: Callable[[], Any]
    load_light: Callable[[], Any] | None = None


def folds_of(hashes: pl.Series) -> NDArray[np.int64]:
    """Return the fold of each text from the last eight hexadecimal digits of its hash."""
    return hashes.str.slice(-8).str.to_integer(base=16, dtype=pl.Int64).to_numpy() % FOLDS


def embed(
    batches: Iterator[pl.DataFrame],
    sample: pl.DataFrame,
    models: Models,
    pool: Executor,
    folder: Path,
    chunks: Chunks,
    progress: Progress,
    total: int,
    rung: str = STATIC,
) -> list[Path]:
    """Embed all texts and return the Parquet files with the columns of ``feature.embedding``.

    Parameters
    ----------
    batches
        All texts (``text_hash``, ``text``) sorted by hash, in frames of any multiple of `STATIC_CHUNK` rows.
    sample
        The texts that the teacher reads: the first rows of the same, or all of them.
    models, pool
        The models and the pool of `pipeline.language.workers.single_threaded`.
    folder
        Where the files go.
    chunks
        Where finished chunks of the teacher and of the light model are kept.
    progress, total
        Receives sentences; number of all texts.
    rung
        ``light`` has the light model read every text.
    """
    vectors = teach(sample["text"].to_list(), models, pool, chunks, progress)
    writer = Files(folder)
    writer.write(sample["text_hash"], FULL, vectors)
    if rung != LIGHT:
        few = sample.head(TEACHER_CHUNK)
        found = lighten(few["text"].to_list(), models, pool, chunks, progress)
        writer.write(few["text_hash"][: len(found)], LIGHT, found)
    maps = _maps(sample, vectors, models.static, pool)
    started, done = time.monotonic(), 0
    for batch in batches:
        for chunk in batch.iter_slices(STATIC_CHUNK):
            mapped = apply_maps(maps, models.static.read(chunk["text"].to_list(), pool), folds_of(chunk["text_hash"]))
            writer.write(chunk["text_hash"], STATIC, mapped.astype(np.float16))
            done += chunk.height
            progress(f"static model: {_rate(done, total, time.monotonic() - started)}")
            if rung == LIGHT:
                found = lighten(chunk["text"].to_list(), models, pool, chunks, progress)
                writer.write(chunk["text_hash"][: len(found)], LIGHT, found)
    return writer.paths


def teach(
    texts: Sequence[str], models: Models, pool: Executor, chunks: Chunks, progress: Progress
) -> NDArray[np.float16]:
    """Return the teacher's vectors of texts, shape (texts, 384); chunks that are stored are not computed again."""
    return _chunked(lambda at, _: f"teacher-{at:08d}", models.load_teacher, texts, pool, chunks, progress)


def lighten(
    texts: Sequence[str], models: Models, pool: Executor, chunks: Chunks, progress: Progress
) -> NDArray[np.float16]:
    """Return the light model's vectors of texts, as `teach`; no rows without a light model."""
    if models.load_light is None:
        return np.zeros((0, teacher.DIMENSIONS), dtype=np.float16)
    return _chunked(_light_name, models.load_light, texts, pool, chunks, progress)


def _light_name(at: int, part: Sequence[str]) -> str:
    """Name a chunk by its texts: the folder is named by those of the teacher's sample alone."""
    del at
    return f"light-{hashlib.sha256(json.dumps(part).encode()).hexdigest()[:32]}"


def _chunked(
    name: Callable[[int, Sequence[str]], str],
    load: Callable[[], Any],
    texts: Sequence[str],
    pool: Executor,
    chunks: Chunks,
    progress: Progress,
) -> NDArray[np.float16]:
    found = []
    started, done = time.monotonic(), 0
    for start in range(0, len(texts), TEACHER_CHUNK):
        part = texts[start : start + TEACHER_CHUNK]

        def make(part: Sequence[str] = part) -> NDArray[np.float16]:
            return teacher.encode(load(), part, pool)

        called = name(start, part)
        found.append(chunks.get(called, (len(part), teacher.DIMENSIONS), make))
        done += len(part)
        progress(f"{called.split('-')[0]} model: {_rate(done, len(texts), time.monotonic() - started)}")
    return np.concatenate(found) if found else np.zeros((0, teacher.DIMENSIONS), dtype=np.float16)


def _maps(sample: pl.DataFrame, vectors: NDArray[np.float16], static: StaticModel, pool: Executor) -> list[Map]:
    # The teacher of all texts of a large corpus needs no map of them all.
    few = sample.head(2 * MOST_TEXTS)
    known = static.read(few["text"].to_list(), pool)
    return fit_maps(known, vectors[: few.height], folds_of(few["text_hash"]))


def _rate(done: int, total: int, seconds: float) -> str:
    rate = done / max(seconds, 1e-9)
    return f"{done} of {total} texts, {rate:,.0f} texts/s, about {(total - done) / max(rate, 1e-9):.0f} s left"


class Files:
    """Writes vectors to numbered files, a chunk of rows in each."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths: list[Path] = []

    def write(self, hashes: pl.Series, rung: str, vectors: NDArray[np.float16]) -> None:
        """Write one file; `vectors` has shape (texts, 384)."""
        rows, dimensions = vectors.shape
        flat = pa.array(vectors.astype(np.float32).ravel())
        ends = pa.array(np.arange(0, (rows + 1) * dimensions, dimensions, dtype=np.int32))
        columns = [
            hashes.to_arrow().cast(pa.string()),
            pa.array([teacher.MODEL] * rows, pa.string()),
            pa.array([rung] * rows, pa.string()),
            pa.ListArray.from_arrays(ends, flat),
        ]
        path = self.folder / f"embedding-{len(self.paths):05d}.parquet"
        pq.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA), path, compression="none", use_dictionary=False)
        self.paths.append(path)
