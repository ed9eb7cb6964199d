"""Tables of published archives, told by their columns: what the adapters of such archives share.

An adapter lists the tables of its archive. Each says which columns tell it, what its rows are, and which columns have
another name or meaning than ours; all other columns stay as they are, so that those which nobody knows reach ``extra``.
Beside the record that a row is, it may hold others: labels, or a history of earlier states.

What does not belong here: reading files, which is the business of `tables` and `archive_sqlite`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats import moltbook_api
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter

_RECORD_COLUMNS = "file_no, doc_no, path, kind, rec, root_hint, parent_hint, observed_text, dump_text, repair"
TABLE_CONTAINERS = frozenset({"csv", "tsv", "parquet"})
# Names under which writers put the time of an entry of a history.
ENTRY_TIMES = (
    "timestamp", "observed_at", "recorded_at", "scraped_at", "fetched_at", "collected_at", "crawled_at",
    "snapshot_at", "date", "time", "at", "ts",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class History:
    """A column with earlier states: a list of objects or of pairs, or an object by time, as JSON or as text of it.

    Attributes
    ----------
    column
        The column.
    kind
        The kind of record that an entry becomes.
    identity
        Keys of the entry's record that are the row's, and the columns that hold them.
    states
        Keys of the entry's record, and the names that an entry may have for them; the first is also the meaning of an
        entry that is a bare value.
    """

    column: str
    kind: str
    identity: Mapping[str, tuple[str, ...]]
    states: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Labels:
    """Columns that label what a row is or names.

    Attributes
    ----------
    schemes
        The columns, and the names of their coding schemes.
    target
        The column that holds the id of what is labelled.
    origin
        Who labelled.
    target_kind
        message, agent or community.
    """

    schemes: Mapping[str, str]
    target: str
    origin: str
    target_kind: str = "message"


@dataclass(frozen=True, slots=True)
class ArchiveTable:
    """One table of an archive.

    Attributes
    ----------
    name
        Name of the table within the formats: `docs.table_kind`.
    kind
        What its rows are, None when a row is no record but holds labels.
    needs, any_of, lacks
        Columns that tell it: all of the first, one of the second, none of the third.
    renames
        Columns whose name here means something else elsewhere, and what they are called instead.
    values
        Keys of the record that are put together from several columns: SQL over the row, which is `doc`.
    drops
        Columns that `values` say otherwise.
    seen
        Columns that hold the time of observation; the first that is there counts.
    where
        SQL over `doc`: which rows are records; the others only hold labels.
    record
        SQL over `doc` for the record before anything is renamed, where it is not the row itself.
    is_body
        Whether a row is read as a body of the API, with the comments that it holds; `renames` and the like do not
        hold then, and `values` replace members of the body.
    labels, histories
        What else a row holds.
    """

    name: str
    kind: str | None
    needs: frozenset[str]
    any_of: frozenset[str] = field(default_factory=frozenset)
    lacks: frozenset[str] = field(default_factory=frozenset)
    renames: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    drops: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()
    where: str = "true"
    record: str = "CAST(doc AS JSON)"
    is_body: bool = False
    labels: tuple[Labels, ...] = ()
    histories: tuple[History, ...] = ()

    def fits(self, columns: frozenset[str]) -> bool:
        """Return whether a table of some columns is this one."""
        has_one = not self.any_of or bool(self.any_of & columns)
        return self.needs <= columns and has_one and not self.lacks & columns


def cell(column: str) -> str:
    """Return SQL for the value of a column as JSON."""
    return f"json_extract(doc, '$.\"{column}\"')"


def text(*columns: str) -> str:
    """Return SQL for the first of some columns that holds a value, as text."""
    cells = [f"json_extract_string(doc, '$.\"{column}\"')" for column in columns]
    return cells[0] if len(cells) == 1 else f"coalesce({', '.join(cells)})"


def packed(**members: tuple[str, ...]) -> str:
    """Return SQL for an object of columns, null when none of them holds a value."""
    listed = ", ".join(f"'{key}', {text(*columns)}" for key, columns in members.items())
    every = tuple(column for columns in members.values() for column in columns)
    return f"CASE WHEN {text(*every)} IS NOT NULL THEN json_object({listed}) END"


# The owner of an account, whatever the publisher called the columns that the API has in one object.
OWNER_COLUMNS = {
    "x_handle": ("owner_x_handle", "x_handle", "owner_handle"),
    "x_name": ("owner_x_name", "x_name", "owner_name"),
    "x_bio": ("owner_x_bio", "x_bio", "owner_bio"),
    "x_follower_count": ("owner_x_follower_count", "owner_x_followers", "x_follower_count", "owner_followers"),
}
OWNER = packed(**OWNER_COLUMNS)
OWNER_DROPS = tuple(column for columns in OWNER_COLUMNS.values() for column in columns)


def parsed(column: str) -> str:
    """Return SQL for the JSON that a column holds as text, the text itself where it is none."""
    return f"CASE WHEN json_valid({text(column)}) THEN CAST({text(column)} AS JSON) ELSE {cell(column)} END"


def kind_in(tables: tuple[ArchiveTable, ...]) -> Callable[[frozenset[str]], str | None]:
    """Return the function that names the table of some columns."""

    def table_kind(columns: frozenset[str]) -> str | None:
        return next((table.name for table in tables if table.fits(columns)), None)

    return table_kind


def extractor(
    tables: tuple[ArchiveTable, ...], *, has_arrays: bool = False
) -> Callable[[duckdb.DuckDBPyConnection], None]:
    """Return the function that fills ``records`` from rows of some tables.

    Rows of other tables are those of a format that is read too, and records as they are; documents that are no rows
    are bodies of the API or, with `has_arrays`, tables written as JSON arrays of objects.
    """
    statements = [statement for table in tables for statement in _statements(table)]
    bodies = {table.name: table for table in tables if table.is_body}

    def extract(con: duckdb.DuckDBPyConnection) -> None:
        if has_arrays:
            _unfold(con, tables)
        present = {kind for (kind,) in con.sql("SELECT DISTINCT table_kind FROM docs").fetchall()}
        for name in sorted(present & set(bodies)):
            _as_bodies(con, bodies[name])
        if None in present or present & set(bodies):
            moltbook_api.extract(con)
            return
        con.execute(RECORDS_DDL)
        con.execute(REJECTS_DDL)
        for name, statement in statements:
            if name in present:
                con.execute(statement)
        con.execute(_PLAIN)
        con.execute(_SET_ASIDE)
        con.execute(_HOLDS_NOTHING)

    return extract


def _unfold(con: duckdb.DuckDBPyConnection, tables: tuple[ArchiveTable, ...]) -> None:
    """Make documents of the elements of arrays; a document has the kind of the first table whose columns it has."""
    kinds = " ".join(
        f"WHEN list_has_all(json_keys(doc), {sorted(table.needs)}) THEN '{table.name}'" for table in tables
    )
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE unfolded AS
        WITH element AS (
            SELECT file_no, doc_no, byte_offset, repair, unnest(items) AS doc, generate_subscripts(items, 1) - 1 AS i
            FROM (SELECT *, CASE WHEN {q.starts_with_bracket("doc", "[")} THEN json_extract(doc, '$[*]')
                                 ELSE [CAST(doc AS JSON)] END AS items FROM docs)
        )
        SELECT file_no, doc_no + i AS doc_no, byte_offset, CAST(doc AS VARCHAR) AS doc, repair,
               CASE WHEN json_type(doc) <> 'OBJECT' THEN 'none' {kinds} ELSE 'none' END AS table_kind
        FROM element
    """)
    con.execute("CREATE OR REPLACE TEMP VIEW docs AS SELECT * FROM unfolded")


def _as_bodies(con: duckdb.DuckDBPyConnection, table: ArchiveTable) -> None:
    """Put bodies of the API in place of the rows of a table."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE body_docs AS
        SELECT file_no, doc_no, byte_offset, CAST({_record(table)} AS VARCHAR) AS doc, repair, table_kind FROM docs
    """)
    con.execute("CREATE OR REPLACE TEMP VIEW docs AS SELECT * FROM body_docs")


def archive_adapter(
    name: str,
    describes: str,
    tables: tuple[ArchiveTable, ...],
    *,
    containers: frozenset[str] = TABLE_CONTAINERS,
    recognises: Callable[[str, str, bytes], bool] = lambda path, container, head: False,
    reads_too: frozenset[str] = frozenset({"moltbook_observatory"}),
    paths: re.Pattern[str] | None = None,
    claims: re.Pattern[str] | None = None,
    has_arrays: bool = False,
) -> Adapter:
    """Return the adapter of an archive that is a set of tables; see `extractor` for `has_arrays`."""
    return Adapter(
        name=name,
        version="1",
        system="Moltbook",
        containers=containers,
        recognises=recognises,
        read_usual=None,
        extract=extractor(tables, has_arrays=has_arrays),
        table_kind=kind_in(tables) if containers & TABLE_CONTAINERS else lambda columns: None,
        describes=describes,
        reads_too=reads_too,
        paths=paths,
        claims=claims,
    )


# A row of a table whose columns already have our names.
_PLAIN = f"""
INSERT INTO records ({_RECORD_COLUMNS}, nesting)
SELECT file_no, doc_no, '', table_kind, CAST(doc AS JSON), NULL, NULL,
       {text("fetched_at", "dump_date")}, {text("dump_date")}, repair, 0
FROM docs WHERE table_kind IN ('post', 'comment', 'agent', 'community')
"""
_SET_ASIDE = """
INSERT INTO rejects
SELECT file_no, doc_no, '', NULL, json_extract_string(doc, '$.reason'), json_extract_string(doc, '$.detail'),
       json_extract_string(doc, '$.excerpt')
FROM docs WHERE table_kind = 'reject'
"""
_HOLDS_NOTHING = f"""
INSERT INTO rejects
SELECT file_no, doc_no, '', NULL, 'unknown_shape', 'the row holds neither a record nor a label',
       left(CAST(doc AS VARCHAR), {q.EXCERPT_CHARS})
FROM docs d
WHERE NOT EXISTS (SELECT 1 FROM records r WHERE r.file_no = d.file_no AND r.doc_no = d.doc_no)
  AND NOT EXISTS (SELECT 1 FROM rejects r WHERE r.file_no = d.file_no AND r.doc_no = d.doc_no)
"""


def _statements(table: ArchiveTable) -> list[tuple[str, str]]:
    """Return the statements that read a table, each with the name of the table."""
    found = [] if table.kind is None or table.is_body else [_row(table)]
    found += [_label(table, labels, n) for n, labels in enumerate(table.labels)]
    for n, history in enumerate(table.histories):
        found += _history(table, history, n)
    return [(table.name, statement) for statement in found]


def _record(table: ArchiveTable) -> str:
    """Return SQL for the record of a row: the row with some members put in and others taken out."""
    put = {**table.values, **{new: cell(old) for old, new in table.renames.items()}}
    gone = [name for name in (*table.renames, *table.drops) if name not in put]
    if not put and not gone:
        return table.record
    members = [f"'{key}', {value}" for key, value in put.items()] + [f"'{name}', NULL" for name in gone]
    return f"json_merge_patch({table.record}, json_object({', '.join(members)}))"


def _row(table: ArchiveTable) -> str:
    seen = text(*table.seen) if table.seen else "NULL"
    return f"""
INSERT INTO records ({_RECORD_COLUMNS}, nesting)
SELECT file_no, doc_no, '', '{table.kind}', {_record(table)}, NULL, NULL, {seen}, NULL, repair, 0
FROM docs WHERE table_kind = '{table.name}' AND {table.where}
"""


def _label(table: ArchiveTable, labels: Labels, n: int) -> str:
    """Return the statement that makes a label of every column that holds one."""
    items = ", ".join(f"{{'scheme': '{scheme}', 'value': {text(column)}}}" for column, scheme in labels.schemes.items())
    return f"""
INSERT INTO records ({_RECORD_COLUMNS}, nesting)
SELECT file_no, doc_no, 'l{n}' || lpad(CAST(i AS VARCHAR), 4, '0'), 'label',
       json_object('target_kind', '{labels.target_kind}', 'target_id', target, 'scheme', item.scheme, 'value',
                   item.value, 'origin', '{labels.origin}'), NULL, NULL, NULL, NULL, repair, 0
FROM (SELECT file_no, doc_no, repair, target, unnest(items) AS item, generate_subscripts(items, 1) AS i
      FROM (SELECT file_no, doc_no, repair, {text(labels.target)} AS target, [{items}] AS items
            FROM docs WHERE table_kind = '{table.name}'))
WHERE {q.null_if_word("item.value")} IS NOT NULL
"""


_NO_ENTRIES = "('', '[]', '{}', 'null')"


def _history(table: ArchiveTable, history: History, n: int) -> list[str]:
    """Return the statements that make a record of every entry of a history, and set aside those without a time."""
    times = ", ".join(f"json_extract_string(item, '$.{name}')" for name in ENTRY_TIMES)
    bare = next(iter(history.states))
    states = ", ".join(
        f"'{key}', CASE WHEN is_object THEN coalesce({', '.join(_members(names))}) "
        f"{'ELSE value ' if key == bare else ''}END"
        for key, names in history.states.items()
    )
    identity = ", ".join(f"'{key}', {text(*columns)}" for key, columns in history.identity.items())
    place = f"'h{n}' || lpad(CAST(i AS VARCHAR), 8, '0')"
    entries = f"""
CREATE OR REPLACE TEMP TABLE entries AS
WITH held AS (
    SELECT file_no, doc_no, repair, json_object({identity}) AS identity, {text(history.column)} AS body
    FROM docs WHERE table_kind = '{table.name}' AND trim({text(history.column)}) NOT IN {_NO_ENTRIES}
), typed AS (
    SELECT *, CASE WHEN json_valid(body) THEN CAST(body AS JSON) END AS held FROM held
), listed AS (
    SELECT *, CASE json_type(held)
        WHEN 'ARRAY' THEN json_extract(held, '$[*]')
        WHEN 'OBJECT' THEN list_transform(list_zip(json_keys(held), json_extract(held, '$.*')),
                                          lambda e: json_array(e[1], e[2]))
        ELSE [CAST(NULL AS JSON)] END AS items
    FROM typed
), item AS (
    SELECT file_no, doc_no, repair, identity, body, unnest(items) AS item, generate_subscripts(items, 1) AS i
    FROM listed
), pair AS (
    SELECT * REPLACE (CASE WHEN json_type(item, '$[1]') = 'OBJECT' THEN json_extract(item, '$[1]') ELSE item END
                      AS item), json_extract_string(item, '$[0]') AS key, json_extract_string(item, '$[1]') AS value
    FROM item
)
SELECT *, coalesce(json_type(item) = 'OBJECT', false) AS is_object, coalesce(key, {times}) AS seen FROM pair
"""
    records = f"""
INSERT INTO records ({_RECORD_COLUMNS}, nesting)
SELECT file_no, doc_no, {place}, '{history.kind}', json_merge_patch(identity, json_object({states})), NULL, NULL,
       seen, NULL, repair, 0
FROM entries WHERE {q.instant("seen")} IS NOT NULL
"""
    rejects = f"""
INSERT INTO rejects
SELECT file_no, doc_no, {place}, NULL, 'unknown_shape',
       'an entry of {history.column} has no time that can be read; expected objects with {ENTRY_TIMES[0]}, or pairs',
       left(coalesce(CAST(item AS VARCHAR), body), {q.EXCERPT_CHARS})
FROM entries WHERE {q.instant("seen")} IS NULL
"""
    return [entries, records, rejects]


def _members(names: tuple[str, ...]) -> list[str]:
    return [f"json_extract_string(item, '$.{name}')" for name in names]
