"""One module per platform or simulator, and the registry of them.

An adapter says how its files are recognised and turns documents into records. It reads the temporary table
``docs`` (file_no, doc_no, byte_offset, doc, is_repaired) of a connection and leaves two others: ``records``
(file_no, doc_no, path, kind, rec, root_hint, parent_hint, observed_text) and ``rejects`` (file_no, doc_no, path,
byte_offset, reason, detail, excerpt).
"""

from pipeline.ingest.formats import chirper_api, chirper_masquerade, mapped, moltbook_api, moltbook_observatory, oasis
from pipeline.ingest.formats.base import Adapter

# In the order in which a file is offered to them: those that ask for keys that nobody else has come first. What is
# mapped by corpus.toml recognises nothing by itself: `mapped.adapter_for` makes the adapter of a corpus.
FORMATS: dict[str, Adapter] = {
    chirper_masquerade.ADAPTER.name: chirper_masquerade.ADAPTER,
    chirper_api.ADAPTER.name: chirper_api.ADAPTER,
    moltbook_api.ADAPTER.name: moltbook_api.ADAPTER,
    moltbook_observatory.ADAPTER.name: moltbook_observatory.ADAPTER,
    oasis.ADAPTER.name: oasis.ADAPTER,
    mapped.ADAPTER.name: mapped.ADAPTER,
}

__all__ = ["FORMATS", "Adapter"]
