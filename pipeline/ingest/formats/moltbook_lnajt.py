"""lnajt/moltbook: posts.parquet and comments.parquet, the text in a column `body`, the author's name in `author`.

Both tables have id, author_id, author, body, created_at and upvotes; posts also title, submolt and comment_count,
comments post_id and parent_id.

What this format cannot tell: when a row was seen, downvotes where there is no such column, profiles of agents and
communities, and whether comments that are missing were deleted or not collected.
"""

from __future__ import annotations

from pipeline.ingest.formats.archive_tables import ArchiveTable, archive_adapter

_HUMAN = frozenset({"subreddit", "link_id", "selftext"})

ADAPTER = archive_adapter(
    "moltbook_lnajt",
    __doc__ or "",
    (
        ArchiveTable("lnajt_comment", "comment", frozenset({"id", "author", "body", "post_id"}), lacks=_HUMAN),
        ArchiveTable("lnajt_post", "post", frozenset({"id", "author", "body", "title"}), lacks=_HUMAN),
    ),
)
