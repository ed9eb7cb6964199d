"""Simulated OASIS runs through the pipeline: ties, cascades, concentration and repeats are those that were planted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from whole_runs import Stored, project

from pipeline.simulation import Oasis, OasisTruth, generate_oasis, write_oasis_sqlite
from pipeline.simulation.oasis import gini
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.embedding import EMBEDDING_STEPS
from pipeline.steps.feature import FEATURE_STEPS
from pipeline.steps.gender import GENDER_SCORE_STEPS
from pipeline.steps.homophily import HOMOPHILY_STEPS

CORPUS = "planted-oasis"
_IN_ORDER = (*CORPUS_STEPS, *FEATURE_STEPS, *EMBEDDING_STEPS[:1], *GENDER_SCORE_STEPS, *HOMOPHILY_STEPS)
STEPS = tuple(step for step in _IN_ORDER if step.key != "feature/reply_class")
TABLES = ("agent", "message", "reaction", "exposure", "tie_event", "tie", "measure", "quarantine", "lexicon_score")


class Found(Stored):
    """What the pipeline stored of the simulated runs."""

    def __init__(self, truth: OasisTruth, root: Path) -> None:
        settings = project(root)
        self.corpus: Oasis = generate_oasis(truth)
        write_oasis_sqlite(self.corpus, settings.data / CORPUS)
        super().__init__(settings, CORPUS, STEPS, TABLES)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return Found(OasisTruth(), tmp_path_factory.mktemp("oasis"))


def test_every_check_passes_and_nothing_is_set_aside(found: Found) -> None:
    assert [check.message for check in found.checks if not check.passed] == []
    assert found.fetch("SELECT count(*) FROM quarantine") == [(0,)]
    assert found.counts("SELECT run_id, count(*) FROM message GROUP BY run_id").keys() == {"run-1", "run-2", "run-3"}
    assert found.fetch("SELECT count(*) FROM agent") == [(3 * found.corpus.truth.n_agents,)]


def test_messages_and_reactions_are_those_of_each_run(found: Found) -> None:
    for run in found.corpus.runs:
        real = run.realised
        kinds = found.counts("SELECT kind, count(*) FROM message WHERE run_id = ? GROUP BY kind", run.name)
        assert kinds == {
            "post": real.n_posts,
            "repost": real.n_reposts,
            "quote": real.n_quotes,
            "comment": real.n_comments,
        }
        done = found.counts("SELECT type, count(*) FROM reaction WHERE run_id = ? GROUP BY type", run.name)
        assert (done["like"], done["dislike"]) == (real.n_likes, real.n_dislikes)
        shown = "SELECT count(*) FROM exposure WHERE run_id = ? AND source = 'refresh'"
        assert found.fetch(shown, run.name) == [(real.n_exposures,)]


def test_both_clocks_arrive(found: Found) -> None:
    for number, run in enumerate(found.corpus.runs):
        is_timed = found.corpus.truth.has_text_time(number)
        clocks = "SELECT DISTINCT step IS NULL, created_at IS NULL FROM message WHERE run_id = ?"
        assert found.fetch(clocks, run.name) == [(is_timed, not is_timed)]


def test_ties_are_rebuilt_from_the_trace(found: Found) -> None:
    for run in found.corpus.runs:
        real = run.realised
        query = "SELECT action, count(*) FROM tie_event WHERE run_id = ? AND relation = 'follow' GROUP BY action"
        assert found.counts(query, run.name) == {"add": real.n_follows, "remove": real.n_unfollows}
        query = "SELECT action, count(*) FROM tie_event WHERE run_id = ? AND relation = 'mute' GROUP BY action"
        assert found.counts(query, run.name) == {"add": real.n_mutes, "remove": real.n_unmutes}
        # What stands after the last event is what the platform held at the end, tie by tie.
        last = """
SELECT source_id, target_id FROM (
    SELECT source_id, target_id,
           sum(CASE action WHEN 'add' THEN 1 ELSE -1 END) AS balance
    FROM tie_event WHERE run_id = ? AND relation = 'follow' GROUP BY source_id, target_id
) AS t WHERE balance = 1
"""
        held = {(f"{run.name}:u{ego}", f"{run.name}:u{alter}") for ego, alter in run.platform.follows}
        assert set(found.fetch(last, run.name)) == held
        assert len(held) == real.n_ties_end


def test_ties_of_the_timed_run_have_intervals(found: Found) -> None:
    run = found.corpus.runs[-1]
    standing = "SELECT source_id, target_id FROM tie WHERE relation = 'follow' AND end_at IS NULL AND source_id LIKE ?"
    held = {(f"{run.name}:u{ego}", f"{run.name}:u{alter}") for ego, alter in run.platform.follows}
    assert set(found.fetch(standing, f"{run.name}:%")) == held
    ended = "SELECT count(*) FROM tie WHERE relation = 'follow' AND end_at IS NOT NULL AND source_id LIKE ?"
    assert found.fetch(ended, f"{run.name}:%") == [(run.realised.n_unfollows,)]


def test_cascades_have_their_planted_depth(found: Found) -> None:
    for run in found.corpus.runs:
        query = "SELECT depth, count(*) FROM message WHERE run_id = ? AND kind IN ('repost', 'quote') GROUP BY depth"
        depths = found.counts(query, run.name)
        assert depths == {number + 1: count for number, count in enumerate(run.realised.depths)}
        parents = "SELECT message_id, parent_id FROM message WHERE run_id = ? AND kind IN ('repost', 'quote')"
        expected = {(f"{run.name}:p{post}", f"{run.name}:p{parent}") for post, parent in run.platform.parents.items()}
        assert set(found.fetch(parents, run.name)) == expected


def test_concentration_and_repeats_are_the_planted_ones(found: Found) -> None:
    for run in found.corpus.runs:
        real = run.realised
        query = "SELECT agent_id, count(*) FROM message WHERE run_id = ? GROUP BY agent_id"
        written = found.counts(query, run.name)
        counts = [written.get(f"{run.name}:u{user}", 0) for user in range(found.corpus.truth.n_agents)]
        assert gini(counts) == pytest.approx(real.activity_gini, abs=1e-12)  # the same sum in another order
        texts = [row[0] for row in found.fetch(
            "SELECT text_hash FROM message WHERE run_id = ? AND kind <> 'repost'", run.name
        )]  # fmt: skip
        assert len(texts) == real.n_texts
        assert sum(n for n in Counter(texts).values() if n > 1) == real.n_duplicate_texts
        airs = """
SELECT count(*) FROM message AS m JOIN lexicon_score AS s USING (text_hash)
WHERE m.run_id = ? AND m.kind <> 'repost' AND s.lexicon = 'airs' AND s.category = 'total' AND s.count >= 1
"""
        assert found.fetch(airs, run.name) == [(real.n_airs,)]


def test_the_whole_span_has_homophily_rows_and_no_language(found: Found) -> None:
    """Propensities were not planted here: texts hold AIRS patterns at random, so ties do not join the like."""
    rows = found.fetch(
        "SELECT value, ci_low, ci_high, null_mean, null_sd FROM measure WHERE measure_id = 'assortativity_airs_share' "
        "AND period = 'all' AND unit_id = 'follow'"
    )
    assert rows
    for value, low, high, mean, sd in rows:
        assert low < 0 < high
        assert abs(value - mean) < 3 * sd  # one of 370 where nothing is planted; the seed is fixed
    assert all(value is None for (value,) in found.fetch("SELECT value FROM measure WHERE measure_id = 'coleman_lang'"))
