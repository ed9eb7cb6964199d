"""Bluesky: records in four wrappings, the short keys of stream dumps, and creation times that cannot be."""

from __future__ import annotations

import json
from datetime import datetime

import duckdb
from ingest_helpers import Corpus, Row

from pipeline.ingest.formats.bluesky import recognises
from pipeline.ingest.formats.bluesky_time import key_time

ADA, BO, CY = "did:plc:aaaa", "did:plc:bbbb", "did:plc:cccc"


def uri(did: str, key: str, what: str = "feed.post") -> str:
    return f"at://{did}/app.bsky.{what}/{key}"


def ref(did: str, key: str) -> Row:
    return {"uri": uri(did, key), "cid": f"cid{key}"}


def record(text: str, day: str = "2024-01-02", **changes: object) -> Row:
    return {
        "$type": "app.bsky.feed.post",
        "text": text,
        "createdAt": f"{day}T03:04:05.678Z",
        "langs": ["en"],
        **changes,
    }


FIRST = {"root": ref(ADA, "r1"), "parent": ref(ADA, "r1")}
REPLY = {"root": ref(ADA, "r1"), "parent": ref(BO, "r2")}


def test_records_in_every_wrapping(corpus: Corpus) -> None:
    commit = {"operation": "create", "collection": "app.bsky.feed.post", "rkey": "r4", "cid": "cidr4"}
    quote = record("look", embed={"$type": "app.bsky.embed.record", "record": ref(ADA, "r1")})
    corpus.lines("flat.jsonl", [
        {"uri": uri(ADA, "r1"), "cid": "c", **record("first")},
        {"uri": uri(BO, "r2"), "cid": "c", **record("answer", reply=FIRST)},
        {"uri": uri(CY, "p1", "feed.repost"), "subject": ref(ADA, "r1"), "createdAt": "2024-01-03T00:00:00Z"},
        {"uri": uri(CY, "l1", "feed.like"), "subject": ref(BO, "r2"), "createdAt": "2024-01-03T01:00:00.5Z"},
        {"uri": uri(CY, "l2", "feed.threadgate"), "post": uri(ADA, "r1")},
    ])  # fmt: skip
    day = "2024-01-01T00:00:00Z"
    corpus.write("listed.json", {"cursor": "x", "records": [
        {"uri": uri(CY, "f1", "graph.follow"), "cid": "c", "value": {"subject": ADA, "createdAt": day}},
        {"uri": uri(CY, "b1", "graph.block"), "cid": "c", "value": {"subject": BO, "createdAt": day}},
        {"uri": uri(ADA, "self", "actor.profile"), "value": {"displayName": "Ada L", "description": "counts"}},
    ]})  # fmt: skip
    view = {"uri": uri(CY, "r3"), "cid": "c", "author": {"did": CY, "handle": "cy.bsky.social", "displayName": "Cy"},
            "record": record("deeper", reply=REPLY), "likeCount": 3, "replyCount": 1, "repostCount": 2, "quoteCount": 0,
            "indexedAt": "2024-01-02T03:04:06.000Z"}  # fmt: skip
    corpus.write("feed.json", {"feed": [{"post": view, "reply": {}}, {"post": view}]})
    corpus.lines("jetstream.jsonl", [
        {"did": BO, "time_us": 1704164646000000, "kind": "commit", "commit": {**commit, "record": quote}},
        {"did": BO, "time_us": 1704164647000000, "kind": "commit", "commit": {
            "operation": "delete", "collection": "app.bsky.graph.follow", "rkey": "f0"}},
        {"did": BO, "time_us": 1704164648000000, "kind": "identity", "identity": {"did": BO, "handle": "bo.example"}},
    ])  # fmt: skip
    tables = corpus.read()
    assert {row["format"] for row in tables.files.values()} == {"bluesky"}
    assert tables.account() == (13, 10, 0, 1, 2)
    assert tables.reasons() == ["unknown_shape", "unresolved_target"]

    found = {
        key: (m["kind"], m["agent_id"], m["parent_id"], m["root_id"], m["depth"]) for key, m in tables.messages.items()
    }
    assert found == {
        uri(ADA, "r1"): ("post", ADA, None, uri(ADA, "r1"), 0),
        uri(BO, "r2"): ("comment", BO, uri(ADA, "r1"), uri(ADA, "r1"), 1),
        uri(CY, "r3"): ("comment", CY, uri(BO, "r2"), uri(ADA, "r1"), 2),
        uri(BO, "r4"): ("quote", BO, uri(ADA, "r1"), uri(ADA, "r1"), 1),
        uri(CY, "p1", "feed.repost"): ("repost", CY, uri(ADA, "r1"), uri(ADA, "r1"), 1),
    }
    first, deeper = tables.messages[uri(ADA, "r1")], tables.messages[uri(CY, "r3")]
    assert (first["created_at"], first["at_precision"]) == (datetime(2024, 1, 2, 3, 4, 5, 678_000), "ms")
    assert (first["content"], json.loads(first["extra"])) == ("first", {"langs": ["en"], "cid": "c"})
    assert (deeper["upvotes"], deeper["claimed_comment_count"], deeper["observed_at"]) == (
        3,
        1,
        datetime(2024, 1, 2, 3, 4, 6),
    )
    assert json.loads(deeper["extra"])["repost_count"] == "2"
    assert tables.messages[uri(BO, "r4")]["observed_at"] == datetime(2024, 1, 2, 3, 4, 6)
    assert (tables.agents[CY]["name"], tables.agents[BO]["name"]) == ("cy.bsky.social", "bo.example")
    assert (tables.agents[ADA]["display_name"], tables.agents[ADA]["persona"]) == ("Ada L", "counts")

    liked = tables.reaction.select("agent_id", "message_id", "target_agent_id", "type", "at", "at_precision").rows()
    assert liked == [(CY, uri(BO, "r2"), BO, "like", datetime(2024, 1, 3, 1, 0, 0, 500_000), "us")]
    ties = tables.tie_event.sort("relation").select("source_id", "target_id", "relation", "action", "origin").rows()
    assert ties == [(CY, ADA, "follow", "add", "follow"), (CY, BO, "mute", "add", "block")]


def usr(did: str, names: object = None) -> Row:
    return {"did": did} if names is None else {"did": did, "nms": names}


def test_stream_dump(corpus: Corpus) -> None:
    parent = {"usr": usr(ADA, "ada.example"), "rid": "r1"}
    corpus.lines("2024-10-10_atproto_general.jsonl", [
        {"typ": "post", "usr": usr(ADA, "ada.example"), "rid": "r1", "txt": "first", "crt": 1728518400.5,
         "lng": ["en"]},
        {"typ": "reply", "usr": usr(BO, ["bo.example", "bo.old"]), "rid": "r2", "txt": "answer", "crt": 1728518460.25,
         "rep": {"root": parent, "parent": parent}},
        {"typ": "account", "usr": {**usr(CY, ["cy.example", "cy.old"]), "dsc": "a bio", "crt": 1723726663.57}},
        {"typ": "unpost", "rid": "r9", "usr": usr(ADA)},
    ])  # fmt: skip
    corpus.lines("2024-10-10_atproto_interactions.jsonl", [
        {"typ": "like", "usr": usr(BO), "rid": "l1", "crt": 1728518470.0,
         "pst": {"usr": usr(ADA, ["ada.example"]), "rid": "r1"}},
        {"typ": "repost", "usr": usr(CY), "rid": "p1", "crt": 1728518480.0, "pst": {"usr": usr(ADA), "rid": "r1"}},
        {"typ": "follow", "usr": usr(BO), "rid": "f1", "crt": 1728518490.0, "tgt": usr(ADA, "ada.example"),
         "chg": "create"},
        {"typ": "follow", "usr": usr(BO), "rid": "f1", "crt": 1728518499.0, "tgt": usr(ADA), "chg": "delete"},
        {"typ": "block", "usr": usr(CY), "rid": "b1", "crt": 1728518500.0, "tgt": usr(BO)},
        {"typ": "unlike", "usr": usr(BO), "rid": "l1"}, {"typ": "like", "usr": usr(BO), "rid": "l3"},
    ])  # fmt: skip
    tables = corpus.read()
    assert {row["format"] for row in tables.files.values()} == {"bluesky"}
    assert tables.account() == (11, 8, 0, 0, 3)
    assert sorted(tables.reasons()) == ["unknown_shape", "unresolved_target", "unresolved_target"]
    found = {key: (m["kind"], m["agent_id"], m["content"], m["parent_id"], m["root_id"], m["depth"])
             for key, m in tables.messages.items()}  # fmt: skip
    assert found == {
        uri(ADA, "r1"): ("post", ADA, "first", None, uri(ADA, "r1"), 0),
        uri(BO, "r2"): ("comment", BO, "answer", uri(ADA, "r1"), uri(ADA, "r1"), 1),
        uri(CY, "p1", "feed.repost"): ("repost", CY, None, uri(ADA, "r1"), uri(ADA, "r1"), 1),
    }
    assert tables.messages[uri(ADA, "r1")]["created_at"] == datetime(2024, 10, 10, 0, 0, 0, 500_000)
    assert json.loads(tables.messages[uri(ADA, "r1")]["extra"]) == {"typ": "post", "lng": ["en"]}
    assert tables.reaction.select("agent_id", "message_id", "target_agent_id").rows() == [(BO, uri(ADA, "r1"), ADA)]
    ties = tables.tie_event.sort("at").select("source_id", "target_id", "relation", "action").rows()
    assert ties == [(BO, ADA, "follow", "add"), (BO, ADA, "follow", "remove"), (CY, BO, "mute", "add")]
    agent = tables.agents[CY]
    assert (agent["name"], agent["persona"]) == ("cy.example", "a bio")
    assert json.loads(agent["extra"]) == {"nms": ["cy.example", "cy.old"]}
    assert [tables.agents[did]["name"] for did in (ADA, BO)] == ["ada.example", "bo.example"]


def test_times_that_cannot_be_are_kept_and_marked(corpus: Corpus) -> None:
    """The key 3jzfcijpj2z2a was made on 30 June 2023."""
    ((made,),) = duckdb.sql(f"SELECT {key_time('k')} FROM (SELECT '3jzfcijpj2z2a' AS k)").fetchall()
    assert made == datetime(2023, 6, 30, 15, 3, 1, 887007)
    times = {"3jzfcijpj2z2a": "2023-06-30T15:03:01.887Z", "3jzfcijpj2z2b": "2061-01-01T00:00:00Z",
             "3jzfcijpj2z2c": "1985-01-01T00:00:00Z", "3jzfcijpj2z2d": "0000-01-01T00:00:00Z",
             "r1": "2030-01-01T00:00:00Z", "r2": "2030-01-01T00:00:00Z"}  # fmt: skip
    rows = [{"uri": uri(ADA, key), "cid": "c", **record("x"), "createdAt": time} for key, time in times.items()]
    rows[-1]["indexedAt"] = "2024-01-01T00:00:00Z"
    corpus.lines("a.jsonl", list(rows))
    tables = corpus.read()
    marked = {
        key.rsplit("/")[-1]: json.loads(m["extra"]).get("is_time_implausible") for key, m in tables.messages.items()
    }
    # Nothing witnesses against r1, whose key is none of the usual kind.
    assert marked == {"3jzfcijpj2z2a": None, "3jzfcijpj2z2b": True, "3jzfcijpj2z2c": True, "3jzfcijpj2z2d": True,
                      "r1": None, "r2": True}  # fmt: skip
    assert tables.messages[uri(ADA, "3jzfcijpj2z2b")]["created_at"] == datetime(2061, 1, 1)
    lost = tables.messages[uri(ADA, "3jzfcijpj2z2d")]
    assert (lost["created_at"], json.loads(lost["extra"])["created_raw"]) == (None, "0000-01-01T00:00:00Z")


def test_a_text_that_speaks_of_addresses_is_no_record() -> None:
    quoted = json.dumps({"id": "1", "content": '{"uri": "at://did:plc:a/app.bsky.feed.post/1"}', "created_at": "x"})
    assert not recognises("a.jsonl", "jsonl", quoted.encode())
