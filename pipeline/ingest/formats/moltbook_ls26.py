"""anonymousStars/L-S26: SQLite databases with the tables posts and comments, the text of a post in `body`.

deleted_by_platform says that the platform took a post down after it was collected, and becomes is_deleted; its text is
still there (about a fifth of the posts). source (which of the publisher's crawls), is_question and body_length go to
``extra``. Where created_at is missing, the day in `date` stands for it. Comments hold karma of their author.

What this format cannot tell: when a row was seen and when a post was deleted; comments that were deleted; profiles of
agents and communities.
"""

from __future__ import annotations

from pipeline.ingest.formats.archive_sqlite import Archive, SourceTable, sqlite_adapter
from pipeline.ingest.formats.archive_tables import ArchiveTable, packed, text

_AUTHOR = packed(id=("author_id",), name=("author_name",), karma=("author_karma",))
_BOTH = ("id", "author_id", "author_name", "author_karma", "upvotes", "downvotes", "score", "created_at", "date",
         "is_deleted", "is_spam", "deleted_by_platform", "source", "url")  # fmt: skip
_RENAMES = {"deleted_by_platform": "is_deleted"}
_VALUES = {"author": _AUTHOR, "created_at": text("created_at", "date")}
_DROPS = ("author_id", "author_name", "author_karma", "date")

TABLES = (
    ArchiveTable("ls26_post", "post", frozenset({"body", "deleted_by_platform"}), renames=_RENAMES, values=_VALUES,
                 drops=_DROPS),
    ArchiveTable("ls26_comment", "comment", frozenset({"post_id", "author_karma"}), renames=_RENAMES, values=_VALUES,
                 drops=_DROPS),
)  # fmt: skip
_ARCHIVE = Archive(
    (
        SourceTable("posts", (
            *_BOTH, "title", "body", "submolt", "comment_count", "is_question", "body_length", "type",
        ), "ls26_post"),
        SourceTable("comments", (
            *_BOTH, "post_id", "content", "parent_id", "depth", "is_question", "content_length", "submolt",
        ), "ls26_comment"),
    )
)  # fmt: skip

ADAPTER = sqlite_adapter(
    "moltbook_ls26",
    __doc__ or "",
    _ARCHIVE,
    TABLES,
    (
        {"posts": ("id", "body", "deleted_by_platform")},
        {"comments": ("id", "post_id", "content", "author_karma", "depth")},
    ),
)
