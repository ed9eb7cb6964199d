"""Coherent norm clusters of a corpus: the specifications of the grid, and the measures of the primary one.

What belongs here: from the clusters of `norm_clusters` to rows of ``analysis.estimate`` and ``analysis.measure``, of
family ``norms``. Observed and dealt texts go through the same functions, so that what differs is only who posted where.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from pipeline.activity.resampling import Interval, Null, cluster_bootstrap, stream
from pipeline.activity.row import Sampling, row
from pipeline.inference.intervals import wilson
from pipeline.inference.multiplicity import adjust
from pipeline.inference.result import FEW_CLUSTERS, FEWEST_BOOTSTRAP_UNITS
from pipeline.language.convergence_sample import find_embedding, has_communities
from pipeline.language.covered import WORD, corpus_coverage, refused
from pipeline.language.norm_clusters import (
    Clusters,
    Texts,
    dealt_orders,
    find_clusters,
    is_coherent,
    random_thresholds,
)
from pipeline.language.norm_sample import MOST_TEXTS, Sample, read_sample
from pipeline.language.norm_specification import NormSpecification, load_norm_grid
from pipeline.language.similarity import Floats, Ints
from pipeline.schema import Estimate, Measure, join_warnings

FAMILY = "norms"
NULL = "dealt_texts"
HYPOTHESIS = "communities_have_norm_clusters"
_SHARE, _HDBSCAN = "norm_cluster_community_share", "norm_cluster_community_share_hdbscan"
_MEAN, _TEXTS, _COUNT, _COHERENCE = (
    "norm_clusters_mean",
    "norm_cluster_text_share",
    "norm_clusters",
    "norm_cluster_coherence",
)
MEASURES = (_SHARE, _HDBSCAN, _MEAN, _TEXTS, _COUNT, _COHERENCE)


@dataclass(frozen=True, slots=True)
class Clustered:
    """The clusters of the communities as they are, and of each dealing of their texts.

    Attributes
    ----------
    sample
        The communities.
    thresholds
        Coherence that one random set in a hundred exceeds, by size.
    observed, dealt
        The clusters.
    version
        Model and rung of the vectors.
    """

    sample: Sample
    thresholds: Floats
    observed: Clusters
    dealt: list[Clusters]
    version: str

    def counts(self, spec: NormSpecification, clusters: Clusters) -> tuple[Ints, Ints]:
        """Return norm clusters, and texts in them, of each community of the specification."""
        chosen = is_coherent(clusters, self.thresholds, min_authors=spec.min_authors, least=spec.least)
        size, place = len(self.sample.communities), clusters.community[chosen]
        analysed = self.analysed(spec)
        number = np.bincount(place, minlength=size)[analysed]
        texts = np.bincount(place, weights=clusters.size[chosen], minlength=size)[analysed]
        return number.astype(np.int64), texts.astype(np.int64)

    def analysed(self, spec: NormSpecification) -> Ints:
        """Return the places of the communities with enough texts."""
        return np.flatnonzero(self.sample.texts.sizes >= spec.min_texts).astype(np.int64)


def norm_rows(
    con: duckdb.DuckDBPyConnection, sampling: Sampling, progress: Callable[[str], None] = lambda _: None
) -> tuple[list[Measure], list[Estimate]]:
    """Compute the share of communities with a coherent norm cluster, under every specification of the grid.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``template`` and ``embedding`` of one corpus.
    sampling
        Seed, draws of the bootstrap and level.
    progress
        Receives a sentence per choice of texts and algorithm.

    Returns
    -------
    tuple
        Rows of ``analysis.measure``: the share of communities by X-means and by HDBSCAN, clusters per community, share
        of texts in norm clusters, and clusters and coherence of each community. Rows of ``analysis.estimate``: one per
        specification. Where the data allow none, a row is null and says why.
    """
    grid, covered = load_norm_grid(), corpus_coverage(con)
    named, found = has_communities(con), {}
    embedded = {rung: find_embedding(con, rung) for rung in sorted({spec.rung for spec in grid.specifications})}
    reasons: dict[tuple[str, str, str], str] = {}
    samples: dict[tuple[str, str], Sample] = {}
    for spec in grid.specifications:
        key = (spec.algorithm, spec.texts, spec.rung)
        if key in found or key in reasons:
            continue
        embedding = embedded[spec.rung]
        if not named or embedding is None or covered.is_refused:
            reasons[key] = "no_communities" if not named else "model_unavailable" if embedding is None else WORD
            continue
        if key[1:] not in samples:  # what other texts or vectors need is let go
            samples = {key[1:]: read_sample(con, embedding, sampling.seed, texts=spec.texts)}
        sample = samples[key[1:]]
        if not sample.communities:
            reasons[key] = "few_texts"
            continue
        progress(f"clusters of {len(sample.communities)} communities: {spec.algorithm}, {spec.texts}, {spec.rung}")
        draws = grid.draws if key == _primary_key() else grid.draws_elsewhere
        found[key] = cluster_all(sample, spec.algorithm, draws, sampling.seed, embedding.version)
    estimates = []
    for spec in grid.specifications:
        key = (spec.algorithm, spec.texts, spec.rung)
        estimates.append(_estimate(spec, found.get(key), reasons.get(key), sampling, covered.words))
    measures = _measures(found, reasons, sampling)
    return refused(measures, covered), adjust(estimates)


def _primary_key() -> tuple[str, str, str]:
    primary = load_norm_grid().specifications[0]
    return primary.algorithm, primary.texts, primary.rung


def cluster_all(sample: Sample, algorithm: str, draws: int, seed: int, version: str = "") -> Clustered:
    """Cluster the communities, and as many dealings of their texts as there are draws."""
    texts, rng = sample.texts, stream(seed, f"norms/{algorithm}")
    largest = min(MOST_TEXTS, int(texts.sizes.max(initial=0)))
    return Clustered(
        sample,
        random_thresholds(texts.vectors, largest, rng),
        find_clusters(texts, algorithm),
        [_dealt(texts, algorithm, order) for order in dealt_orders(len(texts.authors), draws, rng)],
        version,
    )


def _dealt(texts: Texts, algorithm: str, order: Ints) -> Clusters:
    return find_clusters(texts.dealt(order), algorithm)


def null_of(value: float, drawn: Floats) -> Null:
    """Return the null with a two-sided p: twice the smaller tail, the observed value counted among the draws."""
    tails = 1 + np.count_nonzero(drawn >= value - 1e-12), 1 + np.count_nonzero(drawn <= value + 1e-12)
    return Null(NULL, float(drawn.mean()), float(drawn.std()), min(1.0, 2 * min(tails) / (drawn.size + 1)))


def share_of(spec: NormSpecification, clustered: Clustered) -> tuple[int, int, Null]:
    """Return the communities with a norm cluster, those analysed (at least one), and the share of dealt texts."""
    pool = [clustered.observed, *clustered.dealt]
    if spec.is_dealt:  # the first dealing stands for the corpus, the others for its null
        pool = pool[1:]
    hits = [int((clustered.counts(spec, clusters)[0] > 0).sum()) for clusters in pool]
    total = int(clustered.analysed(spec).size)
    return hits[0], total, null_of(hits[0] / total, np.array(hits[1:], dtype=np.float64) / total)


def _estimate(
    spec: NormSpecification, clustered: Clustered | None, reason: str | None, sampling: Sampling, words: list[str]
) -> Estimate:
    total = 0 if clustered is None else int(clustered.analysed(spec).size)
    values: dict[str, float | int | None] = {"estimate": None, "n_obs": 0, "n_clusters": total}
    if clustered is not None and total:
        hits, _, null = share_of(spec, clustered)
        low, high = wilson(hits, total, sampling.level)
        few = ["few_clusters"] if total < FEW_CLUSTERS else []
        words = [*words, *few, "independence_assumed", "composition_sensitive"]
        values = {
            "estimate": hits / total,
            "conf_low": low,
            "conf_high": high,
            "conf_level": sampling.level,
            "p_value": null.p_value,
            "null_mean": null.mean,
            "null_sd": null.sd,
            "n_perm": len(clustered.dealt) - spec.is_dealt,
            "n_obs": int(clustered.sample.texts.sizes[clustered.analysed(spec)].sum()),
            "n_clusters": total,
            "n_events": hits,
        }
    else:
        words = [reason or "few_texts"]
    return Estimate(
        spec_id=spec.spec_id,
        family=FAMILY,
        hypothesis_id=HYPOTHESIS,
        role=spec.role,
        estimand="share of communities with at least one coherent norm cluster",
        model=spec.formula,
        estimator=spec.algorithm,
        outcome="has_norm_cluster",
        term="share",
        cluster="community",
        sampling=f"at most {MOST_TEXTS} texts per community by hash, seed {sampling.seed}",
        score_version=clustered.version if clustered else None,
        warnings=join_warnings(words),
        **values,  # type: ignore[arg-type]
    )


def _measures(
    found: dict[tuple[str, str, str], Clustered], reasons: dict[tuple[str, str, str], str], sampling: Sampling
) -> list[Measure]:
    primary = load_norm_grid().specifications[0]
    other = next(spec for spec in load_norm_grid().specifications if spec.algorithm == "hdbscan")
    rows = []
    for name, spec in ((_SHARE, primary), (_HDBSCAN, other)):
        clustered = found.get((spec.algorithm, spec.texts, spec.rung))
        if clustered is None or not clustered.analysed(spec).size:
            word = reasons.get((spec.algorithm, spec.texts, spec.rung)) or "few_texts"
            rows.append(row(FAMILY, name, None, 0, "communities", level=sampling.level, warnings=[word]))
            continue
        hits, total, null = share_of(spec, clustered)
        low, high = wilson(hits, total, sampling.level)
        interval = Interval(low, high, "wilson")
        words = [*_words(total), "independence_assumed"]
        rows.append(
            row(FAMILY, name, hits / total, total, "communities", level=sampling.level, interval=interval, null=null,
                warnings=words)
        )  # fmt: skip
    clustered = found.get(_primary_key())
    if clustered is None or not clustered.analysed(primary).size:
        word = reasons.get(_primary_key()) or "few_texts"
        return [*rows, *(row(FAMILY, name, None, 0, "communities", level=sampling.level, warnings=[word])
                         for name in (_MEAN, _TEXTS, _COUNT, _COHERENCE))]  # fmt: skip
    return [*rows, *_mean_rows(primary, clustered, sampling), *_community_rows(primary, clustered)]


def _words(total: int) -> list[str]:
    return ["composition_sensitive", *(["few_clusters"] if total < FEW_CLUSTERS else [])]


def _mean_rows(spec: NormSpecification, clustered: Clustered, sampling: Sampling) -> list[Measure]:
    sizes = clustered.sample.texts.sizes[clustered.analysed(spec)]
    number, texts = clustered.counts(spec, clustered.observed)
    drawn = [clustered.counts(spec, clusters) for clusters in clustered.dealt]
    ones = np.ones_like(number)
    rows = []
    for name, over, under, nulls in (
        (_MEAN, number, ones, [one for one, _ in drawn]),
        (_TEXTS, texts, sizes, [one for _, one in drawn]),
    ):
        value = float(over.sum() / under.sum())
        interval = Interval(None, None, None)
        if len(sizes) >= FEWEST_BOOTSTRAP_UNITS:
            interval = cluster_bootstrap(
                np.column_stack([over, under]),
                lambda sums: sums[:, 0] / sums[:, 1],
                draws=sampling.bootstrap_draws,
                rng=stream(sampling.seed, name),
                level=sampling.level,
                method="cluster_bootstrap_communities",
            )
        null = null_of(value, np.array([one.sum() for one in nulls], dtype=np.float64) / float(under.sum()))
        rows.append(
            row(FAMILY, name, value, int(under.sum()), "communities" if name == _MEAN else "texts", null=null,
                level=sampling.level, interval=interval, warnings=_words(len(sizes)))
        )  # fmt: skip
    return rows


def _community_rows(spec: NormSpecification, clustered: Clustered) -> list[Measure]:
    """Clusters of each community, and the coherence of its most coherent one, with what dealt texts have."""
    observed, analysed = clustered.observed, clustered.analysed(spec)
    best, drawn_best = (
        _best(spec, clustered, observed),
        [_best(spec, clustered, clusters) for clusters in clustered.dealt],
    )
    number = clustered.counts(spec, observed)[0]
    drawn = np.stack([clustered.counts(spec, clusters)[0] for clusters in clustered.dealt]).astype(np.float64)
    rows = []
    for at, place in enumerate(analysed.tolist()):
        size = int(clustered.sample.texts.sizes[place])
        common: dict[str, Any] = {
            "family": FAMILY,
            "n": size,
            "n_unit": "texts",
            "unit": "community",
            "unit_id": clustered.sample.communities[place],
            "null_model": NULL,
            "warnings": join_warnings(["composition_sensitive"]),
        }
        rows.append(
            Measure(measure_id=_COUNT, value=float(number[at]), null_mean=float(drawn[:, at].mean()),
                    null_sd=float(drawn[:, at].std()), **common)
        )  # fmt: skip
        if best[place] > 0:
            null = null_of(float(best[place]), np.array([one[place] for one in drawn_best]))
            rows.append(
                Measure(measure_id=_COHERENCE, value=float(best[place]), null_mean=null.mean, null_sd=null.sd,
                        p_value=null.p_value, **common)
            )  # fmt: skip
    return rows


def _best(spec: NormSpecification, clustered: Clustered, clusters: Clusters) -> Floats:
    """Return the coherence of the most coherent norm cluster of each community, 0 where it has none."""
    chosen = is_coherent(clusters, clustered.thresholds, min_authors=spec.min_authors, least=spec.least)
    best = np.zeros(len(clustered.sample.communities))
    np.maximum.at(best, clusters.community[chosen], clusters.coherence[chosen])
    return best
