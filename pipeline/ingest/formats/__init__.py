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
    mapped,
    mastodon,
    moltbook_aicell,
    moltbook_alanchen,
    moltbook_api,
    moltbook_giordano,
    moltbook_graph,
    moltbook_jscmp4,
    moltbook_kallsyms,
    moltbook_labels,
    moltbook_lnajt,
    moltbook_ls26,
    moltbook_moltnet,
    moltbook_observatory,
    moltbook_padas,
    moltbook_ronantakizawa,
    moltbook_scraper,
    moltbook_takschdube,
    moltbook_traces,
    moltbook_trustairlab,
    oasis,
    pushshift,
    ysocial,
)
from pipeline.ingest.formats.base import Adapter

# In the order in which a file is offered to them: those that ask for keys that nobody else has come first. What is
# mapped by corpus.toml recognises nothing by itself: `mapped.adapter_for` makes the adapter of a corpus.
FORMATS: dict[str, Adapter] = {
    module.ADAPTER.name: module.ADAPTER
    for module in (
        chirper_masquerade,
        chirper_api,
        convokit,
        bluesky,
        mastodon,
        pushshift,
        # Published archives of Moltbook, before the two layouts that hold what all of them have.
        moltbook_moltnet,
        moltbook_trustairlab,
        moltbook_padas,
        moltbook_giordano,
        moltbook_aicell,
        moltbook_ronantakizawa,
        moltbook_lnajt,
        moltbook_alanchen,
        moltbook_labels,
        moltbook_graph,
        moltbook_takschdube,
        moltbook_jscmp4,
        moltbook_kallsyms,
        moltbook_traces,
        moltbook_scraper,
        moltbook_ls26,
        moltbook_api,
        moltbook_observatory,
        oasis,
        ysocial,
        mapped,
    )
}


def kind_of_rows(name: str, columns: frozenset[str]) -> str | None:
    """Return the kind of the rows of a table: as a format names it, or one of the formats that it reads too."""
    for reader in (name, *sorted(FORMATS[name].reads_too)):
        if (kind := FORMATS[reader].table_kind(columns)) is not None:
            return kind
    return None


def is_table_of(name: str, path: str, columns: frozenset[str]) -> bool:
    """Return whether a table of some columns at a path is of a format."""
    adapter = FORMATS[name]
    if adapter.paths is not None and adapter.paths.search(path) is None:
        return False
    if adapter.claims is not None and adapter.claims.search(path) is not None:
        return kind_of_rows(name, columns) is not None
    return adapter.table_kind(columns) is not None


__all__ = ["FORMATS", "Adapter", "is_table_of", "kind_of_rows"]
