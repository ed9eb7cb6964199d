"""iNLP-Lab/Moltbook-MoltNet: ten crawls merged into one table per kind, with their earlier states in history columns.

The tables are posts, comments, agents and submolts (Parquet). They are told by their history columns (karma_history,
follower_count_history, following_count_history, description_history, votes_history, subscribers_history), and one
without a history by its place (v2026-02-28/comments.parquet). A history is a JSON text: a list of objects with a time,
a list of pairs, or an object by time. Every entry is a record of its own, as of the time that it gives, and so a
snapshot; a bare number in votes_history is taken for the score. The row itself is the last state. topic_label and
toxic_level, where a post has them, are the labels of TrustAIRLab.
posts_fully_connected.parquet repeats posts: its rows count as repeated or revised. Owners of agents come from columns
such as owner_x_handle, owner_x_bio and owner_x_followers.

What this format cannot tell: which of the ten crawls a row comes from, so that gaps of a crawl cannot be told from
silence; follow ties; and when the last state of a row was seen, which is taken from the name of the folder or the
newest row.
"""

from __future__ import annotations

import re

from pipeline.ingest.formats.archive_tables import (
    OWNER,
    OWNER_DROPS,
    ArchiveTable,
    History,
    Labels,
    archive_adapter,
)
from pipeline.ingest.formats.moltbook_trustairlab import ORIGIN, SCHEMES

_PLACE = re.compile(r"(^|/)(v20\d\d-\d\d-\d\d/(posts|comments|agents|submolts)|posts_fully_connected)\.parquet$")
_AGENT = {"id": ("id", "agent_id"), "name": ("name", "agent_name")}
_COMMUNITY = {"id": ("id",), "name": ("name",)}
_VOTES = {
    "score": ("score", "value"),
    "upvotes": ("upvotes",),
    "downvotes": ("downvotes",),
    "comment_count": ("comment_count",),
}
_AGENT_HISTORIES = (
    History("karma_history", "agent", _AGENT, {"karma": ("karma", "value")}),
    History("follower_count_history", "agent", _AGENT, {
        "follower_count": ("follower_count", "followers", "value"),
        "following_count": ("following_count", "following"),
    }),
    History("following_count_history", "agent", _AGENT, {
        "following_count": ("following_count", "following", "value"),
    }),
    History("description_history", "agent", _AGENT, {"description": ("description", "value")}),
)  # fmt: skip
_COMMUNITY_HISTORIES = (
    History("subscribers_history", "community", _COMMUNITY, {
        "subscriber_count": ("subscriber_count", "subscribers", "value"), "post_count": ("post_count",),
    }),
    History("description_history", "community", _COMMUNITY, {"description": ("description", "value")}),
)  # fmt: skip


def _columns(histories: tuple[History, ...]) -> frozenset[str]:
    return frozenset(history.column for history in histories)


ADAPTER = archive_adapter(
    "moltbook_moltnet",
    __doc__ or "",
    (
        ArchiveTable(
            "moltnet_comment",
            "comment",
            needs=frozenset({"id", "post_id", "votes_history"}),
            drops=("votes_history",),
            histories=(History("votes_history", "comment", {"id": ("id",), "post_id": ("post_id",)}, _VOTES),),
        ),
        ArchiveTable(
            "moltnet_post",
            "post",
            needs=frozenset({"id", "title", "votes_history"}),
            drops=("votes_history", *SCHEMES),
            labels=(Labels(SCHEMES, "id", ORIGIN),),
            histories=(History("votes_history", "post", {"id": ("id",)}, _VOTES),),
        ),
        ArchiveTable(
            "moltnet_community",
            "community",
            needs=frozenset({"name", "subscribers_history"}),
            drops=tuple(sorted(_columns(_COMMUNITY_HISTORIES))),
            histories=_COMMUNITY_HISTORIES,
        ),
        ArchiveTable(
            "moltnet_agent",
            "agent",
            needs=frozenset({"name"}),
            any_of=_columns(_AGENT_HISTORIES),
            values={"owner": OWNER},
            drops=(*OWNER_DROPS, *sorted(_columns(_AGENT_HISTORIES))),
            histories=_AGENT_HISTORIES,
        ),
    ),
    claims=_PLACE,
)
