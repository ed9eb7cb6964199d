"""Planted effects and thread structure, recovered from raw labels by means that the generator does not use."""

from __future__ import annotations

import math
from collections import Counter, defaultdict

import networkx as nx
import numpy as np
import pytest
import statsmodels.api as sm
from scipy.integrate import quad
from scipy.stats import norm

from pipeline.simulation import Corpus, ForumTruth, generate

FOUR_SIGMA = 4.0  # one false alarm in 16,000 for a fixed seed that somebody changes
REPLICATES = 10
# With 3,200 comments the log odds ratio has a sampling sd of about .14; above .25 the mean of ten tells nothing.
MAX_REPLICATE_SD = 0.25
QUADRATURE_ERROR = 1e-6  # two quadratures of one smooth integral


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    return generate(ForumTruth())


def reply_log_odds_ratio(corpus: Corpus) -> float:
    airs = dict(corpus.posts.select("message_id", "is_action_inducing").iter_rows())
    cells = Counter((airs[root], label == "enforce") for root, label in _classes(corpus))
    odds = {is_airs: cells[is_airs, True] / cells[is_airs, False] for is_airs in (True, False)}
    return math.log(odds[True] / odds[False])


def _classes(corpus: Corpus) -> list[tuple[str, str]]:
    return list(corpus.comments.select("root_id", "reply_class").iter_rows())


def replicate(**changes: float) -> np.ndarray:
    small = [ForumTruth(seed=seed, n_posts=400, n_agents=200, **changes) for seed in range(REPLICATES)]
    return np.array([reply_log_odds_ratio(generate(truth)) for truth in small])


def independent_marginal(truth: ForumTruth) -> float:
    """Integrate the random intercept out with scipy, as a check of the closed form in the package."""
    base = math.log(truth.enforcement_baseline / (1 - truth.enforcement_baseline))

    def logit_of_mean(eta: float) -> float:
        mean = quad(lambda u: norm.pdf(u, scale=truth.post_effect_sd) / (1 + math.exp(-(eta + u))), -8, 8)[0]
        return math.log(mean / (1 - mean))

    return logit_of_mean(base + truth.enforcement_log_odds) - logit_of_mean(base)


def test_marginal_log_odds_equal_scipy() -> None:
    for effect, spread in ((math.log(2), 0.4), (1.5, 1.2)):
        truth = ForumTruth(enforcement_log_odds=effect, post_effect_sd=spread)
        assert truth.marginal_enforcement_log_odds == pytest.approx(independent_marginal(truth), abs=QUADRATURE_ERROR)
    assert ForumTruth.null().marginal_enforcement_log_odds == 0.0


@pytest.mark.parametrize("effect", [0.0, math.log(2), -math.log(2)])
def test_enforcement_log_odds_are_recovered(effect: float) -> None:
    found = replicate(enforcement_log_odds=effect)
    expected = independent_marginal(ForumTruth(enforcement_log_odds=effect))
    error = found.std(ddof=1) / np.sqrt(REPLICATES)
    assert found.std(ddof=1) < MAX_REPLICATE_SD
    assert abs(found.mean() - expected) < FOUR_SIGMA * error
    if effect:
        assert abs(found.mean()) > FOUR_SIGMA * error  # the tolerance could tell the effect from none


def test_enforcement_baseline_is_planted() -> None:
    truth = ForumTruth.null(n_posts=1000, post_effect_sd=0.0)
    labels = [label == "enforce" for _, label in _classes(generate(truth))]
    share = truth.enforcement_baseline
    assert abs(np.mean(labels) - share) < FOUR_SIGMA * np.sqrt(share * (1 - share) / len(labels))


def test_effect_through_length_only_vanishes_under_length_control() -> None:
    truth = ForumTruth.null(length_log_odds=0.8, airs_length_shift=0.8, post_effect_sd=0.0)
    corpus = generate(truth)
    posts = corpus.posts.select("message_id", "is_action_inducing", "title", "content").iter_rows()
    design = {key: (airs, math.log1p(len(f"{title}\n{text}"))) for key, airs, title, text in posts}
    labels = _classes(corpus)
    outcome = np.array([label == "enforce" for _, label in labels], dtype=float)
    rows = np.array([design[root] for root, _ in labels], dtype=float)
    raw = sm.Logit(outcome, sm.add_constant(rows[:, :1])).fit(disp=0)
    controlled = sm.Logit(outcome, sm.add_constant(rows)).fit(disp=0)
    assert raw.params[1] > FOUR_SIGMA * raw.bse[1]
    assert abs(controlled.params[1]) < FOUR_SIGMA * controlled.bse[1]
    slope = truth.length_log_odds / np.std([length for _, length in design.values()])
    assert abs(controlled.params[2] - slope) < FOUR_SIGMA * controlled.bse[2]


def _airs_around_first_enforcement(corpus: Corpus) -> Counter[tuple[bool, bool]]:
    threads = defaultdict(list)
    columns = ("root_id", "created_at", "reply_class", "is_action_inducing")
    for root, at, label, is_airs in corpus.comments.select(columns).iter_rows():
        threads[root].append((at, label, is_airs))
    cells: Counter[tuple[bool, bool]] = Counter()
    for thread in threads.values():
        first = min((at for at, label, _ in thread if label == "enforce"), default=None)
        cells.update((first is not None and at > first, is_airs) for at, _, is_airs in thread)
    return cells


@pytest.mark.parametrize("effect", [0.0, -math.log(2)])
def test_directives_fall_after_the_first_enforcement(effect: float) -> None:
    cells = _airs_around_first_enforcement(generate(ForumTruth(correction_log_odds=effect)))
    log_odds = math.log(cells[True, True] / cells[True, False]) - math.log(cells[False, True] / cells[False, False])
    woolf = math.sqrt(sum(1 / count for count in cells.values()))
    assert abs(log_odds - effect) < FOUR_SIGMA * woolf
    if effect:
        assert log_odds < -FOUR_SIGMA * woolf


def test_reply_structure_is_planted(corpus: Corpus) -> None:
    truth, comments = corpus.truth, corpus.comments
    tree = nx.DiGraph(comments.select("parent_id", "message_id").iter_rows())
    depth: dict[str, int] = {}
    for root in set(comments["root_id"]):
        depth |= nx.single_source_shortest_path_length(tree, root)
    planted = dict(comments.select("message_id", "depth").iter_rows())
    assert {key: depth[key] for key in planted} == planted
    replied = np.array([tree.out_degree(key) > 0 for key in planted])
    can_be = np.array([level < truth.max_depth for level in planted.values()])
    share, n = truth.reply_probability, can_be.sum()
    assert abs(replied[can_be].mean() - share) < FOUR_SIGMA * np.sqrt(share * (1 - share) / n)
    assert max(tree.out_degree(key) for key in planted) == 1
    levels = np.array(list(planted.values()))
    # Comments of one chain are not independent; chains are, and the delta method on them gives the error.
    chains = Counter(_chain_of(tree, key, planted) for key in planted)
    sizes = np.array(list(chains.values()), dtype=float)
    sums = sizes * (sizes + 1) / 2
    error = np.std(sums - truth.expected_depth_mean * sizes) * np.sqrt(len(sizes)) / sizes.sum()
    assert abs(levels.mean() - truth.expected_depth_mean) < FOUR_SIGMA * error
    chained = np.minimum(sizes - 1, truth.max_depth - 1)
    error = np.std(chained - truth.expected_replied_share * sizes) * np.sqrt(len(sizes)) / sizes.sum()
    assert abs(replied.mean() - truth.expected_replied_share) < FOUR_SIGMA * error


def _chain_of(tree: nx.DiGraph, key: str, comments: dict[str, int]) -> str:
    while (above := next(tree.predecessors(key))) in comments:
        key = above
    return key


def test_back_replies_are_planted(corpus: Corpus) -> None:
    truth = corpus.truth
    author = dict(corpus.posts.select("message_id", "agent_id").iter_rows())
    rows = list(corpus.comments.iter_rows(named=True))
    author |= {row["message_id"]: row["agent_id"] for row in rows}
    parent = {row["message_id"]: row["parent_id"] for row in rows}
    nested = [row for row in rows if row["depth"] > 1 and row["agent_id"] is not None]
    flagged = [row for row in nested if row["is_back_reply"]]
    answered = {row["message_id"]: author[parent[row["parent_id"]]] for row in nested}
    assert all(row["agent_id"] == answered[row["message_id"]] for row in flagged)
    share = truth.reciprocation
    error = np.sqrt(share * (1 - share) / len(nested))
    assert abs(len(flagged) / len(nested) - share) < FOUR_SIGMA * error
    assert not generate(ForumTruth.null(n_posts=100)).comments["is_back_reply"].any()


def test_activity_has_the_planted_tail() -> None:
    truth = ForumTruth(comments_per_post=30)  # enough messages for the sixtieth agent's count to be near its mean
    corpus = generate(truth)
    drawn = corpus.comments.filter(~corpus.comments["is_back_reply"])["agent_id"].drop_nulls()
    counts = np.array(sorted(Counter(drawn).values(), reverse=True)[:60], dtype=float)
    slope = np.polyfit(np.log(np.arange(1, 61)), np.log(counts), 1)[0]
    # Counts near rank 60 are about 500, so single points err by 5 %; the slope over four log units by far less.
    assert slope == pytest.approx(-1 / (truth.activity_exponent - 1), abs=0.05)


def test_thread_sizes_have_the_planted_mean(corpus: Corpus) -> None:
    counts = corpus.posts["comment_count"].to_numpy()
    error = counts.std() / np.sqrt(len(counts))
    assert abs(counts.mean() - corpus.truth.comments_per_post) < FOUR_SIGMA * error
    assert counts.sum() == corpus.comments.height


def test_null_plants_nothing_and_keeps_composition() -> None:
    null, default = ForumTruth.null(), ForumTruth()
    effects = ("enforcement_log_odds", "length_log_odds", "airs_length_shift", "correction_log_odds")
    assert all(getattr(null, name) == 0 for name in (*effects, "reciprocation"))
    for name in ("airs_positive_share", "duplicate_share", "post_effect_sd", "seed"):
        assert getattr(null, name) == getattr(default, name)
    assert ForumTruth.null(enforcement_log_odds=1.0, seed=3).enforcement_log_odds == 1.0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("airs_positive_share", 1.2),
        ("enforcement_baseline", 0.0),
        ("n_posts", 5),
        ("activity_exponent", 1.0),
        ("days", 0.0),
        ("n_revised", -1),
        ("endorse_share", 0.99),
    ],
)
def test_impossible_truths_are_refused(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        ForumTruth(**{name: value})


def test_more_irregularities_than_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="irregularities need"):
        generate(ForumTruth(n_posts=20, n_agents=5, n_revised=40))
