"""Attribution and styles against scikit-learn, planted styles, and worlds without."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import numpy as np
import pytest
from convergence_corpora import messages_of, on_frames
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.mixture import GaussianMixture

from pipeline.activity.row import Sampling
from pipeline.language.authorship import attributed, authorship_measures, read_texts, without_name
from pipeline.language.clock import Clock, read_clock
from pipeline.language.multiplicity import (
    DIMENSIONS,
    _bic,
    component_counts,
    main_axes,
    multiplicity_measures,
    one_style,
)

START = datetime(2026, 1, 28)
WORDS = np.array([a + b + c for a, b, c in itertools.product("bdfgk", "aeiou", ("lan", "mer", "tok", "sis"))])
SMALL = ["the", "and", "of", "but", "so", "very", "my", "we", "not", "with"]


def writing(seed, *, style=0.0, authors=8, days=4, texts=5, tokens=24):
    """Authors of their own taste in words, as strong as `style`; all share the words of a day."""
    rng = np.random.default_rng(seed)
    rows = []
    base = rng.normal(size=WORDS.size)
    daily = rng.normal(size=(days, WORDS.size))
    for author in range(authors):
        taste, small = style * rng.normal(size=WORDS.size), style * rng.normal(size=len(SMALL))
        for day, number in itertools.product(range(days), range(texts)):
            odds = np.exp(base + 0.5 * daily[day] + taste)
            words = rng.choice(WORDS, tokens // 2, p=odds / odds.sum())
            chosen = rng.choice(SMALL, tokens // 2, p=np.exp(small) / np.exp(small).sum())
            text = " ".join(np.column_stack([words, chosen]).ravel()) + f" {rng.integers(10**9)}"
            rows.append((f"u{author}", START + timedelta(days=day, minutes=number), text))
    agent, created, text = (list(column) for column in zip(*rows, strict=True))
    message, texts_frame = messages_of(text, agent_id=agent, created_at=created)
    con = on_frames(message, texts_frame)
    con.execute("CREATE TABLE template (text_hash VARCHAR, community_id VARCHAR, template_id VARCHAR)")
    con.execute("CREATE TABLE agent AS SELECT DISTINCT agent_id, 'Zaphod ' || agent_id AS name FROM message")
    return con


def attribution(con, seed=3, null_draws=200):
    rows = authorship_measures(con, read_clock(con), Sampling(seed=seed, null_draws=null_draws), [])
    return {row.measure_id: row for row in rows}


def test_nearest_centroid_is_that_of_a_loop():
    rng = np.random.default_rng(1)
    vectors = np.abs(rng.normal(size=(60, 12)))
    author, period = rng.integers(5, size=60), rng.integers(3, size=60)
    ours = attributed(vectors @ vectors.T, author, period)
    for out in range(3):
        train = period != out
        centroids = np.array([vectors[train & (author == code)].sum(axis=0) for code in range(5)])
        theirs = cosine_similarity(vectors[~train], centroids).argmax(axis=1)
        assert (ours[~train] == theirs).all()


def test_texts_that_tell_without_style_are_left_out():
    con = writing(1, days=3)
    every = len(read_texts(con, read_clock(con), 3).text)
    assert every == 8 * 3 * 5
    con.execute("INSERT INTO template SELECT text_hash, '', text_hash FROM text ORDER BY text_hash LIMIT 3")
    con.execute("UPDATE text SET copies = 2 WHERE text_hash = (SELECT max(text_hash) FROM text)")
    gone = "SELECT lower(text) FROM text WHERE copies = 2 OR text_hash IN (SELECT text_hash FROM template)"
    kept = read_texts(con, read_clock(con), 3).text
    assert every - 16 <= len(kept) <= every - 4  # a day of an author that is left with three is left out too
    assert not {text for (text,) in con.sql(gone).fetchall()} & set(kept)
    assert without_name("As ZAPHOD I say", "Zaphod") == "as   i say"
    assert without_name("As I say", None) == "as i say"


def test_planted_styles_are_told_and_none_are_not():
    found, none = attribution(writing(1, style=1.0)), attribution(writing(1))
    for name in ("author_attribution_accuracy", "author_attribution_function_words"):
        assert found[name].value > 0.5
        assert found[name].p_value < 0.03
        assert found[name].null_mean == pytest.approx(1 / 8, abs=0.04)
        assert none[name].p_value > 0.01
        assert none[name].ci_low < 1 / 8 + 0.05
    assert found["author_attribution_authors"].value == 8
    assert found["author_attribution_authors"].ci_method == "census"


def test_refusals():
    con = writing(1, days=1)
    rows = attribution(con)
    assert rows["author_attribution_accuracy"].warnings == "few_agents"
    rows = {r.measure_id: r for r in authorship_measures(con, Clock(None, "no_times"), Sampling(seed=1), [])}
    assert all("no_times" in row.warnings for row in rows.values())
    assert rows["author_attribution_accuracy"].value is None
    assert all(r.value is None and r.warnings == "few_agents" for r in multiplicity_measures(con, Sampling(seed=1), []))


def test_one_component_has_the_bic_of_scikit_learn_and_two_apart_too():
    rng = np.random.default_rng(2)
    one = rng.normal(size=(30, DIMENSIONS))
    two = np.concatenate([one[:15] - 4, one[15:] + 4])
    for points, k in ((one, 1), (two, 2)):
        ours = _bic(points[None], k)[0]
        theirs = GaussianMixture(k, covariance_type="diag", random_state=1, n_init=5, reg_covar=1e-9).fit(points)
        # The floor of a variance, a twentieth of that of the set, binds in neither.
        assert ours == pytest.approx(theirs.bic(points), rel=5e-3 if k == 2 else 1e-6)
    assert component_counts(np.stack([one, two])).tolist()[1] == 2


def styles(seed, *, apart=0.0, agents=20):
    """Skewed, correlated features; of half of the texts of an agent the first two are moved by `apart`."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(7, 7)) * 0.4 + np.eye(7)
    found = np.exp(0.5 * (rng.normal(size=(agents, 30, 7)) @ mix + rng.normal(size=(agents, 1, 7))))
    found[:, ::2, :2] += apart
    return (found - found.mean(axis=(0, 1))) / found.std(axis=(0, 1))


def share_and_null(values, rng, draws=39):
    axes = main_axes(values)
    drawn = np.array([(component_counts(one_style(values, rng) @ axes) > 1).mean() for _ in range(draws)])
    return (component_counts(values @ axes) > 1).mean(), drawn


def test_two_styles_are_found_beside_the_null():
    rng = np.random.default_rng(3)
    share, drawn = share_and_null(styles(1, apart=8.0), rng, 19)
    assert share > drawn.max()
    share, drawn = share_and_null(styles(1), rng, 19)
    assert drawn.min() - 0.1 <= share <= drawn.max() + 0.1


def test_one_style_keeps_marginals():
    values = styles(4)
    drawn = one_style(values, np.random.default_rng(1))
    assert np.sort(drawn, axis=1) == pytest.approx(np.sort(values, axis=1))


def test_rows_of_multiplicity():
    con = writing(2, authors=12, days=4, texts=9)
    rows = {row.measure_id: row for row in multiplicity_measures(con, Sampling(seed=1), [])}
    assert rows["persona_style_clusters"].n == 12
    assert 1 <= rows["persona_style_clusters"].value <= 3
    assert rows["persona_multiple_share"].null_mean is not None


def size_of_attribution(runs):
    hits = {"author_attribution_accuracy": 0, "author_attribution_function_words": 0}
    for seed in range(runs):
        found = attribution(writing(seed), seed, 396)
        for name in hits:
            hits[name] += found[name].p_value < 0.05
    return {name: count / runs for name, count in hits.items()}


def size_of_multiplicity(runs):
    hits = 0
    for seed in range(runs):
        share, drawn = share_and_null(styles(seed), np.random.default_rng(seed))
        far = (np.abs(drawn - drawn.mean()) >= abs(share - drawn.mean()) - 1e-12).sum()
        hits += (1 + far) / 40 <= 0.05
    return hits / runs


def test_size_in_a_small_design():
    """10 runs at 5 %: 5 or more rejections have a probability of .00006."""
    assert all(share < 0.5 for share in size_of_attribution(10).values())


@pytest.mark.slow
def test_size_in_200_runs(within):
    """Without an effect the share of rejections lies in [.015, .095]."""
    within({**size_of_attribution(200), "persona_multiple_share": size_of_multiplicity(200)})
