"""The steps of emotion and contagion: labels of texts, how good they are, and whether they spread in threads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from pipeline.inference.slices import read_slices
from pipeline.language.classifier import Classifier, LabelCache, load_classifiers
from pipeline.language.conflict_rules import CARDS, LABELS, label_texts, lexicon_version
from pipeline.lexicon import load_cards
from pipeline.schema import TABLES, estimate_frame, measure_frame
from pipeline.steps.analysis import _sampling
from pipeline.steps.languages import COVERED
from pipeline.steps.step import Step, StepContext
from pipeline.warehouse import Data, Warehouse

BATCH_ROWS = 4096


def _prepare_labels(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    del corpus_id
    own = load_classifiers(warehouse.settings.classifiers)
    cards = [card for card in load_cards(warehouse.settings.lexicons) if card.id in CARDS.values()]
    return {"lexicon": lexicon_version(cards), **{scheme: own[scheme].version for scheme in own}}, (own, cards)


def _text_label(context: StepContext) -> Mapping[str, Data]:
    own, cards = context.state
    texts = (
        context.warehouse.read("text", context.corpus_id).select("text_hash", "n_tokens").sort("text_hash").collect()
    )
    lexicons = list(CARDS.values())
    scores = context.warehouse.read("lexicon_score", context.corpus_id).filter(pl.col("lexicon").is_in(lexicons))
    ruled = label_texts(texts, scores.select("text_hash", "lexicon", "category", "count").collect())
    version, parts = lexicon_version(cards), []
    for scheme, labels in LABELS.items():
        found = ruled.select("text_hash", label=scheme, scheme=pl.lit(scheme), classifier=pl.lit(version))
        if scheme in own:
            found = _by_classifier(context, own[scheme])
        parts.append(found.filter(pl.col("label") != labels[0]))
    schema = TABLES["text_label"].polars_schema
    return {"text_label": pl.concat(parts, how="diagonal").select(name for name in schema if name != "corpus_id")}


def _by_classifier(context: StepContext, classifier: Classifier) -> pl.DataFrame:
    cache = LabelCache(context.settings.warehouse / ".cache" / "labels", classifier)
    texts = context.warehouse.read("text", context.corpus_id).select("text_hash", "text").sort("text_hash").collect()
    parts = []
    for start in range(0, texts.height, BATCH_ROWS):
        part = texts.slice(start, BATCH_ROWS)
        labels = cache.label(part["text_hash"].to_list(), part["text"].to_list())
        parts.append(part.select("text_hash", label=pl.Series(labels, dtype=pl.String)))
        context.progress(
            f"labelled {min(start + BATCH_ROWS, texts.height)} of {texts.height} texts ({classifier.scheme})"
        )
    empty = pl.DataFrame(schema={"text_hash": pl.String, "label": pl.String})
    found = pl.concat(parts) if parts else empty
    return found.with_columns(scheme=pl.lit(classifier.scheme), classifier=pl.lit(classifier.version))


def _prepare_classifier(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    from pipeline.language.labelled import labels_digest

    del warehouse, corpus_id
    return {"labels": labels_digest()}, None


def _classifier(context: StepContext) -> Mapping[str, Data]:
    from pipeline.language.labelled import classifier_measures

    return {"measure": measure_frame(classifier_measures(context.con, _sampling(context.settings)))}


def _measure(context: StepContext) -> Mapping[str, Data]:
    from pipeline.inference.contagion import contagion_measures

    slices = read_slices(context.con)
    return {"measure": measure_frame(contagion_measures(context.con, _sampling(context.settings), slices=slices))}


def _estimate(context: StepContext) -> Mapping[str, Data]:
    from pipeline.inference.contagion_estimates import contagion_estimates

    settings = context.settings
    rows = contagion_estimates(
        context.con,
        seed=settings.seed,
        ci_level=settings.ci_level,
        n_draws=settings.permutation_draws,
        progress=context.progress,
    )
    return {"estimate": estimate_frame(rows)}


_OWN = ("pipeline.steps.contagion", "pipeline.steps.analysis", "pipeline.schema.tidy")
_SHARED = (
    "pipeline.inference",
    "pipeline.language.clock",
    *COVERED,
    "pipeline.activity.resampling",
    "pipeline.activity.row",
)
_STATISTICS = ("duckdb", "polars", "numpy", "scipy")

CONTAGION_STEPS = (
    Step(
        key="feature/text_label",
        tables=("text_label",),
        reads=("text", "lexicon_score"),
        compute=_text_label,
        modules=(
            "pipeline.steps.contagion",
            "pipeline.language.classifier",
            "pipeline.language.conflict_rules",
            "pipeline.lexicon",
        ),
        prepare=_prepare_labels,
        description="Conflict and emotion of every distinct text: lexicon rules, or the user's classifiers.",
    ),
    Step(
        key="analysis/measure/classifier",
        tables=("measure",),
        reads=("text", "text_label"),
        family="classifier",
        compute=_classifier,
        modules=("pipeline.language.labelled", "pipeline.language.conflict_rules", *_SHARED, *_OWN),
        libraries=_STATISTICS,
        prepare=_prepare_classifier,
        description="Precision and recall of the labels on texts that were labelled twice, and the agreement of both.",
    ),
    Step(
        key="analysis/measure/contagion",
        tables=("measure",),
        reads=("message", "text", "text_label", "lexicon_score", "slice"),
        family="contagion",
        compute=_measure,
        modules=(*_SHARED, *_OWN),
        libraries=_STATISTICS,
        description="Conflict and emotion of comments by those of the post, the first comment and the ones before.",
    ),
    Step(
        key="analysis/estimate/contagion",
        tables=("estimate",),
        reads=("message", "text", "text_label", "lexicon_score"),
        family="contagion",
        compute=_estimate,
        modules=(*_SHARED, *_OWN),
        libraries=_STATISTICS,
        description="Is conflict contagious in threads? Every specification of the grid, with tests of order.",
    ),
)
