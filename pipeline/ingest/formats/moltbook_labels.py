"""altsoph/moltan: posts and communities as JSON arrays of flat rows, with topic labels and tags by a third party.

submolts.json holds communities (submolt_id, submolt_name, created_by_id, ...), posts.json posts in the same manner,
post_class_notes.json one class for a post (label, scheme class_note), and post_tags.json namespaced tags (label, the
namespace as scheme). What is labelled need not be in the corpus: the published copy has labels for 22,990 posts and no
posts. Coordinates of texts, weights of tags that occur together, and the description of the tables are not read.

What this format cannot tell: comments, who or which model labelled, and when a row was seen.
"""

from __future__ import annotations

import re

from pipeline.ingest.formats.archive_tables import ArchiveTable, Labels, archive_adapter, packed, text

_FILES = re.compile(r"(^|/)(posts|submolts|post_tags|post_class_notes)\.json$")
_ROWS = re.compile(
    rb'^\s*\[\s*\{\s*("post_id"\s*:\s*"[^"]{1,64}"\s*,\s*"(class_note|tag|title)"|"submolt_id"\s*:[^{}]*"submolt_name")\s*:'
)
_ORIGIN = "altsoph/moltan"
_CREATOR = packed(id=("created_by_id",), name=("created_by_name",))
_SUBMOLT = packed(id=("submolt_id",), name=("submolt_name",), display_name=("submolt_display_name",))


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell the arrays by their names and the keys of their first row."""
    return container == "json" and _FILES.search(path) is not None and _ROWS.search(head) is not None


ADAPTER = archive_adapter(
    "moltbook_labels",
    __doc__ or "",
    (
        ArchiveTable(
            "moltan_community",
            "community",
            needs=frozenset({"submolt_id", "submolt_name", "subscriber_count"}),
            renames={"submolt_id": "id", "submolt_name": "name"},
            values={"created_by": _CREATOR},
            drops=("created_by_id", "created_by_name"),
        ),
        ArchiveTable(
            "moltan_class",
            None,
            needs=frozenset({"post_id", "class_note"}),
            labels=(Labels({"class_note": "class_note"}, "post_id", _ORIGIN),),
        ),
        ArchiveTable(
            "moltan_tag",
            "label",
            needs=frozenset({"post_id", "tag_namespace", "tag_value"}),
            record=(
                f"json_object('target_kind', 'message', 'target_id', {text('post_id')}, "
                f"'scheme', {text('tag_namespace')}, 'value', {text('tag_value')}, 'origin', '{_ORIGIN}')"
            ),
        ),
        ArchiveTable(
            "moltan_post",
            "post",
            needs=frozenset({"post_id", "title", "content"}),
            renames={"post_id": "id"},
            values={"submolt": _SUBMOLT},
            drops=("submolt_id", "submolt_name", "submolt_display_name"),
        ),
    ),
    containers=frozenset({"json"}),
    recognises=recognises,
    reads_too=frozenset(),
    has_arrays=True,
)
