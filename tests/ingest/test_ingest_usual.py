"""Usual bodies are read in one parse, all others step by step: both ways give the same tables."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_helpers import Corpus, Tables, comment, detail, flat, post
from polars.testing import assert_frame_equal

from pipeline.ingest.formats import FORMATS, moltbook_usual
from pipeline.ingest.formats.moltbook_api import ADAPTER

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8), st.builds(list),
    st.builds(dict),
    st.sampled_from(["none", "-1", " u/x ", "NaN", ", NaN, ", ": Infinity]", "a\u0000b", "\ud800", "x" * 300, "1e400"]),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip
KEYS = sorted({*post(), *comment(), *detail(), *flat(), *moltbook_usual._RECORD, "unheard_of"})
TABLES = ("message", "message_snapshot", "agent", "community", "membership_event", "quarantine", "source_file")


def changed(draw: st.DrawFn, body: dict[str, object]) -> dict[str, object]:
    """Return a body with a few values changed, added or taken away, at its top or inside."""
    body = json.loads(json.dumps(body))
    for _ in range(draw(st.integers(0, 2))):
        inner = [body, *(v for v in body.values() if isinstance(v, dict))]
        inner += [v for rows in body.values() if isinstance(rows, list) for v in rows if isinstance(v, dict)]
        target = draw(st.sampled_from(inner))
        key = draw(st.sampled_from(KEYS))
        if draw(st.booleans()):
            target[key] = draw(ODD)
        else:
            target.pop(key, None)
    return body


@st.composite
def dumps(draw: st.DrawFn) -> tuple[list[dict[str, object]], list[dict[str, object]]]:
    """Return lines and files of which about half are left as the platform writes them."""
    lines = []
    for n in range(20):
        body = flat(n) if n % 3 else post(n, author_id="a0000000-0000-4000-8000-000000000009")
        lines.append(changed(draw, body) if n % 2 else body)
    files = []
    for n in range(100, 112):
        thread = [comment(10 * n, [comment(10 * n + 1, [comment(10 * n + 2)])]), comment(10 * n + 5)]
        body = detail(n, [changed(draw, c) if n % 4 == 1 else c for c in thread])
        files.append(changed(draw, body) if n % 2 else body)
    return lines, files


def read_both_ways(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> tuple[Tables, Tables]:
    """Return the tables with and without the reading of usual bodies in one parse."""
    quick = corpus.read()
    with monkeypatch.context() as patch:
        patch.setitem(FORMATS, ADAPTER.name, replace(FORMATS[ADAPTER.name], read_usual=None))
        slow = corpus.read()
    return quick, slow


def assert_same(quick: Tables, slow: Tables) -> None:
    for name in TABLES:
        left, right = (t.tables[name].sort(pl.all(), nulls_last=True) for t in (quick, slow))
        assert_frame_equal(left, right, check_exact=True)


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(dumps())
def test_both_ways_give_the_same_tables(
    monkeypatch: pytest.MonkeyPatch, found: tuple[list[dict[str, object]], list[dict[str, object]]]
) -> None:
    lines, files = found
    with tempfile.TemporaryDirectory() as base:
        corpus = Corpus(Path(base))
        corpus.lines("all.jsonl", list(lines))
        for number, body in enumerate(files):
            corpus.write(f"posts/{number:02d}.json", body)
        assert_same(*read_both_ways(corpus, monkeypatch))


def test_usual_bodies_are_read_in_one_parse(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow way is not taken where nothing asks for it; and it is where something does."""
    extracted: list[int] = []

    def extract(con: object) -> None:
        extracted.append(int(con.sql("SELECT count(*) FROM docs").fetchall()[0][0]))  # type: ignore[attr-defined]
        ADAPTER.extract(con)  # type: ignore[arg-type]

    monkeypatch.setitem(FORMATS, ADAPTER.name, replace(ADAPTER, extract=extract))
    corpus.lines("a.jsonl", [flat(n, content=f"call of NaN, {n}") for n in range(50)])
    for n in range(20):
        corpus.write(f"posts/{n}.json", detail(n, [comment(100 + n)]))
    assert corpus.read().message.height == 90
    assert extracted == []
    corpus.lines("b.jsonl", [flat(1000 + n, **({"success": True} if n == 3 else {})) for n in range(50)])
    corpus.write("posts/x.json", detail(30, [comment(200, [comment(201)])]))
    assert corpus.read().message.height == 90 + 50 + 3
    assert sorted(extracted) == [0, 1]


def test_bodies_in_lines_are_rows_of_one_file(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is a body counts its messages after those of the lines before it, whether it has comments or not."""
    monkeypatch.setattr("pipeline.ingest.framing.SMALL_BYTES", 0)
    monkeypatch.setattr("pipeline.ingest.framing.BATCH_BYTES", 2000)
    for first in (0, 11):
        bodies = [detail(n, [comment(100 + n)] if n < first and n % 3 == 1 else []) for n in range(12)]
        corpus.lines("all.jsonl", list(bodies))
        quick, slow = read_both_ways(corpus, monkeypatch)
        assert sorted(quick.message["source_row"]) == list(range(quick.message.height))
        assert_same(quick, slow)


def test_a_group_of_batches_is_read_as_they_are_one_by_one(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd lines and replies among usual ones, over batches that share statements, and over some that cannot."""
    monkeypatch.setattr("pipeline.ingest.framing.SMALL_BYTES", 0)
    monkeypatch.setattr("pipeline.ingest.framing.BATCH_BYTES", 1500)
    rows: list[object] = [flat(n) for n in range(40)]
    rows[13], rows[20] = {**flat(13), "success": True}, "no record"
    corpus.lines("all.jsonl", rows)
    for n in range(40, 52):
        thread = [comment(10 * n, [comment(10 * n + 1)] if n % 2 else [])]
        corpus.write(f"posts/{n}.json", detail(n, thread))
    found = []
    for most, left in ((3, 8 << 20), (1, 8 << 20), (8, 0), (8, 600)):
        monkeypatch.setattr("pipeline.ingest.staging.GROUP_BATCHES", most)
        monkeypatch.setattr("pipeline.ingest.observing.LEFT_BYTES", left)
        found.append(corpus.read())
    assert found[0].quarantine.height == 1
    assert sorted(found[0].message.filter(pl.col("source_row") >= 0)["source_row"])[-1] == 39
    for other in found[1:]:
        assert_same(found[0], other)
