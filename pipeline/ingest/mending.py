"""Mends the documents that a strict parser refuses: repaired where that is possible, else what is sound of them."""

from __future__ import annotations

import json

import pyarrow as pa

from pipeline.ingest.batch import Bad
from pipeline.ingest.repair import Rejected, repair_document
from pipeline.ingest.salvage import salvaged_document


def repaired_table(
    rows: list[tuple[int, int, int | None, str]], kind: str | None = None, *, are_whole: bool = False
) -> tuple[pa.Table, Bad]:
    """Repair documents that a strict parser refuses.

    Parameters
    ----------
    rows
        File number, document number, byte offset and text of each document.
    kind
        Kind of table that the documents are rows of.
    are_whole
        Whether a document may hold many records, of which the sound ones are kept.

    Returns
    -------
    tuple
        The documents that could be repaired, and those that could not, or not wholly, with the reason.
    """
    good: list[tuple[int, int, int | None, str, str | None]] = []
    bad: Bad = []
    for number, doc_no, offset, text in rows:
        outcome = repair_document(text)
        if isinstance(outcome, Rejected):
            left, outcome = salvaged_document(text, outcome) if are_whole else (None, outcome)
            bad.append((number, doc_no, (offset or 0) + outcome.offset, outcome))
            if left is not None:
                good.append((number, doc_no, offset, left.text, left.flags))
        else:
            good.append((number, doc_no, offset, outcome.text, outcome.flags))
    return _table(good, kind), bad


def settled_table(rows: list[tuple[int, int, int | None, str, str | None]], kind: str | None = None) -> pa.Table:
    """Return the documents that name a key twice, with the later of the values, as nearly every parser reads them.

    DuckDB reads the earlier one; where damage repeats a piece of a document, that can be what hides all of it.

    Parameters
    ----------
    rows
        File number, document number, byte offset, text and flags of documents in which nothing was found.
    kind
        Kind of table that the documents are rows of.
    """
    settled: list[tuple[int, int, int | None, str, str | None]] = []
    for number, doc_no, offset, text, flags in rows:
        pairs: list[bool] = []

        def settle(members: list[tuple[str, object]], pairs: list[bool] = pairs) -> dict[str, object]:
            made = dict(members)
            pairs.append(len(made) != len(members))
            return made

        try:
            value = json.loads(text, object_pairs_hook=settle)
        except (RecursionError, ValueError):
            continue
        if any(pairs):
            settled.append((number, doc_no, offset, json.dumps(value, ensure_ascii=False), flags))
    return _table(settled, kind)


def _table(good: list[tuple[int, int, int | None, str, str | None]], kind: str | None) -> pa.Table:
    columns: list[tuple[object, ...]] = list(zip(*good, strict=True)) if good else [()] * 5
    types = (pa.int32(), pa.int64(), pa.int64(), pa.large_string(), pa.string())
    names = ("file_no", "doc_no", "byte_offset", "doc", "repair")
    table = pa.table({n: pa.array(c, t) for n, c, t in zip(names, columns, types, strict=True)})
    kinds = pa.nulls(len(good), pa.string()) if kind is None else pa.repeat(pa.scalar(kind), len(good))
    return table.append_column("table_kind", kinds)
