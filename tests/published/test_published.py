"""The data files: they load, they hold what METHODS prints, and every measure that is computed is described."""

from __future__ import annotations

import sys
import tomllib
from datetime import datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from pipeline.inference import load_grid
from pipeline.inference.airs_grid import load_airs_grid
from pipeline.lexicon import load_cards
from pipeline.lexicon.measures import category_names
from pipeline.published import load
from pipeline.published.load import load_measure_dictionary, load_published, published_rows
from pipeline.published.printed_estimates import PRINTED
from pipeline.published.replication import replication, society
from pipeline.schema import TABLES, WARNINGS, Estimate, Measure, estimate_frame, measure_frame

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "independent"))
from synthetic import connect, random_threads, with_interactions

DICTIONARIES = sorted(Path(load.__file__).parent.glob("dictionary*.toml"))
HOLTZ = "arXiv 2602.10131"
ENDS = datetime(2026, 1, 31, 11, 30)


def row(measure_id, value=0.5, **fields):
    """Return a measure."""
    return Measure(family="f", measure_id=measure_id, value=value, n=10, n_unit="posts", **fields)


def beside(*rows, **options):
    """Return the replication rows of some measures."""
    return replication(measure_frame(rows), load_published(), **options)


def test_published_has_the_schema_and_unique_keys():
    frame = load_published()
    expected = {k: v for k, v in TABLES["published"].polars_schema.items() if k != "corpus_id"}
    assert dict(frame.schema) == expected
    assert frame.select("paper", "measure_id", "window").is_duplicated().sum() == 0
    assert frame["value"].null_count() == 0
    assert set(frame["evidence"]) <= set(load.EVIDENCE)
    for low, value, high in frame.drop_nulls("ci_low").select("ci_low", "value", "ci_high").iter_rows():
        assert low <= value <= high
    shares = frame.filter(pl.col("measure_id").str.ends_with("_share"))
    assert shares["value"].is_between(0, 1).all()


# Retyped from METHODS.md, independently of the file: a slip of the finger in either shows.
@pytest.mark.parametrize(
    ("paper", "measure_id", "value", "evidence"),
    [
        (HOLTZ, "activity_gini", 0.839, "Q"),
        (HOLTZ, "activity_tail_exponent", 1.70, "Q"),
        (HOLTZ, "reciprocity_reply_any", 0.197, "Q"),
        (HOLTZ, "degree_assortativity_reply_any", -0.21, "Q"),
        (HOLTZ, "transitivity_reply_any", 0.043, "Q"),
        (HOLTZ, "clustering_mean_local_reply_any", 0.47, "Q"),
        (HOLTZ, "comment_depth_mean", 1.07, "Q"),
        (HOLTZ, "replied_comment_share", 0.065, "Q"),
        (HOLTZ, "duplicate_share", 0.341, "Q"),
        (HOLTZ, "first_comment_minutes_median", 0.4, "Q"),
        (HOLTZ, "first_comment_minutes_mean", 8.0, "Q"),
        (HOLTZ, "network_ties_reply_any", 70145, "Q"),
        (HOLTZ, "network_nodes_reply_any", 5981, "Q"),
        ("arXiv 2602.02625", "airs_positive_share", 0.184, "Q"),
        ("arXiv 2604.06199", "airs_enforcement_odds_ratio", 1.136, "S"),
        ("arXiv 2602.13458v1", "persona_drift_away_share", 0.735, "FIG"),
        ("arXiv 2602.13458v2", "persona_drift_away_share", 0.71, "Q"),
        ("arXiv 2602.13458v1", "conflict_share_post_conflict", 0.146, "FIG"),
        ("arXiv 2602.13458v2", "conflict_share_first_conflict", 0.259, "Q"),
        ("arXiv 2602.09270", "comments_per_post_tail_exponent", 1.72, "Q"),
        ("arXiv 2602.07432v1", "reciprocity_comment_post_author", 0.0109, "Q"),
        ("arXiv 2602.07432v2", "cov_human_share", 0.548, "Q"),
        ("arXiv 2602.07667", "dyad_reciprocity_comment_post_author", 0.00998, "Q"),
        ("arXiv 2602.07667", "reply_half_life_minutes", 0.8, "Q"),
        ("arXiv 2602.20044", "reciprocity_comment_post_author", 0.01, "Q"),
        ("arXiv 2602.13284", "reciprocity_reply_any", 0.041, "Q"),
        ("EmilineLabbe/chirper_networks", "reciprocity_follow", 0.0513, "CODE"),
        ("arXiv 2602.10127", "n_agents", 12684, "Q"),
        ("arXiv 2602.10127", "n_communities", 12209, "Q"),
        ("arXiv 2603.18349", "n_posts", 673127, "S"),
        ("arXiv 2603.18349", "n_comments", 879606, "S"),
        ("arXiv 2603.18349", "n_agents", 93714, "S"),
        ("arXiv 2606.00067", "n_posts", 228684, "Q"),
        ("arXiv 2606.00067", "n_agents", 39500, "Q"),
        ("arXiv 2602.14477", "n_posts", 28683, "S"),
        ("arXiv 2602.18832", "n_posts", 231080, "S"),
        ("arXiv 2602.18832", "n_comments", 1.55e6, "S"),
        ("arXiv 2603.16128", "n_posts", 73899, "S"),
        ("iNLP-Lab/Moltbook-MoltNet", "n_agents", 149574, "Q"),
        ("iNLP-Lab/Moltbook-MoltNet", "n_comments", 3161324, "Q"),
        ("iNLP-Lab/Moltbook-MoltNet", "n_communities", 18e3, "Q"),
        ("arXiv 2605.07462", "n_posts", 232e3, "Q"),
        ("arXiv 2605.07462", "n_comments", 2.2e6, "Q"),
        ("arXiv 2604.13052", "n_comments", 6.7e6, "S"),
        ("arXiv 2602.13458v1", "output_shift_agents_upvoted", 11948 - 89, "FIG"),
        ("arXiv 2602.07432v2", "farming_share_before", 0.321, "Q"),
        ("arXiv 2602.07432v2", "farming_share_after", 0.005, "Q"),
        ("arXiv 2602.13284", "attack_api_injection_share", 0.615, "Q"),
        ("arXiv 2602.13284", "credential_leaks_key_like", 572, "Q"),
        ("arXiv 2602.13284", "claw_payload_copies", 2411, "Q"),
        ("arXiv 2602.13284", "claw_payload_agents", 136, "Q"),
        ("arXiv 2602.13284", "pro_anti_human_ratio", 21, "Q"),
        ("arXiv 2602.13284", "adversarial_amplification_ratio", 6, "Q"),
        ("arXiv 2602.10127", "economics_level4_share", 0.0634, "Q"),
        ("arXiv 2602.10127", "peak_hour_harmful_share", 0.6671, "Q"),
        ("arXiv 2603.00646", "early_interaction_change", 5.0635, "Q"),
        ("arXiv 2603.00646", "exposure_change", 2.4263, "Q"),
        ("arXiv 2603.18349", "propaganda_top100_share", 0.61, "S"),
        ("arXiv 2603.18349", "propaganda_top5_community_share", 0.7, "S"),
        ("arXiv 2605.13860", "comment_coverage_share", 0.238, "S"),
        ("arXiv 2602.18832", "comments_per_post_phase_1", 31.7, "S"),
        ("arXiv 2602.18832", "comments_per_post_phase_2", 8.3, "S"),
        ("arXiv 2602.18832", "comments_per_post_phase_3", 1.7, "S"),
        ("arXiv 2603.16128 (Reddit)", "n_posts", 189838, "S"),
        ("arXiv 2603.16128 (Reddit)", "posting_gini", 0.47, "S"),
        ("arXiv 2603.16128 (Reddit)", "cross_posting_author_share", 0.005, "S"),
        ("arXiv 2603.16128 (Reddit)", "author_attribution_accuracy", 0.458, "S"),
        ("arXiv 2604.00518 (Reddit)", "author_return_share", 0.409, "Q"),
        ("arXiv 2604.00518 (Reddit)", "multi_turn_share", 0.385, "Q"),
        ("arXiv 2604.21295", "transactional_share", 0.628, "S"),
        ("arXiv 2602.11412", "verification_cue_odds_ratio", 2.57, "S"),
        ("arXiv 2602.11412", "verification_cue_lag_hours", 4.21, "S"),
    ],
)
def test_numbers_as_printed(paper, measure_id, value, evidence):
    chosen = load_published().filter((pl.col("paper") == paper) & (pl.col("measure_id") == measure_id))
    assert chosen.select("value", "evidence").rows() == [(value, evidence)]


def test_parts_that_must_sum_do():
    def values(paper, names):
        return [next(r.value for r in published_rows() if r.paper == paper and r.measure_id == n) for n in names]

    classes = [f"cov_{name}_share" for name in ("below_03", "03_05", "05_10", "10_20", "above_20")]
    parts = values("arXiv 2602.07432v1", classes)
    assert sum(parts) == pytest.approx(1, abs=1e-9)
    autonomous, human = values("arXiv 2602.07432v1", ["cov_autonomous_share", "cov_human_share"])
    assert parts[0] + parts[1] == pytest.approx(autonomous, abs=5e-4)
    assert parts[3] + parts[4] == pytest.approx(human, abs=1.5e-3)
    themes = values("arXiv 2602.12634", [f"theme_of_six_{k}_share" for k in range(1, 7)])
    assert sum(themes) == pytest.approx(1, abs=1e-9)
    assert themes == sorted(themes, reverse=True)
    votes = values("arXiv 2602.13458v1", [f"output_shift_agents{name}" for name in ("", "_upvoted", "_not_upvoted")])
    assert votes[0] == votes[1] + votes[2]
    replies = [f"reply_{name}_share" for name in ("other", "enforce", "endorse", "toxic")]
    assert sum(values("notes on arXiv 2602.02625", replies)) == pytest.approx(1, abs=1e-12)
    assert values("arXiv 2602.07667", ["dyad_reciprocity_reply_any"])[0] == pytest.approx(1621 / 162430, abs=5e-6)


def test_every_measure_is_described():
    from all_measures import corpus_measures

    frame = load_measure_dictionary()
    expected = {k: v for k, v in TABLES["measure_dictionary"].polars_schema.items() if k != "corpus_id"}
    assert dict(frame.schema) == expected
    assert frame["measure_id"].is_unique().all()
    assert set(frame["relation"]) <= set(load.RELATIONS)
    con = with_interactions(connect(random_threads(1)))
    computed = {r.measure_id for r in corpus_measures(con, seed=1, bootstrap_draws=5, null_draws=3, clustering_draws=1)}
    described = set(frame["measure_id"])
    assert computed <= described
    # Families that need more than messages have their own dictionary, and tests beside what computes them.
    named = {path: tomllib.loads(path.read_text())["measure"] for path in DICTIONARIES if path.stem != "dictionary"}
    elsewhere = {entry["measure_id"] for entries in named.values() for entry in entries}
    rest = {name for name in described - computed if not name.startswith(("airs_", "reply_"))}
    assert rest <= elsewhere
    network = frame.filter(pl.col("needs") == "interaction")
    assert network["tie_rule"].null_count() == 0
    assert all(set(words.split(",")) <= set(WARNINGS) for words in frame["warnings"].drop_nulls())


def test_replication_sets_ours_beside_printed():
    frame = beside(row("reciprocity_reply_any", 0.18, ci_low=0.15, ci_high=0.21, warnings="derived_ties"))
    expected = {k: v for k, v in TABLES["replication"].polars_schema.items() if k != "corpus_id"}
    assert dict(frame.schema) == expected
    holtz = frame.row(by_predicate=pl.col("paper") == HOLTZ, named=True)
    assert holtz["published_value"] == 0.197
    assert holtz["difference"] == pytest.approx(-0.017)
    assert holtz["ratio"] == pytest.approx(0.18 / 0.197)
    assert (holtz["ci_low"], holtz["ci_high"], holtz["n"]) == (0.15, 0.21, 10)
    assert holtz["is_same_definition"] is True
    assert holtz["is_same_window"] is None  # nobody said when the corpus begins and ends
    rise = frame.row(by_predicate=pl.col("paper") == "arXiv 2602.12634", named=True)
    assert "only in a secondary summary" in rise["cause"]
    assert rise["warnings"] == "definition_inferred,derived_ties"
    assert rise["is_same_definition"] is None


def test_printed_numbers_that_are_estimates_stand_beside_the_registered_row():
    grid = {spec.spec_id: spec for spec in load_grid().specifications}
    shares = {spec.spec_id: spec for spec in load_airs_grid()}
    for name, printed in PRINTED.items():
        if name.startswith("airs_positive_"):
            assert name == f"airs_positive_{shares[printed.spec_id].text}_share"
            continue
        spec = grid[printed.spec_id]
        assert (spec.outcome, spec.slice) in {("enforce", "all"), ("delta_airs", "all")}
    fields = {"family": "enforcement", "hypothesis_id": "h", "role": "primary", "estimand": "log odds ratio",
              "model": "m", "outcome": "enforce", "term": "airs", "n_obs": 90, "warnings": "few_events"}  # fmt: skip
    rows = [
        Estimate(spec_id="bce2f426dd95", estimator="e", estimate=0.2, conf_low=-0.1, conf_high=0.5, **fields),
        Estimate(spec_id="47d0beede7b5", estimator="e", estimate=None, n_events=7, conf_low=1.0, **fields),
        Estimate(spec_id="of another grid", estimator="e", estimate=9.0, **fields),
    ]
    frame = beside(row("airs_positive_share"), estimates=estimate_frame(rows))
    found = {r["measure_id"]: r for r in frame.iter_rows(named=True)}
    assert set(found) == {
        "airs_positive_share", "airs_enforcement_log_odds", "airs_enforcement_odds_ratio", "airs_event_threads"
    }  # fmt: skip
    ratio = found["airs_enforcement_odds_ratio"]
    assert (ratio["published_value"], ratio["published_low"], ratio["n"]) == (1.136, 1.043, 90)
    assert (ratio["value"], ratio["ci_low"]) == pytest.approx((np.exp(0.2), np.exp(-0.1)))
    assert ratio["warnings"] == "definition_inferred,few_events"
    threads = found["airs_event_threads"]
    assert (threads["value"], threads["published_value"], threads["ci_low"]) == (7, 32, None)
    assert set(PRINTED) <= set(load_measure_dictionary()["measure_id"])


def test_a_number_of_another_name_stands_beside_the_row_that_is_named():
    shares = [
        row("lexicon_message_share", 0.13, unit="lexicon", unit_id="crypto/total", warnings="composition_sensitive"),
        row("lexicon_message_share", 0.9, unit="lexicon", unit_id="crypto/asset"),
        row("lexicon_message_share", 0.8, unit="lexicon", unit_id="crypto/total", slice_id="without_duplicates"),
    ]
    frame = beside(*shares)
    assert set(frame["measure_id"]) == {"crypto_post_share"}
    assert frame.height == 2
    assert frame["value"].unique().to_list() == [0.13]
    assert frame["is_same_definition"].to_list() == [False, False]
    assert all("ours is lexicon_message_share of crypto/total; " in cause for cause in frame["cause"])
    assert all("lexicon_message_share of" not in cause for cause in beside(row("reciprocity_reply_any", 0.18))["cause"])
    named = {r.ours for r in published_rows() if r.ours}
    described = set(load_measure_dictionary()["measure_id"])
    assert {name.split("@")[0] for name in named} <= described
    categories = {f"{card.id}/{category}" for card in load_cards() for category in category_names(card)}
    units = {name.split("@")[1] for name in named if name.startswith("lexicon_")}
    assert units <= categories


def test_every_printed_number_has_a_measure_or_a_reason_why_there_is_none():
    described = set(load_measure_dictionary()["measure_id"])
    alone = [r for r in published_rows() if not load.has_counterpart(r)]
    assert not [r.measure_id for r in published_rows() if not (r.measure_id in described or r.ours or r.cause)]
    assert not [r.measure_id for r in alone if not r.cause or len(r.cause) < 40]
    ids = {r.measure_id for r in alone}
    assert {"toxicity_safe_share", "probe_answered_share", "first_day_actions_after", "role_silhouette"} <= ids
    assert not ids & {"echo_half_life_human", "reply_share_claimed", "puppet_agent_share", "network_nodes_follow"}
    for platform in ("moltbook", "chirper.ai"):
        own = {r.measure_id: r for r in alone if r.platform == platform}
        found = {r["measure_id"]: r for r in beside(platform=platform).iter_rows(named=True)}
        assert set(found) == set(own)
        for name, record in found.items():
            assert (record["value"], record["difference"], record["n"], record["is_same_window"]) == (None,) * 4
            assert record["published_value"] is not None
            assert f"nothing of ours stands beside it; {own[name].cause}" in record["cause"]
    assert beside(platform="reddit").height == 0


def test_only_whole_corpora_are_set_beside_papers():
    rows = [
        row("airs_positive_share", slice_id="without_duplicates"),
        row("airs_positive_share", period="day", period_start=ENDS),
        row("airs_positive_share", unit="community", unit_id="general"),
    ]
    assert beside(*rows).height == 0
    assert beside(*rows, row("airs_positive_share", 0.3))["value"].unique().to_list() == [0.3]


@pytest.mark.parametrize(
    ("kind", "system", "name"),
    [("platform", "Moltbook", "moltbook"), ("simulation", "Moltbook", "a simulation"), ("platform", None, None)],
)
def test_a_simulation_is_of_no_platform(kind, system, name):
    assert society(kind, system) == name


@pytest.mark.parametrize(
    ("first", "last", "platform", "same", "words"),
    [
        (datetime(2026, 1, 27, 18), datetime(2026, 1, 31, 11, 0), "moltbook", True, None),
        (datetime(2026, 1, 27, 18), datetime(2026, 1, 31, 6, 54), "moltbook", False, "4.6 hours before"),
        (datetime(2026, 1, 27, 18), datetime(2026, 2, 20), "moltbook", False, "20 days after"),
        (datetime(2026, 1, 30), ENDS, "moltbook", False, "does not start"),
        (datetime(2026, 1, 27, 18), ENDS, "chirper.ai", False, "another society"),
        (None, None, "moltbook", None, "no clock"),
        (datetime(2026, 1, 27, 18), ENDS, None, True, None),
    ],
)
def test_windows(first, last, platform, same, words):
    frame = beside(row("comment_depth_max", 5.0), first_at=first, last_at=last, platform=platform)
    record = frame.row(by_predicate=pl.col("paper") == HOLTZ, named=True)
    assert record["is_same_window"] is same
    assert words is None or words in record["cause"]


def test_a_printed_day_is_any_hour_of_it():
    for last, same in ((datetime(2026, 2, 8, 3), True), (datetime(2026, 2, 7, 3), False)):
        frame = beside(row("n_posts", 9.0), first_at=datetime(2026, 1, 27, 18), last_at=last, platform="moltbook")
        record = frame.row(by_predicate=pl.col("paper") == "arXiv 2602.09270", named=True)
        assert record["is_same_window"] is same


def test_nulls_and_coverage_are_said():
    frame = beside(row("duplicate_share", None, warnings="few_posts"), corpus_id="moltbook-api-v1-tree")
    record = frame.row(by_predicate=pl.col("paper") == HOLTZ, named=True)
    assert record["difference"] is None
    assert "not computed here (few_posts)" in record["cause"]
    assert "85 % of its collector's threads" in record["cause"]
    assert beside().height == 0


def test_bad_rows_say_which(monkeypatch):
    study = {"paper": "p", "title": "t", "platform": "x", "window": "w", "evidence": "Q"}
    good = {"measure_id": "m", "title": "t", "value": 1}
    for rows, words in (
        ([{**good, "evidence": "Z"}], "evidence 'Z'"),
        ([{**good, "valeu": 1}], "valeu"),
        ([good, good], "twice"),
    ):
        monkeypatch.setattr(load, "_read", lambda _name, rows=rows: {"study": [{**study, "rows": rows}]})
        published_rows.cache_clear()
        with pytest.raises(ValueError, match=words):
            published_rows()
    published_rows.cache_clear()
