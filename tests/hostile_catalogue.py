"""A warehouse whose every free text attacks the page that shows it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from hostile import CORPUS, OTHER, TEXTS

from pipeline.inference.airs_grid import load_airs_grid
from pipeline.inference.contagion_specification import load_contagion_grid
from pipeline.inference.minting_grid import load_minting_grid, load_minting_shares
from pipeline.inference.specification import load_grid
from pipeline.language.norm_specification import load_norm_grid
from pipeline.language.topic_specification import load_topic_grid
from pipeline.published.load import load_measure_dictionary, load_published
from pipeline.schema import TABLES, Estimate, Measure, estimate_frame, measure_frame
from pipeline.settings import Settings
from pipeline.socialisation.grid import load_social_grid
from pipeline.warehouse import Warehouse

START = dt.datetime(2026, 1, 5)
WEEKS = 12
FINGERPRINT = "0" * 20


def rows(table: str, records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Return records as rows of a table, with nulls where they say nothing."""
    schema = {name: kind for name, kind in TABLES[table].polars_schema.items() if name != "corpus_id"}
    return pl.DataFrame([{name: record.get(name) for name in schema} for record in records], schema=schema)


def write_catalogue(settings: Settings) -> Warehouse:
    """Write the hostile corpus, a second one without messages, a comparison, and the catalogue."""
    store = Warehouse(settings)
    tables = {
        **corpus_tables(),
        "replication": replication_rows(),
        "tie": tie_rows(),
        "template_pattern": pattern_rows(),
        "topic": topic_rows(),
    }
    # One part for all families: the page reads the column, and every write costs a second.
    measures = [row for family in measure_rows().values() for row in family]
    estimates = [row for family in estimate_rows().values() for row in family]
    store.write_many({**tables, "measure": measure_frame(measures), "estimate": estimate_frame(estimates)}, CORPUS,
                     FINGERPRINT)  # fmt: skip
    quiet = {"kind": "human", "format": "moltbook_api", "title": "Nothing was said", "warnings": "no_messages,no_times"}
    store.write("corpus", OTHER, rows("corpus", [quiet]), FINGERPRINT)
    project = {"measure_dictionary": load_measure_dictionary(), "published": load_published(),
               "comparison": comparison_rows()}  # fmt: skip
    store.write_many(project, "*", FINGERPRINT)
    for corpus_id in ("*", CORPUS, OTHER):
        store.publish(corpus_id)
    store.build_catalogue()
    return store


def corpus_tables() -> dict[str, pl.DataFrame]:
    """Return what was said: every name, title, path and body is hostile."""
    messages, texts = [], {}
    for i in range(600):
        text = TEXTS[i % len(TEXTS)]
        texts[f"h{i % len(TEXTS):03d}"] = text
        messages.append({
            "message_id": f"m{i}", "run_id": "observed", "kind": "comment" if i % 4 else "post", "title": text,
            "agent_id": f"a{i % 17}", "community_id": TEXTS[i % 5] if i % 4 == 0 else None, "content": text,
            "text_hash": f"h{i % len(TEXTS):03d}", "root_id": f"m{i - i % 4}", "depth": int(i % 4 > 0),
            "created_at": START + dt.timedelta(hours=3.3 * i), "at_precision": "s",
        })  # fmt: skip
    run = {"run_id": "observed", "system": TEXTS[0], "scenario": TEXTS[1], "model": TEXTS[2]}
    corpus = {
        "title": "".join(TEXTS[:1]) + " & friends", "kind": "platform", "format": "moltbook_api", "licence": TEXTS[4],
        "clock": "time", "n_files": 2, "rows_read": 601, "first_at": START, "last_at": START + dt.timedelta(days=82),
        "warnings": "null_authors",
    }  # fmt: skip
    file = {"source_file_id": "f1", "path": f"{TEXTS[0]}/{TEXTS[5]}.json", "status": "read", "rows_read": 601,
            "new": 600, "revised": 0, "repeated": 0, "quarantined": 1}  # fmt: skip
    return {
        "corpus": rows("corpus", [corpus]),
        "run": rows("run", [run]),
        "source_file": rows("source_file", [file]),
        "quarantine": rows("quarantine", [{"source_file_id": "f1", "path": TEXTS[1], "reason": "truncated_json",
                                           "source_row": 7, "excerpt": TEXTS[0]}]),
        "agent": rows("agent", [{"agent_id": f"a{i}", "name": TEXTS[i % len(TEXTS)], "agent_kind": "llm"}
                                for i in range(17)]),
        "agent_signal": rows("agent_signal", [{"agent_id": f"a{i}", "n_posts": i, "n_comments": 1, "batch_size": 6,
                                               "batch_name": TEXTS[i // 6]} for i in range(17)]),
        "community": rows("community", [{"community_id": text, "name": text, "title": f"{text}!"}
                                        for text in TEXTS[:5]]),
        "message": rows("message", messages),
        "text": rows("text", [{"text_hash": key, "text": text, "n_chars": len(text), "n_tokens": 7,
                               "copies": 50 + int(key[1:])}
                              for key, text in texts.items()]),
    }  # fmt: skip


def tie_rows() -> pl.DataFrame:
    """Return some follows."""
    follows = [{"source_id": f"a{i}", "target_id": f"a{i + 1}", "relation": "follow", "start_at": START,
                "end_at": START if i % 3 == 0 else None, "origin": "observed"} for i in range(12)]  # fmt: skip
    return rows("tie", follows)


def pattern_rows() -> pl.DataFrame:
    """Return a pattern of each hostile text."""
    return rows("template_pattern", [
        {"template_id": f"t{i}", "pattern": f"{text} ⟨…⟩", "texts": 3, "messages": 40 - i, "fixed_tokens": 5,
         "slots": 1, "fixed_share": 0.8}
        for i, text in enumerate(TEXTS)
    ])  # fmt: skip


def topic_rows() -> pl.DataFrame:
    """Return topics named by hostile texts: no such word is let through, yet the page must bear it."""
    return rows("topic", [
        {"topic_id": i, "words": f"{text}, memory, agents", "texts": 100 - i}
        for i, text in enumerate((TEXTS[0], " ".join(TEXTS[1:])), 1)
    ])  # fmt: skip


def _measure(family: str, measure_id: str, value: float | None, **more: Any) -> Measure:
    ends = {} if value is None else {"ci_low": value - 0.03, "ci_high": value + 0.03, "ci_level": 0.95}
    return Measure(**{"family": family, "measure_id": measure_id, "value": value, "n": 321, "n_unit": "posts", **ends,
                      **more})  # fmt: skip


def measure_rows() -> dict[str, list[Measure]]:
    """Return measures of every family that the page shows."""
    rng = np.random.default_rng(5)
    days = [START + dt.timedelta(days=i) for i in range(20)]
    weeks = [START + dt.timedelta(weeks=i) for i in range(WEEKS)]
    airs = [
        _measure("airs", "airs_positive_share", None if i == 4 else float(0.2 + 0.05 * rng.normal()), slice_id=name,
                 period="day", period_start=day, warnings="few_posts" if i == 4 else "composition_sensitive")
        for name in ("all", "without_duplicates") for i, day in enumerate(days)
    ]  # fmt: skip
    activity = [_measure("activity", "activity_gini", 0.8391, n=6_159, n_unit="agents")]
    network = [
        _measure("network", "reciprocity_reply_any", 0.1971, null_model="degree_preserving_swaps(200)", null_mean=0.1,
                 null_sd=0.01, p_value=0.005, n_unit="ties", warnings="derived_ties"),
        _measure("network", "transitivity_reply_any", None, n=3, n_unit="ties", warnings="few_ties"),
    ]  # fmt: skip
    convergence = [
        _measure("convergence", name, base + 0.01 * i, period="week", period_start=week, n_unit="texts",
                 **({"unit": "community", "unit_id": TEXTS[1]} if name == "similarity_gap" and i % 2 else {}))
        for name, base in (("within_similarity", 0.3), ("between_similarity", 0.2), ("similarity_gap", 0.1),
                           ("template_share_exact", 0.2), ("template_share_near", 0.25), ("newcomer_similarity", 0.2),
                           ("incumbent_similarity", 0.3))
        for i, week in enumerate(weeks)
    ]  # fmt: skip
    coordination = [
        _measure("coordination", name, 0.1 + 0.07 * i, null_model="memoryless(9)", null_mean=0.2, null_sd=0.01,
                 p_value=0.005, n_unit="agents")
        for i, name in enumerate(("cov_below_03_share", "cov_03_05_share", "cov_05_10_share", "cov_10_20_share"))
    ]  # fmt: skip
    coordination.append(_measure("coordination", "batch_burst_share", None, n=0, warnings="few_posts"))
    persona = [
        *(_measure("persona", "persona_similarity_post", 0.3, period="week", period_start=week, n_unit="texts")
          for week in weeks),
        *(_measure("persona", "persona_event_curve", 0.01 * i, unit="event_offset", unit_id=str(i), n_unit="agents",
                   warnings="static_vectors") for i in (-1, 0, 1)),
        _measure("persona", "persona_similarity_post", 0.31, unit="activity_group", unit_id="2-4", n_unit="texts"),
        _measure("persona", "persona_aligned_post_share", 0.1131, null_model="shuffled_personas", null_mean=0.002,
                 null_sd=0.003, p_value=0.005, n_unit="texts", warnings="composition_sensitive"),
        _measure("persona", "persona_drift_away_share", None, n=0, n_unit="agents", warnings="no_scores"),
    ]  # fmt: skip
    socialisation = [
        _measure("socialisation", "knn_cohesion", 0.48, null_model="periods_shuffled(40)", null_mean=0.4, null_sd=0.01,
                 p_value=0.02, n_unit="texts", **more)
        for more in ({}, {"period": "week", "period_start": weeks[0]})
    ]  # fmt: skip
    socialisation.append(_measure("socialisation", "feedback_adaptation", None, n=0, warnings="few_agents"))
    lexicon = [
        _measure("lexicon", "lexicon_message_share", 0.1 + 0.02 * i, unit="lexicon", unit_id=f"{TEXTS[0]}/{text}",
                 n_unit="messages", **more)
        for i, text in enumerate(TEXTS)
        for more in ({}, {"period": "week", "period_start": weeks[0]}, {"period": "week", "period_start": weeks[1]},
                     {"slice_id": "language-de", "warnings": "language_unsupported"})
    ]  # fmt: skip
    contagion = [
        _measure("contagion", name, 0.1 + 0.02 * i, n_unit="comments", warnings="homophily_or_contagion")
        for i, name in enumerate(("conflict_share_post_calm", "conflict_share_post_conflict"))
    ]
    contagion += [
        _measure("contagion", "herding_conflict_share", 0.3, unit="conflicts_before", unit_id="1", null_mean=0.1,
                 null_sd=0.01, p_value=0.01, null_model="order_in_runs"),
        _measure("contagion", "emotion_share", 0.2, unit="emotion", unit_id="anger"),
    ]  # fmt: skip
    return {
        "lexicon": lexicon,
        "contagion": contagion,
        "persona": persona,
        "coordination": coordination,
        "socialisation": socialisation,
        "airs": [*airs, _measure("airs", "airs_positive_share", 0.211, warnings="composition_sensitive")],
        "activity": activity,
        "network": network,
        "convergence": convergence,
        "norms": [
            _measure("norms", "norm_cluster_community_share", 0.9286, n=28, n_unit="communities"),
            *(
                _measure("norms", "norm_clusters", 2.0, unit="community", unit_id=text, null_mean=1.0, null_sd=0.5)
                for text in TEXTS
            ),
        ],
        "topic": [
            _measure(
                "topic",
                "topic_share",
                0.3 + 0.05 * i + 0.1 * topic,
                unit="topic",
                unit_id=str(topic),
                period="day",
                period_start=day,
            )
            for topic in (1, 2)
            for i, day in enumerate(days[:4])
        ],
        "homophily": _homophily(weeks),
        "structure": _structure(weeks),
        "cascade": [_measure("cascade", "structural_virality_mean", 1.9)],
        "token_mint": [_measure("token_mint", "token_mint_post_share", 0.006)],
    }


def _structure(weeks: list[dt.datetime]) -> list[Measure]:
    beside = {"null_model": "degree_preserving_swaps(20)", "null_mean": 0.1, "null_sd": 0.01, "p_value": 0.05}
    rows_ = [
        _measure("structure", name, value, unit="network", unit_id=network, n_unit="agents", **beside)
        for network in ("reply_any", TEXTS[0])
        for name, value in (("louvain_modularity", 0.3), ("degree_tail_exponent", 2.1), ("degree_tail_xmin", 2.0),
                            ("triad_300", 7.0), ("path_length", None))
    ]  # fmt: skip
    rows_ += [
        _measure(
            "structure", "network_ties", 90.0 + i, unit="network", unit_id=network, period="week", period_start=week
        )
        for network in ("reply_any", TEXTS[0])
        for i, week in enumerate(weeks)
    ]  # fmt: skip
    return [*rows_, _measure("structure", "posting_gini", 0.4)]


def _homophily(weeks: list[dt.datetime]) -> list[Measure]:
    rows_ = []
    for rule in ("follow", TEXTS[0]):
        for i, week in enumerate(weeks):
            for model, mean in (("stub_permutation", 0.0), ("label_permutation", -0.01)):
                value = None if i == 3 else 0.2 + 0.01 * i
                rows_.append(_measure(
                    "homophily", "assortativity_airs_share", value, unit="network", unit_id=rule, period="week",
                    period_start=week, null_model=model, null_mean=None if i == 3 else mean, null_sd=0.02,
                    n=9 if i == 3 else 900 + i, n_unit="ties", warnings="few_ties" if i == 3 else None,
                ))  # fmt: skip
    return rows_


def estimate_rows() -> dict[str, list[Estimate]]:
    """Return an estimate for every specification of the grid, one of them refused, and two slopes."""
    rng = np.random.default_rng(6)
    enforcement = []
    for i, spec in enumerate(load_grid().specifications):
        value = None if i == 9 else float(0.2 + 0.1 * rng.normal())
        ends = {} if value is None else {"conf_low": value - 0.1, "conf_high": value + 0.1, "conf_level": 0.95}
        enforcement.append(Estimate(
            spec_id=spec.spec_id, family="enforcement", hypothesis_id=spec.hypothesis, role=spec.role,
            outcome=spec.outcome, estimand="log odds ratio that a reply enforces", model=spec.formula,
            estimator=spec.estimator, term="exposure", slice_id=spec.slice, estimate=value, n_obs=1_234, p_value=0.01,
            warnings=None if value else "few_replies",
            **ends,
        ))  # fmt: skip
    slopes = [
        Estimate(
            spec_id=f"convergence_{i}", family="convergence", hypothesis_id="template_convergence", role="primary",
            estimand="change per week of within-community likeness", model=f"W ~ 1 + period | {TEXTS[0]}",
            estimator="ols", outcome="within", term="slope", estimate=value, conf_low=low, conf_high=0.02,
            n_obs=12, warnings=words,
        )
        for i, (value, low, words) in enumerate([(0.0104, 0.001, None), (None, None, "time_too_coarse")])
    ]  # fmt: skip
    norms = [
        Estimate(
            spec_id=spec.spec_id, family="norms", hypothesis_id="norms", role=spec.role, estimand="share",
            model=spec.formula, estimator=spec.algorithm, outcome="has_norm_cluster", term="share", estimate=0.9286,
            conf_low=0.7735, conf_high=0.9802, conf_level=0.95, null_mean=0.53, null_sd=0.05, n_obs=1_676,
        )
        for spec in load_norm_grid().specifications
    ]  # fmt: skip
    drift = [
        Estimate(
            spec_id=f"persona_{role}", family="persona", hypothesis_id="votes_move_alignment", role=role,
            estimand="lasting change at the highest-voted post", model=f"similarity of posts, {TEXTS[0]}",
            estimator="matched_event", outcome="similarity", term="event", estimate=0.0081, conf_low=-0.02,
            conf_high=0.03, n_obs=622, p_value=0.52, warnings="static_vectors",
        )
        for role in ("primary", "placebo")
    ]  # fmt: skip
    topics = [
        Estimate(
            spec_id=spec.spec_id, family="topic", hypothesis_id="topics_drift", role=spec.role, estimand="drift",
            model=spec.formula, estimator="slope_sign_flips", outcome=spec.outcome, term=term, slice_id=spec.slice,
            estimate=0.1058, null_mean=0.029, null_sd=0.01, n_obs=13_233, p_value=0.01,
        )
        for spec in load_topic_grid() for term in (("drift", "topic_1") if spec.role == "primary" else ("drift",))
    ]  # fmt: skip
    contagion = [
        Estimate(
            spec_id=spec.spec_id, family="contagion", hypothesis_id=spec.hypothesis, role=spec.role,
            estimand="log odds ratio of conflict", model=f"{spec.formula} {TEXTS[0]}", estimator=spec.estimator,
            outcome=spec.outcome, term="exposure", estimate=0.3, conf_low=0.1, conf_high=0.5, n_obs=900, p_value=0.01,
        )
        for spec in load_contagion_grid()
    ]  # fmt: skip
    curves = {
        family: [
            Estimate(
                spec_id=spec.spec_id,
                family=family,
                hypothesis_id=hypothesis,
                role=spec.role,
                estimand="share or cosine",
                model=f"{TEXTS[0]} {i}",
                estimator="share",
                outcome="types",
                term="share",
                estimate=None if i == 7 else 0.1 + 0.01 * i,
                conf_low=0.05,
                conf_high=0.9,
                conf_level=0.95,
                n_obs=90,
                null_mean=0.2,
                null_sd=0.02,
                p_value=0.2,
                warnings="few_agents" if i == 7 else None,
            )
            for i, (spec, hypothesis) in enumerate(specs)
        ]
        for family, specs in (
            ("airs", [(spec, "posts_invite_action") for spec in load_airs_grid()]),
            ("token_mint", [(spec, spec.hypothesis) for spec in (*load_minting_grid(), *load_minting_shares())]),
            ("socialisation", [(spec, spec.hypothesis) for spec in load_social_grid()[0]]),
        )
    }
    return {
        "contagion": contagion,
        "enforcement": enforcement,
        "convergence": slopes,
        "norms": norms,
        "topic": topics,
        "persona": drift,
        **curves,
    }


def replication_rows() -> pl.DataFrame:
    """Return one printed number with ours beside it."""
    return rows("replication", [{
        "paper": "arXiv 2602.10131 (Holtz)", "measure_id": "activity_gini", "slice_id": "all", "value": 0.8391,
        "ci_low": 0.82, "ci_high": 0.85, "published_value": 0.839, "evidence": "Q", "ratio": 1.0001,
        "difference": 0.0001, "window": "3.5 days", "is_same_definition": True, "is_same_window": True,
        "cause": TEXTS[0],
    }])  # fmt: skip


def comparison_rows() -> pl.DataFrame:
    """Return six facts of one pair, with every verdict."""
    facts = ("activity_gini", "activity_tail_exponent", "reciprocity_reply_any", "comment_depth_mean",
             "duplicate_share", "burstiness")  # fmt: skip
    verdicts = ("equivalent", "different", "undecided", "undecided", "different", "not_comparable")
    records = []
    for i, (fact, word) in enumerate(zip(facts, verdicts, strict=True)):
        known = word != "not_comparable"
        records.append({
            "measure_id": fact, "slice_a": f"{CORPUS}/all", "slice_b": f"{OTHER}/{TEXTS[0]}", "verdict": word,
            "value_a": 0.5 if known else None, "value_b": 0.4 if known else None, "n_a": 30, "n_b": 28,
            "unit_of_inference": "windows", "ratio": 0.7 + 0.2 * i if known else None,
            "ratio_low": 0.6 + 0.2 * i if known else None, "ratio_high": 0.8 + 0.2 * i if known else None,
            "margin": float(np.log(1.25)), "reason": TEXTS[1], "warnings": None if known else "clock_is_step",
            "distance": 0.1, "floor": 0.04, "ceiling": 0.7, "q_value": 0.02,
        })  # fmt: skip
    return rows("comparison", records)
