"""AlanChen75: posts of Moltbook and Reddit without text or identity, with the stance that three models gave them.

A row of posts_deident.csv is a post: opaque ids of post and author (p1, a1), platform, community, date, is_removed and
one column for each classifier. Ids are opaque and lead to no other dump. A community is named platform/community, since
both platforms have one of each name; authors on Reddit are human, those on Moltbook models. The stances go to ``label``
with the scheme stance, the classifier as origin and the value as it is written (SUPPORTIVE, S, ...); an empty one says
that the post was not classified and gives no label, whereas gpt-4o-mini calls every removed or short post NEUTRAL.

What this format cannot tell: texts, times of day, and who answered which post. reply_edges.csv has pairs of accounts
without the replies, and is not read; nor is gold_standard.csv, whose ids are those of no post.
"""

from __future__ import annotations

from pipeline.ingest.formats.archive_tables import ArchiveTable, Labels, archive_adapter, text

_CLASSIFIERS = {
    "stance_gpt4omini": "gpt-4o-mini",
    "stance_gemini": "Gemini 2.5 Flash",
    "stance_claude": "Claude Haiku 4.5",
}
_KIND = f"CASE {text('platform')} WHEN 'moltbook' THEN 'llm' WHEN 'reddit' THEN 'human' END"
_AUTHOR = f"json_object('id', {text('opaque_author_id')}, 'agent_kind', {_KIND})"

ADAPTER = archive_adapter(
    "moltbook_alanchen",
    __doc__ or "",
    (
        ArchiveTable(
            "alanchen_post",
            "post",
            needs=frozenset({"opaque_post_id", "opaque_author_id", "date"}),
            renames={"opaque_post_id": "id", "date": "created_at", "is_removed": "is_deleted"},
            values={
                "author": f"CASE WHEN {text('opaque_author_id')} IS NOT NULL THEN {_AUTHOR} END",
                "submolt_name": f"{text('platform')} || '/' || {text('community')}",
            },
            drops=("opaque_author_id", "community", *_CLASSIFIERS),
            labels=tuple(
                Labels({column: "stance"}, "opaque_post_id", origin) for column, origin in _CLASSIFIERS.items()
            ),
        ),
    ),
    reads_too=frozenset(),
)
