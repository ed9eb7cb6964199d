"""Moltbook Observatory archive: one table per kind of record, as CSV or as Parquet partitioned by dump date.

The archive exports increments of a database, so the same id recurs in several dumps; the latest observation wins and
earlier ones become snapshots. The CSV variant knows agents only by name, and its ``url`` is the post's own permalink.
What it cannot tell: upvotes and downvotes apart, authors that were deleted, follow ties, and, for the CSV variant,
when a row was fetched. The tables ``snapshots`` and ``word_frequency`` are aggregates and are not read.
"""

from __future__ import annotations

import duckdb

from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter

_SIGNATURES: tuple[tuple[str, frozenset[str]], ...] = (
    ("comment", frozenset({"id", "post_id", "content"})),
    ("post", frozenset({"id", "title", "content", "submolt"})),
    ("agent", frozenset({"name", "karma", "follower_count"})),
    ("community", frozenset({"name", "display_name", "subscriber_count"})),
)


def table_kind(columns: frozenset[str]) -> str | None:
    """Return the kind of record that a table of these columns holds, None for an aggregate or unknown table."""
    for kind, needed in _SIGNATURES:
        if needed <= columns:
            return kind
    return None


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` from ``docs``: every row is one record of the kind of its table."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    con.execute("""
        INSERT INTO records
        SELECT file_no, doc_no, '', table_kind, CAST(doc AS JSON), NULL, NULL,
               coalesce(json_extract_string(doc, '$.fetched_at'), json_extract_string(doc, '$.dump_date')),
               json_extract_string(doc, '$.dump_date'), repair, NULL, 0
        FROM docs
    """)


ADAPTER = Adapter(
    name="moltbook_observatory",
    version="1",
    system="Moltbook",
    containers=frozenset({"csv", "tsv", "parquet"}),
    recognises=lambda path, container, head: False,
    read_usual=None,
    extract=extract,
    table_kind=table_kind,
    describes=__doc__ or "",
)
