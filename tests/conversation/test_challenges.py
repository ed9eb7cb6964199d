"""Challenged authors who come back, and statements to questions: against loops and by hand, planted and not."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from planted_conversations import Said, connect
from test_conversation import computed

from pipeline.conversation.challenge import NULL, challenge_rows
from pipeline.published.load import load_measure_dictionary

NAMES = ("author_return_share", "multi_turn_share", "challenge_answered_share")
TEXTS = {  # text: statements and questions in it
    "see http://a.b?c=d now": (0, 0), "what do you mean?": (0, 1), "I say so. And so! Why?! 1. one 2. two": (2, 1),
    "Is it? (Yes.) \"No.\"\nreally？ at 3.5 percent.": (3, 2), "wait... what?\nfine.": (2, 1), "": (0, 0),
}  # fmt: skip


def quarrels(seed, *, returns=0.0, threads=150, agents=40, turns=10):
    """Draw threads of replies of which a third challenge; a challenged author comes back more often by `returns`."""
    rng = np.random.default_rng(seed)
    said = []
    for t in range(threads):
        group = rng.choice(agents, 5, replace=False)
        here, speaker = [Said(f"p{t:03d}", f"u{group[0]:02d}", at=1e5 * t)], [int(group[0])]
        due = None
        for i in range(turns):
            is_return = due is not None and rng.random() < returns
            who = due if is_return else int(rng.choice(group))
            k = int(rng.integers(len(here)))
            kind = int(rng.integers(6))
            scores = {0: {"disagree": 2, "agree": 1}, 1: {"clarify": 1}, 2: {"agree": 1}}.get(kind, {})
            text = "what do you mean?" if kind == 1 else list(TEXTS)[int(rng.integers(len(TEXTS)))]
            said_now = Said(f"p{t:03d}c{i:02d}", f"u{who:02d}", parent=here[k].name, root=here[0].name,
                            at=1e5 * t + 60.0 * (i + 1), text=text, scores=scores)  # fmt: skip
            due = speaker[k] if kind < 2 and speaker[k] != who else None
            here.append(said_now)
            speaker.append(who)
        said += here
    return said


def by_loops(said):
    """Return of each challenge whether its addressee came back, and whether the challenger did after that."""
    named = {m.name: m for m in said}
    threads = defaultdict(list)
    for m in sorted(said, key=lambda m: m.at):
        threads[m.root or m.name].append(m)
    found = []
    for m in said:
        asked = named.get(m.parent)
        if asked is None or asked.agent == m.agent:
            continue
        stance = m.scores.get("agree", 0) - m.scores.get("disagree", 0) - m.scores.get("correct", 0)
        if not (stance < 0 or ("clarify" in m.scores)):
            continue
        later = [x for x in threads[m.root] if x.at > m.at and x.agent == asked.agent]
        again = [x for x in threads[m.root] if later and x.at > later[0].at and x.agent == m.agent]
        answers = [x for x in said if x.parent == m.name and x.agent == asked.agent]
        found.append((bool(later), bool(again), bool(answers)))
    return np.array(found)


@pytest.mark.parametrize("seed", [1, 2])
def test_returns_are_those_of_loops(seed):
    said = quarrels(seed, returns=0.3)
    rows, estimates = computed(connect(said), parts=(challenge_rows,), alone=())
    expected = by_loops(said)
    assert not estimates
    for name, value in zip(NAMES, expected.mean(axis=0), strict=True):
        row = rows[name, NULL]
        assert (row.value, row.n, row.n_unit) == (pytest.approx(value, abs=1e-12), len(expected), "challenges")
        assert row.ci_low < row.value < row.ci_high
    told, asked = np.sum([TEXTS.get(m.text, (0, 0)) for m in said], axis=0)
    ratio = rows["statement_question_ratio", ""]
    assert (ratio.value, ratio.n) == (pytest.approx(told / asked), told + asked)
    assert ratio.ci_low < ratio.value < ratio.ci_high
    assert {name for name, _ in rows} <= set(load_measure_dictionary()["measure_id"])


def test_returns_after_challenges_stand_off_their_null_where_planted_only():
    for returns in (0.0, 0.8):
        rows, _ = computed(connect(quarrels(3, returns=returns)), parts=(challenge_rows,), alone=())
        row = rows["author_return_share", NULL]
        assert (row.p_value < 0.02) == (returns > 0)
        assert returns == 0 or row.value > row.null_mean


def test_what_is_not_there_is_null_with_its_reason():
    rows, _ = computed(connect([Said("p", "a"), Said("c", "b", "p", "p", at=None)]), parts=(challenge_rows,), alone=())
    assert {(r.value, r.n) for (name, _), r in rows.items() if name in NAMES} == {(None, 0)}
    assert all("few_events" in rows[name, ""].warnings for name in NAMES)
    assert (rows["statement_question_ratio", ""].value, rows["statement_question_ratio", ""].warnings) == (
        None, "few_events"
    )  # fmt: skip
    rows, _ = computed(connect([]), parts=(challenge_rows,), alone=())
    assert {r.value for r in rows.values()} == {None}
