"""deskreject/moltbook_scraper, as daveholtz's: the SQLite database of a scraper that keeps agents by name.

agents (name is the key, id may be null), posts, comments and submolts hold the last state, as of last_updated_at;
agent_snapshots, post_snapshots, comment_snapshots and submolt_snapshots the states before it, as of scraped_at.
owner_json and metadata_json are JSON as text. A row of moderators or moderator_snapshots is a membership (moderate)
without a time, since a scraper sees who moderates and not since when; the same moderator seen again is repeated.
scrape_runs and schema_version are the scraper's own log and are not read.

What this format cannot tell: who wrote a message once an agent was renamed, since messages have names alone; follow
ties; and, where the scraper came late, states between two scrapes.
"""

from __future__ import annotations

from pipeline.ingest.formats.archive_sqlite import Archive, SourceTable, sqlite_adapter
from pipeline.ingest.formats.archive_tables import ArchiveTable, packed, parsed, text

_NONE = frozenset({"scraped_at"})
_LAST, _THEN = ("last_updated_at", "first_seen_at"), ("scraped_at",)
_LOG = ("first_seen_at", "last_updated_at", "scraped_at", "scrape_run_id")
_CREATOR = {"created_by": packed(name=("created_by_name",))}


def _agent(name: str, seen: tuple[str, ...], renames: dict[str, str]) -> ArchiveTable:
    return ArchiveTable(
        name,
        "agent",
        _NONE,
        renames=renames,
        values={"owner": parsed("owner_json"), "metadata": parsed("metadata_json")},
        drops=(*_LOG, "owner_json", "metadata_json"),
        seen=seen,
    )


def _message(name: str, kind: str, seen: tuple[str, ...], renames: dict[str, str]) -> ArchiveTable:
    return ArchiveTable(name, kind, _NONE, renames=renames, drops=_LOG, seen=seen)


def _community(name: str, seen: tuple[str, ...], renames: dict[str, str]) -> ArchiveTable:
    return ArchiveTable(
        name,
        "community",
        _NONE,
        renames=renames,
        values={**_CREATOR, "metadata": parsed("metadata_json")},
        drops=(*_LOG, "created_by_name", "metadata_json"),
        seen=seen,
    )


_MODERATOR = ArchiveTable(
    "scraper_moderator",
    "membership",
    _NONE,
    record=(
        f"json_object('agent_name', {text('agent_name')}, 'community_id', {text('submolt_name')}, "
        f"'action', 'moderate', 'role', {text('role')}, 'origin', 'scrape')"
    ),
)
TABLES = (
    _agent("scraper_agent", _LAST, {}),
    _agent("scraper_agent_then", _THEN, {"agent_id": "id", "agent_name": "name"}),
    _community("scraper_submolt", _LAST, {}),
    _community("scraper_submolt_then", _THEN, {"submolt_id": "id", "submolt_name": "name"}),
    _message("scraper_post", "post", _LAST, {}),
    _message("scraper_post_then", "post", _THEN, {"post_id": "id"}),
    _message("scraper_comment", "comment", _LAST, {}),
    _message("scraper_comment_then", "comment", _THEN, {"comment_id": "id"}),
    _MODERATOR,
)
_AGENT = (
    "description", "karma", "is_claimed", "follower_count", "following_count", "avatar_url", "owner_json",
    "metadata_json", "created_at",
)  # fmt: skip
_POST = (
    "title", "content", "url", "author_name", "submolt_name", "upvotes", "downvotes", "comment_count", "is_pinned",
    "created_at",
)  # fmt: skip
_COMMENT = ("post_id", "parent_id", "content", "author_name", "upvotes", "downvotes", "created_at")
_SUBMOLT = (
    "display_name", "description", "subscriber_count", "avatar_url", "banner_url", "created_by_name", "metadata_json",
    "created_at", "last_activity_at",
)  # fmt: skip
_KEPT, _SHOT = ("first_seen_at", "last_updated_at"), ("scraped_at", "scrape_run_id")
_MEMBER = ("submolt_name", "agent_name", "role")
_ARCHIVE = Archive(
    (
        SourceTable("agents", ("id", "name", *_AGENT, *_KEPT), "scraper_agent"),
        SourceTable("agent_snapshots", ("agent_id", "agent_name", *_AGENT, *_SHOT), "scraper_agent_then"),
        SourceTable("submolts", ("id", "name", *_SUBMOLT, *_KEPT), "scraper_submolt"),
        SourceTable("submolt_snapshots", ("submolt_id", "submolt_name", *_SUBMOLT, *_SHOT), "scraper_submolt_then"),
        SourceTable("posts", ("id", *_POST, *_KEPT), "scraper_post"),
        SourceTable("post_snapshots", ("post_id", *_POST, *_SHOT), "scraper_post_then"),
        SourceTable("comments", ("id", *_COMMENT, *_KEPT), "scraper_comment"),
        SourceTable("comment_snapshots", ("comment_id", *_COMMENT, *_SHOT), "scraper_comment_then"),
        SourceTable("moderators", (*_MEMBER, *_KEPT), "scraper_moderator"),
        SourceTable("moderator_snapshots", (*_MEMBER, *_SHOT), "scraper_moderator"),
    ),
    skipped=frozenset({"scrape_runs", "schema_version"}),
    unused=frozenset({"id"}),  # the number of a snapshot
)

ADAPTER = sqlite_adapter(
    "moltbook_scraper",
    __doc__ or "",
    _ARCHIVE,
    TABLES,
    {"agents": ("name", "owner_json"), "posts": ("id", "author_name"), "moderators": ("submolt_name", "agent_name")},
)
