"""ronantakizawa/moltbook (copied as gentail/moltbook): the first 6,105 posts as moltbook_posts.csv.

Columns: id, title, content, author (a name), submolt (a slug), post_url (the post's own address, kept in ``extra``),
upvotes, downvotes, score, comment_count, created_at. A table of communities beside it has the columns of the API.

What this format cannot tell: comments, ids of authors (an author is known by name only), and when a row was seen.
"""

from __future__ import annotations

from pipeline.ingest.formats.archive_tables import ArchiveTable, archive_adapter

ADAPTER = archive_adapter(
    "moltbook_ronantakizawa",
    __doc__ or "",
    (
        ArchiveTable(
            "ronantakizawa_post", "post", frozenset({"id", "title", "content", "author", "submolt", "post_url"})
        ),
    ),
)
