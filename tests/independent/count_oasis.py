"""Counts the rows of OASIS databases with the standard library alone.

An independent definition of `rows_read` for these files; nothing of the project is imported. The database itself is a
row (the run). Tables of the final state count row by row, except a follow, mute or membership that a trace names: the
trace is the row then. Of the trace count what changes ties, groups and reactions, and every post of a refresh or trend.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path
from typing import Any

WHOLE = (
    "user", "chat_group", "group", "post", "comment", "group_messages", "like", "dislike", "report", "comment_like",
    "comment_dislike", "rec",
)  # fmt: skip
OTHER_TABLES = ("follow", "mute", "group_members", "trace")
EVENTS = ("follow", "unfollow", "mute", "unmute", "create_group", "join_group", "leave_group")
UNDOING = {
    "unlike_post": ("like_post", "like_id"),
    "undo_dislike_post": ("dislike_post", "dislike_id"),
    "unlike_comment": ("like_comment", "comment_like_id"),
    "undo_dislike_comment": ("dislike_comment", "comment_dislike_id"),
}
SILENT = (
    "sign_up", "create_post", "create_comment", "like_post", "dislike_post", "like_comment", "dislike_comment",
    "report_post", "send_to_group", "search_user", "search_posts", "do_nothing", "purchase_product", "interview",
    "listen_from_group", "update_rec_table", "exit", "repost", "quote_post",
)  # fmt: skip


def parsed(text: Any) -> dict[str, Any] | None:
    """Return the info of a trace, None when it is no JSON object."""
    try:
        info = json.loads(text)
    except (TypeError, ValueError):
        return None
    return info if isinstance(info, dict) else None


def count_traces(traces: list[tuple[Any, ...]]) -> int:
    """Count the rows of the trace."""
    total = 0
    gone: dict[str, set[Any]] = {
        action: {info.get(key) for _, name, info in traces if name == action and info is not None}
        for action, (_, key) in UNDOING.items()
    }
    unknown = set()
    for _, action, info in traces:
        if action in ("refresh", "trend"):
            shown = info.get("posts") if info is not None else None
            total += len(shown) if isinstance(shown, list) else 1
        elif action in EVENTS or action in UNDOING or (action in ("repost", "quote_post") and info is None):
            total += 1
        elif action not in SILENT:
            unknown.add(action)
        for undoing, (done, key) in UNDOING.items():
            # A reaction counts where it was undone: only then no table holds it any more.
            total += action == done and gone[undoing] != set() and (info is None or info.get(key) in gone[undoing])
    return total + len(unknown)


def count_database(path: Path) -> int:
    """Count the rows of one database."""
    con = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    tables = {
        name: con.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
        for (name,) in con.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    }
    total = 1 + sum(n for name, n in tables.items() if name in WHOLE)
    total += sum(1 for name, n in tables.items() if n and name not in WHOLE and name not in OTHER_TABLES)
    rows = con.execute("SELECT user_id, action, info FROM trace").fetchall() if "trace" in tables else []
    traces = [(user, action, parsed(info)) for user, action, info in rows]
    keys = ("follow_id", "mutee_id", "group_id")
    named = {(user, action, key, info[key]) for user, action, info in traces if info for key in keys if key in info}
    followed = {key[3] for key in named if key[1] == "follow" and key[2] == "follow_id"}
    if "follow" in tables:
        total += sum(i not in followed for (i,) in con.execute("SELECT follow_id FROM follow"))
    if "mute" in tables:
        mutes = con.execute("SELECT muter_id, mutee_id FROM mute")
        total += sum((who, "mute", "mutee_id", whom) not in named for who, whom in mutes)
    if "group_members" in tables:
        members = con.execute("SELECT agent_id, group_id FROM group_members")
        total += sum((who, "join_group", "group_id", group) not in named for who, group in members)
    con.close()
    return total + count_traces(traces)


def main() -> None:
    """Print path and number of rows of every database below a folder."""
    for path in sorted(Path(sys.argv[1]).rglob("*.db")):
        sys.stdout.write(f"{count_database(path)}\t{path.name}\n")


if __name__ == "__main__":
    main()
