"""One module per platform or simulator, and the registry of them.

An adapter says how its files are recognised and turns documents into records. It reads the temporary table
``docs`` (file_no, doc_no, byte_offset, doc, is_repaired) of a connection and leaves two others: ``records``
(file_no, doc_no, path, kind, rec, root_hint, parent_hint, observed_text) and ``rejects`` (file_no, doc_no, path,
byte_offset, reason, detail, excerpt).
"""

from pipeline.ingest.formats import (
    bluesky,
    chirper_api,
    chirper_masquerade,
    convokit,
    mastodon,
    moltbook_api,
    moltbook_observatory,
    oasis,
    pushshift,
    ysocial,
)
from pipeline.ingest.formats.base import Adapter

# In the order in which a file is offered to them: those that ask for keys that nobody else has come first.
FORMATS: dict[str, Adapter] = {
    chirper_masquerade.ADAPTER.name: chirper_masquerade.ADAPTER,
    chirper_api.ADAPTER.name: chirper_api.ADAPTER,
    convokit.ADAPTER.name: convokit.ADAPTER,
    bluesky.ADAPTER.name: bluesky.ADAPTER,
    mastodon.ADAPTER.name: mastodon.ADAPTER,
    pushshift.ADAPTER.name: pushshift.ADAPTER,
    moltbook_api.ADAPTER.name: moltbook_api.ADAPTER,
    moltbook_observatory.ADAPTER.name: moltbook_observatory.ADAPTER,
    oasis.ADAPTER.name: oasis.ADAPTER,
    ysocial.ADAPTER.name: ysocial.ADAPTER,
}

__all__ = ["FORMATS", "Adapter"]
