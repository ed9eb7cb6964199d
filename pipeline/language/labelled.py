"""How often the classifier of conflict and emotion is right: family ``classifier``, on texts that were labelled twice.

What belongs here: agreement of the two labellings, and precision and recall of the stored labels against them, weighted
back to all texts of the corpus that the sample was drawn from. The labels are those of two independent passes of a
language model that read every message by the codebook (docs/codebook-conflict-emotion.md); no human labelled. The file
holds ids and hashes, no texts; a corpus that holds other texts gets null rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import stream
from pipeline.activity.row import Sampling
from pipeline.language.conflict_rules import CONFLICT, EMOTION, LABELS
from pipeline.schema import Measure, join_warnings

if TYPE_CHECKING:
    from pipeline.inference.result import Floats

FAMILY = "classifier"
LABEL_FILE = "conflict_emotion.csv"
POPULATION = {"no": 78_200, "yes": 15_214}
"""Distinct texts of at least 15 characters in moltbook-api-v1-tree without and with a word of the sampling rule. Within
each the labelled texts are those with the smallest hashes, so a simple random sample."""
TEST, TUNE = "test", "tune"
LEAST_FOUND = 0.5
"""A corpus that holds less than this share of the labelled texts is another corpus: its rows are null."""
FEW_EVENTS = 10

_SCHEMES = (CONFLICT, EMOTION)
_WORDS = ("labelled_by_models",)
_TARGETS = [(CONFLICT, "yes"), *((EMOTION, name) for name in LABELS[EMOTION])]
_STORED = "SELECT text_hash, scheme, label FROM text_label"


def read_labels() -> pl.DataFrame:
    """Return the labelled messages: ids, hash, stratum, has_word, half (tune or test), two labels of each scheme."""
    source = files("pipeline.language").joinpath("labels", LABEL_FILE)
    return pl.read_csv(source.read_bytes(), schema_overrides={"message_id": pl.String, "text_hash": pl.String})


def labels_digest() -> str:
    """Return the content of the label file, for the fingerprint of what reads it."""
    return files("pipeline.language").joinpath("labels", LABEL_FILE).read_text(encoding="utf-8")


def classifier_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> list[Measure]:
    """Measure agreement of the labellings, and precision and recall of the classifier on the half kept for it.

    Parameters
    ----------
    con
        Connection with the views ``text`` and ``text_label`` of one corpus.
    sampling
        Seed, draws and level of the intervals.

    Returns
    -------
    list of Measure
        ``label_kappa`` (weighted to the population) and ``label_kappa_sample`` by scheme; by label ``label_share``,
        ``classifier_share``, ``classifier_precision``, ``classifier_recall``, and the latter two on the texts whose two
        labels agree (``…_agreed``). A text counts half for each of its two labels.
    """
    held = con.sql("SELECT text_hash FROM text").pl()
    found = read_labels().join(held, on="text_hash", how="semi").sort("text_hash")
    if found.height < LEAST_FOUND * read_labels().height:
        return list(_nulls(found.height))
    stored = con.sql(_STORED).pl().join(found, on="text_hash", how="semi")
    for scheme in _SCHEMES:
        own = stored.filter(pl.col("scheme") == scheme).select("text_hash", pl.col("label").alias(f"{scheme}_found"))
        found = found.join(own, on="text_hash", how="left", maintain_order="left").with_columns(
            pl.col(f"{scheme}_found").fill_null(LABELS[scheme][0])
        )
    return [*_agreement(found, sampling), *_accuracy(found.filter(pl.col("half") == TEST), sampling.level)]


def _nulls(n: int) -> Iterator[Measure]:
    for name in ("label_kappa", "label_kappa_sample"):
        for scheme in _SCHEMES:
            yield _row(name, "scheme", scheme, None, n, None, None, [*_WORDS, "few_texts"])
    for name in _MEASURES:
        for scheme, label in _TARGETS:
            yield _row(name, "label", f"{scheme}:{label}", None, n, None, None, [*_WORDS, "few_texts"])


def _row(
    name: str, unit: str, unit_id: str, value: float | None, n: int,
    interval: tuple[float, float] | None, method: str | None, words: list[str], level: float = 0.95,
) -> Measure:  # fmt: skip
    return Measure(
        family=FAMILY, measure_id=name, value=value, n=n, n_unit="texts", unit=unit, unit_id=unit_id,
        ci_low=interval[0] if interval else None, ci_high=interval[1] if interval else None,
        ci_level=level if interval else None, ci_method=method if interval else None, warnings=join_warnings(words),
    )  # fmt: skip


# Agreement


def kappa(table: Floats) -> Floats:
    """Return Cohen's kappa of tables of counts, shape (..., k, k): (observed − expected) / (1 − expected) agreement.

    Cohen (1960). Not-a-number where both labellings are constant.
    """
    total = table.sum(axis=(-2, -1))
    seen = np.trace(table, axis1=-2, axis2=-1) / total
    by_chance = (table.sum(axis=-1) * table.sum(axis=-2)).sum(axis=-1) / total**2
    with np.errstate(invalid="ignore", divide="ignore"):
        value: Floats = (seen - by_chance) / (1 - by_chance)
    return value


def _agreement(found: pl.DataFrame, sampling: Sampling) -> Iterator[Measure]:
    for scheme in _SCHEMES:
        tables = np.stack([_table(found.filter(pl.col("has_word") == key), scheme) for key in POPULATION])
        sizes = tables.sum(axis=(1, 2))
        weights = np.array(list(POPULATION.values())) / sizes
        rng = stream(sampling.seed, f"label_kappa {scheme}")
        draws = np.stack(
            [
                rng.multinomial(int(n), table.ravel() / n, size=sampling.bootstrap_draws).reshape(-1, *table.shape)
                for n, table in zip(sizes, tables, strict=True)
            ]
        )
        for name, scale in (("label_kappa", weights), ("label_kappa_sample", np.ones(len(POPULATION)))):
            drawn = kappa(np.einsum("s,sdij->dij", scale, draws))
            usable = drawn[np.isfinite(drawn)]
            tail = (1 - sampling.level) / 2
            low, high = np.quantile(usable, [tail, 1 - tail])
            value = float(kappa(np.einsum("s,sij->ij", scale, tables)))
            yield _row(
                name, "scheme", scheme, value, found.height, (float(low), float(high)), "bootstrap_strata",
                list(_WORDS), sampling.level,
            )  # fmt: skip


def _table(found: pl.DataFrame, scheme: str) -> Floats:
    codes = {label: i for i, label in enumerate(LABELS[scheme])}
    table = np.zeros((len(codes), len(codes)))
    for a, b, n in found.group_by(f"{scheme}_a", f"{scheme}_b").len().iter_rows():
        table[codes[a], codes[b]] = n
    return table


# Precision and recall


def _weights(found: pl.DataFrame) -> Floats:
    counts = dict(found.group_by("has_word").len().iter_rows())
    scale = {key: POPULATION[key] / n for key, n in counts.items()}
    return np.array([scale[key] for key in found["has_word"].to_list()], dtype=np.float64)


def weighted_share(part: Floats, whole: Floats, level: float) -> tuple[float, tuple[float, float], float] | None:
    """Return a weighted share, its Wilson interval at the effective size, and that size.

    Parameters
    ----------
    part, whole
        Weights of what is counted and of what it is a share of, each of shape (n,), ``0 <= part <= whole``.
    level
        Level of the interval.

    Returns
    -------
    tuple or None
        ``None`` when the whole has no weight.

    Notes
    -----
    The effective size is (Σw)²/Σw² (Kish 1965): unequal weights make fewer of the texts, and the interval wider.
    """
    from scipy import stats

    total = float(whole.sum())
    if total <= 0:
        return None
    share, size = float(part.sum()) / total, total**2 / float((whole**2).sum())
    z = float(stats.norm.ppf(0.5 + level / 2))
    centre, scale = share + z * z / (2 * size), 1 + z * z / size
    half = z * float(np.sqrt(max(share * (1 - share), 0.0) / size + z * z / (4 * size * size)))
    return share, (max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)), size


_MEASURES = (
    "label_share", "classifier_share", "classifier_precision", "classifier_recall",
    "classifier_precision_agreed", "classifier_recall_agreed",
)  # fmt: skip


def _accuracy(found: pl.DataFrame, level: float) -> Iterator[Measure]:
    for scheme, label in _TARGETS:
        agreed = found.filter(pl.col(f"{scheme}_a") == pl.col(f"{scheme}_b"))
        for suffix, sample in (("", found), ("_agreed", agreed)):
            yield from _label_rows(sample, scheme, label, suffix, level, _weights(found)[_places(found, sample)])


def _places(whole: pl.DataFrame, part: pl.DataFrame) -> list[int]:
    order = {key: i for i, key in enumerate(whole["text_hash"].to_list())}
    return [order[key] for key in part["text_hash"].to_list()]


def _label_rows(
    sample: pl.DataFrame, scheme: str, label: str, suffix: str, level: float, weights: Floats
) -> Iterator[Measure]:
    truth = sum((sample[f"{scheme}_{who}"] == label).to_numpy().astype(float) / 2 for who in "ab")
    found = (sample[f"{scheme}_found"] == label).to_numpy().astype(float)
    true, said = weights * truth, weights * found
    both = said * truth
    shares = {"classifier_precision": (both, said), "classifier_recall": (both, true)}
    if not suffix:
        shares = {"label_share": (true, weights), "classifier_share": (said, weights), **shares}
    for name, (part, whole) in shares.items():
        result, n = weighted_share(part, whole, level), int((whole > 0).sum())
        few = ["few_events"] if n < FEW_EVENTS else []
        unit_id = f"{scheme}:{label}"
        if result is None:
            yield _row(name + suffix, "label", unit_id, None, n, None, None, [*_WORDS, "few_events"])
        else:
            share, interval, _ = result
            yield _row(name + suffix, "label", unit_id, share, n, interval, "wilson_effective", [*_WORDS, *few], level)
