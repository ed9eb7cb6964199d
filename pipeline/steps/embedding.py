"""The steps that embed texts and say how far the cheap vectors can be trusted."""

from __future__ import annotations

import hashlib
import importlib.metadata
import logging
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from pipeline.ingest.config import load_config
from pipeline.language import light, teacher
from pipeline.language.cache import Chunks, make_once
from pipeline.language.covered import corpus_coverage, refused, warned
from pipeline.language.distil import distil
from pipeline.language.fidelity import FAMILY, MOST_TEXTS, fidelity_measures
from pipeline.language.rungs import FULL, LIGHT, STATIC
from pipeline.language.workers import give_back, single_threaded
from pipeline.schema import TABLES, Measure, join_warnings, measure_frame
from pipeline.steps.languages import COVERED, per_language
from pipeline.steps.languages import MODULES as _LANGUAGES
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Staged, Warehouse, check_corpus_id, fingerprint
from pipeline.warehouse.locks import exclusive

if TYPE_CHECKING:
    from pipeline.language.static import StaticModel

log = logging.getLogger(__name__)

# A number of its own, whatever the machine: sums split over more threads would be added in another order.
DISTIL_THREADS = 2
_BATCH_CHUNKS = 6
MODELS_LEAVE = 0.6  # of the memory limit: torch and what it has loaded hold about a gigabyte
_MODULES = (
    "pipeline.steps.embedding",
    *(
        f"pipeline.language.{name}"
        for name in ("teacher", "distil", "static", "mapping", "embed", "light", "rungs", "workers", "cache")
    ),
)


def teacher_state(path: Path | None, texts: int) -> tuple[dict[str, object], teacher.Teacher | None]:
    """Return what of the teacher decides the vectors, and the teacher; that it is missing is part of it too.

    Parameters
    ----------
    path
        The folder that the user names, if any.
    texts
        Texts that the teacher reads.
    """
    found = teacher.find_teacher(path)
    if found is None:
        return {"teacher": None}, None
    versions = {name: importlib.metadata.version(name) for name in teacher.LIBRARIES}
    return {"teacher": found.digest, "versions": versions, "texts": texts}, found


def _prepare(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    if not warehouse.settings.has_teacher:
        return {"teacher": None}, None
    config, found = teacher_state(warehouse.settings.teacher, _teacher_texts(warehouse, corpus_id))
    return config if found is None else {**config, "rung": warehouse.settings.rung}, found


def _teacher_texts(warehouse: Warehouse, corpus_id: str) -> int:
    """Return how many texts the teacher reads: what corpus.toml says, else the setting."""
    stated = load_config(warehouse.settings.data / corpus_id, corpus_id).teacher_texts
    return warehouse.settings.teacher_texts if stated is None else stated


def _embedding(context: StepContext) -> Mapping[str, Data]:
    if context.state is None:
        if context.settings.has_teacher:
            log.warning("corpus %s: %s", context.corpus_id, teacher.MISSING)
        schema = TABLES["embedding"].polars_schema
        return {"embedding": pl.DataFrame(schema={name: schema[name] for name in schema if name != "corpus_id"})}
    paths = _embed(context)  # its models are gone when it returns
    give_back()
    return {"embedding": Staged(paths)}


def _embed(context: StepContext) -> list[Path]:
    from pipeline.language import embed

    config, _ = _prepare(context.warehouse, context.corpus_id)
    root = context.settings.warehouse / ".cache"
    static = static_model(root, context.state, config)
    texts = context.warehouse.read("text", context.corpus_id).select("text_hash", "text")
    total, rows = int(texts.select(pl.len()).collect().item()), _BATCH_CHUNKS * embed.STATIC_CHUNK
    rung = context.settings.rung
    sample = texts.head(total if rung == FULL else _teacher_texts(context.warehouse, context.corpus_id)).collect()
    load = cache(partial(teacher.load, context.state))
    with single_threaded(context.settings.threads) as pool:
        return embed.embed(
            _batches(texts, total, rows),
            sample,
            embed.Models(static, load, cache(lambda: light.quantise(load()))),
            pool,
            context.folder,
            Chunks(_chunk_folder(root, context.corpus_id, sample, config)),
            context.progress,
            total,
            rung,
        )


def static_model(root: Path, found: teacher.Teacher, config: Mapping[str, object]) -> StaticModel:
    """Return the static model of a teacher, distilled half a minute long if it is not stored below `root`.

    Parameters
    ----------
    root
        Folder for what can be made again.
    found
        The teacher.
    config
        What decides the model: the teacher's digest and the versions of the libraries.
    """
    from pipeline.language.static import StaticModel

    key = fingerprint(
        config={name: config[name] for name in ("teacher", "versions")},
        modules=("pipeline.language.distil",),
    )
    folder = root / "static" / key
    if not folder.is_dir():
        with exclusive(root / "static.lock", "the static model"), single_threaded(1, per_call=DISTIL_THREADS):
            make_once(folder, partial(distil, found))
    return StaticModel(folder)


def _chunk_folder(root: Path, corpus_id: str, sample: pl.DataFrame, config: Mapping[str, object]) -> Path:
    """Return where finished chunks of a corpus are: garbage collection and `forget` find them as they find parts."""
    hashes = hashlib.sha256("".join(sample["text_hash"].to_list()).encode()).hexdigest()
    modules = ("pipeline.language.teacher", "pipeline.language.light")
    key = fingerprint(inputs={"sample": hashes}, config=config, modules=modules)
    return root / "embedding" / f"corpus_id={check_corpus_id(corpus_id)}" / key


def _batches(texts: pl.LazyFrame, total: int, rows: int) -> Iterator[pl.DataFrame]:
    for start in range(0, total, rows):
        yield texts.slice(start, rows).collect()


_PAIRS = """
SELECT s.vector AS cheap, f.vector AS full_vector
FROM embedding AS s JOIN embedding AS f ON s.text_hash = f.text_hash AND s.model = f.model
WHERE s.rung = $rung AND f.rung = 'full'
ORDER BY s.text_hash
LIMIT $most
"""

# Every token of the token rule is at least one word piece, so these texts are longer than what the models read.
_COVERAGE = """
SELECT count(*) AS texts, count(*) FILTER (WHERE n_tokens > $pieces) AS cut,
       (SELECT count(*) FROM embedding WHERE rung = 'static') AS static_texts,
       (SELECT count(*) FROM embedding WHERE rung = 'full') AS full_texts,
       (SELECT count(*) FROM embedding WHERE rung = 'light') AS light_texts
FROM text
"""


def _measures(context: StepContext) -> Mapping[str, Data]:
    return {"measure": measure_frame(per_language(_rows)(context))}


def _rows(context: StepContext) -> list[Measure]:
    from pipeline.language.mean_similarity import mean_similarity_measures

    settings = context.settings
    found = context.con.sql(_COVERAGE, params={"pieces": teacher.MAX_TOKENS - 2}).fetchall()[0]
    texts, cut, static_texts, full_texts, light_texts = (int(value) for value in found)
    words = [] if texts else ["no_messages"]
    words += ["model_unavailable"] if texts and not static_texts else []
    rows = [row for rung in (STATIC, LIGHT) for row in _fidelity(context, rung, words)]
    rows += mean_similarity_measures(context.con, level=settings.ci_level, warnings=words)
    covered = corpus_coverage(context.con)
    counts = [
        _count("embedded_texts_static", static_texts, texts, words),
        _count("embedded_texts_light", light_texts, texts, words),
        _count("embedded_texts_full", full_texts, texts, words),
        _count("beyond_window_share", cut / texts if texts else None, texts, [] if texts else words),
    ]
    return [*refused(rows, covered), *warned(counts, covered)]


def _fidelity(context: StepContext, rung: str, words: list[str]) -> list[Measure]:
    settings = context.settings
    pairs = context.con.sql(_PAIRS, params={"most": MOST_TEXTS, "rung": rung}).pl()
    return fidelity_measures(
        _matrix(pairs["cheap"]),
        _matrix(pairs["full_vector"]),
        seed=settings.seed,
        draws=settings.bootstrap_draws,
        level=settings.ci_level,
        warnings=words,
        rung=rung,
    )


def _matrix(column: pl.Series) -> np.ndarray[Any, np.dtype[np.float32]]:
    if column.is_empty():
        return np.zeros((0, teacher.DIMENSIONS), np.float32)
    return column.explode().to_numpy().astype(np.float32).reshape(len(column), teacher.DIMENSIONS)


def _count(name: str, value: float | None, texts: int, words: list[str]) -> Measure:
    """Return a number that is counted, not estimated: it has no interval."""
    is_known = value is not None and "model_unavailable" not in words
    return Measure(
        family=FAMILY,
        measure_id=name,
        value=float(value) if is_known and value is not None else None,
        n=texts,
        n_unit="distinct texts",
        ci_method="census" if is_known else None,
        warnings=join_warnings(words),
    )


EMBEDDING_STEPS = (
    Step(
        key="feature/embedding",
        tables=("embedding",),
        reads=("text",),
        compute=_embedding,
        modules=_MODULES,
        libraries=("polars", "numpy", "pyarrow"),
        prepare=_prepare,
        memory_share=MODELS_LEAVE,
        description="Vectors of every distinct text by a static model, and of samples by its teacher and a light one.",
    ),
    Step(
        key="analysis/measure/embedding",
        tables=("measure",),
        reads=("message", "text", "embedding", "slice"),
        family=FAMILY,
        compute=_measures,
        modules=(
            "pipeline.steps.embedding",
            *_LANGUAGES,
            *COVERED,
            "pipeline.language.fidelity",
            "pipeline.language.mean_similarity",
            "pipeline.language.prediction_powered",
            "pipeline.language.rungs",
            "pipeline.language.teacher",
            "pipeline.schema.tidy",
        ),
        libraries=("duckdb", "polars", "numpy", "scipy"),
        description="How far the cheap vectors stand in for the teacher's, and how alike the texts are to it.",
    ),
)
