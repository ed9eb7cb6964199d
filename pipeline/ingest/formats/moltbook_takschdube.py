"""takschdube/moltbook-dataset: raw/posts.json, raw/posts_full.json and raw/submolts.json, each one JSON array.

The three are told by the folder raw/ and their names. posts_full.json has the posts of posts.json again, with their
threads nested: such a post counts as repeated or revised. `submolt` and `author.owner` may be texts instead of objects;
`url` is the post's own address and is dropped.

derived/ is not read. Its files are computed from raw/: agents.json repeats the authors with counts over the same posts,
and social_graph.json and reply_graph.json count comments and replies between names, which the pipeline derives itself
from the messages, where a rename cannot join or split accounts. metadata.json, platform_stats.json and manifest.json
are logs of the collector.

What this format cannot tell: when a post was seen (states of many crawls are merged into one file), follow ties, and
posts beyond those that the listing reached: the platform says it has far more than were collected.
"""

from __future__ import annotations

import re

from pipeline.ingest.formats import moltbook_api
from pipeline.ingest.formats.archive_bodies import body_adapter

_FILES = re.compile(r"(^|/)raw/(posts|posts_full|submolts)\.json$")
_ARRAY = re.compile(rb"^\s*\[")


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell the arrays by their names below raw/; what they hold must be of the API."""
    is_array = _FILES.search(path) is not None and _ARRAY.search(head) is not None
    return is_array and moltbook_api.recognises(path, container, head)


ADAPTER = body_adapter("moltbook_takschdube", __doc__ or "", recognises)
