"""TrustAIRLab/Moltbook: posts with a topic and a level of toxicity, as Parquet, and a table of communities.

A row of posts/train-*.parquet has id, topic_label (A to I), toxic_level (0 to 4) and `post`, the post as API v1 lists
it, in a struct; it gives one post and one label for each of the two. Both are the judgement of a model (GPT-5.2, says
the card): they go to ``label`` with the schemes trustairlab_topic and trustairlab_toxicity. A is identity, B
technology, C socialising, D economics, E viewpoint, F promotion, G politics, H spirituality, I others.

What this format cannot tell: who wrote a post (the list was read without an account, and has no authors at all),
comments, and when a post was seen.
"""

from __future__ import annotations

from pipeline.ingest.formats.archive_tables import ArchiveTable, Labels, archive_adapter, cell, text

SCHEMES = {"topic_label": "trustairlab_topic", "toxic_level": "trustairlab_toxicity"}
ORIGIN = "TrustAIRLab/Moltbook"

ADAPTER = archive_adapter(
    "moltbook_trustairlab",
    __doc__ or "",
    (
        ArchiveTable(
            "trustairlab_post",
            "post",
            needs=frozenset({"id", "post"}),
            any_of=frozenset(SCHEMES),
            record=f"json_merge_patch(json_object('id', {text('id')}), {cell('post')})",
            where=f"json_type({cell('post')}) = 'OBJECT'",
            labels=(Labels(SCHEMES, "id", ORIGIN),),
        ),
    ),
)
