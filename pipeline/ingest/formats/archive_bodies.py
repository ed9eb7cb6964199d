"""Archives that are bodies of the Moltbook API under another roof: what their adapters share."""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from pipeline.ingest.formats import moltbook_api
from pipeline.ingest.formats.base import Adapter
from pipeline.ingest.formats.moltbook_usual import read_usual


def body_adapter(
    name: str,
    describes: str,
    recognises: Callable[[str, str, bytes], bool],
    *,
    extract: Callable[[duckdb.DuckDBPyConnection], None] = moltbook_api.extract,
    is_canonical: bool = False,
) -> Adapter:
    """Return the adapter of an archive whose files are bodies of the API, told by `recognises`.

    Where the adapter reads bodies as they are, the usual ones are read in one parse. Bodies without a mark of the
    archive are read too.
    """
    return Adapter(
        name=name,
        version="1",
        system="Moltbook",
        containers=frozenset({"json", "jsonl"}),
        recognises=recognises,
        read_usual=read_usual if extract is moltbook_api.extract else None,
        extract=extract,
        table_kind=lambda columns: None,
        describes=describes,
        is_canonical=is_canonical,
        reads_too=frozenset({"moltbook_api"}),
    )
