"""jscmp4/Moltbook: posts_all.jsonl, comments_all.jsonl and agents_seen.jsonl, objects of API v3 one to a line.

The files are told by their names. Posts carry their community as an object, comments as its name alone, and post_title
besides; parent_id is absent where a comment answers the post; agents have the camelCase profile of API v3.
submolts.json is a body of the API (the 20 featured communities only) and is read too.

What this format cannot tell: when a line was read, so that of two states of one id the later line counts as the later
one; communities that were never featured, beyond their names; follow ties. About 17 % of the posts carry is_spam.
"""

from __future__ import annotations

import re

from pipeline.ingest.formats import moltbook_api
from pipeline.ingest.formats.archive_bodies import body_adapter

_FILES = re.compile(r"(^|/)(posts_all|comments_all|agents_seen)\.(jsonl|ndjson)$")


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell the three files by their names; what they hold must be of the API."""
    return _FILES.search(path) is not None and moltbook_api.recognises(path, container, head)


ADAPTER = body_adapter("moltbook_jscmp4", __doc__ or "", recognises)
