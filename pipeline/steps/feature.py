"""The steps of layer ``feature``: distinct texts, lexicon scores, reply classes, interactions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from pipeline.language.identify import LIBRARY, identify
from pipeline.lexicon import (
    Card,
    Engine,
    Stamp,
    card_by_id,
    count_tokens,
    fingerprint,
    load_cards,
    reply_class_sql,
    stamp,
)
from pipeline.network.interactions import interaction_sql
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Query, Staged, Warehouse

BATCH_ROWS = 50_000

_DISTINCT_TEXTS = """
SELECT text_hash, min(text) AS text, count(*) AS copies
FROM (SELECT text_hash, coalesce(title, '') || chr(10) || coalesce(content, '') AS text FROM message) AS t
GROUP BY text_hash
"""


def _text(context: StepContext) -> Mapping[str, Data]:
    distinct = context.folder / "distinct.parquet"
    context.con.execute(f"COPY ({_DISTINCT_TEXTS}) TO '{_quoted(distinct)}' (FORMAT parquet)")
    counted: list[Path] = []
    with pq.ParquetFile(distinct) as file:
        total, done = file.metadata.num_rows, 0
        for batch in file.iter_batches(BATCH_ROWS):
            counted.append(context.folder / f"counted-{len(counted):05d}.parquet")
            _described(pl.DataFrame(batch)).write_parquet(counted[-1])
            done += batch.num_rows
            context.progress(f"identified the language of {done} of {total} distinct texts")
    if not counted:
        counted.append(context.folder / "counted-none.parquet")
        _described(pl.read_parquet(distinct)).write_parquet(counted[0])
    return {"text": Staged(counted)}


def _described(texts: pl.DataFrame) -> pl.DataFrame:
    return texts.with_columns(
        n_chars=pl.col("text").str.len_chars().cast(pl.Int64),
        n_tokens=count_tokens(pl.col("text")),
        language=identify(texts["text"]),
    )


def _quoted(path: object) -> str:
    return str(path).replace("'", "''")


def lexicon_cards(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    """Return the fingerprint of all cards, the project's and the user's own, and the cards."""
    del corpus_id
    folders = warehouse.settings.lexicons, warehouse.settings.own_lexicons
    mark, cards = _marked_cards(*folders, stamp(*folders))
    return {"cards": mark}, cards


@lru_cache(maxsize=4)
def _marked_cards(folder: Path, own: Path | None, files: Stamp) -> tuple[str, tuple[Card, ...]]:
    """Return the cards and their fingerprint, made once for each state of their files."""
    del files
    cards = load_cards(folder, own)
    return fingerprint(cards), cards


def _reply_card(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    _, cards = lexicon_cards(warehouse, corpus_id)
    chosen = card_by_id(cards, "reply")
    return {"cards": fingerprint([chosen])}, chosen


def _batches(context: StepContext) -> Iterator[pl.DataFrame]:
    texts = context.warehouse.read("text", context.corpus_id).select("text_hash", "text", "n_tokens", "language")
    total = int(texts.select(pl.len()).collect().item())
    for start in range(0, total, BATCH_ROWS):
        yield texts.slice(start, BATCH_ROWS).collect()
        context.progress(f"scored {min(start + BATCH_ROWS, total)} of {total} distinct texts")


def _lexicon_score(context: StepContext) -> Mapping[str, Data]:
    engine = Engine(context.state, threads=context.settings.threads)
    paths = []
    for number, scores in enumerate(engine.score_batches(_batches(context))):
        paths.append(context.folder / f"scores-{number:05d}.parquet")
        scores.write_parquet(paths[-1])
    if not paths:
        paths = [context.folder / "scores-none.parquet"]
        empty = pl.DataFrame(schema={"text_hash": pl.String, "text": pl.String, "n_tokens": pl.Int64})
        engine.score(empty).write_parquet(paths[0])
    return {"lexicon_score": Staged(paths)}


def _reply_class(context: StepContext) -> Mapping[str, Data]:
    return {"reply_class": Query(context.con, reply_class_sql(context.state))}


def _interaction(context: StepContext) -> Mapping[str, Data]:
    return {"interaction": Query(context.con, interaction_sql())}


FEATURE_STEPS = (
    Step(
        key="feature/text",
        tables=("text",),
        reads=("message",),
        compute=_text,
        modules=("pipeline.steps.feature", "pipeline.lexicon.tokens", "pipeline.language.identify"),
        libraries=("duckdb", "polars", "numpy", "scipy", LIBRARY),
        description="Every distinct text once, with its length and language; what scorers read.",
    ),
    Step(
        key="feature/lexicon_score",
        tables=("lexicon_score",),
        reads=("text",),
        compute=_lexicon_score,
        modules=("pipeline.steps.feature", "pipeline.lexicon"),
        libraries=("polars", "numpy"),
        prepare=lexicon_cards,
        description="All lexicons of lexicons/ on every distinct text, in one pass.",
    ),
    Step(
        key="feature/reply_class",
        tables=("reply_class",),
        reads=("message", "lexicon_score"),
        compute=_reply_class,
        modules=("pipeline.steps.feature", "pipeline.lexicon"),
        prepare=_reply_card,
        description="The class of every comment by the reply rules: toxic, enforce, endorse or other.",
    ),
    Step(
        key="feature/interaction",
        tables=("interaction",),
        reads=("message", "agent"),
        compute=_interaction,
        modules=("pipeline.steps.feature", "pipeline.network.interactions"),
        description="Who addressed whom, rules kept apart: reply to anyone, comment to post author, mention.",
    ),
)
