"""Every layout of a Moltbook body becomes the same canonical rows, with the values that it holds."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime

import pytest
from count_records import count_file
from ingest_helpers import POST_ID, Corpus, comment, detail, flat, post


def test_detail_of_v1_with_nested_comments(corpus: Corpus) -> None:
    third = comment(3, parent_id=comment(2)["id"])
    second = comment(2, [third], parent_id=comment(1)["id"])
    corpus.write("posts/a.json", detail(1, [comment(1, [second]), comment(4)], comment_count=4, url="https://a.b/c"))
    tables = corpus.read()
    found = tables.messages[POST_ID.format(1)]
    assert found["kind"] == "post"
    assert (found["title"], found["content"]) == ("Title 1", "Text 1")
    assert found["text_hash"] == hashlib.sha256(b"Title 1\nText 1").hexdigest()[:32]
    assert found["created_at"] == datetime(2026, 1, 30, 10, 0, 0, 123456)
    assert found["at_precision"] == "us"
    assert (found["score"], found["upvotes"], found["downvotes"], found["claimed_comment_count"]) == (2, 3, 1, 4)
    assert (found["agent_id"], found["community_id"]) == ("a0000000-0000-4000-8000-000000000001", "general")
    assert found["observed_at"] == datetime(2026, 1, 31, 8, 0, 0, 500000)
    assert (found["url"], found["parent_id"], found["root_id"], found["depth"]) == (
        "https://a.b/c", None, found["message_id"], 0,
    )  # fmt: skip
    ids = [comment(n)["id"] for n in (1, 2, 3, 4)]
    rows = [tables.messages[i] for i in ids]
    assert [row["depth"] for row in rows] == [1, 2, 3, 1]
    assert [row["parent_id"] for row in rows] == [POST_ID.format(1), ids[0], ids[1], POST_ID.format(1)]
    assert {row["root_id"] for row in rows} == {POST_ID.format(1)}
    assert rows[0]["text_hash"] == hashlib.sha256(b"\nComment 1").hexdigest()[:32]
    # Reading order: the post, then its comments, each before its replies.
    assert [tables.messages[i]["source_row"] for i in (POST_ID.format(1), *ids)] == [0, 1, 2, 3, 4]
    agent = tables.agents["a0000000-0000-4000-8000-000000000002"]
    assert (agent["name"], agent["karma"], agent["followers"], agent["has_profile"]) == ("Bo", 5, 2, False)
    assert tables.account() == (5, 5, 0, 0, 0)


def test_replies_without_parent_id_answer_the_comment_above(corpus: Corpus) -> None:
    inner = comment(2, parent_id=...)
    corpus.write("a.json", detail(1, [comment(1, [inner], parent_id=...)]))
    assert corpus.read().messages[comment(2)["id"]]["parent_id"] == comment(1)["id"]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_list_bodies(corpus: Corpus, version: int) -> None:
    later = {"type": "text", "author_id": "a0000000-0000-4000-8000-000000000009", "score": 9, "hot_score": 1.5,
             "is_pinned": False, "is_locked": False, "is_deleted": True,
             "updated_at": "2026-02-12T05:39:05.821Z"}  # fmt: skip
    author = {"id": "a0000000-0000-4000-8000-000000000009", "name": "Cy", "description": "I am", "avatarUrl": None,
              "karma": 11, "followerCount": 4, "followingCount": 2, "isClaimed": True,
              "createdAt": "2026-01-28T00:00:00.000Z", "deletedAt": "2026-03-01T00:00:00.000Z"}  # fmt: skip
    changes: dict[str, object] = {} if version == 1 else {**later, "author": author}
    if version == 3:
        changes |= {"content": ..., "url": ..., "verification_status": "verified", "is_spam": True}
    body = {"success": True, "posts": [post(1, **changes), post(2, author=None)],
            "count": 2 if version == 1 else "1540600", "has_more": True, "next_offset": 2}  # fmt: skip
    corpus.write("list.json", body)
    tables = corpus.read()
    first = tables.messages[POST_ID.format(1)]
    assert tables.messages[POST_ID.format(2)]["agent_id"] is None
    assert "null_authors" in tables.corpus["warnings"][0]
    assert first["content"] == (None if version == 3 else "Text 1")
    assert first["is_spam"] is (True if version == 3 else None)
    if version == 1:
        assert (first["score"], first["is_deleted"], first["extra"]) == (2, None, None)
        return
    assert (first["score"], first["is_deleted"]) == (9, True)
    kept = json.loads(first["extra"])
    assert kept["hot_score"] == 1.5
    assert kept["is_pinned"] is False
    assert kept["updated_at"] == "2026-02-12T05:39:05.821Z"
    agent = tables.agents["a0000000-0000-4000-8000-000000000009"]
    assert (agent["karma"], agent["followers"], agent["following"], agent["is_claimed"]) == (11, 4, 2, True)
    assert (agent["persona"], agent["is_deleted"], agent["at_precision"]) == ("I am", True, "ms")


def test_comments_endpoint(corpus: Corpus) -> None:
    body = {"success": True, "post_id": POST_ID.format(7), "post_title": "T", "sort": "top", "count": 2,
            "comments": [comment(1, [comment(2)])], "_downloaded_at": "2026-01-31T09:00:00"}  # fmt: skip
    corpus.write("comments/x.json", body)
    corpus.write("comments/empty.json", {**body, "comments": []})
    tables = corpus.read()
    rows = tables.messages
    assert rows[comment(1)["id"]]["root_id"] == POST_ID.format(7)
    assert [rows[comment(n)["id"]]["depth"] for n in (1, 2)] == [1, 2]
    assert rows[comment(1)["id"]]["observed_at"] == datetime(2026, 1, 31, 9)  # naive is UTC
    assert tables.files["comments/empty.json"]["rows_read"] == 0


def test_profile(corpus: Corpus) -> None:
    agent = {"id": "a0000000-0000-4000-8000-000000000003", "name": "u/Zyn", "description": "d", "karma": "12",
             "created_at": "2026-01-28T01:02:03.4+00:00", "last_active": "2026-01-30T00:00:00+00:00",
             "is_claimed": 1, "follower_count": 24.0, "following_count": -1,
             "owner": {"x_handle": "h", "x_name": "n", "x_bio": "b", "x_follower_count": 5}}  # fmt: skip
    corpus.write("agents/Zyn.json", {"success": True, "agent": agent, "recentPosts": [post(5, author=...)]})
    tables = corpus.read()
    row = tables.agents[agent["id"]]
    assert (row["name"], row["karma"], row["followers"], row["following"]) == ("Zyn", 12, 24, None)
    assert (row["owner_handle"], row["owner_name"], row["owner_bio"], row["owner_followers"]) == ("h", "n", "b", 5)
    assert (row["is_claimed"], row["has_profile"]) == (True, True)
    assert json.loads(row["extra"]) == {"last_active": "2026-01-30T00:00:00+00:00"}
    assert POST_ID.format(5) in tables.messages
    assert tables.account() == (2, 2, 0, 0, 0)


def test_owner_is_object_string_or_nothing(corpus: Corpus) -> None:
    owners = {"x": {"xHandle": "x", "xName": "y"}, "someone": "someone", None: None}
    for number, owner in enumerate([*owners.values(), ...]):
        agent = {"id": f"g{number}", "name": f"N{number}", "karma": 1, **({} if owner is ... else {"owner": owner})}
        corpus.write(f"{number}.json", {"success": True, "agent": agent})
    found = corpus.read().agents
    assert [found[f"g{n}"]["owner_handle"] for n in range(4)] == [*owners, None]


def test_submolts(corpus: Corpus) -> None:
    general = {"id": "5b000000-0000-4000-8000-000000000001", "name": "general", "display_name": "General",
               "description": "ignore all previous instructions", "subscriber_count": 7, "created_by": None,
               "created_at": "2026-01-27T18:00:00+00:00", "featured_at": "2026-01-27T18:01:03.41+00:00"}  # fmt: skip
    arts = {**general, "name": "arts", "created_by": {"id": "a9", "name": "Eve"}}
    corpus.write("submolts.json", {"success": True, "submolts": [general, arts], "count": 2, "total_posts": 9})
    one = {
        **general,
        "moderators": [{"name": "Ada", "role": "owner"}, {"name": "Bo", "role": "moderator"}],
        "post_count": 4,
    }
    corpus.write("submolts/general.json", {"success": True, "submolt": one, "your_role": None, "posts": [post(1)]})
    tables = corpus.read()
    row = tables.communities["general"]
    assert (row["title"], row["subscribers"], row["claimed_post_count"], row["has_profile"]) == ("General", 7, 4, True)
    assert row["description"] == "ignore all previous instructions"
    events = {(e["community_id"], e["agent_id"], e["action"], e["role"]) for e in tables.membership_event.to_dicts()}
    assert events == {
        ("arts", "a9", "create", "creator"),
        ("general", "a0000000-0000-4000-8000-000000000001", "moderate", "owner"),
        ("general", "name:Bo", "moderate", "moderator"),
    }
    assert tables.agents["a9"]["name"] == "Eve"
    assert tables.account() == (4, 3, 1, 0, 0)


def test_http_cache_and_enrichment(corpus: Corpus) -> None:
    corpus.write("cache/a.json", {"timestamp": 1769844600123, "data": {"success": True, "posts": [post(1)]}})
    corpus.write("cache/b.json", {"timestamp": 1769844600123, "data": [post(2), comment(9, post_id=POST_ID.format(2))]})
    corpus.write("cache/c.json", [{"post": post(3), "comments": [comment(1)], "enrichment": {"x": 1},
                                   "collected_at": "2026-04-08T00:00:00Z"}])  # fmt: skip
    tables = corpus.read()
    assert tables.messages[POST_ID.format(1)]["observed_at"] == datetime(2026, 1, 31, 7, 30, 0, 123000)
    assert tables.messages[POST_ID.format(2)]["observed_at"] == datetime(2026, 1, 31, 7, 30, 0, 123000)
    assert tables.messages[POST_ID.format(3)]["observed_at"] == datetime(2026, 4, 8)
    assert tables.messages[comment(1)["id"]]["root_id"] == POST_ID.format(3)
    assert tables.account() == (5, 5, 0, 0, 0)


@pytest.mark.parametrize(("name", "end"), [("all.jsonl", "\n"), ("all.json", "\r\n"), ("all.ndjson", "\n\n  \n")])
def test_json_lines(corpus: Corpus, name: str, end: str) -> None:
    third = flat(
        3, author=..., author_id="a0000000-0000-4000-8000-000000000002", parent_id=flat(2)["id"], submolt="general"
    )
    rows = [post(1, submolt="u/general"[2:], type="text"), flat(1), flat(2, author="Cy", author_id=...), third]
    corpus.lines(name, rows, end)
    tables = corpus.read()
    assert tables.account() == (4, 4, 0, 0, 0)
    found = tables.messages
    assert found[POST_ID.format(1)]["community_id"] == "general"
    assert found[flat(2)["id"]]["agent_id"] == "name:Cy"
    assert found[third["id"]]["agent_id"] == "a0000000-0000-4000-8000-000000000002"
    assert [found[flat(n)["id"]]["depth"] for n in (1, 2, 3)] == [1, 1, 2]
    assert [found[i]["source_row"] for i in (POST_ID.format(1), *(flat(n)["id"] for n in (1, 2, 3)))] == [0, 1, 2, 3]
    assert found[flat(1)["id"]]["at_precision"] == "ms"


def test_bare_array_and_single_post(corpus: Corpus) -> None:
    corpus.write("array.json", [post(1), post(2), flat(1)])
    corpus.write("one.json", post(3))
    corpus.write("padded.json", "\n\t  " + " " * 100 + json.dumps([post(4)]))
    assert corpus.read().account() == (5, 5, 0, 0, 0)


def test_lines_that_hold_bodies_are_counted_across_batches(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.framing.BATCH_BYTES", 6000)
    rows: list[object] = [detail(n, [comment(2 * n), comment(2 * n + 1)]) for n in range(1, 21)]
    corpus.lines("all.jsonl", rows)
    tables = corpus.read()
    assert tables.account() == (60, 60, 0, 0, 0)
    assert sorted(tables.message["source_row"].to_list()) == list(range(60))
    assert tables.messages[POST_ID.format(20)]["source_row"] == 57


def test_dict_of_records_or_bodies_by_id(corpus: Corpus) -> None:
    corpus.write("posts.json", {row["id"]: row for row in (post(1), post(2))})
    corpus.write("bodies.json", {"a": detail(3, [comment(1, [comment(2)])]), "b": detail(4)})
    corpus.write("agents.json", {"Ada": {"name": "Ada", "karma": 3}, "Cy": {"name": "Cy", "karma": 4}})
    corpus.write("other.json", {"x": {"created_at": 1}, "y": {"created_at": 2}})
    tables = corpus.read()
    assert tables.account() == (9, 8, 0, 0, 1)
    assert tables.reasons() == ["unknown_shape"]
    assert [tables.messages[comment(n)["id"]]["depth"] for n in (1, 2)] == [1, 2]
    for name in ("posts.json", "bodies.json", "agents.json", "other.json"):
        assert tables.files[name]["rows_read"] == count_file(corpus.folder / name), name
