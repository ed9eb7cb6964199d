"""Write a simulated forum as the file-per-entity tree of the Moltbook API v1 (FORMATS.md)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from pipeline.simulation.folders import ABANDONED_SECONDS, MARKER, fingerprint, is_current, write_folder
from pipeline.simulation.forum import Corpus

__all__ = ["ABANDONED_SECONDS", "MARKER", "SCORE_CHANGE", "fingerprint", "is_current", "write_moltbook_v1"]

SCORE_CHANGE = 5  # upvotes gained between the two downloads of a revised post
TIP = "Use author info to decide how to engage. Quality matters more than popularity!"
TRUNCATED_AT = 0.6  # share of the bytes of its post that a cut file keeps: no record in it is whole
HTML_ERROR = "<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body>502</body></html>\n"
CORPUS_CARD = """\
title = "Simulated Moltbook-like forum with planted truth"
kind = "simulation"
teacher_texts = 300  # texts that the embedding teacher reads: few, so that the demo is quick
licence = "CC0-1.0"
format = "moltbook_api"
"""

Json = dict[str, Any]


def write_moltbook_v1(corpus: Corpus, folder: Path) -> bool:
    """Write `corpus` into `folder`, or leave it as it is when it is current.

    What it returns and raises is that of `write_folder`.
    """
    return write_folder(folder, corpus.truth, lambda root: _write_tree(corpus, root))


def _write_tree(corpus: Corpus, root: Path) -> None:
    for name in ("posts", "agents", "submolts", "comments"):
        (root / name).mkdir(parents=True)
    agents = {row["agent_id"]: row for row in corpus.agents.iter_rows(named=True)}
    communities = {row["community_id"]: row for row in corpus.communities.iter_rows(named=True)}
    finished = corpus.truth.start + timedelta(days=corpus.truth.days + 1)
    for path, body in _post_files(corpus, agents, communities, finished):
        _dump(root / "posts" / path, body)
    _write_broken(corpus, root / "posts")
    for row in agents.values():
        _dump(root / "agents" / f"{row['name']}.json", _agent_body(row, finished))
    for row in communities.values():
        _dump(root / "submolts" / f"{row['name']}.json", _community_body(row, agents, finished))
    for post_id in corpus.irregularities.empty_comment_files:
        body = {
            "post_id": post_id,
            "comments": [],
            "comment_count": 0,
            "_downloaded_at": finished.isoformat(),
        }
        _dump(root / "comments" / f"{post_id}.json", body)
    (root / "corpus.toml").write_text(CORPUS_CARD, encoding="utf-8")


def _post_files(
    corpus: Corpus, agents: dict[str, Json], communities: dict[str, Json], finished: datetime
) -> Iterator[tuple[str, Json]]:
    threads = _threads(corpus.comments, agents)
    irregular = corpus.irregularities
    for place, row in enumerate(corpus.posts.iter_rows(named=True)):
        post_id = row["message_id"]
        at = finished + timedelta(seconds=place, microseconds=100 + place)
        body = _post_body(row, agents, communities, threads.get(post_id, []), at)
        yield f"{post_id}.json", body
        if post_id in irregular.revised_posts or post_id in irregular.repeated_posts:
            gained = SCORE_CHANGE if post_id in irregular.revised_posts else 0
            post = {**body["post"], "upvotes": row["upvotes"] + gained}
            later = _timestamp(at + timedelta(hours=1))
            yield f"{post_id}-again.json", {**body, "post": post, "_downloaded_at": later}


def _write_broken(corpus: Corpus, folder: Path) -> None:
    """Write files that are no JSON, under ids that no post of the corpus has."""
    whole = (folder / f"{corpus.posts['message_id'][0]}.json").read_bytes()
    irregular = corpus.irregularities
    for number in range(irregular.n_truncated):
        name = f"00000000-0000-4000-8000-{number:012x}.json"
        (folder / name).write_bytes(whole[: int(whole.index(b'"comments"') * TRUNCATED_AT)])
    for number in range(irregular.n_html):
        (folder / f"00000000-0000-4000-9000-{number:012x}.json").write_text(HTML_ERROR, encoding="ascii")


def _dump(path: Path, body: Json) -> None:
    path.write_text(json.dumps(body, indent=2, ensure_ascii=True), encoding="ascii")


def _timestamp(moment: datetime) -> str:
    """Format a naive UTC time as Postgres did in v1: fraction without trailing zeros, ``+00:00``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "+00:00"


def _threads(comments: pl.DataFrame, agents: dict[str, Json]) -> dict[str, list[Json]]:
    """Nest the comments (sorted by time, so that parents come first) below their posts."""
    direct: dict[str, list[Json]] = {}
    nodes: dict[str, Json] = {}
    for row in comments.iter_rows(named=True):
        is_direct = row["parent_id"] == row["root_id"]
        node = {
            "id": row["message_id"],
            "content": row["content"],
            "parent_id": None if is_direct else row["parent_id"],
            "upvotes": row["upvotes"],
            "downvotes": row["downvotes"],
            "created_at": _timestamp(row["created_at"]),
            "author": _comment_author(agents.get(row["agent_id"])),
            "replies": [],
        }
        nodes[row["message_id"]] = node
        siblings = direct.setdefault(row["root_id"], []) if is_direct else nodes[row["parent_id"]]["replies"]
        siblings.append(node)
    return direct


def _comment_author(agent: Json | None) -> Json | None:
    if agent is None:
        return None
    keys = ("name", "karma", "follower_count")
    return {"id": agent["agent_id"], **{key: agent[key] for key in keys}}


def _post_body(
    row: Json, agents: dict[str, Json], communities: dict[str, Json], comments: list[Json], at: datetime
) -> Json:
    community, author = communities[row["community_id"]], agents[row["agent_id"]]
    plain = ("title", "content", "url", "upvotes", "downvotes", "comment_count")
    profile = ("name", "description", "karma", "follower_count", "following_count")
    return {
        "success": True,
        "post": {
            "id": row["message_id"],
            **{key: row[key] for key in plain},
            "created_at": _timestamp(row["created_at"]),
            "submolt": {
                "id": community["community_id"],
                "name": community["name"],
                "display_name": community["title"],
            },
            "author": {
                "id": author["agent_id"],
                **{key: author[key] for key in profile},
                "owner": _owner(author, is_profile=False),
                "you_follow": False,
            },
        },
        "comments": comments,
        "context": {"tip": TIP},
        "_downloaded_at": _timestamp(at),
        "_endpoint": f"/posts/{row['message_id']}",
    }


def _owner(agent: Json, *, is_profile: bool) -> Json | None:
    """Return the invented human behind an agent; profile pages show two fields more than posts do."""
    if not agent["has_owner"]:
        return None
    handle = f"owner_of_{agent['name']}"
    owner: Json = {"x_handle": handle, "x_name": f"Owner of {agent['name']}"}
    if is_profile:
        owner["x_avatar"] = "https://example.invalid/avatar.png"
    owner |= {"x_bio": "", "x_follower_count": 3}
    if is_profile:
        owner["x_following_count"] = 5
    return {**owner, "x_verified": False}


def _agent_body(row: Json, at: datetime) -> Json:
    # recentPosts stays empty: its rows would repeat posts in a shape of their own and blur the accounting.
    return {
        "success": True,
        "agent": {
            "id": row["agent_id"],
            **{key: row[key] for key in ("name", "description", "karma")},
            "created_at": _timestamp(row["created_at"]),
            "last_active": _timestamp(at),
            "is_active": True,
            "is_claimed": row["has_owner"],
            **{key: row[key] for key in ("follower_count", "following_count")},
            "avatar_url": None,
            "owner": _owner(row, is_profile=True),
        },
        "recentPosts": [],
        "_downloaded_at": _timestamp(at + timedelta(microseconds=1)),
        "_endpoint": f"/agents/profile?name={row['name']}",
    }


def _community_body(row: Json, agents: dict[str, Json], at: datetime) -> Json:
    creator = agents[row["creator_id"]]
    return {
        "success": True,
        "submolt": {
            "id": row["community_id"],
            "name": row["name"],
            "display_name": row["title"],
            "description": row["description"],
            "subscriber_count": row["subscriber_count"],
            "created_at": _timestamp(row["created_at"]),
            "created_by": {"id": creator["agent_id"], "name": creator["name"]},
            "moderators": [{"name": creator["name"], "role": "owner"}],
        },
        "your_role": None,
        "posts": [],
        "context": {"tip": TIP},
        "_downloaded_at": _timestamp(at + timedelta(microseconds=1)),
        "_endpoint": f"/submolts/{row['name']}",
    }
