"""Scorers of texts behind one interface: each text gets a fraction, and the score of many texts is a ratio of sums.

What belongs here: the interface, the three scorers, and finding a model that somebody installed. A scorer gives
``(text_hash, numerator, denominator)`` in whole numbers; the score of an agent in a week is the sum of the numerators
over the sum of the denominators of its messages, so that it does not depend on threads or on the order of the rows, and
halves of a week or a whole span are scored in the same way. A text that a scorer has nothing to say about has no row:
it is unknown, not neutral.

Scores lie in [-1, 1]: -1 masculine-coded, 1 feminine-coded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Protocol

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.gender.axis import UNITS, Axis, project
from pipeline.language.cache import Chunks

LEXICON, AXIS, MODEL = "lexicon", "axis", "model"
SCORERS = (LEXICON, AXIS, MODEL)
"""Names of the scorers; weekly variables are ``gender_`` and the name."""
AXIS_TEACHER = "axis_teacher"
"""The axis by the teacher's own vectors, where it has read a text: the yardstick of the cheap ones, no weekly score."""
ENTRY_POINTS = "ethogram.gender"
BATCH_ROWS = 16_384
MODEL_CHUNK = 256
SCHEMA = {"text_hash": pl.String, "scorer": pl.String, "numerator": pl.Int64, "denominator": pl.Int64}

# Words, anchors and teacher are English, as was the study: a text of another language has no score.
_LEXICON = """
WITH covered AS (SELECT text_hash FROM text WHERE coalesce(language, 'und') IN ('en', 'und')),
marked AS (
    SELECT text_hash,
           sum(CASE WHEN category IN ('self_feminine', 'style_feminine') THEN count ELSE 0 END) AS feminine,
           sum(CASE WHEN category IN ('self_masculine', 'style_masculine') THEN count ELSE 0 END) AS masculine
    FROM lexicon_score WHERE lexicon = 'gender' GROUP BY text_hash
)
SELECT text_hash, 'lexicon' AS scorer, CAST(feminine - masculine AS BIGINT) AS numerator,
       CAST(feminine + masculine AS BIGINT) AS denominator
FROM marked JOIN covered USING (text_hash) WHERE feminine + masculine > 0 ORDER BY text_hash
"""
_VECTORS = """
SELECT e.text_hash, e.vector FROM embedding AS e JOIN text AS t ON t.text_hash = e.text_hash
WHERE e.rung = $rung AND coalesce(t.language, 'und') IN ('en', 'und') ORDER BY e.text_hash
"""
_TEXTS = "SELECT text_hash, text FROM text ORDER BY text_hash"


class Scorer(Protocol):
    """What scores texts: the name of its variable, and what decides its scores."""

    @property
    def name(self) -> str:
        """One of `SCORERS`, or `AXIS_TEACHER`."""

    @property
    def version(self) -> str:
        """Changes whenever the scores of some text could change."""

    def parts(self, con: duckdb.DuckDBPyConnection) -> Iterator[pl.DataFrame]:
        """Yield frames with the columns of `SCHEMA` from the views ``text``, ``lexicon_score`` and ``embedding``."""


class TextModel(Protocol):
    """A zero-shot classifier or another model that somebody brings: texts in, scores in [-1, 1] out.

    An installed package offers one as an entry point of the group ``ethogram.gender`` that names a function without
    arguments which returns the model. Not-a-number is no score.
    """

    @property
    def version(self) -> str:
        """Name and version of model and prompt; scores are kept under it."""

    def __call__(self, texts: Sequence[str]) -> NDArray[np.floating]:
        """Return one score per text."""


@dataclass(frozen=True, slots=True)
class LexiconScorer:
    """Marked words: feminine minus masculine over all of both, of the categories ``self_`` and ``style_``."""

    name: str = LEXICON
    version: str = "1"

    def parts(self, con: duckdb.DuckDBPyConnection) -> Iterator[pl.DataFrame]:
        """Yield one frame; texts without a marked word have no row."""
        yield con.sql(_LEXICON).pl()


@dataclass(frozen=True, slots=True)
class AxisScorer:
    """The place of a text's vector between the means of two sets of anchor sentences."""

    axis: Callable[[], Axis]
    version: str
    name: str = AXIS
    rung: str = "static"

    def parts(self, con: duckdb.DuckDBPyConnection) -> Iterator[pl.DataFrame]:
        """Yield frames of `BATCH_ROWS` texts; without embeddings there are none."""
        if not con.sql("SELECT 1 FROM embedding LIMIT 1").fetchall():
            return
        axis = self.axis()
        for batch in con.sql(_VECTORS, params={"rung": self.rung}).to_arrow_reader(BATCH_ROWS):
            frame = pl.DataFrame(batch)
            vectors = frame["vector"].explode().to_numpy().reshape(frame.height, -1)
            yield _units(frame["text_hash"], self.name, project(axis, vectors))


@dataclass(frozen=True, slots=True)
class ModelScorer:
    """A `TextModel`; what it said of a chunk of texts is kept, so that a run that was stopped goes on where it was."""

    model: TextModel
    chunks: Chunks
    name: str = MODEL

    @property
    def version(self) -> str:
        """The version of the model."""
        return self.model.version

    def parts(self, con: duckdb.DuckDBPyConnection) -> Iterator[pl.DataFrame]:
        """Yield frames of `MODEL_CHUNK` texts.

        Raises
        ------
        ValueError
            When the model returns another number of scores, or one outside [-1, 1].
        """
        for batch in con.sql(_TEXTS).to_arrow_reader(BATCH_ROWS):
            for frame in pl.DataFrame(batch).iter_slices(MODEL_CHUNK):
                key = hashlib.sha256("".join(frame["text_hash"].to_list()).encode()).hexdigest()[:32]
                scores = self.chunks.get(key, (frame.height,), lambda frame=frame: self._ask(frame))  # type: ignore[misc]
                yield _units(frame["text_hash"], self.name, scores.astype(np.float64))

    def _ask(self, frame: pl.DataFrame) -> NDArray[np.float16]:
        scores = np.asarray(self.model(frame["text"].to_list()), dtype=np.float64)
        if scores.shape != (frame.height,) or bool((np.abs(scores) > 1).any()):
            raise ValueError(f"model {self.version} has to return {frame.height} scores between -1 and 1")
        return scores.astype(np.float16)


def _units(hashes: pl.Series, name: str, scores: NDArray[np.float64]) -> pl.DataFrame:
    """Return scores as whole numbers of millionths; not-a-number is left out."""
    known = np.isfinite(scores)
    numerator = np.rint(np.clip(scores[known], -1, 1) * UNITS).astype(np.int64)
    return pl.DataFrame(
        {
            "text_hash": hashes.filter(pl.Series(known)),
            "scorer": pl.Series([name], dtype=pl.String).new_from_index(0, len(numerator)),
            "numerator": numerator,
            "denominator": np.full(len(numerator), UNITS),
        },
        schema=SCHEMA,
    )


def find_model() -> TextModel | None:
    """Return the model that an installed package offers, the first by name where there are several; None without."""
    offered = sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)
    return offered[0].load()() if offered else None
