"""AIcell/moltbook-data: posts and comments as Parquet, and the raw bodies from which they were made.

Community and author of a post, and karma and followers of the author of a comment, stand in columns of their own
(submolt_name, author_karma, ...). comment_count counts the comments that answer the post itself and not the replies to
them, so it is kept in ``extra`` as top_level_comment_count and is not what the platform claims. depth counts from 0 for
comments on the post; it is recomputed. The raw file (filter_mbc_all_comments_until_0208.json) holds the same posts
with nested comments; beside the tables its records count as repeated or revised.

What this format cannot tell: when a row was seen, and the posts of the mbc-20 minting spam, which the publisher
took out before (about a fifth of all posts at that time): measures of repetition are lower than on the platform.
"""

from __future__ import annotations

import re

from pipeline.ingest.formats import moltbook_api
from pipeline.ingest.formats.archive_tables import TABLE_CONTAINERS, ArchiveTable, archive_adapter, packed

_RAW = re.compile(r"(^|/)filter_mbc[^/]*\.json$")
_SUBMOLT = {"id": ("submolt_id",), "name": ("submolt_name",), "display_name": ("submolt_display_name",)}
_AUTHOR = {
    "id": ("author_id",),
    "name": ("author_name",),
    "karma": ("author_karma",),
    "follower_count": ("author_follower_count",),
}


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell the raw bodies, which are those of the API, by the name of their file."""
    return _RAW.search(path) is not None and moltbook_api.recognises(path, container, head)


ADAPTER = archive_adapter(
    "moltbook_aicell",
    __doc__ or "",
    (
        ArchiveTable(
            "aicell_post",
            "post",
            needs=frozenset({"id", "title", "comment_count", "submolt_display_name", "author_name"}),
            lacks=frozenset({"votes_history", "content_len"}),
            renames={"comment_count": "top_level_comment_count"},
            values={"submolt": packed(**_SUBMOLT)},
            drops=("submolt_id", "submolt_name", "submolt_display_name"),
        ),
        ArchiveTable(
            "aicell_comment",
            "comment",
            needs=frozenset({"id", "post_id", "depth", "author_karma", "author_follower_count"}),
            lacks=frozenset({"votes_history"}),
            values={"author": packed(**_AUTHOR)},
            drops=("author_id", "author_name", "author_karma", "author_follower_count"),
        ),
    ),
    containers=TABLE_CONTAINERS | {"json", "jsonl"},
    recognises=recognises,
    reads_too=frozenset({"moltbook_observatory", "moltbook_api"}),
)
