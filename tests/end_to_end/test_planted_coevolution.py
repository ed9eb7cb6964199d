"""A simulated co-evolving world through the pipeline: the panel that the estimators get is the world's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from whole_runs import Stored, project

from pipeline.network.panel_load import PanelReader
from pipeline.simulation import ChirperTruth, generate_chirper, write_chirper_live
from pipeline.simulation.coevolution import FIRST_WEEK
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.feature import FEATURE_STEPS

CORPUS = "planted-coevolution"
NEEDED = ("feature/text", "feature/lexicon_score", "feature/interaction")
STEPS = (*CORPUS_STEPS, *(step for step in FEATURE_STEPS if step.key in NEEDED))
TABLES = ("agent", "message", "text", "lexicon_score", "interaction", "tie_event")
NO_GENDER = """
CREATE VIEW gender_score AS SELECT text_hash, '' AS scorer, 0 AS numerator, 0 AS denominator FROM text LIMIT 0
"""


def test_the_panel_of_the_pipeline_is_that_of_the_world(tmp_path: Path) -> None:
    settings = project(tmp_path)
    corpus = generate_chirper(ChirperTruth.coevolving(n_agents=60, n_weeks=9))
    write_chirper_live(corpus, settings.data / CORPUS)
    stored = Stored(settings, CORPUS, STEPS, TABLES)
    assert [check.message for check in stored.checks if not check.passed] == []
    stored.con.execute(NO_GENDER)
    loaded = PanelReader(stored.con).panel("follow", "log_length")
    world, read = corpus.world, loaded.panel
    assert world is not None
    assert read is not None
    assert (read.first_week, read.n_weeks) == (FIRST_WEEK, 9)
    place = {agent: number for number, agent in enumerate(loaded.nodes.to_list())}
    node = np.array([place[agent] for agent in corpus.agents["agent_id"].to_list()])
    planted, found = world.panel.scores, read.scores[node]
    assert np.array_equal(np.isfinite(found), np.isfinite(planted))
    known = np.isfinite(planted)
    # A reliability of .98 less what nine hostile texts take from 600 chirps.
    assert np.corrcoef(planted[known], found[known])[0, 1] > 0.95
    for week in world.panel.weeks:
        true, shown = world.ties.at(week), read.ties.at(week)
        pairs = set(zip(node[true.source].tolist(), node[true.target].tolist(), strict=True))
        assert set(zip(shown.source.tolist(), shown.target.tolist(), strict=True)) == pairs, week
    assert loaded.trait == "lang"
    codes = read.group[node]
    assert len(set(zip(codes.tolist(), world.community.tolist(), strict=True))) == 3
    assert read.halves is not None
    assert read.weight is not None
    assert np.nansum(read.weight) == corpus.chirps.height
