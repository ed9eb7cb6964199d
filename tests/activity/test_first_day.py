"""Messages of an agent in its first day: by loops, with gaps, and where times do not tell."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
from synthetic import START, connect

from pipeline.activity.first_day import first_day_measures
from pipeline.activity.gaps import Gaps
from pipeline.activity.row import Sampling

SAMPLING = Sampling(seed=1, bootstrap_draws=400)
DAY = timedelta(days=1)


def said(seed=1, agents=80, days=5.0, rate=4.0):
    """Draw agents that begin at random and write `rate` messages a day."""
    rng, messages = np.random.default_rng(seed), []
    for a in range(agents):
        begin = float(rng.uniform(0, days))
        at = [begin, *(begin + rng.exponential(1 / rate, 60).cumsum())]
        messages += [
            {"id": f"m{a:03d}-{i:03d}", "kind": "post", "author": f"a{a:03d}", "parent": None,
             "root": f"m{a:03d}-{i:03d}", "depth": 0, "text": "t\nx", "at": START + t * DAY}
            for i, t in enumerate(at) if t < days
        ]  # fmt: skip
    return messages


def by_loops(messages):
    own: dict[str, list[datetime]] = {}
    for m in messages:
        own.setdefault(m["author"], []).append(m["at"])
    end = max(m["at"] for m in messages)
    return [sum(t < min(at) + DAY for t in at) for at in own.values() if min(at) + DAY <= end]


def test_the_mean_is_that_of_loops_and_of_what_is_planted():
    messages = said()
    (row,) = first_day_measures(connect(messages), SAMPLING)
    counts = by_loops(messages)
    assert (row.value, row.n, row.warnings) == (pytest.approx(np.mean(counts)), len(counts), "heavy_tail")
    assert row.ci_low < 1 + 4.0 < row.ci_high  # the first message, and four a day after it
    error = np.std(counts) / np.sqrt(len(counts))
    assert (row.ci_high - row.ci_low) / 2 == pytest.approx(1.96 * error, rel=0.15)  # 400 draws


def test_first_days_with_a_gap_are_left_out():
    messages = said()
    start, end = START + timedelta(hours=30), START + timedelta(hours=40)
    (row,) = first_day_measures(connect(messages), SAMPLING, Gaps((("message", start, end),)))
    first = {}
    for m in messages:
        first[m["author"]] = min(first.get(m["author"], m["at"]), m["at"])
    kept = {a for a, t in first.items() if not (t < end and t + DAY > start)}
    last = max(m["at"] for m in messages)
    counts = [sum(m["author"] == a and m["at"] < first[a] + DAY for m in messages)
              for a in sorted(kept) if first[a] + DAY <= last]  # fmt: skip
    assert (row.value, row.n) == (pytest.approx(np.mean(counts)), len(counts))
    assert "collection_gap" in row.warnings


def test_where_times_do_not_tell():
    con = connect(said(agents=5))
    (row,) = first_day_measures(con, SAMPLING)
    assert row.ci_low is None
    assert "few_agents" in row.warnings
    con.execute("UPDATE message SET at_precision = 'month'")
    assert [(r.value, r.warnings) for r in first_day_measures(con, SAMPLING)] == [(None, "time_too_coarse")]
    con.execute("UPDATE message SET created_at = NULL, step = 1")
    assert [(r.value, r.warnings) for r in first_day_measures(con, SAMPLING)] == [(None, "clock_is_step")]
    con.execute("DELETE FROM message")
    assert [(r.value, r.warnings) for r in first_day_measures(con, SAMPLING)] == [(None, "few_agents")]
