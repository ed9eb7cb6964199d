"""PaDaS-Lab/moltbook-corpus: five folders of Parquet, one for each config.

posts/ holds a post a row, with its comments nested in `comments` (a list, or JSON as text); profiles/ holds agents;
submolts_meta/ holds communities, several times each, as they were seen; annotated_posts/ and annotated_comments/ hold
the judgement of a model after the codebook of TrustAIRLab (topic A to I, toxicity 0 to 4). The annotated folders are
told by their name. Every column of theirs that has one of the names topic_label, toxic_level, topic, category,
content_category, label, toxicity, toxicity_level or toxic is a label, with the scheme padas_<column>; where such a row
also holds a text, it is a message as well, and repeats the one in posts/.

What this format cannot tell: the columns of the annotated configs are not described on the card, so a label under
another name would stay in ``extra`` of its message; follow ties; when posts were seen.
"""

from __future__ import annotations

import re

from pipeline.ingest.formats.archive_tables import (
    OWNER,
    OWNER_DROPS,
    ArchiveTable,
    Labels,
    archive_adapter,
    parsed,
    text,
)

_PATHS = re.compile(r"(^|/)(posts|submolts_meta|profiles|annotated_posts|annotated_comments)/[^/]+\.parquet$")
_LABELS = (
    "topic_label", "toxic_level", "topic", "category", "content_category", "label", "toxicity", "toxicity_level",
    "toxic",
)  # fmt: skip
_SCHEMES = {column: f"padas_{column}" for column in _LABELS}
_ORIGIN = "PaDaS-Lab/moltbook-corpus"
_SEEN = ("fetched_at", "crawled_at", "scraped_at", "collected_at", "recorded_at", "snapshot_at")
_HAS_TEXT = f"{text('title', 'content')} IS NOT NULL"

ADAPTER = archive_adapter(
    "moltbook_padas",
    __doc__ or "",
    (
        ArchiveTable(
            "padas_post",
            "post",
            needs=frozenset({"id", "title", "comments"}),
            lacks=frozenset(_LABELS),
            is_body=True,
            values={name: parsed(name) for name in ("comments", "author", "submolt")},
        ),
        ArchiveTable(
            "padas_annotated_comment",
            "comment",
            needs=frozenset({"id", "post_id"}),
            any_of=frozenset(_LABELS),
            drops=_LABELS,
            where=_HAS_TEXT,
            labels=(Labels(_SCHEMES, "id", _ORIGIN),),
        ),
        ArchiveTable(
            "padas_annotated_post",
            "post",
            needs=frozenset({"id"}),
            any_of=frozenset(_LABELS),
            lacks=frozenset({"post"}),
            drops=_LABELS,
            where=_HAS_TEXT,
            labels=(Labels(_SCHEMES, "id", _ORIGIN),),
        ),
        ArchiveTable(
            "padas_community",
            "community",
            needs=frozenset({"name"}),
            any_of=frozenset({"subscriber_count", "subscribers"}),
            lacks=frozenset({"dump_date", "subscribers_history"}),
            values={"created_by": parsed("created_by"), "moderators": parsed("moderators")},
            seen=_SEEN,
        ),
        ArchiveTable(
            "padas_agent",
            "agent",
            needs=frozenset({"name", "karma"}),
            lacks=frozenset({"dump_date", "karma_history", "follower_count_history"}),
            values={"owner": f"coalesce({OWNER}, {parsed('owner')})"},
            drops=OWNER_DROPS,
            seen=_SEEN,
        ),
    ),
    paths=_PATHS,
)
