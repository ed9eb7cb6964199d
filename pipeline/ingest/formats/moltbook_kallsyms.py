"""kallsyms/archival: posts-YYYYMMDD.ndjson and comments-YYYYMMDD.ndjson, one object with its time of reading a line.

A line is {type, fetched_at, post} or {type, fetched_at, post_id, depth, comment}, the inner object as the API gives it.
Comments are flattened; replies that an object still holds are read too, and count as repeated. depth is recomputed
from parents. state.json is the collector's checkpoint and is not read.

What this format cannot tell: comments of posts older than the ten minutes for which the collector looked at them,
later states of a post (it is written once, when it is new, so its counts are near zero), and profiles.
"""

from __future__ import annotations

import re

from pipeline.ingest.formats.archive_bodies import body_adapter

_FILES = re.compile(r"(^|/)(posts|comments)-20\d{6}\.ndjson(\.zst)?$")
_LINE = re.compile(rb'^\s*\{(?=[^{]*"type"\s*:\s*"(post|comment)")(?=[^{]*"fetched_at"\s*:)')


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell the lines by the two keys before the object, and the files by their names."""
    return container in ("json", "jsonl") and _FILES.search(path) is not None and _LINE.search(head) is not None


ADAPTER = body_adapter("moltbook_kallsyms", __doc__ or "", recognises)
