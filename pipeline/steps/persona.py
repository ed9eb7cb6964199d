"""The steps of persona and drift: vectors of descriptions, alignment of messages, its measures and tests."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.activity.gaps import read_gaps, warn_periods
from pipeline.language import rungs, teacher
from pipeline.language.cache import Chunks
from pipeline.language.clock import read_clock, warn_coarse
from pipeline.language.persona import FAMILY, alignment, read_by_teacher, read_personas
from pipeline.language.persona_grid import grid_text, load_persona_grid
from pipeline.language.workers import single_threaded
from pipeline.schema import TABLES, estimate_frame, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.embedding import MODELS_LEAVE, _prepare, static_model
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Staged, Warehouse, check_corpus_id, fingerprint


def _persona_embedding(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language import embed
    from pipeline.language.mapping import apply_maps, fit_maps

    personas = read_personas(context.con).filter(pl.col("n_tokens") > 0)
    if context.state is None or personas.is_empty():
        return {"persona_embedding": _without_corpus("persona_embedding")}
    config, _ = _prepare(context.warehouse, context.corpus_id)
    root = context.settings.warehouse / ".cache"
    static = static_model(root, context.state, config)
    read = personas.filter(pl.col("persona_hash").is_in(read_by_teacher(context.con).to_list()))
    models = embed.Models(static, cache(partial(teacher.load, context.state)))
    with single_threaded(context.settings.threads) as pool:
        chunks = Chunks(_chunk_folder(root, context.corpus_id, read, config))
        full = embed.teach(read["persona"].to_list(), models, pool, chunks, context.progress)
        plain = static.read(personas["persona"].to_list(), pool)
        is_read = personas["persona_hash"].is_in(read["persona_hash"].to_list()).to_numpy()
        folds = embed.folds_of(personas["persona_hash"])
        # As with texts, no description is mapped by a map that has seen it, and no map has seen a text of the sample.
        mapped = apply_maps(fit_maps(plain.rows(is_read), full, folds[is_read]), plain, folds)
    writer = embed.Files(context.folder)
    writer.write(read["persona_hash"], rungs.FULL, full)
    writer.write(personas["persona_hash"], rungs.STATIC, mapped.astype(np.float16))
    frames = [pl.scan_parquet(path).rename({"text_hash": "persona_hash"}) for path in writer.paths]
    paths = [path.with_name(f"persona-{path.name}") for path in writer.paths]
    for frame, path in zip(frames, paths, strict=True):
        frame.sink_parquet(path)
    return {"persona_embedding": Staged(paths)}


def _without_corpus(table: str) -> pl.DataFrame:
    schema = TABLES[table].polars_schema
    return pl.DataFrame(schema={name: kind for name, kind in schema.items() if name != "corpus_id"})


def _chunk_folder(root: Path, corpus_id: str, read: pl.DataFrame, config: Mapping[str, object]) -> Path:
    hashes = hashlib.sha256("".join(read["persona_hash"].to_list()).encode()).hexdigest()
    key = fingerprint(inputs={"personas": hashes}, config=config, modules=("pipeline.language.teacher",))
    return root / "embedding" / f"corpus_id={check_corpus_id(corpus_id)}" / key


def _alignment(context: StepContext) -> Mapping[str, Data]:
    found = alignment(context.con)
    return {"persona_alignment": found if found.height else _without_corpus("persona_alignment")}


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.drift_measures import drift_measures
    from pipeline.language.persona_measures import persona_measures

    clock, sampling = read_clock(context.con), _sampling(context.settings)
    rows = [*persona_measures(context.con, clock, sampling), *drift_measures(context.con, sampling)]
    rows = warn_coarse(context.con, rows, ("post", "comment"))
    return {"measure": measure_frame(warn_periods(rows, read_gaps(context.con).of("post", "comment")))}


def _estimate(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.persona_estimates import persona_estimates

    settings = context.settings
    # Sums of vectors by agent stand beside what DuckDB holds, half a gigabyte for 60,000 agents.
    limit = int(settings.memory_bytes * MODELS_LEAVE) // 10**6
    context.con.execute(f"SET memory_limit = '{limit}MB'")
    rows = persona_estimates(
        context.con,
        context.state,
        seed=settings.seed,
        ci_level=settings.ci_level,
        progress=context.progress,
    )
    return {"estimate": estimate_frame(rows)}


def _grid(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    del warehouse, corpus_id
    return {"grid": hashlib.sha256(grid_text().encode()).hexdigest()}, load_persona_grid()


_OWN = ("pipeline.steps.persona", "pipeline.steps.analysis", "pipeline.schema.tidy")
_LANGUAGE = tuple(
    f"pipeline.language.{name}"
    for name in (
        "clock",
        "covered",
        "drift",
        "identify",
        "persona",
        "persona_estimates",
        "persona_frame",
        "persona_grid",
        "persona_null",
        "persona_sums",
        "prediction_powered",
        "trend",
    )
)
_SHARED = (
    "pipeline.activity.gaps",
    "pipeline.activity.resampling",
    "pipeline.activity.row",
    "pipeline.inference.multiplicity",
    "pipeline.inference.result",
)
_STATISTICS = ("duckdb", "polars", "numpy", "scipy")

PERSONA_STEPS = (
    Step(
        key="feature/persona_embedding",
        tables=("persona_embedding",),
        reads=("agent", "message", "text", "embedding"),
        compute=_persona_embedding,
        modules=(
            "pipeline.steps.persona",
            "pipeline.steps.embedding",
            *(
                f"pipeline.language.{name}"
                for name in ("teacher", "distil", "static", "mapping", "embed", "workers", "persona", "cache", "rungs")
            ),
            "pipeline.lexicon.tokens",
        ),
        libraries=("duckdb", "polars", "numpy", "pyarrow"),
        prepare=_prepare,
        memory_share=MODELS_LEAVE,
        description="Vectors of the descriptions that agents give of themselves.",
    ),
    Step(
        key="feature/persona_alignment",
        tables=("persona_alignment",),
        reads=("agent", "message", "text", "embedding", "persona_embedding"),
        compute=_alignment,
        modules=("pipeline.steps.persona", "pipeline.language.persona", "pipeline.lexicon.tokens"),
        libraries=("duckdb", "polars", "numpy"),
        description="Cosine of every message with the description of its author.",
    ),
    Step(
        key="analysis/measure/persona",
        tables=("measure",),
        reads=("agent", "message", "text", "embedding", "persona_embedding", "persona_alignment", "collection_gap"),
        family=FAMILY,
        compute=_measure,
        modules=(
            *_LANGUAGE,
            "pipeline.language.persona_measures",
            "pipeline.language.drift_measures",
            "pipeline.lexicon.tokens",
            *_SHARED,
            *_OWN,
        ),
        libraries=_STATISTICS,
        description="Alignment of messages with descriptions, and what follows the highest-voted post.",
    ),
    Step(
        key="analysis/estimate/persona",
        tables=("estimate",),
        reads=("agent", "message", "text", "embedding", "persona_embedding", "persona_alignment"),
        family=FAMILY,
        compute=_estimate,
        modules=(
            *_LANGUAGE,
            *_SHARED,
            "pipeline.inference.specification",
            "pipeline.steps.embedding",
            *_OWN,
        ),
        libraries=_STATISTICS,
        prepare=_grid,
        description="Are messages like the description of their author, does that wane, and do votes move it?",
    ),
)
