"""The step of transfer: words about the corpus reach the rows that they are about."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from planted_transfer import conversations

from pipeline.settings import Settings
from pipeline.steps import transfer


def context_of(con):
    settings = Settings.load({})
    return SimpleNamespace(con=con, settings=settings, progress=lambda _: None)


def test_rows_that_need_an_order_or_periods_say_where_coarse_times_are_dropped():
    con = conversations(np.random.default_rng(6), agents=20, rounds=5)
    con.execute("UPDATE message SET at_precision = 'month' WHERE message_id = 'p0-0'")
    rows = [row for part in transfer._rows(context_of(con)) for row in part]
    without = {row.measure_id for row in rows if "coarse_times_dropped" not in str(row.warnings)}
    assert without == {"bdi_message_share"}
    assert len({row.measure_id for row in rows}) > 15


def test_a_corpus_of_steps_drops_no_coarse_times_from_its_order():
    con = conversations(np.random.default_rng(6), agents=20, rounds=5, by_steps=True)
    con.execute("UPDATE message SET created_at = TIMESTAMP '2026-02-01', at_precision = 'month'")
    rows = [row for part in transfer._rows(context_of(con)) for row in part]
    assert not any("coarse_times_dropped" in str(row.warnings) for row in rows)
