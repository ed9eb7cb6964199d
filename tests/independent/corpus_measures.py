"""Corpus-level measures counted again, without anything of the pipeline.

Reads the files of an unpacked Moltbook API tree (``posts/*.json``, nested ``replies``) with `json`, sets,
`statistics`, networkx and powerlaw, and nothing else: no polars, no DuckDB, no module of this project. What
it returns is the oracle for the measures of the same names. Run ``python corpus_measures.py FOLDER`` to print
them.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import warnings
from collections import Counter
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import networkx as nx
import powerlaw

# The 23 action and 15 sensitive patterns of METHODS 1.3, retyped here so that a slip in the card shows.
AIRS = (
    "do this", "follow (these|this) steps", "how to", "guide", "tutorial", "walkthrough", "step[- ]by[- ]step",
    "you should", "you must", "try", "run", "execute", "install", "download", "configure", "set up", "copy", "paste",
    "command", "curl", "powershell", "bash", "python",
    "api key", "token", "password", "credential", "secret", "auth", "exploit", "hack", "bypass", "malware", "phishing",
    "steal", "dump", "leak", "postgres",
)  # fmt: skip
ANY_AIRS = re.compile("|".join(rf"\b{pattern}\b" for pattern in AIRS))


def read_tree(folder: str | Path) -> list[dict]:
    """Return every post and comment under `folder` as {id, kind, author, parent, root, depth, text, at}."""
    messages: list[dict] = []
    seen: set[str] = set()
    for path in sorted(Path(folder).glob("**/posts/*.json")):
        with path.open(encoding="utf-8") as file:
            body = json.load(file)
        post = body["post"]
        messages.append(_message(post, "post", None, post["id"], 0))
        waiting = [(comment, post["id"], 1) for comment in body.get("comments") or []]
        while waiting:
            comment, parent, depth = waiting.pop()
            if comment["id"] not in seen:
                seen.add(comment["id"])
                messages.append(_message(comment, "comment", parent, post["id"], depth))
            waiting += [(reply, comment["id"], depth + 1) for reply in comment.get("replies") or []]
    return messages


def _message(record: dict, kind: str, parent: str | None, root: str, depth: int) -> dict:
    author = record.get("author") or {}
    created = record.get("created_at")
    return {
        "id": record["id"],
        "kind": kind,
        "author": author.get("id"),
        "parent": parent,
        "root": root,
        "depth": depth,
        "text": f"{record.get('title') or ''}\n{record.get('content') or ''}",
        "at": datetime.fromisoformat(created) if created else None,
    }


def count_rows(folder: str | Path) -> dict[str, int]:
    """Count files, posts and comments, nested ones included, straight from the files."""
    files = posts = comments = 0
    for path in Path(folder).glob("**/posts/*.json"):
        with path.open(encoding="utf-8") as file:
            body = json.load(file)
        files += 1
        posts += "post" in body
        waiting = list(body.get("comments") or [])
        while waiting:
            comments += 1
            waiting += waiting.pop().get("replies") or []
    return {"post_files": files, "posts": posts, "comments": comments}


def measure(messages: list[dict]) -> dict[str, float]:
    """Return the corpus-level measures of a list of messages as `read_tree` gives them."""
    posts = {m["id"]: m for m in messages if m["kind"] == "post"}
    comments = {m["id"]: m for m in messages if m["kind"] == "comment"}
    everything = {**posts, **comments}
    reply_any, post_author = set(), set()
    for comment in comments.values():
        ends = (everything.get(comment["parent"]), reply_any), (posts.get(comment["root"]), post_author)
        for target, ties in ends:
            if target and comment["author"] and target["author"] and comment["author"] != target["author"]:
                ties.add((comment["author"], target["author"]))
    undirected = nx.Graph(sorted(reply_any))
    parents = {comment["parent"] for comment in comments.values()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assortativity = nx.degree_assortativity_coefficient(undirected)
    return {
        **_activity(messages),
        "airs_positive_share": sum(bool(ANY_AIRS.search(p["text"].lower())) for p in posts.values()) / len(posts),
        "n_posts": len(posts),
        "n_comments": len(comments),
        "reciprocity_reply_any": _reciprocity(reply_any),
        "reciprocity_comment_post_author": _reciprocity(post_author),
        "network_nodes_reply_any": undirected.number_of_nodes(),
        "network_ties_reply_any": len(reply_any),
        "network_undirected_ties_reply_any": undirected.number_of_edges(),
        "degree_assortativity_reply_any": float(assortativity),
        "comment_depth_mean": statistics.fmean(comment["depth"] for comment in comments.values()),
        "comment_depth_max": max(comment["depth"] for comment in comments.values()),
        "replied_comment_share": sum(key in parents for key in comments) / len(comments),
        "duplicate_share": 1 - len({m["text"] for m in messages}) / len(messages),
        "first_comment_minutes_median": _first_comment_minutes(posts, comments),
    }


def _activity(messages: list[dict]) -> dict[str, float]:
    counts = sorted(Counter(m["author"] for m in messages if m["author"]).values())
    n, total = len(counts), sum(counts)
    ranked = sum(rank * count for rank, count in enumerate(counts, start=1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit = powerlaw.Fit(counts, discrete=True, estimate_discrete=True, verbose=0)
        exponent = float(fit.power_law.alpha)
    return {
        "n_agents": n,
        "activity_gini": float(Fraction(2 * ranked, n * total) - Fraction(n + 1, n)),
        "activity_tail_exponent": exponent,
    }


def _reciprocity(ties: set[tuple[str, str]]) -> float:
    return sum((target, source) in ties for source, target in ties) / len(ties)


def _first_comment_minutes(posts: dict[str, dict], comments: dict[str, dict]) -> float:
    first: dict[str, datetime] = {}
    for comment in comments.values():
        if comment["at"] and (comment["root"] not in first or comment["at"] < first[comment["root"]]):
            first[comment["root"]] = comment["at"]
    return statistics.median(
        (at - posts[root]["at"]).total_seconds() / 60
        for root, at in first.items()
        if root in posts and posts[root]["at"]
    )


if __name__ == "__main__":
    json.dump({**count_rows(sys.argv[1]), **measure(read_tree(sys.argv[1]))}, sys.stdout, indent=1)
