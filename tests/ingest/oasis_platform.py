"""A stand-in for the OASIS platform: runs random actions, writes the database as it does, and keeps the truth.

Written from the layout (FORMATS) alone: deleted rows, flattened reposts, redirected comments, a trace for each action.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

SCHEMA = """
CREATE TABLE user (user_id INTEGER PRIMARY KEY AUTOINCREMENT, agent_id INTEGER, user_name TEXT, name TEXT, bio TEXT,
  created_at DATETIME, num_followings INTEGER DEFAULT 0, num_followers INTEGER DEFAULT 0);
CREATE TABLE post (post_id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, original_post_id INTEGER,
  content TEXT DEFAULT '', quote_content TEXT, created_at DATETIME, num_likes INTEGER DEFAULT 0,
  num_dislikes INTEGER DEFAULT 0, num_shares INTEGER DEFAULT 0, num_reports INTEGER DEFAULT 0);
CREATE TABLE comment (comment_id INTEGER PRIMARY KEY AUTOINCREMENT, post_id INTEGER, user_id INTEGER, content TEXT,
  created_at DATETIME, num_likes INTEGER DEFAULT 0, num_dislikes INTEGER DEFAULT 0);
CREATE TABLE follow (follow_id INTEGER PRIMARY KEY AUTOINCREMENT, follower_id INTEGER, followee_id INTEGER,
  created_at DATETIME);
CREATE TABLE mute (mute_id INTEGER PRIMARY KEY AUTOINCREMENT, muter_id INTEGER, mutee_id INTEGER, created_at DATETIME);
CREATE TABLE like (like_id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER, post_id INTEGER, created_at DATETIME);
CREATE TABLE rec (user_id INTEGER, post_id INTEGER, PRIMARY KEY(user_id, post_id));
CREATE TABLE chat_group (group_id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, created_at DATETIME);
CREATE TABLE group_members (group_id INTEGER NOT NULL, agent_id INTEGER NOT NULL, joined_at DATETIME,
  PRIMARY KEY (group_id, agent_id));
CREATE TABLE group_messages (message_id INTEGER PRIMARY KEY AUTOINCREMENT, group_id INTEGER NOT NULL,
  sender_id INTEGER NOT NULL, content TEXT NOT NULL, sent_at DATETIME);
CREATE TABLE product (product_id INTEGER PRIMARY KEY, product_name TEXT, sales INTEGER DEFAULT 0);
CREATE TABLE trace (user_id INTEGER, created_at DATETIME, action TEXT, info TEXT,
  PRIMARY KEY(user_id, created_at, action, info));
"""
Tie = tuple[int, int, str, str, Any]


@dataclass
class Platform:
    """A database that is being written; `tie`, `parent` and `shown` are the truth about it."""

    path: Path
    n_agents: int = 8
    is_timed: bool = False
    now: int = 0
    ties: list[Tie] = field(default_factory=list)
    parent: dict[int, int] = field(default_factory=dict)
    shown: list[tuple[int, int, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.con = sqlite3.connect(self.path)
        self.con.executescript(SCHEMA)
        for agent in range(self.n_agents):
            row = (agent, agent, f"agent_{agent}", f"Agent {agent}", f"bio {agent}", self.clock())
            self.con.execute("INSERT INTO user VALUES (?, ?, ?, ?, ?, ?, 0, 0)", row)

    def clock(self) -> Any:
        """Return the time of an action: a step, or a text."""
        return f"2026-02-01 08:{self.now // 60 % 60:02d}:{self.now % 60:02d}.250000" if self.is_timed else self.now

    def insert(self, table: str, **values: Any) -> int:
        """Insert a row; return its id."""
        marks = ", ".join("?" for _ in values)
        query = f"INSERT INTO {table} ({', '.join(values)}) VALUES ({marks})"
        return int(self.con.execute(query, tuple(values.values())).lastrowid or 0)

    def trace(self, agent: int, action: str, info: Any) -> None:
        """Write the trace of an action."""
        text = info if isinstance(info, str) else json.dumps(info)
        self.insert("trace", user_id=agent, created_at=self.clock(), action=action, info=text)

    def post(self, agent: int, content: str) -> int:
        """Create a post."""
        number = self.insert("post", user_id=agent, content=content, created_at=self.clock())
        self.trace(agent, "create_post", {"content": content, "post_id": number})
        return number

    def share(self, agent: int, post: int, quote: str | None) -> int:
        """Repost or quote; the platform stores the original of a repost (and, for a quote, of a quote)."""
        row = self.con.execute("SELECT original_post_id, quote_content FROM post WHERE post_id = ?", (post,)).fetchone()
        is_flattened = row[0] is not None and (row[1] is None or quote is not None)
        original = row[0] if is_flattened else post
        copied = "a copy of the original" if quote is not None else ""
        number = self.insert(
            "post", user_id=agent, original_post_id=original, content=copied, quote_content=quote,
            created_at=self.clock(),
        )  # fmt: skip
        action, key = ("repost", "reposted_id") if quote is None else ("quote_post", "quoted_id")
        self.trace(agent, action, {key: post, "new_post_id": number})
        self.parent[number] = post
        return number

    def comment(self, agent: int, post: int, content: str) -> int:
        """Comment; a comment on a repost goes to its original."""
        row = self.con.execute("SELECT original_post_id, quote_content FROM post WHERE post_id = ?", (post,)).fetchone()
        home = row[0] if row[0] is not None and row[1] is None else post
        number = self.insert("comment", post_id=home, user_id=agent, content=content, created_at=self.clock())
        self.trace(agent, "create_comment", {"content": content, "comment_id": number})
        return number

    def tie(self, agent: int, other: int, relation: str, *, is_traced: bool = True) -> None:
        """Follow or mute, or undo it where the tie is there."""
        table, mine, theirs = ("follow", "follower_id", "followee_id") if relation == "follow" else (
            "mute", "muter_id", "mutee_id"
        )  # fmt: skip
        where = f"WHERE {mine} = ? AND {theirs} = ?"
        is_there = self.con.execute(f"SELECT 1 FROM {table} {where}", (agent, other)).fetchone()
        if is_there:
            self.con.execute(f"DELETE FROM {table} {where}", (agent, other))
            self.trace(agent, f"un{relation}", {theirs: other})
        else:
            number = self.insert(table, **{mine: agent, theirs: other, "created_at": self.clock()})
            if is_traced:
                self.trace(agent, relation, {"follow_id": number} if relation == "follow" else {theirs: other})
        self.ties.append((agent, other, relation, "remove" if is_there else "add", self.clock()))

    def refresh(self, agent: int, posts: list[int]) -> None:
        """Show posts to an agent."""
        self.trace(agent, "refresh", {"posts": [{"post_id": p, "content": "x", "comments": []} for p in posts]})
        self.shown.extend((agent, p, self.clock()) for p in posts)

    def close(self) -> None:
        """Commit and close."""
        self.con.commit()
        self.con.close()


def random_run(platform: Platform, seed: int, n_actions: int = 200) -> Platform:
    """Let agents act at random, each action at a time of its own; then close the database."""
    rng = np.random.default_rng(seed)
    posts = [platform.post(0, "first")]
    for _ in range(n_actions):
        platform.now += 1
        agent, other = (int(v) for v in rng.integers(0, platform.n_agents, 2))
        chosen = int(rng.choice(posts))
        match int(rng.integers(0, 6)):
            case 0:
                posts.append(platform.post(agent, f"text {platform.now}"))
            case 1:
                posts.append(platform.share(agent, chosen, None))
            case 2:
                posts.append(platform.share(agent, chosen, f"quote {platform.now}"))
            case 3:
                platform.comment(agent, chosen, f"comment {platform.now}")
            case 4:
                platform.tie(agent, other, "follow" if rng.random() < 0.8 else "mute")
            case _:
                platform.refresh(agent, sorted({int(v) for v in rng.choice(posts, 3)}))
    platform.close()
    return platform
