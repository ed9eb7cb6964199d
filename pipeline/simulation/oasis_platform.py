"""The bookkeeping of OASIS in memory: what each action writes into its tables and its trace (FORMATS.md).

Who acts when is not decided here. As in OASIS, unfollowing deletes the row, a share of a share is stored under the
root, and only the trace keeps the immediate parent.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]
Clock = int | str


@dataclass
class Platform:
    """One run: rows by table, the trace, and the state that decides what an action may do.

    Every method that acts returns whether it did; an impossible action changes nothing. `parents` and `depths` hold
    what OASIS does not store: the immediate parent of a share, and its distance from the original.
    """

    tables: dict[str, dict[int, Row]] = field(default_factory=lambda: defaultdict(dict))
    trace: list[tuple[int, Clock, str, str]] = field(default_factory=list)
    parents: dict[int, int] = field(default_factory=dict)
    depths: dict[int, int] = field(default_factory=dict)
    follows: dict[tuple[int, int], int] = field(default_factory=dict)
    mutes: dict[tuple[int, int], int] = field(default_factory=dict)
    reactions: dict[tuple[str, int, int], int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    seen: set[tuple[int, Clock, str, str]] = field(default_factory=set)

    def record(self, user: int, at: Clock, action: str, **info: Any) -> bool:
        """Append to the trace; its primary key drops an action that repeats another of the same moment."""
        entry = (user, at, action, json.dumps(info))
        if entry in self.seen:
            return False
        self.seen.add(entry)
        self.trace.append(entry)
        return True

    def sign_up(self, user: int, at: Clock, user_name: str, name: str, bio: str) -> bool:
        """Add a user; ids start at 0."""
        self.tables["user"][user] = {
            "user_id": user, "agent_id": user, "user_name": user_name, "name": name, "bio": bio, "created_at": at,
            "num_followings": 0, "num_followers": 0,
        }  # fmt: skip
        return self.record(user, at, "sign_up", name=name, user_name=user_name, bio=bio)

    def create_post(self, user: int, at: Clock, content: str) -> bool:
        """Add an original post."""
        post_id = self._post(user, at, None, content, None)
        return self.record(user, at, "create_post", content=content, post_id=post_id)

    def share(self, user: int, at: Clock, parent_id: int, quote: str | None) -> bool:
        """Repost, or quote when `quote` is a text; at most one repost of a root by a user."""
        posts = self.tables["post"]
        root_id = posts[parent_id]["original_post_id"] or parent_id
        key = ("share", user, root_id)
        if posts[parent_id]["user_id"] == user or (quote is None and key in self.reactions):
            return False
        content = "" if quote is None else posts[root_id]["content"]
        post_id = self._post(user, at, root_id, content, quote)
        self.parents[post_id] = parent_id
        self.depths[post_id] = self.depths[parent_id] + 1
        posts[root_id]["num_shares"] += 1
        if quote is not None:
            return self.record(user, at, "quote_post", quoted_id=parent_id, new_post_id=post_id)
        self.reactions[key] = post_id
        return self.record(user, at, "repost", reposted_id=parent_id, new_post_id=post_id)

    def create_comment(self, user: int, at: Clock, post_id: int, content: str) -> bool:
        """Comment on a post; on the root where the post is a repost."""
        comment_id = self._next("comment")
        self.tables["comment"][comment_id] = {
            "comment_id": comment_id, "post_id": self._own_text(post_id), "user_id": user, "content": content,
            "created_at": at, "num_likes": 0, "num_dislikes": 0,
        }  # fmt: skip
        return self.record(user, at, "create_comment", content=content, comment_id=comment_id)

    def react(self, user: int, at: Clock, table: str, target_id: int) -> bool:
        """Like or dislike a post or a comment, once; `table` is where OASIS stores it."""
        thing = "comment" if table.startswith("comment_") else "post"
        target_id = self._own_text(target_id) if thing == "post" else target_id
        key = (table, user, target_id)
        if key in self.reactions or self.tables[thing][target_id]["user_id"] == user:
            return False
        row_id = self._next(table)
        self.reactions[key] = row_id
        ids = {f"{thing}_id": target_id, f"{table}_id": row_id}
        self.tables[table][row_id] = {
            f"{table}_id": row_id,
            "user_id": user,
            f"{thing}_id": target_id,
            "created_at": at,
        }
        verb = table.removeprefix("comment_")
        self.tables[thing][target_id][f"num_{verb}s"] += 1
        return self.record(user, at, f"{verb}_{thing}", **ids)

    def unlike(self, user: int, at: Clock, post_id: int) -> bool:
        """Take back a like of a post: the row goes, the trace stays."""
        row_id = self.reactions.pop(("like", user, post_id), None)
        if row_id is None:
            return False
        del self.tables["like"][row_id]
        self.tables["post"][post_id]["num_likes"] -= 1
        return self.record(user, at, "unlike_post", post_id=post_id, like_id=row_id)

    def report(self, user: int, at: Clock, post_id: int, reason: str) -> bool:
        """Report a post, once."""
        key = ("report", user, post_id)
        if key in self.reactions:
            return False
        row_id = self.reactions[key] = self._next("report")
        self.tables["report"][row_id] = {
            "report_id": row_id, "user_id": user, "post_id": post_id, "report_reason": reason, "created_at": at,
        }  # fmt: skip
        self.tables["post"][post_id]["num_reports"] += 1
        return self.record(user, at, "report_post", post_id=post_id, report_id=row_id)

    def follow(self, user: int, at: Clock, target: int) -> bool:
        """Follow another agent; the trace names the row only."""
        if user == target or (user, target) in self.follows:
            return False
        row_id = self.follows[user, target] = self._next("follow")
        self.tables["follow"][row_id] = {
            "follow_id": row_id, "follower_id": user, "followee_id": target, "created_at": at,
        }  # fmt: skip
        self._count_tie(user, target, 1)
        return self.record(user, at, "follow", follow_id=row_id)

    def unfollow(self, user: int, at: Clock, target: int) -> bool:
        """Unfollow: the row goes, the trace names the followee."""
        if not self.record(user, at, "unfollow", followee_id=target):
            return False
        del self.tables["follow"][self.follows.pop((user, target))]
        self._count_tie(user, target, -1)
        return True

    def mute(self, user: int, at: Clock, target: int) -> bool:
        """Mute another agent."""
        if user == target or (user, target) in self.mutes or not self.record(user, at, "mute", mutee_id=target):
            return False
        row_id = self.mutes[user, target] = self._next("mute")
        self.tables["mute"][row_id] = {"mute_id": row_id, "muter_id": user, "mutee_id": target, "created_at": at}
        return True

    def unmute(self, user: int, at: Clock, target: int) -> bool:
        """Unmute: the row goes."""
        if not self.record(user, at, "unmute", mutee_id=target):
            return False
        del self.tables["mute"][self.mutes.pop((user, target))]
        return True

    def refresh(self, user: int, at: Clock, shown: list[int]) -> bool:
        """Show posts to a user, with the first comment of each: the exposure log."""
        first: dict[int, Row] = {}
        for comment in self.tables["comment"].values():
            first.setdefault(comment["post_id"], comment)
        keys = ("post_id", "user_id", "content", "created_at", "num_likes", "num_shares")
        posts = [{key: self.tables["post"][post_id][key] for key in keys} for post_id in shown]
        for post in posts:
            post["comments"] = [first[post["post_id"]]] if post["post_id"] in first else []
        return self.record(user, at, "refresh", posts=posts)

    def _post(self, user: int, at: Clock, root_id: int | None, content: str, quote: str | None) -> int:
        post_id = self._next("post")
        self.depths[post_id] = 0
        self.tables["post"][post_id] = {
            "post_id": post_id, "user_id": user, "original_post_id": root_id, "content": content,
            "quote_content": quote, "created_at": at, "num_likes": 0, "num_dislikes": 0, "num_shares": 0,
            "num_reports": 0,
        }  # fmt: skip
        return post_id

    def _own_text(self, post_id: int) -> int:
        """Return the post itself, or the root where it is a bare repost."""
        post = self.tables["post"][post_id]
        return post["original_post_id"] if post["original_post_id"] and post["quote_content"] is None else post_id

    def _count_tie(self, user: int, target: int, change: int) -> None:
        self.tables["user"][user]["num_followings"] += change
        self.tables["user"][target]["num_followers"] += change

    def _next(self, table: str) -> int:
        self.counters[table] += 1
        return self.counters[table]
