"""Norm clusters: X-means against references, planted norms found, dealt texts not, the rows and their reasons."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl
import pytest
from convergence_corpora import EMBEDDING, messages_of, on_frames
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from pipeline.activity.row import Sampling
from pipeline.language.convergence_sample import Embedding
from pipeline.language.norm_clusters import Texts, find_clusters, hdbscan, is_coherent, random_thresholds
from pipeline.language.norm_sample import FEWEST_TEXTS, MOST_TEXTS, Sample, read_sample
from pipeline.language.norm_specification import NormSpecification, load_norm_grid
from pipeline.language.norms import MEASURES, cluster_all, norm_rows, share_of
from pipeline.language.xmeans import bic, k_means, x_means
from pipeline.published.load import load_measure_dictionary

MODEL = "planted"


def blobs(rng, sizes, dimensions=16, spread=0.05):
    """Tight groups around random directions, and their labels, in random order."""
    centres = rng.standard_normal((len(sizes), dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    labels = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    return centres[labels] + spread * rng.standard_normal((labels.size, dimensions)), labels


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def planted(seed, communities=12, size=20, with_norm=0, dimensions=12, topics=5, authors=10):
    """Texts of topics that all communities share; the first `with_norm` communities write half of theirs to a norm."""
    rng = np.random.default_rng(seed)
    topic = rng.standard_normal((topics, dimensions))
    vectors = topic[rng.integers(topics, size=communities * size)] + 1.2 * rng.standard_normal(
        (communities * size, dimensions)
    )
    norm = 4 * unit(rng.standard_normal((communities, dimensions)))
    for at in range(with_norm):
        own = slice(at * size, at * size + size // 2)
        vectors[own] = norm[at] + 0.4 * rng.standard_normal((size // 2, dimensions))
    writers = np.repeat(np.arange(communities), size) * authors + rng.integers(authors, size=communities * size)
    sizes = np.full(communities, size)
    return Sample([f"c{i}" for i in range(communities)], Texts(unit(vectors), writers, sizes))


def test_bic_equals_the_likelihood_of_spherical_gaussians():
    rng = np.random.default_rng(1)
    vectors, labels = blobs(rng, (30, 50), 5, 0.3)
    n, d, k = 80, 5, 2
    means = np.stack([vectors[labels == at].mean(axis=0) for at in range(k)])
    variance = ((vectors - means[labels]) ** 2).sum() / (d * (n - k))
    density = stats.norm.logpdf(vectors, means[labels], np.sqrt(variance)).sum(axis=1)
    likelihood = (density + np.log(np.bincount(labels) / n)[labels]).sum()
    expected = likelihood - (k - 1 + k * d + 1) / 2 * np.log(n)
    assert bic(vectors @ vectors.T, labels, d) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("sizes", [(60,), (30, 30), (10, 40, 25), (12, 15, 9, 20, 14, 8, 30, 11)])
def test_x_means_finds_the_planted_number_of_clusters(sizes):
    for seed in range(5):
        vectors, labels = blobs(np.random.default_rng(seed), sizes)
        assert adjusted_rand_score(labels, x_means(vectors)) == pytest.approx(1.0)


def test_x_means_stops_at_the_most_and_bears_what_has_no_clusters():
    rng = np.random.default_rng(3)
    vectors, _ = blobs(rng, (8,) * 30, 64, 0.02)
    assert x_means(vectors).max() + 1 <= 20
    assert x_means(vectors, most=4).max() + 1 <= 4
    assert x_means(np.zeros((0, 4))).size == 0
    assert x_means(np.ones((1, 4))).tolist() == [0]
    assert x_means(np.ones((9, 4))).tolist() == [0] * 9  # copies are one cluster
    assert hdbscan(np.ones((3, 4))).tolist() == [-1] * 3  # fewer than the smallest cluster


def test_k_means_ends_where_no_text_is_nearer_to_another_centre():
    vectors = np.random.default_rng(4).standard_normal((200, 6))
    first = ((vectors[:, None] - vectors[:7]) ** 2).sum(axis=2).argmin(axis=1)
    labels = k_means(vectors @ vectors.T, first)
    centres = np.stack([vectors[labels == at].mean(axis=0) for at in range(labels.max() + 1)])
    nearest = ((vectors[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
    assert (nearest == labels).mean() > 0.97  # stopped after 25 rounds at the latest, so a few may still move


def test_thresholds_are_quantiles_of_random_sets():
    vectors = unit(np.random.default_rng(5).standard_normal((300, 8)) + 0.5)
    found = random_thresholds(vectors, 40, np.random.default_rng(6))
    rng = np.random.default_rng(7)
    for size in (5, 20, 40):
        sets = [np.linalg.norm(vectors[rng.choice(300, size, replace=False)].mean(axis=0)) for _ in range(4000)]
        # The 99th percentile of 1,000 sets lies between the 98.1th and the 99.6th of many (binomial, 3 sd).
        assert np.quantile(sets, 0.981) < found[size] < np.quantile(sets, 0.998)


def test_clusters_are_counted_with_authors_and_coherence():
    vectors = np.zeros((24, 4))
    vectors[:12, 0] = vectors[12:18, 1] = vectors[18:, 2] = 1.0
    authors = np.concatenate([np.zeros(12), np.arange(6), np.arange(6)]).astype(np.int64)
    found = find_clusters(Texts(vectors, authors, np.array([12, 12])), "x_means")
    assert list(zip(found.community, found.size, found.authors, strict=True)) == [(0, 12, 1), (1, 6, 6), (1, 6, 6)]
    assert found.coherence == pytest.approx(1.0)
    assert is_coherent(found, np.full(30, 0.5)).tolist() == [False, True, True]
    assert is_coherent(found, np.full(30, 1.5), min_authors=1, least=0.9).all()


@pytest.mark.parametrize("algorithm", ["x_means", "hdbscan"])
def test_planted_norms_are_found_and_count_above_chance(algorithm):
    spec = NormSpecification(role="primary", algorithm=algorithm, criterion="cosine_0.8")
    clustered = cluster_all(planted(1, with_norm=8), algorithm, 39, 1)
    hits, total, null = share_of(spec, clustered)
    number, _ = clustered.counts(spec, clustered.observed)
    assert (number[:8] >= 1).all()
    assert total == 12
    assert hits >= 8
    assert null.p_value == pytest.approx(0.05)  # the least that 39 draws can give
    assert null.mean < 0.3


def rejections(runs, **options):
    spec = NormSpecification(role="primary")
    p_values = [
        share_of(spec, cluster_all(planted(seed, **options), "x_means", 79, seed))[2].p_value for seed in range(runs)
    ]
    return float(np.mean(np.array(p_values) <= 0.05))


def test_nothing_planted_is_seldom_rejected():
    assert rejections(12, communities=6) <= 0.25  # 3 of 12: exceeded once in 500 at 5 %


@pytest.mark.slow
def test_error_rate_in_200_runs(within):
    within({"norm clusters": rejections(200)})


def corpus(copies=1, communities=3, size=25, seed=1):
    """Messages of communities with vectors: texts of words that differ, posted `copies` times by several authors."""
    rng = np.random.default_rng(seed)
    count = communities * size
    texts = [f"text number {i} of {rng.integers(10**9)}" for i in range(count)] * copies
    names = [f"m'; DROP TABLE text; --{i % count // size}" for i in range(count * copies)]
    rows, text = messages_of(
        texts, community_id=names, agent_id=[f"u{i % 7}" for i in range(count * copies)],
        created_at=[datetime(2026, 1, 1)] * (count * copies),
    )  # fmt: skip
    text = text.with_columns(n_tokens=pl.lit(5)) if "n_tokens" not in text.columns else text
    vectors = unit(rng.standard_normal((text.height, 8)) + 1).astype(np.float32)
    embedding = pl.DataFrame(
        {
            "text_hash": text["text_hash"],
            "model": [MODEL] * text.height,
            "rung": ["static"] * text.height,
            "vector": vectors.tolist(),
        },
        schema=EMBEDDING,
    )
    return rows, text, embedding


def connected(rows, text, embedding, templates=None):
    con = on_frames(rows, text, embedding)
    schema = {"text_hash": pl.String, "community_id": pl.String, "template_id": pl.String, "similarity": pl.Float64}
    frame = pl.DataFrame(schema=schema) if templates is None else templates
    con.register("given", frame.to_arrow())
    con.execute("CREATE TABLE template AS SELECT * FROM given")
    return con


def test_texts_are_distinct_capped_and_chosen_alike_in_any_order_of_rows():
    rows, text, embedding = corpus(copies=2, communities=2, size=MOST_TEXTS + 20)
    one = read_sample(connected(rows, text, embedding), Embedding(MODEL, "static"), 1)
    assert one.texts.sizes.tolist() == [MOST_TEXTS] * 2
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=3), text.reverse(), embedding.reverse()
    other = read_sample(connected(*shuffled), Embedding(MODEL, "static"), 1)
    assert (one.texts.vectors == other.texts.vectors).all()
    assert one.communities == other.communities


def test_choices_leave_one_text_per_template_or_author():
    rows, text, embedding = corpus()
    hashes = rows["text_hash"].to_list()
    family = sorted(hashes[:6])
    templates = pl.DataFrame({"text_hash": family, "community_id": None, "template_id": family[0], "similarity": 0.8})
    con = connected(rows, text, embedding, templates.cast({"community_id": pl.String}))
    used = Embedding(MODEL, "static")
    assert read_sample(con, used, 1).texts.sizes.tolist() == [25, 25, 25]
    assert read_sample(con, used, 1, texts="one_per_template").texts.sizes.tolist() == [20, 25, 25]
    assert read_sample(con, used, 1, texts="one_per_author").communities == []  # 7 authors are fewer than 10 texts
    assert FEWEST_TEXTS == 10


def test_rows_stand_for_every_specification_and_every_measure_is_in_the_dictionary():
    measures, estimates = norm_rows(connected(*corpus()), Sampling(seed=1, bootstrap_draws=50))
    grid = load_norm_grid()
    assert [row.spec_id for row in estimates] == [spec.spec_id for spec in grid.specifications]
    first = estimates[0]
    assert (first.role, first.n_clusters, first.n_obs, first.n_perm) == ("primary", 3, 75, grid.draws)
    assert first.conf_low <= first.estimate <= first.conf_high
    assert {row.measure_id for row in measures} <= set(load_measure_dictionary()["measure_id"])
    share = next(row for row in measures if row.measure_id == "norm_cluster_community_share")
    assert (share.value, share.n, share.null_model) == (first.estimate, 3, "dealt_texts")
    best = [row for row in measures if row.measure_id == "norm_cluster_coherence"]
    assert best
    assert all(row.null_model == "dealt_texts" and 0 <= row.null_mean <= 1 and row.p_value > 0 for row in best)
    again = norm_rows(connected(*corpus()), Sampling(seed=1, bootstrap_draws=50))
    assert again == (measures, estimates)


def test_what_cannot_be_computed_says_why():
    rows, text, embedding = corpus()
    cases = {
        "no_communities": (rows.with_columns(community_id=pl.lit(None, dtype=pl.String)), text, embedding),
        "model_unavailable": (rows, text, embedding.clear()),
        "few_texts": (rows.head(5), text, embedding),
        "language_unsupported": (rows, text.with_columns(language=pl.lit("zh")), embedding),
    }
    for word, frames in cases.items():
        measures, estimates = norm_rows(connected(*frames), Sampling(seed=1))
        assert [row.measure_id for row in measures] == list(MEASURES)
        assert all(row.value is None and row.warnings == word for row in measures), word
        assert all(row.estimate is None for row in estimates)
        assert estimates[0].warnings == word
