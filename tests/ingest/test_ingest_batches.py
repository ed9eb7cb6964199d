"""Where a file is cut into batches changes nothing."""

from __future__ import annotations

import json
import random
from typing import Any

import duckdb
import pytest
from ingest_helpers import Corpus
from polars.testing import assert_frame_equal

from pipeline.ingest.staged import Staged, empty
from pipeline.ingest.staging import Stager

TABLES = ("message", "agent", "agent_snapshot", "community", "message_snapshot", "quarantine", "source_file")


def lines(seed: int, n: int = 24) -> str:
    """Posts and comments of few agents and communities whose descriptions change to and fro."""
    rng = random.Random(seed)
    rows = []
    for number in range(n):
        who, where = rng.randrange(4), rng.randrange(2)
        row = {
            "id": f"{number:08x}-0000-4000-8000-{seed:012x}",
            "content": f"text {number}" * rng.randrange(1, 4),
            "author": {
                "id": f"agent-0000{who}",
                "name": rng.choice(["old", "new"]) + str(who),
                "karma": rng.randrange(3),
            },
            "created_at": f"2026-01-30T10:{number:02d}:00Z",
        }
        if number and rng.random() < 0.5:
            row["post_id"] = rows[0]["id"]
        else:
            row["title"] = f"title {number}"
            row["submolt"] = {"name": f"m{where}", "display_name": rng.choice(["A", "B"])}
        rows.append(row)
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_batches_do_not_matter(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.write("all.jsonl", lines(seed=1))
    monkeypatch.setattr("pipeline.ingest.framing.SMALL_BYTES", 0)
    found = []
    for size, held in ((1 << 20, 8), (900, 8), (400, 8), (400, 0), (400, 3)):
        monkeypatch.setattr("pipeline.ingest.framing.BATCH_BYTES", size)
        monkeypatch.setattr("pipeline.ingest.staged.HELD_BATCHES", held)
        found.append(corpus.read())
    for table in TABLES:
        first, *others = (tables.tables[table] for tables in found)
        for other in others:
            assert_frame_equal(first, other, check_row_order=False)


def test_the_latest_state_of_an_author_wins(corpus: Corpus) -> None:
    states = [{"id": "agent-000", "name": name, "karma": k} for name, k in [("old", 1), ("new", 2), ("old", 1)]]
    corpus.lines("all.jsonl", [
        {"id": f"0000000{n}-aaaa", "title": "t", "content": "c", "author": author} for n, author in enumerate(states)
    ])  # fmt: skip
    agent = corpus.read().agents["agent-000"]
    assert (agent["name"], agent["karma"]) == ("old", 1)


def test_a_kind_that_no_batch_has_is_shaped_as_one_that_has_it(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns and types of the empty SELECT of a kind are those of the tables that batches stage."""
    select = Staged.select
    seen: dict[str, dict[str, str]] = {}

    def compared(self: Staged, kind: str) -> str:
        with duckdb.connect() as con:
            seen[kind] = {row[0]: row[1] for row in con.sql(f"DESCRIBE {empty(kind)}").fetchall()}
        return select(self, kind)

    def shapes(stager: Stager) -> dict[str, dict[str, str]]:
        kinds = {part.kind for part in stager.staged.parts}
        return {k: {r[0]: r[1] for r in stager.con.sql(f"DESCRIBE st_{k}").fetchall()} for k in kinds}

    run = Stager.run
    found: dict[str, dict[str, str]] = {}

    def described(self: Stager, *arguments: Any) -> None:
        run(self, *arguments)
        found.update(shapes(self))

    monkeypatch.setattr(Staged, "select", compared)
    monkeypatch.setattr(Stager, "run", described)
    corpus.write("all.jsonl", lines(seed=2) + '{"success": true}\n')
    community = {"id": "c1", "name": "m", "subscriber_count": 3, "created_by": {"id": "a1", "name": "ada"}}
    corpus.write("communities.json", {"submolts": [community]})
    corpus.read()
    assert found == {kind: seen[kind] for kind in found}
    assert set(found) == {"obs_message", "obs_agent", "obs_community", "obs_membership", "obs_reject"}
