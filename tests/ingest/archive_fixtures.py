"""Small copies of the published Moltbook archives in their real layouts, around one thread of the platform."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from archive_thread import (
    AUTHOR,
    COMMENTS,
    DEPTHS,
    FIRST,
    GENERAL,
    OTHER,
    POST,
    POSTED,
    REPLY,
    SUBMOLT,
    TEXT,
    THIRD,
    TITLE,
    Row,
    api_comments,
    api_post,
    flat_comments,
    list_post,
    nested_comments,
    write,
    write_csv,
    write_lines,
    write_parquet,
    write_sqlite,
)


def jscmp4(folder: Path) -> None:
    """The four files; a comment names its community by name alone."""
    write_lines(folder, "posts_all.jsonl", [api_post(), api_post(upvotes=4, score=4)])
    write_lines(folder, "comments_all.jsonl", api_comments(post_title=TITLE, submolt="general"))
    agents = [
        {"id": AUTHOR, "name": "Claw_One", "description": "Direct", "avatarUrl": None, "karma": 3, "followerCount": 1,
         "followingCount": 1, "isClaimed": True, "isActive": True, "createdAt": "2026-01-30T23:00:01.217Z",
         "lastActive": "2026-04-07T05:29:59.094Z", "deletedAt": None},
        {"id": THIRD, "name": "Bob3", "description": None, "followerCount": 9, "followingCount": 2},
    ]  # fmt: skip
    write_lines(folder, "agents_seen.jsonl", agents)
    write(folder, "submolts.json", {"success": True, "submolts": [SUBMOLT], "count": 1})


def takschdube(folder: Path) -> None:
    """Arrays below raw/, and what was computed from them."""
    url = f"https://www.moltbook.com/post/{POST}"
    author = {"id": AUTHOR, "name": "Claw_One", "karma": 3, "follower_count": 1, "owner": "human_or_org"}
    post = list_post(submolt="general", author=author, url=url)
    full = {**post, "author": {**author, "description": "Direct", "following_count": 1}, "comments": nested_comments()}
    write(folder, "raw/submolts.json", [{**SUBMOLT, "created_by": None}])
    write(folder, "raw/posts.json", [post])
    write(folder, "raw/posts_full.json", [full])
    write(folder, "raw/platform_stats.json", {"total_posts": 9, "submolt_count": 1, "crawled_at": "2026-02-01"})
    write(folder, "raw/metadata.json", {"crawl_history": [], "last_crawl": "2026-02-01"})
    write(folder, "derived/agents.json", [{**author, "post_count": 1, "comment_count": 1}])
    write(folder, "derived/social_graph.json", [{"from": "sam_two", "to": "Claw_One", "interactions": 1}])
    write(folder, "derived/reply_graph.json", [{"from": "Claw_One", "to": "Bob3", "replies": 1}])
    write(folder, "derived/activity_timeline.json", [{"date": "2026-01-30", "posts": 1, "comments": 3}])
    write(folder, "derived/submolt_stats.json", [{"submolt": "general", "posts": 1, "comments": 3}])
    write(folder, "manifest.json", {"schema_version": "2026.09.15", "counts": {"posts": 1}})


def moltnet(folder: Path) -> None:
    """Parquet with histories as JSON text: a list of objects, a list of pairs, an object by time."""
    votes = [
        {"timestamp": "2026-01-31T08:00:00Z", "upvotes": 1, "downvotes": 0},
        {"timestamp": "2026-02-03T08:00:00Z", "upvotes": 3, "downvotes": 0},
    ]
    post: Row = {
        "id": POST, "title": TITLE, "content": TEXT, "url": None, "author_id": AUTHOR, "author_name": "Claw_One",
        "submolt": "general", "upvotes": 3, "downvotes": 0, "comment_count": 5, "created_at": POSTED,
        "votes_history": json.dumps(votes), "topic_label": "A", "toxic_level": 0,
    }  # fmt: skip
    names = ("id", "post_id", "parent_id", "content", "author_id", "author_name", "upvotes", "created_at")
    comments = flat_comments(*names)  # no history: told by its place
    agent: Row = {
        "id": AUTHOR, "name": "Claw_One", "description": "Direct", "karma": 30, "follower_count": 4,
        "following_count": 1, "created_at": "2026-01-30T23:00:01.217Z", "owner_x_handle": "rob", "owner_x_bio": "Kata",
        "owner_x_followers": 124, "karma_history": json.dumps([["2026-01-31T00:00:00Z", 3], ["2026-02-10", 12]]),
        "follower_count_history": json.dumps({"2026-01-31T00:00:00Z": 1}),
        "description_history": json.dumps([{"date": "2026-01-31", "description": "Shy"}, {"description": "undated"}]),
    }  # fmt: skip
    submolt = {**SUBMOLT, "subscribers_history": json.dumps([{"timestamp": "2026-01-30", "subscribers": 12}])}
    write_parquet(folder, "data/v2026-02-28/posts.parquet", [post])
    write_parquet(folder, "data/v2026-02-28/comments.parquet", comments)
    write_parquet(folder, "data/v2026-02-28/agents.parquet", [agent])
    write_parquet(folder, "data/v2026-02-28/submolts.parquet", [submolt])
    write_parquet(folder, "data/posts_fully_connected.parquet", [post])


def trustairlab(folder: Path) -> None:
    """A struct of the post without its author, and two labels."""
    body = list_post()
    del body["author"]
    rows = [
        {"id": POST, "topic_label": "A", "toxic_level": 0, "post": body},
        {"id": "p-two-00000", "topic_label": None, "toxic_level": 2, "post": {**body, "id": "p-two-00000"}},
    ]
    write_parquet(folder, "posts/train-00000-of-00001.parquet", rows)
    write_parquet(folder, "submolts/train-00000-of-00001.parquet", [SUBMOLT])


def aicell(folder: Path) -> None:
    """Flattened tables, and the bodies they come from."""
    post = {
        "id": POST, "title": TITLE, "content": TEXT, "url": None, "upvotes": 3, "downvotes": 0, "comment_count": 2,
        "created_at": POSTED, "submolt_id": GENERAL, "submolt_name": "general", "submolt_display_name": "General",
        "author_id": AUTHOR, "author_name": "Claw_One",
    }  # fmt: skip
    names = (
        "id", "post_id", "parent_id", "content", "upvotes", "downvotes", "created_at", "depth", "author_id",
        "author_name", "author_karma", "author_follower_count",
    )  # fmt: skip
    write_parquet(folder, "data/posts-00000-of-00001.parquet", [post, {**post, "id": "p-two-00000", "author_id": None,
             "author_name": None, "submolt_id": None, "submolt_name": None,
             "submolt_display_name": None}])  # fmt: skip
    write_parquet(folder, "data/comments-00000-of-00001.parquet", flat_comments(*names))
    raw = [{"post": list_post(), "comments": nested_comments()}]
    write(folder, "filter_mbc_all_comments_until_0208.json", raw)


def lnajt(folder: Path) -> None:
    """Text in `body`, name in `author`."""
    post = {
        "id": POST, "author_id": AUTHOR, "author": "Claw_One", "title": TITLE, "body": TEXT, "submolt": "general",
        "upvotes": 3, "comment_count": 5, "created_at": POSTED,
    }  # fmt: skip
    write_parquet(folder, "posts.parquet", [post])
    names = ("id", "post_id", "parent_id", "author_id", "author", "body", "upvotes", "created_at")
    write_parquet(folder, "comments.parquet", flat_comments(*names))


def kallsyms(folder: Path) -> None:
    """Lines with the time of reading before the object."""
    seen = "2026-01-30T23:59:00.5+00:00"
    write_lines(folder, "posts-20260130.ndjson", [{"type": "post", "fetched_at": seen, "post": list_post()}])
    rows = [
        {"type": "comment", "fetched_at": seen, "post_id": POST, "depth": DEPTHS[c["id"]] - 1, "comment": c}
        for c in [*nested_comments(), nested_comments()[1]["replies"][0]]
    ]
    write_lines(folder, "comments-20260130.ndjson", rows)
    write(folder, "state.json", {"last_seen_created_at": POSTED, "pending_posts": []})


def traces(folder: Path) -> None:
    """Bodies by community and month; one names no community."""
    body = {"success": True, "post": list_post(), "comments": nested_comments(), "context": {"tip": "t"}}
    bare = list_post(id="p-two-00000", submolt=None)
    write(folder, "data/submolts/general/2026/01/thread.json", body)
    write(folder, "data/submolts/introductions/2026/02/post.json", bare)
    agent = {"id": AUTHOR, "name": "Claw_One", "description": "Direct", "karma": 3, "follower_count": 1}
    write(folder, "data/profiles/Claw_One.json", {"success": True, "agent": agent, "recentPosts": []})


def padas(folder: Path) -> None:
    """One folder for each config; comments nested in posts."""
    post = list_post(comments=nested_comments())
    write_parquet(folder, "posts/train-00000.parquet", [{**post, "comments": json.dumps(post["comments"])}])
    rows = [{**SUBMOLT, "crawled_at": "2026-02-01T00:00:00Z"},
            {**SUBMOLT, "subscriber_count": 40, "crawled_at": "2026-02-02T00:00:00Z"}]  # fmt: skip
    write_parquet(folder, "submolts_meta/train-00000.parquet", rows)
    agent = {"id": AUTHOR, "name": "Claw_One", "description": "Direct", "karma": 7, "follower_count": 2,
             "owner": {"x_handle": "rob", "x_name": "Robert"}}  # fmt: skip
    write_parquet(folder, "profiles/train-00000.parquet", [agent])
    labelled = [{"id": POST, "title": TITLE, "content": TEXT, "category": "A", "toxicity": 0}]
    write_parquet(folder, "annotated_posts/train-00000.parquet", labelled)
    some = [{"id": REPLY, "post_id": POST, "category": "C", "toxicity": 1}]
    write_parquet(folder, "annotated_comments/train-00000.parquet", some)


def alanchen(folder: Path) -> None:
    """Opaque ids, days, and three stances; the last one is empty where a post was not classified."""
    rows = [
        {"opaque_post_id": "p1", "opaque_author_id": "a1", "platform": "moltbook", "community": "ai",
         "date": "2026-02-03", "is_removed": 0, "stance_gpt4omini": "SUPPORTIVE", "stance_gemini": "S",
         "stance_claude": ""},
        {"opaque_post_id": "p2", "opaque_author_id": "a2", "platform": "reddit", "community": "ai",
         "date": "2026-02-04", "is_removed": 1, "stance_gpt4omini": "NEUTRAL", "stance_gemini": "",
         "stance_claude": ""},
    ]  # fmt: skip
    edge = {"opaque_replier_id": "a2", "opaque_author_id": "a1", "community": "ai", "platform": "moltbook"}
    write_csv(folder, "data/posts_deident.csv", rows)
    write_csv(folder, "data/reply_edges.csv", [edge])
    write_csv(folder, "data/gold_standard.csv", [{"opaque_sample_id": "s1", "human_majority": "S"}])


def ronantakizawa(folder: Path) -> None:
    """The posts as CSV, with the address of each."""
    row = {
        "id": POST, "title": TITLE, "content": "Registered\nan hour ago.", "author": "Claw_One", "submolt": "general",
        "post_url": f"https://www.moltbook.com/post/{POST}", "upvotes": 3, "downvotes": 0, "score": 3,
        "comment_count": 5, "created_at": POSTED,
    }  # fmt: skip
    write_csv(folder, "moltbook_posts.csv", [row])


def giordano_tables() -> dict[str, Sequence[Row]]:
    """The tables of the crawler: the owner flattened, and snapshots by time."""
    stub = {"description": None, "karma": 0, "follower_count": 0, "following_count": 0, "x_handle": None,
            "x_name": None, "x_bio": None, "x_follower_count": 0, "x_verified": 0}  # fmt: skip
    full = {"description": "Direct", "karma": 30, "follower_count": 4, "following_count": 1, "x_handle": "rob",
            "x_name": "Robert", "x_bio": "Kata", "x_follower_count": 124, "x_verified": 0}  # fmt: skip
    seen = {"last_updated": "2026-02-05 10:00:00"}
    crawled = {"crawled_at": "2026-02-05 09:00:00"}
    post = {
        "id": POST, "title": TITLE, "content": TEXT, "url": None, "submolt_id": GENERAL, "submolt": "general",
        "submolt_display": "General", "author_id": AUTHOR, "author_name": "Claw_One", "upvotes": 3, "downvotes": 0,
        "comment_count": 5, "created_at": POSTED, **crawled,
    }  # fmt: skip
    names = ("id", "post_id", "parent_id", "content", "author_id", "author_name", "upvotes", "downvotes", "depth",
             "created_at")  # fmt: skip
    return {
        "agents": [{"id": AUTHOR, "name": "Claw_One", **full, **seen},
                   {"id": OTHER, "name": "sam_two", **stub, **seen}],
        "posts": [post],
        "comments": [{**row, **crawled} for row in flat_comments(*names)],
        "submolts": [{**SUBMOLT, "featured_at": None}],
        "post_snapshots": [{"post_id": POST, "upvotes": n, "downvotes": 0, "comment_count": n,
                            "recorded_at": f"2026-02-0{n} 09:00:00"} for n in (1, 2)],
        "agent_snapshots": [{"agent_id": AUTHOR, "recorded_at": "2026-02-01 09:00:00", "karma": 3,
                             "follower_count": 1, "following_count": 1}],
        "submolt_snapshots": [{"submolt_id": GENERAL, "recorded_at": "2026-02-01 09:00:00", "subscriber_count": 20}],
        "homepage_stats": [{"recorded_at": "2026-02-01 09:00:00", "agents": 9, "submolts": 1, "posts": 1,
                            "comments": 3}],
    }  # fmt: skip


def giordano(folder: Path) -> None:
    """The database."""
    write_sqlite(folder, "moltbook.db", giordano_tables())


def giordano_exports(folder: Path) -> None:
    """The same tables as Parquet."""
    for table, rows in giordano_tables().items():
        write_parquet(folder, f"{table}.parquet", rows)


def ls26(folder: Path) -> None:
    """A database with posts of which the platform deleted one, and a column that nobody described."""
    post = {
        "id": POST, "title": TITLE, "body": TEXT, "author_id": AUTHOR, "author_name": "Claw_One",
        "submolt": "general", "upvotes": 3, "downvotes": 0, "comment_count": 5, "created_at": None,
        "date": "2026-01-30", "is_spam": 0, "is_question": 1, "body_length": 23, "deleted_by_platform": 0,
        "source": "api", "mystery": "x",
    }  # fmt: skip
    gone = {**post, "id": "p-two-00000", "created_at": POSTED, "deleted_by_platform": 1, "source": "archive"}
    names = ("id", "post_id", "content", "parent_id", "author_id", "author_name", "author_karma", "upvotes",
             "created_at", "depth")  # fmt: skip
    write_sqlite(folder, "ls26.db", {"posts": [post, gone], "comments": flat_comments(*names)})


def scraper(folder: Path) -> None:
    """A database in which agents have names, and every table a twin with its earlier states."""
    kept = {"first_seen_at": "2026-01-31 08:00:00", "last_updated_at": "2026-02-05 08:00:00"}
    shot = {"scraped_at": "2026-02-01 08:00:00", "scrape_run_id": 1}
    owner = json.dumps({"x_handle": "rob", "x_name": "Robert", "x_follower_count": 124})
    agent = {"description": "Direct", "karma": 30, "is_claimed": 1, "follower_count": 4, "following_count": 1,
             "avatar_url": None, "owner_json": owner, "metadata_json": None, "created_at": None}  # fmt: skip
    post = {"title": TITLE, "content": TEXT, "url": None, "author_name": "Claw_One", "submolt_name": "general",
            "upvotes": 3, "downvotes": 0, "comment_count": 5, "is_pinned": 0, "created_at": POSTED}  # fmt: skip
    names = ("id", "post_id", "parent_id", "content", "author_name", "upvotes", "downvotes", "created_at")
    submolt = {
        "display_name": "General", "description": "The town square", "subscriber_count": 38, "avatar_url": None,
        "banner_url": None, "created_by_name": "Claw_One", "created_at": SUBMOLT["created_at"],
        "last_activity_at": None,
    }  # fmt: skip
    member = {"submolt_name": "general", "agent_name": "Bob3", "role": "moderator"}
    tables: dict[str, Sequence[Row]] = {
        "agents": [{"name": "Claw_One", "id": AUTHOR, **agent, **kept}, {"name": "sam_two", "id": None,
                   **dict.fromkeys(agent), **kept}],
        "posts": [{"id": POST, **post, **kept}],
        "comments": [{**row, **kept} for row in flat_comments(*names)],
        "submolts": [{"name": "general", "id": GENERAL, **submolt, "metadata_json": None, **kept}],
        "agent_snapshots": [{"id": 1, "agent_name": "Claw_One", **shot, "agent_id": AUTHOR, **agent, "karma": 3}],
        "post_snapshots": [{"id": 1, "post_id": POST, **shot, **post, "upvotes": 1, "content": "Registered."}],
        "comment_snapshots": [{"id": 1, "comment_id": FIRST, **shot, **flat_comments(*names[1:])[0]}],
        "submolt_snapshots": [{"id": 1, "submolt_name": "general", **shot, "submolt_id": GENERAL, **submolt}],
        "moderators": [{**member, **kept}],
        "moderator_snapshots": [{"id": 1, **member, **shot}, {"id": 2, **member, **shot}],
        "scrape_runs": [{"id": 1, "status": "done"}],
        "schema_version": [{"version": 1}],
    }  # fmt: skip
    write_sqlite(folder, "moltbook.sqlite", tables)


def labels(folder: Path) -> None:
    """Flat rows in arrays: communities, classes and tags."""
    submolt = {
        "submolt_id": GENERAL, "submolt_name": "general", "display_name": "General", "description": "The town square",
        "subscriber_count": 38, "created_at": SUBMOLT["created_at"], "created_date": "2026-01-27",
        "created_by_id": AUTHOR, "created_by_name": "Claw_One",
    }  # fmt: skip
    write(folder, "submolts.json", [submolt])
    rows = [{"post_id": POST, "class_note": "humor_casual"}, {"post_id": POST, "class_note": "meta"}]
    write(folder, "post_class_notes.json", [*rows, rows[0], {"post_id": POST, "class_note": None}])
    write(folder, "post_tags.json", [{"post_id": POST, "tag": "emotion:joy", "tag_namespace": "emotion",
                                       "tag_value": "joy"}])  # fmt: skip
    write(folder, "post_embeddings.json", [{"post_id": POST, "x": 58.38, "y": 52.33}])
    write(folder, "tag_edges.json", [{"tag_a": "emotion:joy", "tag_b": "intent:introduce_self", "weight": 1864}])


def graph(folder: Path) -> None:
    """Posts by topic without texts, the best comments of one of them, and a graph that is no tie."""
    post = {"id": POST, "title": TITLE, "author": "Claw_One", "engagement": 8, "comments": 5, "upvotes": 3,
            "created": POSTED}  # fmt: skip
    tree = {
        "post_title": TITLE, "post_author": "Claw_One", "submolt": "general", "total_comments": 5,
        "top_level_comments_fetched": 2, "replies_fetched": 0,
        "top_comments": [{"id": FIRST, "author": "sam_two", "content": "We are drowning in text.", "upvotes": 0,
                          "created_at": COMMENTS[0][6], "reply_count": 0}],
    }  # fmt: skip
    write(folder, "data/hottest_posts_per_topic.json", {"general": [post], "odd": {"id": 1}})
    write(folder, "data/discussion_trees.json", {POST: tree})
    nodes = {"nodes": [{"id": "claw_one", "name": "Claw_One", "posts": 1}],
             "links": [{"source": "sam_two", "target": "claw_one", "weight": 2}]}  # fmt: skip
    write(folder, "data/network_data.json", nodes)
    write(folder, "history/2026-02-01T2039_8d185c7b_network_data.json", nodes)


ARCHIVES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "jscmp4": ("moltbook_jscmp4", jscmp4),
    "takschdube": ("moltbook_takschdube", takschdube),
    "moltnet": ("moltbook_moltnet", moltnet),
    "trustairlab": ("moltbook_trustairlab", trustairlab),
    "aicell": ("moltbook_aicell", aicell),
    "lnajt": ("moltbook_lnajt", lnajt),
    "kallsyms": ("moltbook_kallsyms", kallsyms),
    "traces": ("moltbook_traces", traces),
    "padas": ("moltbook_padas", padas),
    "alanchen": ("moltbook_alanchen", alanchen),
    "ronantakizawa": ("moltbook_ronantakizawa", ronantakizawa),
    "giordano": ("moltbook_giordano", giordano),
    "giordano_exports": ("moltbook_giordano", giordano_exports),
    "ls26": ("moltbook_ls26", ls26),
    "scraper": ("moltbook_scraper", scraper),
    "labels": ("moltbook_labels", labels),
    "graph": ("moltbook_graph", graph),
}
