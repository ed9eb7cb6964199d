"""The live API of Chirper.ai: weekly crawls, activities, bodies in lists, and edge lists."""

from __future__ import annotations

from datetime import datetime

import count_chirper
import pytest
from ingest_helpers import Corpus, Row

ADA, BO, CY = ({"id": f"u{n}", "username": name} for n, name in enumerate(("ada", "bo", "cy"), 1))


def follow(source: Row, target: Row, day: int) -> Row:
    return {"from": source, "to": target, "crawledAt": f"2026-03-{day:02d}T12:00:00Z"}


def profile(account: Row, day: int, **changes: object) -> Row:
    made = {**account, "name": account["username"].title(), "bio": "b", "createdAt": "2026-01-01T00:00:00.000Z"}
    return {
        **made,
        "followers": day,
        "following": 2,
        "lang": "en",
        "crawledAt": f"2026-03-{day:02d}T12:00:00Z",
        **changes,
    }


def chirp(ident: str, account: Row, day: int, reply_to: str | None = None) -> Row:
    made = {"id": ident, "chirper": account, "content": f"text {ident}", "createdAt": "2026-02-27T08:00:00.123Z"}
    return {**made, "lang": "en", "replyTo": reply_to, "crawledAt": f"2026-03-{day:02d}T12:00:00Z"}


def write_crawls(corpus: Corpus) -> None:
    ties = {1: [(ADA, BO), (ADA, CY)], 8: [(ADA, BO), (BO, CY)], 15: [(BO, CY), (ADA, CY)]}
    for day, pairs in ties.items():
        folder = f"crawl-2026-03-{day:02d}"
        corpus.lines(f"{folder}/relationships.jsonl", [follow(source, target, day) for source, target in pairs])
        corpus.lines(f"{folder}/chirpers.jsonl", [profile(ADA, day), profile(BO, day)])
        chirps = [
            chirp("c1", ADA, day),
            chirp("c2", BO, day, "c1"),
            chirp("c3", ADA, day, "c2"),
            chirp("c4", BO, 1, "x"),
        ]
        corpus.lines(f"{folder}/chirps.jsonl", chirps)
    activity = {"id": "a1", "from": ADA, "to": BO, "createdAt": "2026-03-02T01:02:03.456Z"}
    kinds = ("like", "dislike", "follow", "unfollow", "mention")
    rows: list[object] = [{**activity, "id": kind, "activity": kind} for kind in kinds]
    corpus.lines("crawl-2026-03-08/activity.jsonl", [*rows, {**activity, "activity": "like", "chirpId": "c2"}, rows[0]])


def test_weekly_crawls(corpus: Corpus) -> None:
    write_crawls(corpus)
    tables = corpus.read()
    counted = count_chirper.count_folder(corpus.folder)
    assert {path: row["rows_read"] for path, row in tables.files.items()} == counted
    assert {row["format"] for row in tables.files.values()} == {"chirper_api"}
    assert tables.reasons() == []

    snapshot = tables.tie_event.filter(tables.tie_event["origin"] == "snapshot")
    changes = snapshot.select("source_id", "target_id", "action", "at").rows()
    assert {(source[1] + target[1], action, at.day) for source, target, action, at in changes} == {
        ("12", "add", 1), ("13", "add", 1), ("23", "add", 8), ("13", "remove", 8), ("13", "add", 15),
        ("12", "remove", 15),
    }  # fmt: skip
    observed = tables.tie_event.filter(tables.tie_event["origin"] == "event").sort("action")
    assert observed["action"].to_list() == ["add", "remove"]
    assert observed["at"][0] == datetime(2026, 3, 2, 1, 2, 3, 456_000)
    assert observed["at_precision"].to_list() == ["ms", "ms"]
    assert sorted(tables.reaction.select("type", "message_id").rows(), key=str) == [
        ("dislike", None), ("like", "c2"), ("like", None), ("mention", None),
    ]  # fmt: skip

    found = {key: (m["kind"], m["parent_id"], m["root_id"], m["depth"]) for key, m in tables.messages.items()}
    assert found == {
        "c1": ("post", None, "c1", 0),
        "c2": ("comment", "c1", "c1", 1),
        "c3": ("comment", "c2", "c1", 2),
        "c4": ("comment", "x", None, None),
    }
    assert tables.messages["c1"]["extra"] == '{"lang":"en"}'
    assert tables.agents["u1"]["followers"] == 15
    assert (tables.agents["u1"]["display_name"], tables.agents["u3"]["has_profile"]) == ("Ada", False)
    assert tables.agent_snapshot.height == 6
    assert "dangling_parents" in tables.corpus["warnings"][0]


def test_the_same_in_lists_and_bodies(corpus: Corpus) -> None:
    corpus.write("chirps.json", {"result": [chirp("c1", ADA, 1), chirp("c2", BO, 1, "c1"), 5], "total": 2})
    corpus.write("chirpers.json", [profile(ADA, 1), {"result": {"chirper": profile(BO, 1)}}])
    corpus.write("odd.jsonl", '{"chirper": {}, "content": 1}\n{"from": {}, "to": {}}\n{"activity": "like"}\n')
    tables = corpus.read()
    assert set(tables.messages) == {"c1", "c2"}
    assert {key for key, row in tables.agents.items() if row["has_profile"]} == {"u1", "u2"}
    assert sorted(tables.reasons()) == ["incomplete_event", "missing_id", "not_an_object", "unknown_shape"]
    assert tables.account() == (8, 4, 0, 0, 4)


def test_every_list_of_a_body_is_read(corpus: Corpus) -> None:
    like = {"id": "a1", "activity": "like", "from": ADA, "to": BO, "createdAt": "2026-03-02T01:02:03.456Z"}
    corpus.write("a.json", {"activities": [like, 5], "chirps": [chirp("c1", ADA, 1), 6], "total": 2})
    corpus.write("b.json", {"chirpers": [profile(ADA, 1)], "result": [profile(BO, 1), {"data": [7], "chirps": [8]}]})
    tables = corpus.read()
    assert set(tables.messages) == {"c1"}
    assert tables.reaction["type"].to_list() == ["like"]
    assert {key for key, row in tables.agents.items() if row["has_profile"]} == {"u1", "u2"}
    rejected = {(row["path"], row["source_row"]): row["excerpt"] for row in tables.quarantine.to_dicts()}
    assert rejected == {("a.json", 1): "6", ("a.json", 3): "5", ("b.json", 1): "7", ("b.json", 2): "8"}
    assert tables.account() == (8, 4, 0, 0, 4)


@pytest.mark.parametrize(
    "nothing", ["", " ", "None", "null", "-1", -1, [], [1], False, True, {}, {"id": []}, {"id": ""}]
)
def test_what_names_no_chirp_makes_no_comment(corpus: Corpus, nothing: object) -> None:
    corpus.lines("chirps.jsonl", [{**chirp("c1", ADA, 1), "replyTo": nothing}])
    tables = corpus.read()
    assert tables.reasons() == []
    assert (tables.messages["c1"]["kind"], tables.messages["c1"]["parent_id"]) == ("post", None)


@pytest.mark.parametrize(
    ("given", "parent"), [("x", "x"), (" x ", "x"), (7, "7"), ({"id": "x"}, "x"), ({"id": 7}, "7")]
)
def test_what_names_a_chirp_makes_a_comment(corpus: Corpus, given: object, parent: str) -> None:
    corpus.lines("chirps.jsonl", [{**chirp("c1", ADA, 1), "replyTo": given}])
    found = corpus.read().messages["c1"]
    assert (found["kind"], found["parent_id"]) == ("comment", parent)


def test_an_edge_list(corpus: Corpus) -> None:
    rows = (
        "ada,bo,like,2023-05-01T10:00:00.000Z", "ada,bo,like,2023-05-01T10:00:00.000Z",
        "bo,ada,mention,2023-05-01T11:00:00.000Z", "bo,ada,NA,", "cy,ada,follow,2023-05-02T11:00:00Z",
        "cy,,like,2023-05-02T11:00:00Z", ",ada,like,2023-05-02T11:00:00Z",
    )  # fmt: skip
    corpus.write("edges.csv", "source,target,engagement_type,timestamp\n" + "\n".join(rows) + "\n")
    tables = corpus.read()
    assert tables.account() == (7, 5, 0, 1, 1)
    assert sorted(tables.reaction["type"].to_list()) == ["engagement", "like", "like", "mention"]
    assert tables.tie_event.select("source_id", "target_id", "origin").rows() == [("name:cy", "name:ada", "event")]
    assert set(tables.agents) == {"name:ada", "name:bo", "name:cy"}
    assert "no_messages" in tables.corpus["warnings"][0]


@pytest.mark.parametrize("threads", [1, 4])
def test_the_order_of_files_changes_nothing(corpus: Corpus, threads: int) -> None:
    write_crawls(corpus)
    first = corpus.read(threads=1)
    for number, path in enumerate(sorted(corpus.folder.rglob("*.jsonl"), reverse=True)):
        path.rename(path.with_name(f"{number:02d}-{path.name}"))
    second = corpus.read(threads=threads)
    for table in ("tie_event", "reaction", "message", "agent", "agent_snapshot"):
        names = [c for c in first.tables[table].columns if c not in ("source_file_id", "source_row")]
        assert first.tables[table].select(names).sort(names).equals(second.tables[table].select(names).sort(names)), (
            table
        )
