"""Mastodon: statuses of the API with what they share inside, exports of ActivityStreams, and text from HTML."""

from __future__ import annotations

import json
from datetime import datetime

import duckdb
import pytest
from ingest_helpers import Corpus, Row

from pipeline.ingest.formats.html_text import has_markup, plain

HOST = "https://social.example"
PUBLIC = "https://www.w3.org/ns/activitystreams#Public"


def account(number: int, name: str, **changes: object) -> Row:
    return {
        "id": str(number), "username": name.split("@")[0], "acct": name, "display_name": name.title(), "locked": False,
        "bot": False, "created_at": "2022-11-05T00:00:00.000Z", "note": "<p>I &amp; me</p>", "url": f"{HOST}/@{name}",
        "followers_count": 10, "following_count": 3, "statuses_count": 7, "fields": [], **changes,
    }  # fmt: skip


ADA, BO = account(1, "ada"), account(2, "bo@far.example", bot=True)


def status(number: int, author: Row, content: str, **changes: object) -> Row:
    return {
        "id": ident(number), "created_at": f"2024-05-0{number}T10:00:00.123Z", "in_reply_to_id": None,
        "in_reply_to_account_id": None, "sensitive": False, "spoiler_text": "", "visibility": "public",
        "language": "en", "uri": f"{HOST}/users/x/statuses/{number}", "url": f"{HOST}/@x/{number}", "replies_count": 1,
        "reblogs_count": 2, "favourites_count": 3, "content": content, "reblog": None, "account": author,
        "media_attachments": [], "mentions": [], "tags": [], "emojis": [], "card": None, "poll": None, **changes,
    }  # fmt: skip


def ident(number: int) -> str:
    return str(109000000000000000 + number)


def test_statuses(corpus: Corpus) -> None:
    link = '<p>See <a href="https://a.org/x"><span class="invisible">https://</span>a.org/x</a></p>'
    first = status(
        1, ADA, "<p>Hello</p><p>a &lt; b<br />c</p>", spoiler_text="maths", edited_at="2024-05-01T11:00:00.000Z"
    )
    reply = status(2, BO, link, in_reply_to_id=ident(1), in_reply_to_account_id="1", card={"url": "https://a.org/x"})
    deeper = status(3, ADA, "<p>ok</p>", in_reply_to_id=ident(2), visibility="unlisted")
    boost = status(4, BO, "<p>Hello</p>", reblog=first)
    note = status(5, ADA, "<p>psst</p>", visibility="direct")
    quote = status(6, BO, "<p>this</p>", quote={"state": "accepted", "quoted_status": deeper})
    corpus.lines("timeline.jsonl", [first, reply, boost, quote])
    corpus.write("context.json", {"ancestors": [first], "descendants": [deeper, note]})
    corpus.write("accounts-2024-05-09.json", [account(2, "bo@far.example", bot=True, followers_count=11), {"id": "9"}])
    tables = corpus.read()
    assert {row["format"] for row in tables.files.values()} == {"mastodon"}
    # Four lines and two statuses inside them; three of the context; two accounts, one of which is none.
    assert tables.account() == (11, 7, 0, 3, 1)
    found = {
        key: (m["kind"], m["agent_id"], m["parent_id"], m["root_id"], m["depth"]) for key, m in tables.messages.items()
    }
    one, two, three, four, five, six = (ident(n) for n in range(1, 7))
    assert found == {
        one: ("post", "1", None, one, 0), two: ("comment", "2", one, one, 1), three: ("comment", "1", two, one, 2),
        four: ("repost", "2", one, one, 1), five: ("dm", "1", None, five, 0), six: ("quote", "2", three, one, 3),
    }  # fmt: skip
    post, answer, shared = (tables.messages[key] for key in (one, two, four))
    assert (post["title"], post["content"]) == ("maths", "Hello\n\na < b\nc")
    assert (post["created_at"], post["at_precision"]) == (datetime(2024, 5, 1, 10, 0, 0, 123_000), "ms")
    assert (post["upvotes"], post["claimed_comment_count"], post["url"]) == (3, 1, None)
    extra = json.loads(post["extra"])
    assert "html" not in extra
    assert (extra["edited_at"], extra["uri"], extra["reblogs_count"]) == (
        "2024-05-01T11:00:00.000Z",
        f"{HOST}/users/x/statuses/1",
        2,
    )
    assert (answer["content"], answer["url"]) == ("See https://a.org/x", "https://a.org/x")
    assert json.loads(answer["extra"])["html"] == link
    assert shared["content"] is None
    ada, bo = tables.agents["1"], tables.agents["2"]
    assert (ada["name"], ada["display_name"], ada["persona"], ada["followers"]) == ("ada", "Ada", "I & me", 10)
    assert (bo["name"], bo["followers"], bo["has_profile"]) == ("bo@far.example", 11, True)
    assert json.loads(bo["extra"])["bot"] is True


def activity(number: int, kind: str, content: object, actor: str = "ada") -> Row:
    return {
        "id": f"{HOST}/users/{actor}/statuses/{number}/activity", "type": kind, "actor": f"{HOST}/users/{actor}",
        "published": f"2023-01-0{number}T12:00:00Z", "to": [PUBLIC], "cc": [f"{HOST}/users/{actor}/followers"],
        "object": content,
    }  # fmt: skip


def note(number: int, content: str, **changes: object) -> Row:
    return {
        "id": f"{HOST}/users/ada/statuses/{number}", "type": "Note", "summary": None, "inReplyTo": None,
        "published": f"2023-01-0{number}T12:00:00Z", "url": f"{HOST}/@ada/{number}",
        "attributedTo": f"{HOST}/users/ada", "to": [PUBLIC], "cc": [f"{HOST}/users/ada/followers"],
        "sensitive": False, "content": content, "contentMap": {"de": content}, "attachment": [], "tag": [],
        "replies": {"type": "Collection"}, **changes,
    }  # fmt: skip


def test_export(corpus: Corpus) -> None:
    far = "https://far.example/users/bo/statuses/7"
    corpus.write("outbox.json", {
        "@context": "https://www.w3.org/ns/activitystreams", "id": "outbox.json", "type": "OrderedCollection",
        "totalItems": 8, "orderedItems": [
            activity(1, "Create", note(1, "<p>Hallo</p>")),
            activity(2, "Create", note(2, "<p>doch</p>", inReplyTo=f"{HOST}/users/ada/statuses/1", to=[], cc=[PUBLIC])),
            activity(3, "Announce", far),
            activity(4, "Create", note(4, "<p>leise</p>", to=["https://far.example/users/bo"], cc=[], summary="CW")),
            activity(5, "Like", far), activity(6, "Follow", "https://far.example/users/bo"),
            activity(7, "Undo", {"type": "Follow"}),
            activity(8, "Create", note(8, "<p>Ja?</p>", type="Question", inReplyTo={"id": far})),
        ]})  # fmt: skip
    corpus.write("actor.json", {
        "@context": [], "id": f"{HOST}/users/ada", "type": "Person", "preferredUsername": "ada", "name": "Ada L.",
        "summary": "<p>counts</p>", "published": "2022-11-05T00:00:00Z", "outbox": "outbox.json",
    })  # fmt: skip
    corpus.write("likes.json", {"id": "likes.json", "type": "OrderedCollection", "orderedItems": [far]})
    tables = corpus.read()
    assert {path: row["format"] for path, row in tables.files.items()} == {
        "outbox.json": "mastodon", "actor.json": "mastodon", "likes.json": None,
    }  # fmt: skip
    assert tables.account() == (9, 8, 0, 0, 1)
    me, post = f"{HOST}/users/ada", f"{HOST}/users/ada/statuses/1"
    found = {key.removeprefix(f"{HOST}/users/ada/statuses/"): (m["kind"], m["content"], m["parent_id"], m["depth"])
             for key, m in tables.messages.items()}  # fmt: skip
    assert found == {
        "1": ("post", "Hallo", None, 0), "2": ("comment", "doch", post, 1), "3/activity": ("repost", None, far, None),
        "4": ("dm", "leise", None, 0), "8": ("comment", "Ja?", far, None),
    }  # fmt: skip
    assert {m["agent_id"] for m in tables.messages.values()} == {me}
    first, warned = tables.messages[post], tables.messages[f"{HOST}/users/ada/statuses/4"]
    assert (first["created_at"], first["at_precision"], first["url"]) == (datetime(2023, 1, 1, 12), "s", None)
    extra = json.loads(first["extra"])
    assert (extra["language"], extra["visibility"]) == ("de", "public")
    assert json.loads(tables.messages[f"{HOST}/users/ada/statuses/2"]["extra"])["visibility"] == "unlisted"
    assert warned["title"] == "CW"
    assert (tables.agents[me]["name"], tables.agents[me]["display_name"]) == ("ada@social.example", "Ada L.")
    assert tables.agents[me]["persona"] == "counts"
    assert tables.reaction.select("agent_id", "message_id", "type").rows() == [(me, far, "like")]
    assert tables.tie_event.select("source_id", "target_id", "relation", "action").rows() == [
        (me, "https://far.example/users/bo", "follow", "add")
    ]


@pytest.mark.parametrize(
    ("html", "text", "is_rich"),
    [
        ("<p>a</p>", "a", False), ("<p>a<br>b</p>\n<p>c</p>", "a\nb\n\nc", False), ("plain", "plain", False),
        ("<p>1 &lt; 2 &amp;amp; &quot;x&quot; &#39;y&#39;</p>", "1 < 2 &amp; \"x\" 'y'", False), ("", "", False),
        ('<p><span class="h-card"><a href="u">@<span>bo</span></a></span> hi</p>', "@bo hi", True),
        ("<ul><li>a</li><li>b</li></ul>", "a\nb", True), ("<script>x()</script>", "x()", True),
        ("a < b", "a < b", False),
    ],
)  # fmt: skip
def test_text_of_html(html: str, text: str, is_rich: bool) -> None:
    rows = duckdb.execute(f"SELECT {plain('h')}, {has_markup('h')} FROM (SELECT ? AS h)", [html]).fetchall()
    assert rows == [(text, is_rich)]
