"""Templates: shingles and Jaccard against Python sets, MinHash and bands against brute force, planted shares."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta

import networkx as nx
import numpy as np
import polars as pl
import pytest
from convergence_corpora import messages_of, on_frames, text_hash, with_templates

from pipeline.activity.row import Sampling
from pipeline.language import shingles, templates
from pipeline.language.clock import read_clock
from pipeline.language.shingles import PERMUTATIONS, exact_jaccard, shingle_sets
from pipeline.language.template_shares import template_measures
from pipeline.language.templates import THRESHOLD, collision_probability, find_templates, near_duplicate_groups
from pipeline.lexicon.tokens import TOKEN_PATTERN
from pipeline.simulation.convergence import TemplateTruth, simulate_templates

# 1.5 points on 20 %: the texts are fixed, so only a missed pair or a chance likeness can move the share, by less.
SHARE_TOLERANCE = 0.015
SAMPLING = Sampling(seed=1, bootstrap_draws=200)


def python_shingles(text):
    """Shingles as sets of tuples, by the rule in words; for ASCII words without apostrophes."""
    words = text.lower().split()
    if len(words) < 3:
        return {tuple(words)} - {()}
    return set(itertools.pairwise(itertools.pairwise(words)))


def python_jaccard(one, other):
    return set_jaccard(python_shingles(one), python_shingles(other))


def set_jaccard(a, b):
    return len(a & b) / len(a | b) if a | b else 0.0


def mixed_texts(seed, size=300):
    """Texts at all similarities: copies of a few with a growing number of words replaced, and short ones."""
    rng = np.random.default_rng(seed)
    base = rng.integers(400, size=(12, 30))
    texts = ["", "one", "one two", "One TWO", "one two three", "one one one one"]
    for i in range(size - len(texts)):
        words = base[i // 6 % 12].copy()
        where = rng.choice(30, size=(0, 1, 2, 3, 6, 12)[i % 6], replace=False)
        words[where] = rng.integers(400, size=where.size)
        texts.append(" ".join(f"w{word}" for word in words[: rng.integers(22, 31)]))
    return texts


def brute_groups(texts):
    graph = nx.Graph()
    graph.add_nodes_from(range(len(texts)))
    sets = [python_shingles(text) for text in texts]
    for i, j in itertools.combinations(range(len(texts)), 2):
        if sets[i] | sets[j] and len(sets[i] & sets[j]) >= THRESHOLD * len(sets[i] | sets[j]):
            graph.add_edge(i, j)
    return graph


def test_jaccard_equals_that_of_python_sets():
    texts = mixed_texts(1)
    sets = shingle_sets([pl.Series(texts[:100]), pl.Series(texts[100:])])
    left, right = (np.array(side) for side in zip(*itertools.combinations(range(len(texts)), 2), strict=True))
    python_sets = [python_shingles(text) for text in texts]
    expected = [set_jaccard(python_sets[i], python_sets[j]) for i, j in zip(left, right, strict=True)]
    assert np.abs(exact_jaccard(sets, left, right) - expected).max() < 1e-12
    assert [len(shingles) for shingles in python_sets] == sets.sizes.tolist()


def test_tokens_of_any_script_are_those_of_the_token_rule():
    """Shingles of texts of hostile characters against sets of tokens that polars finds by the rule itself."""
    rng = np.random.default_rng(5)
    letters = list("aZ_9é\u0301ß漢字กשΩς’'\u200d\u200b\u00a0🙂🏽\U0001f468 \n-")
    texts = [
        "".join(letters[at] for at in rng.integers(len(letters), size=size)) for size in rng.integers(60, size=400)
    ]
    texts += ["", "'", "’a’", "a'b’c'd", "rock'n'roll 's", "it''s", "\U0010ffff x y", "İI Σας"]
    found = pl.Series(texts).str.to_lowercase().str.extract_all(TOKEN_PATTERN).to_list()
    expected = [set(zip(*(t[i:] for i in range(3)), strict=False)) or ({tuple(t)} - {()}) for t in found]
    sets = shingle_sets([pl.Series(texts)])
    assert sets.sizes.tolist() == [len(shingles) for shingles in expected]
    left, right = (np.array(side) for side in zip(*itertools.combinations(range(len(texts)), 2), strict=True))
    jaccard = [set_jaccard(expected[i], expected[j]) for i, j in zip(left, right, strict=True)]
    assert np.abs(exact_jaccard(sets, left, right) - jaccard).max() < 1e-12


def test_a_text_longer_than_a_piece_is_cut_like_any_other(monkeypatch):
    texts = mixed_texts(8, 60)
    whole = shingle_sets([pl.Series([*texts, " ".join(texts)])])
    monkeypatch.setattr(shingles, "_CHARACTERS", 500)
    monkeypatch.setattr(shingles, "_TEXTS", 7)
    cut = shingle_sets([pl.Series([*texts, " ".join(texts)])])
    assert (cut.starts == whole.starts).all()
    assert (cut.values == whole.values).all()


def test_batches_and_a_folder_change_nothing(tmp_path):
    texts = mixed_texts(2)
    one = shingle_sets([pl.Series(texts)])
    many = shingle_sets([pl.Series(texts[i : i + 7]) for i in range(0, len(texts), 7)], tmp_path)
    assert (one.starts == many.starts).all()
    assert (one.values == many.values).all()
    assert (one.signatures == many.signatures).all()


def test_signatures_agree_as_often_as_texts_are_alike():
    texts = mixed_texts(3)
    sets = shingle_sets([pl.Series(texts)])
    left, right = (np.array(side) for side in zip(*itertools.combinations(range(6, len(texts)), 2), strict=True))
    exact = exact_jaccard(sets, left, right)
    agree = (sets.signatures[left] == sets.signatures[right]).mean(axis=1)
    # Binomial error of one estimate is sqrt(J(1 − J)/64) ≤ .0625; pairs share texts, so .03 is allowed on a mean.
    for low in np.arange(0.1, 1.0, 0.2):
        chosen = (exact >= low) & (exact < low + 0.2)
        assert chosen.sum() >= 30
        assert (agree - exact)[chosen].mean() == pytest.approx(0, abs=0.03)
    assert np.abs(agree - exact).max() < 5.5 * 0.0625


def test_bands_find_pairs_as_often_as_the_curve_says():
    """Pairs of one planted similarity: the share that meets in a band is binomial around the curve."""
    for changed, pairs in ((4, 600), (9, 600), (13, 600)):
        truth = TemplateTruth(texts=2 * pairs, template_share=1.0, group=2, changed=changed, seed=changed)
        frame = simulate_templates(truth)
        sets = shingle_sets([frame["text"]])
        by_group = frame.with_row_index("place").group_by("template").agg("place")["place"].to_list()
        left, right = (np.array(side) for side in zip(*by_group, strict=True))
        assert np.median(exact_jaccard(sets, left, right)) == pytest.approx(truth.jaccard)
        met = np.zeros(pairs, dtype=bool)
        for band in range(templates.BANDS):
            keys = templates._band_keys(sets, np.arange(2 * pairs), band)
            met |= keys[left] == keys[right]
        expected = collision_probability(truth.jaccard)
        # Four binomial standard errors, and 1 % for hashes that are no perfect permutations.
        assert met.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected * (1 - expected) / pairs) + 0.01)


def test_the_curve_is_as_documented():
    stated = {0.1: 0.02, 0.3: 0.44, 0.5: 0.94, 0.6: 0.994, 0.7: 0.9998}
    for similarity, probability in stated.items():
        assert collision_probability(similarity) == pytest.approx(probability, abs=0.005)
    assert templates.BANDS * templates.ROWS <= PERMUTATIONS


@pytest.mark.parametrize("pairwise", [64, 4])
@pytest.mark.parametrize("seed", [4, 5, 6])
def test_groups_equal_brute_force(seed, pairwise, monkeypatch):
    """Also where groups are too large for all pairs and go by leaders."""
    monkeypatch.setattr(templates, "PAIRWISE", pairwise)
    texts = mixed_texts(seed, 400)
    graph = brute_groups(texts)
    found = near_duplicate_groups(shingle_sets([pl.Series(texts)]))
    edges = list(graph.edges)
    joined = sum(found[i] == found[j] for i, j in edges)
    # Nothing is joined that brute force keeps apart; a pair at 0.6 is missed with probability .006, and others bridge.
    component = {node: min(nodes) for nodes in nx.connected_components(graph) for node in nodes}
    assert all(component[i] == component[int(first)] for i, first in enumerate(found))
    assert joined / len(edges) >= 0.99
    assert len(edges) > 500


def test_many_copies_take_near_linear_work(monkeypatch):
    """3,000 variants of one text: all of one template, after far fewer comparisons than pairs."""
    compared = []

    def counted(sets, left, right):
        compared.append(left.size)
        return exact_jaccard(sets, left, right)

    monkeypatch.setattr(templates, "exact_jaccard", counted)
    base = [f"w{i}" for i in range(40)]
    texts = sorted(" ".join([*base, f"code{i}"]) for i in range(3_000))
    assert (near_duplicate_groups(shingle_sets([pl.Series(texts)])) == 0).all()
    assert sum(compared) < 10 * 3_000


@pytest.mark.parametrize("changed", [4, 7])
def test_planted_share_is_found(changed):
    truth = TemplateTruth(texts=4_000, template_share=0.2, changed=changed, seed=8)
    frame = simulate_templates(truth)
    found = find_templates([frame])
    assert found.height / truth.texts == pytest.approx(truth.template_share, abs=SHARE_TOLERANCE)
    groups = frame.join(found, on="text_hash").group_by("template").agg(pl.col("template_id").n_unique())
    assert groups["template_id"].max() == 1


@pytest.mark.slow
def test_planted_share_is_found_in_200_corpora(within):
    """Texts with templates, of which variants are alike at .81 or at .69, and texts without any."""
    for changed in (4, 7):
        truths = [TemplateTruth(texts=1_000, changed=changed, seed=seed) for seed in range(200)]
        found = np.array([find_templates([simulate_templates(truth)]).height / truth.texts for truth in truths])
        is_near = np.abs(found - truths[0].template_share) <= SHARE_TOLERANCE
        name = f"templates planted: share of .2, likeness {truths[0].jaccard:.2f}"
        within({f"{name}: mean share found": found.mean()}, (0.2 - SHARE_TOLERANCE, 0.2 + SHARE_TOLERANCE))
        within({f"{name}: found to {SHARE_TOLERANCE}": is_near.mean()}, (0.99, 1.0))
    none = [TemplateTruth(texts=1_000, template_share=0.0, seed=seed) for seed in range(200)]
    some = [not find_templates([simulate_templates(truth)]).is_empty() for truth in none]
    within({"templates: corpora with any": float(np.mean(some))}, (0.0, 0.0))


def test_nothing_planted_nothing_found():
    assert find_templates([simulate_templates(TemplateTruth(template_share=0.0))]).is_empty()


def test_representative_and_similarity():
    texts = mixed_texts(9)
    frame = pl.DataFrame({"text_hash": [text_hash(t) for t in texts], "text": texts}).unique("text_hash")
    frame = frame.with_columns(copies=pl.lit(1, dtype=pl.Int64)).sort("text_hash")
    found, by_hash = find_templates([frame]), dict(frame.select("text_hash", "text").iter_rows())
    for text, template, similarity, size in found.iter_rows():
        assert similarity == pytest.approx(python_jaccard(by_hash[text], by_hash[template]) if text != template else 1)
        assert size > 1
    smallest = found.group_by("template_id").agg(pl.col("text_hash").min())
    assert (smallest["template_id"] == smallest["text_hash"]).all()


def planted_messages(**columns):
    """100 messages: 30 variants of 6 templates, 40 texts alone, 4 texts five times each, 10 blank."""
    near = simulate_templates(TemplateTruth(texts=30, template_share=1.0, group=5))["text"].to_list()
    alone = simulate_templates(TemplateTruth(texts=40, template_share=0.0, seed=2))["text"].to_list()
    copied = simulate_templates(TemplateTruth(texts=4, template_share=0.0, seed=3))["text"].to_list()
    texts = [*near, *alone, *(copied * 5), *([" \n"] * 10)]
    return messages_of(texts, **columns)


def shares(con):
    return template_measures(with_templates(con), read_clock(con), SAMPLING)


def test_shares_of_messages():
    rows = {row.measure_id: row for row in shares(on_frames(*planted_messages())) if row.period is None}
    assert rows["template_share_exact"].value == pytest.approx(20 / 90)
    assert rows["template_share_near"].value == pytest.approx(30 / 90)
    assert rows["template_share"].value == pytest.approx(50 / 90)
    for row in rows.values():
        assert row.n == 90
        assert row.ci_low < row.value < row.ci_high


def test_interval_follows_authors_not_messages():
    """Ten authors with all templates and forty without: the interval is that of 50 authors, not of 1,000 messages."""
    texts = ["we all say the very same thing"] * 200 + [f"word{i} stands alone here" for i in range(800)]
    message, text = messages_of(texts, agent_id=[f"u{i // 20}" for i in range(1_000)])
    row = next(r for r in shares(on_frames(message, text)) if r.measure_id == "template_share_exact")
    error = np.sqrt(0.2 * 0.8 / 50)  # of the mean over 50 authors of equal size
    # 200 draws give the ends of the interval within about a tenth of its width.
    assert row.ci_high - row.ci_low == pytest.approx(2 * 1.96 * error, rel=0.2)


def test_communities_and_periods():
    start = datetime(2026, 1, 28)
    message, text = planted_messages(
        community_id=["a"] * 40 + ["b"] * 50 + ["c"] * 10,
        created_at=[start + timedelta(hours=i) for i in range(100)],
        kind=["post"] * 50 + ["comment"] * 50,
    )
    con = on_frames(message, text)
    rows = shares(con)
    named = {(r.unit_id, r.measure_id): r.value for r in rows if r.unit == "community"}
    assert named["a", "template_share_near"] == pytest.approx(30 / 40)
    assert named["b", "template_share_exact"] == pytest.approx(20 / 50)
    assert {unit for unit, _ in named} == {"a", "b"}
    days = [r for r in rows if r.period == "day" and r.measure_id == "template_share"]
    assert sum(r.n for r in days) == 90
    assert sum(r.n * r.value for r in days) == pytest.approx(50)
    assert con.sql("SELECT count(*), count(DISTINCT text_hash) FROM template").fetchall() == [(34, 34)]


@pytest.mark.parametrize(
    ("columns", "word"),
    [
        ({}, "no_times"),
        ({"step": list(range(100))}, "clock_is_step"),
        ({"created_at": [datetime(2026, 1, 1)] * 100, "at_precision": ["month"] * 100}, "time_too_coarse"),
    ],
)
def test_without_a_clock_periods_are_refused(columns, word):
    rows = [row for row in shares(on_frames(*planted_messages(**columns))) if row.period is not None]
    assert len(rows) == 3
    assert all(row.value is None and row.warnings == word for row in rows)


def test_degenerate_corpora():
    for row in shares(on_frames()):
        assert row.value is None
        assert row.n == 0
    message, text = messages_of(["same thing again"] * 5, agent_id=[None] * 5)
    by_name = {row.measure_id: row for row in shares(on_frames(message, text)) if row.period is None}
    assert by_name["template_share_exact"].value == 1
    assert set(by_name["template_share_exact"].warnings.split(",")) >= {"few_agents", "few_posts", "null_authors"}


def test_hostile_texts_are_only_text():
    texts = ["'); DROP TABLE message; --", "\x00\x01\u202e", "a" * 200_000, "x y z " * 20_000, "\U000e0041" * 50]
    message, text = messages_of(texts * 2)
    assert {row.value for row in shares(on_frames(message, text)) if row.measure_id == "template_share_exact"} >= {1.0}
