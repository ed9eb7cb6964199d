"""Topics: planted ones recovered, none found where there are none, words without names or keys, drift."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from convergence_corpora import EMBEDDING, messages_of, on_frames
from scipy import stats
from sklearn.metrics import adjusted_rand_score

from pipeline.activity.row import Sampling
from pipeline.inference.slices import BUILT_IN_SLICES, SliceRule
from pipeline.language.clock import read_clock, warn_coarse
from pipeline.language.topic_clusters import assign, choose_number, fit, one_thread, principal_space, silhouette
from pipeline.language.topic_drift import drift_estimates, topic_drift
from pipeline.language.topic_measures import (
    FAMILY,
    MEASURES,
    SLICED,
    _entropy_row,
    conditional_entropy,
    entropy_bits,
    entropy_interval,
    read_chosen,
    topic_measures,
)
from pipeline.language.topic_quality import read_quality
from pipeline.language.topic_specification import load_topic_grid
from pipeline.language.topic_texts import read_posts
from pipeline.language.topic_words import Vocabulary, class_weights, coherence, cut_words, pair_npmi, top_words
from pipeline.language.topics import make_topics
from pipeline.published.load import load_measure_dictionary
from pipeline.schema import Measure

MODEL = "planted"
# Spread along axes as measured on vectors of real posts: a steep start and a long tail.
SPREAD = np.concatenate([[0.079, 0.063, 0.054, 0.042, 0.033], 0.03 * np.exp(-np.arange(59) / 20)])
SPREAD = np.sqrt(SPREAD / SPREAD.sum())


def vectors(rng, texts, topics=0, apart=1.0):
    """Unit vectors around a common mean, with planted topics or without any, and the topic of each."""
    axes = np.linalg.qr(rng.standard_normal((64, 64)))[0]
    found = 0.8 * rng.standard_normal((texts, 64)) * SPREAD @ axes.T + 0.58 * axes[:, 0]
    labels = rng.integers(0, max(topics, 1), texts)
    if topics:
        found += apart * (rng.standard_normal((topics, 64)) * SPREAD @ axes.T)[labels]
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), labels


@pytest.mark.parametrize("topics", [3, 6])
def test_planted_topics_are_recovered(topics):
    found, labels = vectors(np.random.default_rng(topics), 300, topics)
    with one_thread():
        points = principal_space(found).points(found)
        numbers = choose_number(points, 1, draws=19)
        assert (numbers.chosen, numbers.p_value) == (topics, 0.05)  # the least that 19 draws can give
        assert adjusted_rand_score(labels, assign(points, fit(points, topics, 1))[0]) > 0.95


def no_topics(runs, texts=200):
    p_values = []
    with one_thread():
        for seed in range(runs):
            found, _ = vectors(np.random.default_rng([seed, 1]), texts)
            p_values.append(choose_number(principal_space(found).points(found), seed, draws=19).p_value)
    return float(np.mean(np.array(p_values) <= 0.05))


def test_texts_without_topics_have_none():
    assert no_topics(8) <= 0.375  # 3 of 8: exceeded once in 2,000 at 5 %


@pytest.mark.slow
def test_error_rate_of_the_number_of_topics_in_200_runs(within):
    within({"number of topics": no_topics(200)})


def test_silhouette_and_number_bear_copies_and_few_texts():
    points = np.repeat(np.eye(3), 30, axis=0)
    assert silhouette(points, np.eye(3)) == pytest.approx(1.0)
    assert choose_number(points[:10], 1) is None
    assert choose_number(np.ones((200, 3)), 1, draws=19).chosen == 0  # one text many times is no topic
    assert choose_number(points, 1, number=40) is None


WORDS = {0: "memory context session files", 1: "market token trading wallet", 2: "music painting colour gallery"}
HOSTILE = "<script>alert(1)</script> sk-proj-abcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl @clawdking ClawdKing"


def corpus(seed=1, texts=360, drift=False, language="en"):
    """Posts of three topics with their words and hostile strings, three each by many authors over ten days."""
    rng = np.random.default_rng(seed)
    found, labels = vectors(rng, texts, 3)
    if drift:
        labels = labels[np.argsort(labels + rng.uniform(0, 3, texts), kind="stable")]
        found, labels = _again(found, labels, rng)
    start = datetime(2026, 1, 5)
    authors = [f"a{i}" for i in (np.arange(texts) if drift else rng.permutation(texts) // 3)]
    content = []
    for i, topic in enumerate(labels):
        word = WORDS[int(topic)].split()
        picked = " ".join(rng.choice(word, 3, replace=False))
        private = f"onlyme{'x' * (i % 5)}" if i % 50 == 0 else ""
        content.append(f"{picked} {private} number{i} {HOSTILE if i % 2 else ''}")
    times = [start + timedelta(days=10 * i / texts) for i in range(texts)]
    rows, text = messages_of(content, agent_id=authors, created_at=times,
                             community_id=[f"c{i % 4}" for i in range(texts)])  # fmt: skip
    text = text.with_columns(n_tokens=pl.lit(5), language=pl.lit(language))
    by_hash = dict(zip(rows["text_hash"], found.tolist(), strict=True))
    embedding = pl.DataFrame(
        {"text_hash": text["text_hash"], "model": [MODEL] * text.height, "rung": ["static"] * text.height,
         "vector": [by_hash[key] for key in text["text_hash"]]}, schema=EMBEDDING,
    )  # fmt: skip
    planted = dict(zip(rows["text_hash"], labels.tolist(), strict=True))
    return rows, text, embedding, planted


def _again(found, labels, rng):
    centres = rng.standard_normal((3, 64)) * SPREAD
    moved = 0.3 * rng.standard_normal((len(labels), 64)) * SPREAD + centres[labels]
    return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32), labels


def connected(rows, text, embedding, **made):
    con = on_frames(rows, text, embedding)
    empty = {
        "agent": pl.DataFrame({"name": ["ClawdKing", "memory"]}),
        "lexicon_score": pl.DataFrame(schema={"text_hash": pl.String, "lexicon": pl.String}),
    }
    for name, frame in {**empty, **made}.items():
        con.register("given", frame.with_columns(corpus_id=pl.lit("x")).to_arrow())
        con.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def results(frames, slices=BUILT_IN_SLICES, **options):
    con = connected(*frames)
    con = connected(*frames, **make_topics(con, 1))
    sampling = Sampling(seed=1, bootstrap_draws=100, null_draws=50)
    clock, posts = read_clock(con), read_posts(con)
    quality = read_quality(con, read_chosen(con).number, sampling)
    measures = topic_measures(con, clock, sampling, posts=posts, slices=slices, quality=quality)
    return measures, drift_estimates(con, clock, posts=posts, seed=1, ci_level=0.95, draws=199)


def test_topics_of_a_corpus_have_their_words_and_no_names_or_keys():
    *frames, planted = corpus()
    made = make_topics(connected(*frames), 1)
    labels = made["text_topic"].sort("text_hash")
    truth = [planted[key] for key in labels["text_hash"]]
    assert adjusted_rand_score(truth, labels["topic_id"]) > 0.95
    assert made["topic"]["texts"].to_list() == sorted(made["topic"]["texts"], reverse=True)
    named = [words.split(", ")[:4] for words in made["topic"]["words"]]
    assert sorted(map(sorted, named)) == sorted(sorted(words.split()) for words in WORDS.values())
    everything = ", ".join(made["topic"]["words"])
    assert re.fullmatch(r"[a-z, ]+", everything)
    assert not {"clawdking", "proj", "onlyme", "number"} & set(everything.split(", "))


def dated(frames, months, precision="month"):
    """The corpus with the posts of its first days dated to the month: to its first instant, as such dates are read."""
    rows, *others = frames
    is_old = pl.col("created_at") < datetime(2026, 1, 5) + timedelta(days=months)
    rows = rows.with_columns(
        created_at=pl.when(is_old).then(datetime(2025, 12, 1)).otherwise("created_at"),
        at_precision=pl.when(is_old).then(pl.lit(precision)).otherwise(pl.lit("day")),
    )
    return rows.cast({"created_at": pl.Datetime("us")}), *others


def test_posts_dated_to_the_month_are_in_no_day_and_in_no_drift():
    rows, text, embedding, _ = corpus(drift=True)
    measures, estimates = results(dated((rows, text, embedding), 4))
    timed = [row for row in measures if row.period == "day" and row.measure_id == "topic_entropy_bits"]
    assert min(row.period_start for row in timed) == datetime(2026, 1, 9)
    assert sum(row.n for row in timed if row.slice_id == "all") == 216  # six of ten days of 360 posts
    primary = next(row for row in estimates if row.role == "primary")
    assert primary.n_obs == 216
    assert "coarse_times_dropped" in primary.warnings
    whole = {row.n for row in measures if row.measure_id == "topic_share" and row.slice_id == "all" and not row.period}
    assert whole == {360}  # whole corpora need no time


def test_posts_that_are_all_dated_to_the_month_have_no_days_and_no_drift():
    rows, text, embedding, _ = corpus()
    measures, estimates = results(dated((rows, text, embedding), 11))
    timed = [row for row in measures if row.period is not None]
    assert all(row.value is None and row.warnings == "time_too_coarse" for row in timed)
    assert all(row.estimate is None and row.warnings == "time_too_coarse" for row in estimates)


def test_rows_by_period_say_that_posts_are_left_out():
    rows, text, embedding, _ = corpus()
    con, plain = connected(*dated((rows, text, embedding), 4)), connected(rows, text, embedding)
    period = {"family": FAMILY, "measure_id": "topic_share", "n": 1, "n_unit": "posts", "value": 0.5, "period": "day"}
    assert [row.warnings for row in warn_coarse(con, [Measure(**period)])] == ["coarse_times_dropped"]
    assert [row.warnings for row in warn_coarse(plain, [Measure(**period)])] == [None]
    refusal = Measure(**{**period, "value": None, "warnings": "time_too_coarse"})
    assert [row.warnings for row in warn_coarse(con, [refusal, Measure(**{**period, "period": None})])] == [
        "time_too_coarse", None]  # fmt: skip


def test_topics_are_the_same_in_any_order_of_rows():
    rows, text, embedding, _ = corpus()
    one = make_topics(connected(rows, text, embedding), 1, 3)
    shuffled = rows.sample(fraction=1.0, shuffle=True, seed=3), text.reverse(), embedding.reverse()
    other = make_topics(connected(*shuffled), 1, 3)
    assert all(one[name].equals(other[name]) for name in one)


_RUN = """
import sys; sys.path[:0] = [{tests!r}]
import hashlib, test_topics
made = test_topics.make_topics(test_topics.connected(*test_topics.corpus()[:3]), 1, 3)
print(hashlib.sha256("".join(frame.write_csv() for frame in made.values()).encode()).hexdigest())
"""


def test_topics_are_the_same_for_any_number_of_threads():
    """Byte for byte, in fresh processes, since libraries read the number when they are loaded."""
    code = _RUN.format(tests=os.path.dirname(__file__))  # noqa: PTH120
    found = set()
    for threads in ("1", "3"):
        env = {**os.environ, "OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads}
        done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
        found.add(done.stdout.strip())
    assert len(found) == 1


def test_words_need_five_authors_and_weights_are_those_of_the_formula():
    texts = ["alpha beta"] * 6 + ["alpha gamma https://gamma.example/delta"] * 6 + ["secretword"] * 9
    authors = [f"a{i}" for i in range(12)] + ["one"] * 9
    con = connected(*corpus()[:3])
    found = cut_words(con, pl.DataFrame({"text": texts, "author": authors}), {"nobody"})
    assert found.words == ["alpha", "beta", "gamma"]  # secretword is one author's, delta stood in a link
    labels = np.array([0] * 6 + [1] * 6 + [0] * 9)
    # Topic 0 holds alpha 6 and beta 6, topic 1 alpha 6 and gamma 6: A = 12, f = 12, 6, 6.
    rare, common = np.log(1 + 6.5 / 6.5), np.log(1 + 0.5 / 12.5)
    expected = np.sqrt(0.5) * np.array([[common, rare, 0], [common, 0, rare]])
    assert class_weights(found, labels, 2) == pytest.approx(expected, rel=1e-12)
    assert [row.tolist() for row in top_words(class_weights(found, labels, 2), 1)] == [[1], [2]]


def test_npmi_of_pairs():
    from scipy import sparse

    holds = sparse.csr_matrix(np.array([[1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 1.0]]))
    npmi = pair_npmi(Vocabulary(["a", "b", "c"], holds))
    assert npmi[0, 1] == pytest.approx(np.log(0.5 / (0.75 * 0.5)) / -np.log(0.5))
    assert npmi[1, 2] == -1.0  # never together
    assert coherence(npmi, [np.array([0, 1]), np.array([2])]).tolist() == [npmi[0, 1]]


def test_an_entropy_of_few_authors_has_no_interval_and_says_why():
    few, many = (_entropy_row(np.ones((size, 3), dtype=np.int64), 3 * size, [], 0.95) for size in (19, 20))
    assert (few.ci_low, few.warnings) == (None, "few_agents")
    assert many.ci_low is not None
    assert many.warnings is None


def test_entropy_equals_scipy_and_its_interval_covers():
    counts = np.array([[5, 3, 0, 8], [1, 1, 1, 1]], dtype=np.float64)
    plain = stats.entropy(counts, base=2, axis=1)
    corrected = np.minimum(plain + np.array([2, 3]) / (2 * counts.sum(axis=1) * np.log(2)), 2)
    assert entropy_bits(counts) == pytest.approx(corrected)
    each, n = conditional_entropy(np.array([0, 1, 0, 0]), np.array([0, 0, 1, 1]), 2)
    assert (each.tolist(), n.tolist()) == ([1.0, 0.0], [2, 2])
    covered = 0
    truth = stats.entropy([0.5, 0.3, 0.15, 0.05], base=2)
    for seed in range(100):
        rng = np.random.default_rng(seed)
        share = rng.dirichlet(5 * np.array([0.5, 0.3, 0.15, 0.05]), 200)
        totals = np.stack([rng.multinomial(5, one) for one in share])
        value = float(entropy_bits(totals.sum(axis=0)[None, :].astype(float))[0])
        found = entropy_interval(totals, value, 0.95)
        covered += found.low <= truth <= found.high
    assert covered >= 87  # 3 sd below 95 of 100


def world(rng, authors=120, topics=5, drift=0.0):
    """Posts of authors of unequal activity with topics and times of their own; drift raises the first topic."""
    count = np.minimum(1 + rng.pareto(1.2, authors).astype(int), 300)
    author = np.repeat(np.arange(authors), count)
    days = rng.uniform(0, 10, authors)[author] + rng.uniform(0, 1, author.size) * rng.uniform(0, 4, authors)[author]
    share = rng.dirichlet(np.full(topics, 0.3), authors)[author]
    share[:, 0] *= np.exp(drift * (days - 6))
    share /= share.sum(axis=1, keepdims=True)
    topic = (rng.random((author.size, 1)) > share.cumsum(axis=1)).sum(axis=1)
    return days, np.minimum(topic, topics - 1).astype(np.int64), author.astype(np.int64)


def drift_rejections(runs, drift=0.0):
    found = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, 7])
        found.append(topic_drift(*world(rng, drift=drift), 5, 199, rng).p_value <= 0.05)
    return float(np.mean(found))


def test_planted_drift_is_found_and_nothing_where_there_is_none():
    assert drift_rejections(40) <= 0.175  # 7 of 40: exceeded once in 500 at 5 %
    assert drift_rejections(40, drift=0.6) >= 0.4


@pytest.mark.slow
def test_error_rate_of_drift_in_200_runs(within):
    within({"drift of topics": drift_rejections(200)})


def test_slopes_are_those_of_least_squares():
    rng = np.random.default_rng(2)
    days, topic, author = world(rng)
    found = topic_drift(days, topic, author, 5, 19, rng)
    for j in range(5):
        assert found.slopes[j] == pytest.approx(np.polyfit(days, topic == j, 1)[0], rel=1e-9)
    assert found.drift == pytest.approx(0.5 * np.abs(found.slopes).sum())
    assert topic_drift(np.ones(4), np.zeros(4, int), np.arange(4), 2, 9, rng) is None


def test_rows_stand_for_every_slice_and_specification():
    rows, text, embedding, _ = corpus()
    slices = (*BUILT_IN_SLICES, SliceRule("german", "language:de"))
    measures, estimates = results((rows, text, embedding), slices)
    assert {row.measure_id for row in measures} <= set(load_measure_dictionary()["measure_id"])
    whole = {(row.measure_id, row.slice_id): row for row in measures if row.period is None and row.unit == "corpus"}
    assert whole["topic_count", "all"].value == 3
    assert whole["topic_stability_ari", "all"].value > 0.8
    assert whole["topic_coherence_npmi", "all"].value > whole["topic_coherence_npmi", "all"].null_mean
    assert whole["topic_entropy_bits", "all"].value == pytest.approx(np.log2(3), abs=0.05)
    assert whole["topic_entropy_bits", "german"].warnings == "language_unsupported"
    assert {key[0] for key in whole if key[1] == "german"} == set(SLICED)
    share = [row for row in measures if row.measure_id == "topic_share" and row.slice_id == "all"]
    assert sum(row.value for row in share if row.period is None) == pytest.approx(1)
    days = {row.period_start for row in share if row.period == "day"}
    assert len(days) == 10
    assert sum(row.n for row in share if row.period == "day" and row.unit_id == "1") == rows.height
    joint = [row for row in estimates if row.term == "drift"]
    assert [row.spec_id for row in joint] == [spec.spec_id for spec in load_topic_grid()]
    assert all(row.family == FAMILY for row in [*measures, *estimates])
    assert results((rows, text, embedding), slices) == (measures, estimates)


def test_planted_drift_of_a_corpus_is_found_but_not_in_the_control():
    *frames, _ = corpus(drift=True)
    _, estimates = results(frames)
    by_role = {row.role: row for row in estimates if row.term == "drift" and row.slice_id == "all"}
    assert by_role["primary"].p_value <= 0.01
    assert by_role["primary"].estimate > by_role["primary"].null_mean + 3 * by_role["primary"].null_sd
    assert by_role["negative_control"].p_value > 0.01
    slopes = [row for row in estimates if row.term.startswith("topic_")]
    assert sum(row.estimate for row in slopes) == pytest.approx(0, abs=1e-12)
    assert min(row.p_adj for row in slopes) < 0.01


def test_what_cannot_be_computed_says_why():
    rows, text, embedding, _ = corpus(texts=150)
    structureless = embedding.with_columns(
        vector=pl.Series(vectors(np.random.default_rng(5), 150)[0].tolist(), dtype=EMBEDDING["vector"])
    )
    cases = {
        "model_unavailable": (rows, text, embedding.clear()),
        "few_texts": (rows.head(50), text.head(50), embedding.head(50)),
        "language_unsupported": (rows, text.with_columns(language=pl.lit("zh")), embedding),
        "no_topics": (rows, text, structureless),
    }
    for word, frames in cases.items():
        measures, estimates = results(frames)
        assert [row.measure_id for row in measures] == [*MEASURES, *SLICED], word
        assert all(row.value is None and row.warnings == word for row in measures), word
        assert all(row.estimate is None and row.warnings == word and row.n_obs == 0 for row in estimates), word
