"""giordano-dm/moltbook-crawl: a SQLite database, or its tables exported, with every state that the crawler saw.

agents has the owner flattened into x_handle, x_name, x_bio, x_follower_count and x_verified; posts names its community
in submolt_id, submolt and submolt_display; comments has a depth from 0, which is recomputed. post_snapshots,
agent_snapshots and submolt_snapshots hold earlier counts, each a record as of its recorded_at. The snapshot of a
community has its id alone; in a database the name is looked up in submolts, in exported tables the community is
'id:<id>'. homepage_stats holds numbers of the whole platform and is not read.

What this format cannot tell: an agent that was only named by a post has 0 for karma and followers, as if it were
known; where an agent has neither description nor owner and all three counts are 0, the counts are taken as unknown.
Follow ties, times of creation of agents, and more than about 100 comments of a post are not in it.
"""

from __future__ import annotations

from pipeline.ingest.formats.archive_sqlite import Archive, SourceTable, sqlite_adapter
from pipeline.ingest.formats.archive_tables import OWNER_DROPS, ArchiveTable, cell, packed, text

_COUNTS = ("karma", "follower_count", "following_count")
_IS_STUB = f"coalesce({text('description', 'x_handle', 'x_name')}, '') = '' AND " + " AND ".join(
    f"coalesce({text(column)}, '0') = '0'" for column in _COUNTS
)
_SUBMOLT = packed(id=("submolt_id",), name=("submolt",), display_name=("submolt_display",))

TABLES = (
    ArchiveTable(
        "giordano_agent",
        "agent",
        needs=frozenset({"id", "name", "x_handle", "x_bio", "last_updated"}),
        values={
            "owner": packed(
                x_handle=("x_handle",), x_name=("x_name",), x_bio=("x_bio",), x_follower_count=("x_follower_count",)
            ),
            **{column: f"CASE WHEN NOT ({_IS_STUB}) THEN {cell(column)} END" for column in _COUNTS},
        },
        drops=OWNER_DROPS,
        seen=("last_updated",),
    ),
    ArchiveTable(
        "giordano_post",
        "post",
        needs=frozenset({"id", "title", "submolt_id", "submolt_display"}),
        values={"submolt": _SUBMOLT},
        drops=("submolt_id", "submolt_display"),
        seen=("crawled_at",),
    ),
    ArchiveTable(
        "giordano_comment", "comment", frozenset({"id", "post_id", "depth", "crawled_at"}), seen=("crawled_at",)
    ),
    ArchiveTable(
        "giordano_post_snapshot",
        "post",
        frozenset({"post_id", "recorded_at", "comment_count"}),
        renames={"post_id": "id"},
        drops=("recorded_at",),
        seen=("recorded_at",),
    ),
    ArchiveTable(
        "giordano_agent_snapshot",
        "agent",
        frozenset({"agent_id", "recorded_at", "karma"}),
        drops=("recorded_at",),
        seen=("recorded_at",),
    ),
    ArchiveTable(
        "giordano_submolt_snapshot",
        "community",
        frozenset({"submolt_id", "recorded_at", "subscriber_count"}),
        renames={"submolt_id": "id"},
        drops=("recorded_at",),
        seen=("recorded_at",),
    ),
)
_ARCHIVE = Archive(
    (
        SourceTable("agents", (
            "id", "name", "description", *_COUNTS, "x_handle", "x_name", "x_bio", "x_follower_count", "x_verified",
            "last_updated",
        ), "giordano_agent"),
        SourceTable("submolts", (
            "id", "name", "display_name", "description", "subscriber_count", "created_at", "last_activity_at",
            "featured_at",
        ), "community"),
        SourceTable("posts", (
            "id", "title", "content", "url", "submolt_id", "submolt", "submolt_display", "author_id", "author_name",
            "upvotes", "downvotes", "comment_count", "created_at", "crawled_at",
        ), "giordano_post"),
        SourceTable("comments", (
            "id", "post_id", "parent_id", "content", "author_id", "author_name", "upvotes", "downvotes", "depth",
            "created_at", "crawled_at",
        ), "giordano_comment"),
        SourceTable("post_snapshots", (
            "post_id", "upvotes", "downvotes", "comment_count", "recorded_at",
        ), "giordano_post_snapshot"),
        SourceTable("agent_snapshots", ("agent_id", "recorded_at", *_COUNTS), "giordano_agent_snapshot"),
        SourceTable(
            "submolt_snapshots", ("submolt_id", "recorded_at", "subscriber_count"), "giordano_submolt_snapshot",
            ("name", "submolt_id", "submolts", "id", "name"),
        ),
    ),
    skipped=frozenset({"homepage_stats"}),
)  # fmt: skip

ADAPTER = sqlite_adapter(
    "moltbook_giordano",
    __doc__ or "",
    _ARCHIVE,
    TABLES,
    {"agents": ("id", "x_handle", "x_bio"), "posts": ("id", "submolt_display"), "comments": ("id", "post_id")},
    has_exports=True,
)
