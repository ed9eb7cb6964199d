"""Records of events, of messages with a step and of runs: an adapter that passes on the records that a line holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from ingest_helpers import Corpus, Row, Tables

from pipeline.ingest.formats import FORMATS
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter
from pipeline.ingest.repair import Rejected
from pipeline.ingest.scan import SourceFile

DAY1 = "2026-02-01T00:00:00Z"


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Every document is {kind, rec}; its table kind, where there is one, wins."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    con.execute(
        "INSERT INTO records SELECT file_no, doc_no, '', coalesce(table_kind, json_extract_string(doc, '$.kind')), "
        "json_extract(doc, '$.rec'), NULL, NULL, NULL, NULL, repair, NULL, 0 FROM docs"
    )


def documents(path: Path, file: SourceFile) -> Iterator[pa.Table | Rejected]:
    """One agent, then a part that cannot be read, then a post of the run that the path names."""
    agent = '{"rec": {"id": "r:u1", "name": "ada\\u0000", "model": "m"}}'
    post = f'{{"rec": {{"id": "r:p1", "author_id": "r:u1", "content": "x", "step": 3, "run_id": "{file.path[:3]}"}}}}'
    yield pa.table({"doc": [agent], "table_kind": ["agent"]})
    yield Rejected("invalid_json", "page 7 is damaged", "")
    yield pa.table({"doc": [post], "table_kind": ["post"]})


@pytest.fixture(autouse=True)
def adapter() -> Iterator[None]:
    """Register the adapter before all others."""
    made = Adapter(
        name="lines", version="1", system="Lines", containers=frozenset({"jsonl", "sqlite"}),
        recognises=lambda path, container, head: True, read_usual=None, extract=extract,
        table_kind=lambda columns: None, describes="", is_canonical=True,
        recognises_file=lambda path: path.name.startswith("run"), documents=documents,
    )  # fmt: skip
    others = dict(FORMATS)
    FORMATS.clear()
    FORMATS["lines"] = made
    for name, other in others.items():
        FORMATS[name] = other
    yield
    FORMATS.clear()
    FORMATS.update(others)


def read(corpus: Corpus, *records: tuple[str, Row], path: str = "a.jsonl") -> Tables:
    corpus.lines(path, [{"kind": kind, "rec": rec} for kind, rec in records])
    return corpus.read()


def tie(source: str, target: str, **changes: object) -> tuple[str, Row]:
    rec = {"source_id": source, "target_id": target, "relation": "follow", "action": "add", "at": DAY1, "origin": "log"}
    return "tie", {**rec, **changes}


def test_events_reach_their_tables_and_are_accounted_for(corpus: Corpus) -> None:
    like = {"agent_id": "u1", "message_id": "p1", "type": "like", "step": 4}
    joined = {"agent_id": "u1", "community_id": "c/x", "action": "join", "at": DAY1, "origin": "log", "step": 2}
    seen = {"agent_id": "u1", "message_id": "p1", "step": 1, "source": "refresh"}
    tables = read(
        corpus, tie("u1", "u2"), tie("u1", "u2"), tie("u1", "u2", action="remove"), ("reaction", like),
        ("reaction", like), ("membership", joined), ("exposure", seen),
        ("tie", {"source_id": "u1", "relation": "follow", "action": "add"}), tie("u1", "u2", relation="hates"),
        ("membership", {"agent_id": "u1", "action": "join"}), ("exposure", {"agent_id": "u1"}),
    )  # fmt: skip
    assert tables.account() == (11, 5, 0, 2, 4)
    assert tables.reasons() == ["incomplete_event"] * 4
    ties = tables.tie_event.select("source_id", "target_id", "action", "at", "at_precision", "run_id")
    assert sorted(ties.rows()) == [
        ("u1", "u2", "add", datetime(2026, 2, 1), "s", "observed"),
        ("u1", "u2", "remove", datetime(2026, 2, 1), "s", "observed"),
    ]
    assert tables.reaction.row(0, named=True) == {
        "run_id": "observed", "agent_id": "u1", "message_id": "p1", "target_agent_id": None, "type": "like",
        "at": None, "at_precision": None, "step": 4,
    }  # fmt: skip
    assert tables.exposure["source"].to_list() == ["refresh"]
    assert tables.membership_event.select("community_id", "action", "step", "origin").rows() == [
        ("c/x", "join", 2, "log")
    ]
    assert set(tables.agents) == {"u1", "u2"}
    assert not tables.agent["has_profile"].any()
    assert [row["has_profile"] for row in tables.communities.values()] == [False]
    assert tables.run["run_id"].to_list() == ["observed"]


def test_names_stand_for_an_id_only_while_it_is_the_only_one(corpus: Corpus) -> None:
    named = {"source_id": None, "target_id": None, "source_name": "@ada", "target_name": "bo"}
    tables = read(
        corpus,
        ("agent", {"id": "1", "name": "ada", "display_name": "Ada L"}),
        ("agent", {"id": "2", "name": "bo", "display_name": "Bo"}),
        ("agent", {"id": "3", "name": "bo", "display_name": "Bo"}),
        tie("", "", **named),
        tie("2", "", target_id=None, target_display="Ada L"),
        tie("2", "", target_id=None, target_display="Bo"),
        tie("2", "", target_id=None, target_display="Nobody"),
    )
    pairs = set(tables.tie_event.select("source_id", "target_id").rows())
    assert pairs == {("1", "name:bo"), ("2", "1"), ("2", "name:Bo"), ("2", "name:Nobody")}
    assert set(tables.agents) == {"1", "2", "3", "name:bo"}
    assert tables.agents["1"]["display_name"] == "Ada L"


def test_messages_of_runs_keep_step_run_precision_and_kind(corpus: Corpus) -> None:
    given = {"run_id": "r", "author_id": "r:u1", "content": "x"}
    tables = read(
        corpus,
        ("run", {"run_id": "r", "system": "S", "seed": 4, "clock": "step"}),
        ("run", {"run_id": "r", "system": "S", "model": "m"}),
        ("run", {"run_id": "r", "system": "S"}),
        ("post", {**given, "id": "r:p1", "step": 0, "lang": "en"}),
        ("repost", {**given, "id": "r:p2", "step": 1, "parent_id": "r:p1"}),
        ("quote", {**given, "id": "r:p3", "step": 2, "parent_id": "r:p2", "root_id": "r:p1"}),
        ("comment", {**given, "id": "r:c1", "step": 3, "parent_id": "r:p3"}),
        ("comment", {**given, "id": "r:c2", "step": 3, "parent_id": "r:c1"}),
        ("dm", {**given, "id": "r:m1", "created_at": "2026-02-01T10:00:00", "at_precision": "hour"}),
        ("utterance", {**given, "id": "r:m2", "created_at": "2026-02-01T10:00:00", "at_precision": "eon"}),
    )
    found = {key: (row["kind"], row["depth"], row["parent_id"], row["root_id"]) for key, row in tables.messages.items()}
    assert found == {
        "r:p1": ("post", 0, None, "r:p1"),
        "r:p2": ("repost", 1, "r:p1", "r:p1"),
        "r:p3": ("quote", 2, "r:p2", "r:p1"),
        "r:c1": ("comment", 1, "r:p3", "r:p1"),
        "r:c2": ("comment", 2, "r:c1", "r:p1"),
        "r:m1": ("dm", 0, None, "r:m1"),
        "r:m2": ("utterance", 0, None, "r:m2"),
    }
    assert tables.messages["r:p1"]["extra"] == '{"lang":"en"}'
    assert [tables.messages[m]["at_precision"] for m in ("r:m1", "r:m2", "r:p1")] == ["hour", "s", None]
    assert tables.message["step"].sum() == 9
    assert tables.run.rows(named=True) == [
        {"run_id": "r", "system": "S", "scenario": None, "model": "m", "seed": 4, "clock": "step"}
    ]
    assert tables.account() == (10, 8, 1, 1, 0)
    corpus_row = tables.corpus.row(0, named=True)
    assert (corpus_row["kind"], corpus_row["clock"]) == ("simulation", "step")
    assert "clock_is_step" in corpus_row["warnings"]


def test_runs_without_a_record_are_listed_without_a_clock(corpus: Corpus) -> None:
    tables = read(corpus, tie("u1", "u2", run_id="a"), tie("u1", "u2"), ("run", {"run_id": "b"}))
    assert dict(tables.run.select("run_id", "clock").rows()) == {"a": None, "b": "time", "observed": "time"}


def crawl(day: str, *pairs: str) -> list[tuple[str, Row]]:
    at = f"2026-02-{day}T0{len(pairs)}:00:00Z"
    return [tie(pair[0], pair[1], action="present", at=at) for pair in pairs]


def test_ties_of_crawls_begin_and_end_at_the_right_crawl(corpus: Corpus) -> None:
    for day, pairs in (("01", "ab ac"), ("08", "ab bc"), ("15", "ac bc"), ("22", "bc ac ab")):
        lines = [{"kind": kind, "rec": rec} for kind, rec in crawl(day, *pairs.split())]
        corpus.lines(f"crawl-2026-02-{day}/relationships-1.jsonl", lines[:1])
        corpus.lines(f"crawl-2026-02-{day}/relationships-2.jsonl", [*lines[1:], lines[0]])
    tables = corpus.read()
    found = tables.tie_event.select("source_id", "target_id", "action", "at").rows()
    assert set(tables.tie_event["origin"]) == {"snapshot"}
    assert {(s + t, action, at.day) for s, t, action, at in found} == {
        ("ab", "add", 1), ("ac", "add", 1), ("bc", "add", 8), ("ac", "remove", 8), ("ab", "remove", 15),
        ("ac", "add", 15), ("ab", "add", 22),
    }  # fmt: skip
    assert tables.account() == (13, 5, 0, 8, 0)


def test_the_same_whatever_the_threads_and_the_names_of_files(corpus: Corpus) -> None:
    lines = [{"kind": k, "rec": r} for k, r in (tie("1", "2"), tie("1", "2"), *crawl("03", "ab", "bc"))]
    other = [{"kind": k, "rec": r} for k, r in (tie("1", "2"), *crawl("01", "ab"), *crawl("03", "ab", "bc"))]
    corpus.lines("a.jsonl", lines)
    corpus.lines("b.jsonl", other)
    first = corpus.read(threads=1)
    (corpus.folder / "a.jsonl").rename(corpus.folder / "z.jsonl")
    second = corpus.read(threads=4)
    order = ["source_id", "target_id", "action", "at"]
    assert first.tie_event.sort(order).equals(second.tie_event.sort(order))
    assert first.account() == second.account()


def test_a_database_is_read_by_its_adapter(corpus: Corpus) -> None:
    corpus.write("run1.db", b"SQLite format 3\x00" + bytes(100))
    corpus.write("other.db", b"SQLite format 3\x00" + bytes(100))
    tables = corpus.read()
    assert tables.files["run1.db"]["container"] == "sqlite"
    assert tables.files["other.db"]["status"] == "ignored"
    assert tables.files["other.db"]["reason"]
    assert tables.account() == (3, 2, 0, 0, 1)
    assert (tables.agents["r:u1"]["model"], tables.agents["r:u1"]["has_profile"]) == ("m", True)
    assert (tables.messages["r:p1"]["run_id"], tables.messages["r:p1"]["step"]) == ("run", 3)
    assert tables.quarantine["detail"].to_list() == ["page 7 is damaged"]
    assert "data_files_ignored" in tables.corpus["warnings"][0]
