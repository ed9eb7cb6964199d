"""Reddit archives of Pushshift and Arctic Shift: ids, authors, deletions and times in the layouts of several years."""

from __future__ import annotations

import json
from datetime import datetime

from ingest_helpers import Corpus, Row


def comment_2012(**changes: object) -> Row:
    """Return a comment as RC_2012-01 has it: created_utc is text."""
    made: Row = {
        "body": "Good point", "link_id": "t3_nyj8k", "parent_id": "t3_nyj8k", "id": "c3cyvqx", "author": "ada",
        "subreddit": "science", "subreddit_id": "t5_mouw", "created_utc": "1325376000", "score": 7,
        "ups": 7, "downs": 0, "edited": False, "distinguished": None, "gilded": 0, "retrieved_on": 1428126456,
        "name": "t1_c3cyvqx", "author_flair_text": None, "author_flair_css_class": None, "archived": True,
        "controversiality": 0, "score_hidden": False,
    }  # fmt: skip
    made.update(changes)
    return {key: value for key, value in made.items() if value is not ...}


def comment_2024(**changes: object) -> Row:
    """Return a comment as Arctic Shift writes it since 2023-11: keys sorted, `_meta`, no name, no body_html."""
    made: Row = {
        "_meta": {"retrieved_2nd_on": 1704240100, "is_edited": True}, "author": "bo", "author_fullname": "t2_b0",
        "body": "Reply", "created_utc": 1704067261, "distinguished": "moderator", "edited": 1704067300.0,
        "gilded": 0, "id": "kfqrstu", "link_id": "t3_18vabcd", "parent_id": "t1_kfqrstt",
        "permalink": "/r/science/comments/18vabcd/x/kfqrstu/", "retrieved_on": 1704067262, "score": -1,
        "stickied": True, "subreddit": "science", "subreddit_id": "t5_mouw",
    }  # fmt: skip
    made.update(changes)
    return {key: value for key, value in made.items() if value is not ...}


def submission(**changes: object) -> Row:
    made: Row = {
        "author": "ada", "author_fullname": "t2_ada", "created_utc": 1704060000, "created": 1704063600,
        "domain": "self.science", "edited": False, "id": "18vabcd", "is_self": True, "num_comments": 12,
        "permalink": "/r/science/comments/18vabcd/x/", "retrieved_on": 1704060002, "score": 40, "selftext": "Why?",
        "selftext_html": "<p>Why?</p>", "subreddit": "science", "subreddit_id": "t5_mouw", "title": "A question",
        "url": "https://www.reddit.com/r/science/comments/18vabcd/x/",
    }  # fmt: skip
    made.update(changes)
    return {key: value for key, value in made.items() if value is not ...}


def test_comments_and_submissions(corpus: Corpus) -> None:
    rows: list[object] = [
        comment_2012(),
        comment_2012(id="c3cyvqy", name=..., parent_id="t1_c3cyvqx", author="[deleted]", body="[deleted]", score=-1),
        comment_2012(id="t1_c3cyvqz", parent_id="c3cyvqx", link_id="nyj8k", author=..., edited=1325376100.0),
        comment_2012(id="c3cyvr0", parent_id="nyj8k", link_id="nyj8k", author="None", subreddit="funny"),
        comment_2012(),
    ]
    corpus.lines("RC_2012-01", rows)
    corpus.lines("RS_2024-01.jsonl", [submission(), submission(id="18vabce", author="[deleted]", selftext="[removed]")])
    later = {"_meta": {"was_deleted_later": True, "removal_type": "deleted"}}
    corpus.lines("RC_2024-01.jsonl", [
        comment_2024(id="kfqrstt", parent_id="t3_18vabcd", author="ada", author_fullname=..., _meta=...),
        comment_2024(), comment_2024(id="kfqrstv", **later), comment_2024(id="18vabcd"),
        {"subreddit": "science", "created_utc": 1, "link_id": "t3_18vabcd", "body": "no id"},
        {"subreddit": "science", "id": "t5_mouw"},
    ])  # fmt: skip
    tables = corpus.read()
    assert {row["format"] for row in tables.files.values()} == {"pushshift"}
    assert tables.account() == (13, 10, 0, 1, 2)
    assert sorted(tables.reasons()) == ["missing_id", "unknown_shape"]

    found = {key: (m["kind"], m["parent_id"], m["root_id"], m["depth"]) for key, m in tables.messages.items()}
    assert found == {
        "t1_c3cyvqx": ("comment", "t3_nyj8k", "t3_nyj8k", 1),
        "t1_c3cyvqy": ("comment", "t1_c3cyvqx", "t3_nyj8k", 2),
        "t1_c3cyvqz": ("comment", "t1_c3cyvqx", "t3_nyj8k", 2),
        "t1_c3cyvr0": ("comment", "t3_nyj8k", "t3_nyj8k", 1),
        "t3_18vabcd": ("post", None, "t3_18vabcd", 0),
        "t3_18vabce": ("post", None, "t3_18vabce", 0),
        "t1_kfqrstt": ("comment", "t3_18vabcd", "t3_18vabcd", 1),
        "t1_kfqrstu": ("comment", "t1_kfqrstt", "t3_18vabcd", 2),
        "t1_kfqrstv": ("comment", "t1_kfqrstt", "t3_18vabcd", 2),
        "t1_18vabcd": ("comment", "t1_kfqrstt", "t3_18vabcd", 2),
    }
    authors = {key: m["agent_id"] for key, m in tables.messages.items()}
    assert authors["t1_c3cyvqx"] == authors["t1_kfqrstt"] == authors["t3_18vabcd"] == "t2_ada"
    assert (authors["t1_c3cyvqy"], authors["t1_c3cyvqz"], authors["t1_c3cyvr0"]) == (None, None, "name:None")
    assert tables.agents["t2_ada"]["name"] == "ada"
    assert {m["community_id"] for m in tables.messages.values()} == {"science", "funny"}


def test_states_times_and_extra(corpus: Corpus) -> None:
    later = {"_meta": {"was_deleted_later": True, "removal_type": "deleted"}}
    corpus.lines("RC_2012-01", [comment_2012(), comment_2012(id="c2", body=" [removed] ")])
    corpus.lines("RC_2024-01.jsonl", [comment_2024(), comment_2024(id="kf2", **later)])
    corpus.lines(
        "RS_2024-01.jsonl", [submission(), submission(id="s2", is_self=False, selftext="", url="https://x.org/a")]
    )
    tables = corpus.read()
    old, new = tables.messages["t1_c3cyvqx"], tables.messages["t1_kfqrstu"]
    assert (old["created_at"], old["at_precision"]) == (datetime(2012, 1, 1), "s")
    assert old["observed_at"] == datetime(2015, 4, 4, 5, 47, 36)
    assert (old["score"], old["upvotes"], old["content"], old["is_deleted"]) == (7, None, "Good point", False)
    extra = json.loads(old["extra"])
    assert (extra["edited"], extra["ups"], extra["archived"], extra["subreddit_id"]) == (False, 7, True, "t5_mouw")
    assert not {"distinguished", "author_flair_text", "link_id", "body", "name", "retrieved_on"} & extra.keys()

    assert (new["created_at"], new["score"]) == (datetime(2024, 1, 1, 0, 1, 1), -1)
    assert new["observed_at"] == datetime(2024, 1, 3, 0, 1, 40)  # the second retrieval
    extra = json.loads(new["extra"])
    assert extra["edited"] == 1704067300.0
    assert (extra["distinguished"], extra["_meta"]["is_edited"]) == ("moderator", True)

    removed, deleted = tables.messages["t1_c2"], tables.messages["t1_kf2"]
    assert (removed["content"], removed["is_deleted"]) == (None, True)
    assert (deleted["content"], deleted["is_deleted"]) == ("Reply", True)
    assert json.loads(deleted["extra"])["_meta"]["removal_type"] == "deleted"

    post, link = tables.messages["t3_18vabcd"], tables.messages["t3_s2"]
    assert (post["title"], post["content"], post["url"], post["claimed_comment_count"]) == (
        "A question",
        "Why?",
        None,
        12,
    )
    assert post["created_at"] == datetime(2023, 12, 31, 22)  # created_utc, not created, which is an hour off
    assert (link["content"], link["url"]) == (None, "https://x.org/a")


def test_bodies_of_the_api(corpus: Corpus) -> None:
    corpus.write("a.json", {"data": [comment_2024(), comment_2024(id="kf2")], "error": None})
    corpus.write("b.json", [comment_2024(id="kf3"), 7])
    corpus.write("c.json", comment_2024(id="kf4"))
    tables = corpus.read()
    assert {row["format"] for row in tables.files.values()} == {"pushshift"}
    assert sorted(tables.messages) == ["t1_kf2", "t1_kf3", "t1_kf4", "t1_kfqrstu"]
    assert tables.reasons() == ["not_an_object"]


def test_a_second_look_revises(corpus: Corpus) -> None:
    corpus.lines("RC_2024-01.jsonl", [comment_2024(_meta=...)])
    corpus.lines("r_science_comments.jsonl", [comment_2024(score=5, retrieved_on=1704900000)])
    tables = corpus.read()
    assert tables.account() == (2, 1, 1, 0, 0)
    assert tables.messages["t1_kfqrstu"]["score"] == 5
    assert tables.message_snapshot.sort("observed_at")["score"].to_list() == [-1, 5]


def test_other_objects_of_reddit_users_are_not_taken(corpus: Corpus) -> None:
    """A dict of users, each with the comments that they wrote, is a shape of another dataset."""
    user = {"comment_1": [{"link_id": "t3_a", "created_utc": 1, "subreddit": "x", "body": "y"}]}
    corpus.write("user_post_comment.json", {"ada": user})
    corpus.lines("RC_2024-01.jsonl", [comment_2024()])
    assert corpus.read().files["user_post_comment.json"]["format"] != "pushshift"
