"""Answers to claimed accounts, and echoes by the regularity of authors, against loops over the same messages."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from structure_corpus import corpus
from synthetic import random_threads
from test_rhythm_echo_reach import connect, threads

from pipeline.activity.row import Sampling
from pipeline.published.load import load_measure_dictionary
from pipeline.structure import echo
from pipeline.structure.emitter import Plan
from pipeline.structure.measures import _actions
from pipeline.structure.statistics import Draws
from pipeline.structure.thread_rows import cascade_measures

FEW = Sampling(seed=3, bootstrap_draws=50, clustering_draws=3, null_draws=3)
CLAIMS = {"reply_share_claimed": True, "reply_share_unclaimed": False}


def claimed(con, said):
    """Give the agents of a corpus claims: yes, no or unknown by their number."""
    con.register("said", pl.DataFrame({"agent_id": list(said), "is_claimed": list(said.values())}))
    con.execute("UPDATE agent SET is_claimed = s.is_claimed FROM said AS s WHERE s.agent_id = agent.agent_id")
    con.unregister("said")


@pytest.fixture(scope="module")
def messages():
    return random_threads(31, posts=150, authors=60)


def test_answers_by_claim_are_those_of_loops(messages):
    con = corpus(1, messages=messages)
    ids = sorted({m["author"] for m in messages if m["author"]})
    said = {name: (True, False, None)[i % 3] for i, name in enumerate(ids)}
    claimed(con, said)
    rows = {r.measure_id: r for r in cascade_measures(con, FEW)}
    first = defaultdict(lambda: None)
    for m in sorted((m for m in messages if m["depth"] > 1), key=lambda m: m["at"]):
        first[m["parent"]] = first[m["parent"]] or m["at"]
    watched = [m for m in messages if m["depth"] > 0 and not (first[m["id"]] and first[m["id"]] < m["at"])]
    for name, claim in CLAIMS.items():
        own = [m for m in watched if said.get(m["author"]) is claim]
        assert rows[name].n == len(own) > 30
        assert rows[name].value == pytest.approx(np.mean([first[m["id"]] is not None for m in own]), abs=1e-12)
        assert rows[name].ci_low < rows[name].value < rows[name].ci_high
    assert sum(rows[name].n for name in CLAIMS) < rows["comment_reply_event_share"].n == len(watched)
    comments = [m for m in messages if m["kind"] == "comment"]
    posts = {m["id"] for m in messages if m["kind"] == "post"}
    alone = rows["parallel_monologue_share"]
    assert alone.value == pytest.approx(np.mean([m["parent"] in posts for m in comments]), abs=1e-12)
    assert alone.value == pytest.approx(1 - rows["replies_per_comment"].value, abs=1e-12)


def test_a_dump_without_claims_says_so(messages):
    rows = {r.measure_id: r for r in cascade_measures(corpus(1, messages=messages), FEW)}
    for name in CLAIMS:
        assert rows[name].value is None
        assert "no_claims" in rows[name].warnings
    assert rows["comment_reply_event_share"].value > 0


def test_actions_are_counted():
    con, plan = corpus(2, posts=5, ties=70, likes=60), Plan(seed=1, draws=Draws(3, 3, 3))
    joined = pl.DataFrame({"agent_id": ["a", "b", "b", "c"], "community_id": ["c"] * 4, "action": ["join"] * 4,
                           "origin": ["log", "created_by", None, "moderators"]})  # fmt: skip
    con.register("joined", joined)
    con.execute("INSERT INTO membership_event BY NAME SELECT * FROM joined")
    found = _actions(con, plan)
    assert (found.value, found.n, found.ci_method) == (132, 132, "census")  # founding and moderating are not logged
    none = _actions(corpus(2, posts=5, ties=0, likes=0), plan)
    assert (none.value, none.warnings) == (None, "no_actions")
    assert "n_actions" in set(load_measure_dictionary()["measure_id"])


def test_echoes_by_regularity_are_those_that_are_planted():
    """Regular authors a000 to a039 and irregular ones from a100 with other decays; those from a200 are in no class."""
    rng = np.random.default_rng(5)
    said, classes = [], {}
    for at, (rate, kinds) in enumerate(((0.5, ("very_regular", "regular")), (1.5, ("irregular", "very_irregular")),
                                        (3.0, ("mixed", None)))):  # fmt: skip
        words = [round(100 * (0.8 * np.exp(-rate * d) + 0.2)) for d in range(5)]
        for m in threads(rng, words, posts=150, authors=40):
            agent = f"a{100 * at + int(m['agent_id'][1:]):03d}"
            own = {name: f"{at}-{m[name]}" for name in ("message_id", "root_id")}
            said.append({**m, **own, "agent_id": agent})
            classes[agent] = kinds[int(agent[1:]) % 2]
    con = connect(said)
    con.register("given_class", pl.DataFrame({"agent_id": list(classes), "cov_class": list(classes.values())}))
    con.execute("CREATE TABLE agent_signal AS SELECT * FROM given_class")
    rows = {r.measure_id: r for r in echo.side_rows(con, "coordination", FEW)}
    for side, rate in (("autonomous", 0.5), ("human", 1.5)):
        found, half = rows[f"echo_decay_{side}"], rows[f"echo_half_life_{side}"]
        assert found.ci_low < rate < found.ci_high
        assert half.value == pytest.approx(np.log(2) / found.value)
        assert (found.n, found.family) == (750, "coordination")
    # The same messages, of one class alone, through the rows of all threads.
    alone = echo.echo_rows(connect([m for m in said if m["agent_id"] < "a100"]), FEW)
    assert alone[0].value == rows["echo_decay_autonomous"].value
    con.execute("UPDATE agent_signal SET cov_class = NULL")
    assert {(r.value, r.warnings) for r in echo.side_rows(con, "coordination", FEW)} == {(None, "few_replies")}
