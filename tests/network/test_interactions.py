"""Interactions: each rule against a loop in Python, and mentions against hostile spellings."""

from __future__ import annotations

from datetime import datetime

import pytest
from synthetic import connect, random_threads, with_interactions

AT = datetime(2026, 1, 30, 12)


def rows(con, rule):
    """Return the rows of one rule, sorted."""
    query = "SELECT source_id, target_id, message_id FROM interaction WHERE rule = ?"
    return sorted(con.sql(query, params=[rule]).fetchall())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_replies_equal_a_loop(seed):
    messages = random_threads(seed, faults=True)
    con = with_interactions(connect(messages))
    known = {m["id"]: m for m in messages}
    expected: dict[str, list] = {"reply_any": [], "comment_post_author": []}
    for m in messages:
        for rule, key in (("reply_any", "parent"), ("comment_post_author", "root")):
            target = known.get(m[key])
            if m["kind"] == "comment" and m["author"] and target and target["author"]:
                expected[rule].append((m["author"], target["author"], m["id"]))
    assert rows(con, "reply_any") == sorted(expected["reply_any"])
    assert rows(con, "comment_post_author") == sorted(expected["comment_post_author"])
    assert any(m["parent"] not in known for m in messages if m["kind"] == "comment")  # the fault is in the sample
    assert any(source == target for source, target, _ in rows(con, "reply_any"))  # answers to oneself are kept


def post(text, author="writer"):
    """Return one post as a message."""
    return {
        "id": "p",
        "kind": "post",
        "author": author,
        "parent": None,
        "root": "p",
        "depth": 0,
        "text": f"title\n{text}",
        "at": AT,
    }


AGENTS = {"1": "Ann", "2": "bob.b", "3": "Twin", "4": "Twin", "5": "x" * 30, "6": "dot.", "7": "o'hara", "8": ""}


@pytest.mark.parametrize(
    ("text", "targets"),
    [
        ("hello @Ann and @bob.b", ["1", "2"]),
        ("@Ann,@Ann; again @Ann", ["1"]),
        ("thanks @Ann. Bye @bob.b...", ["1", "2"]),
        ("@dot. is called so", ["6"]),
        ("@ann is another name", []),
        ("@Twin is borne by two", []),
        ("mail me at me@Ann or a.b@bob.b", []),
        ("@@Ann", []),
        ("@" + "x" * 30, ["5"]),
        ("@" + "x" * 31, []),
        ("@" + "x" * 100_000, []),
        ("(@Ann) [@bob.b]\n@Ann", ["1", "2"]),
        ("@Ann'; DROP TABLE agent; --", ["1"]),
        ("@ @. @- @nobody ＠Ann", []),
        ("@" * 50_000 + "Ann", []),
    ],
)
def test_mentions(text, targets):
    con = with_interactions(connect([post(text)], AGENTS))
    assert [target for _, target, _ in rows(con, "mention")] == targets


def test_mention_needs_an_author_and_reads_the_title():
    assert rows(with_interactions(connect([post("@Ann", author=None)], AGENTS)), "mention") == []
    titled = {**post(""), "text": "ask @Ann\nnothing here"}
    assert rows(with_interactions(connect([titled], AGENTS)), "mention") == [("writer", "1", "p")]
