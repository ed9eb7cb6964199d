"""Any layout that `[[records]]` of `corpus.toml` describes: JSON, JSON lines, CSV, TSV, Parquet, tables of SQLite.

An entry says which files are meant, where records stand in them, what they are, and which field of ours comes from
which of theirs; see [unknown-layouts.md](unknown-layouts.md). Files that no entry means are left to the other formats.
Members of a record that no field is mapped from are kept in `extra`; those whose name means something to the tables
are kept there as `raw_<name>`. Records of events have no `extra`.

A row is: each record that an entry takes (one that two entries take counts for both); a record that no entry takes, or
that an entry leaves out (kind = "none"), is one quarantined row, and so is a document in which no path finds anything.
Of a SQLite database each table that holds rows and that no entry names is one quarantined row.

What it cannot tell is what the mapping does not say. Identifiers are used as they are, but 12.0 is 12: tables with gaps
write whole numbers so. Naive times are UTC unless the entry names their zone; where clocks are put back, an hour that
comes twice is taken for one of the two.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats import mapped_rules as m
from pipeline.ingest.formats import mapped_sql as s
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter
from pipeline.ingest.formats.mapped_paths import Hop, literal, pointer
from pipeline.ingest.formats.mapped_walk import (
    BASE,
    MOST_LEVELS,
    Carried,
    carried_by,
    parse_texts,
    walk,
    walk_hops,
)
from pipeline.ingest.repair import Rejected
from pipeline.ingest.sqlite_source import (
    NEVER_READ,
    UnreadableDatabaseError,
    check_database,
    has_hot_journal,
    may_hold_rows,
    open_database,
    read_table,
    shown_names,
)

if TYPE_CHECKING:
    from pipeline.ingest.scan import SourceFile

NAME = "mapped"
_JOURNAL = "a rollback journal (-journal) lies beside the database; open it once in sqlite3, and copy it again"
_UNCLAIMED = "no entry under [[records]] takes it: none of their conditions holds; add an entry, or widen where"
_NOT_FOUND = "no path of the entries under [[records]] that mean this file finds anything in it: "


def adapter_for(rules: tuple[m.RecordRule, ...]) -> Adapter:
    """Return the adapter that reads what some rules describe."""
    return replace(
        ADAPTER,
        extract=partial(extract, rules),
        table_kind=lambda columns: "row",
        documents=partial(documents, rules),
    )


def extract(rules: tuple[m.RecordRule, ...], con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs`` as the rules say."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    con.execute("CREATE OR REPLACE TEMP TABLE found (file_no INTEGER, doc_no BIGINT, group_no INTEGER)")
    con.execute(
        "CREATE OR REPLACE TEMP TABLE misfit (file_no INTEGER, doc_no BIGINT, byte_offset BIGINT, path VARCHAR, "
        "group_no INTEGER, detail VARCHAR, excerpt VARCHAR)"
    )
    groups = _groups(rules)
    _assign(con, groups)
    for number in range(len(groups)):
        if con.sql(f"SELECT count(*) FROM mapped_file WHERE group_no = {number}").fetchall()[0][0]:
            _read_group(con, groups, number)
    con.execute(_MISFITS)
    con.execute(_not_found(rules))


def _groups(rules: tuple[m.RecordRule, ...]) -> list[list[m.RecordRule]]:
    """Return the rules by where their records stand: what stands in one place is walked to once."""
    found: dict[tuple[str, str | None, bool], list[m.RecordRule]] = {}
    for rule in rules:
        found.setdefault((rule.path, rule.table and rule.table.lower(), bool(rule.replies)), []).append(rule)
    return list(found.values())


def _assign(con: duckdb.DuckDBPyConnection, groups: list[list[m.RecordRule]]) -> None:
    """Make ``mapped_file``: the files of the batch with the groups and rules that mean them."""
    files = con.sql(
        "SELECT p.file_no, p.path FROM source_paths p WHERE p.file_no IN (SELECT DISTINCT file_no FROM docs)"
    ).fetchall()
    rows = [
        (file_no, number, rule.number)
        for file_no, path in files
        for number, group in enumerate(groups)
        for rule in group
        if rule.takes(path)
    ]
    columns: list[tuple[int, ...]] = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    names = ("file_no", "group_no", "rule_no")
    con.register("mapped_rows", pa.table({n: pa.array(c, pa.int32()) for n, c in zip(names, columns, strict=True)}))
    con.execute("CREATE OR REPLACE TEMP TABLE mapped_file AS SELECT * FROM mapped_rows")
    con.unregister("mapped_rows")


def _read_group(con: duckdb.DuckDBPyConnection, groups: list[list[m.RecordRule]], number: int) -> None:
    """Read the records that stand in one place, for each rule that takes them, with their replies."""
    group = groups[number]
    others = [other[0].hops for other in groups if other is not group]
    rules = [rule for other in groups if other is not group for rule in other]
    holders = [n for n, other in enumerate(groups) if n != number and _holds(other[0].hops, group[0].hops)]
    carried = carried_by(group)
    walk(con, group[0], carried, number, others)
    con.execute("ALTER TABLE site ADD COLUMN nesting INTEGER DEFAULT 0")
    con.execute("ALTER TABLE site ADD COLUMN root_hint VARCHAR")
    con.execute("ALTER TABLE site ADD COLUMN parent_hint VARCHAR")
    con.execute("ALTER TABLE site ADD COLUMN is_orphan BOOLEAN DEFAULT false")
    _parse_members(con, group)
    con.execute("CREATE OR REPLACE TEMP TABLE top AS SELECT * FROM site")
    _reject_unclaimed(con, group, carried, number, holders)
    for rule in group:
        con.execute(f"CREATE OR REPLACE TEMP TABLE site AS SELECT * FROM top WHERE {_is_of(rule)}")
        for level in range(MOST_LEVELS + 1):
            if level and not con.sql("SELECT count(*) FROM site").fetchall()[0][0]:
                break
            if level == MOST_LEVELS:
                con.execute(_TOO_DEEP)
                break
            _read_level(con, rule, carried, level, rule.reads_below(rules))
            if not rule.replies:
                break
            _descend(con, rule, carried)


def _is_of(rule: m.RecordRule) -> str:
    return f"file_no IN (SELECT file_no FROM mapped_file WHERE rule_no = {rule.number})"


def _parse_members(con: duckdb.DuckDBPyConnection, group: list[m.RecordRule]) -> None:
    """Parse members of records that hold a list or an object as text."""
    for name in dict.fromkeys(name for rule in group for name in rule.parse):
        con.execute("ALTER TABLE site ADD COLUMN member JSON")
        con.execute(f"UPDATE site SET member = json_extract(rec, {pointer([name])}) WHERE json_type(rec) = 'OBJECT'")
        parse_texts(con, "site", "member")
        con.execute(
            f"UPDATE site SET rec = json_merge_patch(rec, json_object({literal(name)}, member)) "
            "WHERE json_type(member) IN ('OBJECT', 'ARRAY')"
        )
        con.execute("ALTER TABLE site DROP COLUMN member")


def _holds(outer: tuple[Hop, ...], inner: tuple[Hop, ...]) -> bool:
    """Return whether the records of one path hold those of another."""
    if outer and outer[-1].kind == "one":
        n = len(outer) - 1
        return len(inner) > n and inner[:n] == outer[:n] and inner[n].names[: len(outer[n].names)] == outer[n].names
    return len(outer) < len(inner) and inner[: len(outer)] == outer


def _reject_unclaimed(
    con: duckdb.DuckDBPyConnection,
    group: list[m.RecordRule],
    carried: Carried,
    number: int,
    holders: list[int],
) -> None:
    """Set aside the records that no rule of the group takes, unless a record that holds them is read: they are its."""
    listed = ", ".join(map(str, holders)) or "NULL"
    values = s.Values(carried)
    taken = " OR ".join(f"({_is_of(rule)} AND {_where(rule, values)})" for rule in group)
    con.execute(
        f"INSERT INTO rejects SELECT file_no, doc_no, 'group {number:03d}/' || path, byte_offset, 'not_mapped', "
        f"$detail, left(CAST(rec AS VARCHAR), {q.EXCERPT_CHARS}) FROM (SELECT *, {_lists(values)} FROM top) "
        f"WHERE NOT ({taken}) "
        f"AND file_no NOT IN (SELECT file_no FROM mapped_file WHERE group_no IN ({listed}))",
        {"detail": f"{group[0].place}: {_UNCLAIMED}"},
    )


def _where(rule: m.RecordRule, values: s.Values) -> str:
    return " AND ".join(s.condition_sql(condition, values, rule) for condition in rule.where) or "true"


def _lists(values: s.Values) -> str:
    pointers = values.pointers()
    return f"json_extract_string(rec, {pointers}) AS v, json_type(rec, {pointers}) AS t"


def _read_level(
    con: duckdb.DuckDBPyConnection, rule: m.RecordRule, carried: Carried, level: int, below: set[tuple[str, ...]]
) -> None:
    """Turn ``site`` into records and rejects; leaves ``mapped_value`` for the replies below."""
    values = s.Values(carried)
    # A condition says which records are taken; their replies come with them.
    where, kind = "true" if level else _where(rule, values), s.kind_sql(rule, values)
    fields = s.fields_sql(rule, values)
    rest = s.rest_sql(rule, values, below)
    kept = (*BASE, "path", "rec", "root_hint", "parent_hint", "is_orphan", "nesting", *carried.columns.values(), "key",
            "place")  # fmt: skip
    selected = ", ".join([*kept, *(f"{sql} AS {name}" for name, sql in fields.items())])
    timed = "".join(f", {sql} AS {name}" for name, sql in s.timed_sql(rule).items())
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE mapped_value AS SELECT *, {s.fault_sql(rule)} AS fault FROM "
        f"(SELECT *{timed} FROM (SELECT {selected}, {kind} AS kind, {rest} AS rest "
        f"FROM (SELECT *, {_lists(values)} FROM site) WHERE {where}))"
    )
    con.execute(
        f"INSERT INTO rejects SELECT file_no, doc_no, '{rule.number:03d}/' || path, byte_offset, fault.reason, "
        f"fault.detail, left(CAST(rec AS VARCHAR), {q.EXCERPT_CHARS}) FROM mapped_value WHERE fault IS NOT NULL"
    )
    for family, kinds in _families(rule).items():
        _insert(con, rule, family, kinds)


def _families(rule: m.RecordRule) -> dict[str, list[str]]:
    """Return the kinds of a rule by the shape of their records."""
    found: dict[str, list[str]] = {}
    for kind in dict.fromkeys([*(kind.kind for kind in rule.kinds), *(["comment"] if rule.replies else [])]):
        if kind != m.NOT_READ:
            found.setdefault("message" if kind in (*m.MESSAGE_KINDS, m.REVISION) else kind, []).append(kind)
    return found


def _insert(con: duckdb.DuckDBPyConnection, rule: m.RecordRule, family: str, kinds: list[str]) -> None:
    """Insert the records of one shape."""
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    source = f"(SELECT * FROM mapped_value WHERE fault IS NULL AND kind IN ({listed}))"
    record = s.record_sql(rule, family)
    if family in s.TAKEN:
        taken = ", ".join(f"'{name}'" for name in sorted(s.TAKEN[family]))
        names = con.sql(
            f"SELECT DISTINCT name FROM (SELECT unnest(json_keys(rest)) AS name FROM {source}) "
            f"WHERE name IN ({taken}) ORDER BY name"
        ).fetchall()
        parts = [s.renamed_sql([name for (name,) in names]), s.unread_numbers_sql(rule), record]
        record = f"json_merge_patch({', '.join(part for part in parts if part)})"
    observed = "t_observed_at.text" if rule.field("observed_at") else "NULL"
    kind = "'reaction'" if family == m.INTERACTION else "kind"
    con.execute(
        f"INSERT INTO records SELECT file_no, doc_no, '{rule.number:03d}/' || path, {kind}, {record}, root_hint, "
        f"parent_hint, {observed}, NULL, repair, NULL, nesting FROM {source}"
    )


def _descend(con: duckdb.DuckDBPyConnection, rule: m.RecordRule, carried: Carried) -> None:
    """Make ``site`` of the replies that stand in the records of ``mapped_value``."""
    root = "f_root_id" if rule.field("root_id") else "NULL"
    orphan = f"is_orphan OR {q.identifier('f_id')} IS NULL" if rule.field("id") else "is_orphan"
    con.execute(
        "CREATE OR REPLACE TEMP TABLE site AS SELECT * EXCLUDE (root_hint, parent_hint, is_orphan, path), "
        f"path || '.' AS path, coalesce({root}, root_hint, CASE WHEN kind <> 'comment' THEN f_id END) AS root_hint, "
        f"f_id AS parent_hint, {orphan} AS is_orphan FROM mapped_value"
    )
    keep = ("root_hint", "parent_hint", "is_orphan", "nesting", *carried.columns.values())
    walk_hops(con, rule.reply_hops, None, -1, keep)
    con.execute("UPDATE site SET nesting = nesting + 1")


_TOO_DEEP = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, CAST(NULL AS BIGINT), 'too_large',
       'replies nested deeper than {MOST_LEVELS} levels are not read', left(CAST(rec AS VARCHAR), {q.EXCERPT_CHARS})
FROM site
"""
_MISFITS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, 'misfit/' || group_no || '/' || path, byte_offset, 'not_mapped', detail,
       left(excerpt, {q.EXCERPT_CHARS})
FROM misfit
"""


def _not_found(rules: tuple[m.RecordRule, ...]) -> str:
    """Return the statement that sets aside the documents in which no path found anything."""
    shown = ", ".join(dict.fromkeys(f"{rule.place}: path = {rule.path or 'the document'}" for rule in rules))
    return f"""
INSERT INTO rejects
SELECT d.file_no, d.doc_no, '', d.byte_offset, 'not_mapped', {literal(_NOT_FOUND + shown)},
       left(d.doc, {q.EXCERPT_CHARS})
FROM docs d WHERE NOT EXISTS (SELECT 1 FROM found f WHERE f.file_no = d.file_no AND f.doc_no = d.doc_no)
  AND NOT EXISTS (SELECT 1 FROM misfit t WHERE t.file_no = d.file_no AND t.doc_no = d.doc_no)
"""


# -- tables of SQLite ------------------------------------------------------------------------------------------------


def documents(rules: tuple[m.RecordRule, ...], path: Path, file: SourceFile) -> Iterator[pa.Table | Rejected]:
    """Yield the rows of the tables that rules name, as JSON objects of texts; columns of passwords stay out.

    Parameters
    ----------
    rules
        All rules; those that mean the file count.
    path
        The database on disk.
    file
        Its description.
    """
    if path.stat().st_size != file.size:
        yield Rejected("file_changed", "run again once the database is closed", "")
        return
    if has_hot_journal(path):
        yield Rejected("damaged_sqlite", _JOURNAL, "")
        return
    wanted = list(dict.fromkeys((rule.table or "").lower() for rule in rules if rule.takes(file.path)))
    try:
        database = open_database(path)
        with closing(database.con):
            check_database(path, database)
            for name in sorted(set(database.tables) - set(wanted)):
                if may_hold_rows(database, name):
                    yield Rejected("table_not_read", f"table {shown_names([name])}: no entry names it by table", "")
            for name in wanted:
                if name not in database.tables:
                    held = shown_names(list(database.tables))
                    yield Rejected("table_not_read", f"there is no table {shown_names([name])}; there are {held}", "")
                    continue
                columns = tuple(c for c in database.tables[name] if c not in NEVER_READ and '"' not in c)
                for frame in read_table(database, name, columns):
                    lines = frame.select(columns).write_ndjson().splitlines()
                    yield pa.table(
                        {
                            "doc": pa.array(lines, pa.large_string()),
                            "table_kind": pa.repeat(pa.scalar(name), len(lines)),
                        }
                    )
    except UnreadableDatabaseError as error:
        yield Rejected("damaged_sqlite", str(error), "")


ADAPTER = Adapter(
    name=NAME,
    version="1",
    system="any, mapped by corpus.toml",
    containers=frozenset({"json", "jsonl", "csv", "tsv", "csv_semicolon", "parquet", "sqlite"}),
    recognises=lambda path, container, head: False,
    read_usual=None,
    extract=partial(extract, ()),
    table_kind=lambda columns: None,
    describes=__doc__ or "",
    is_canonical=True,
    recognises_file=lambda path: False,
    documents=partial(documents, ()),
)
