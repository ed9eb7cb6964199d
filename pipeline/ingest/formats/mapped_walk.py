"""Walks to the places of records: the path of a rule, step by step, over all documents of a batch.

A walk leaves the table ``site``: the record, its place, its key, and what fields need of the levels above it. Only
those few values go along, never the object that holds a list, or a long list would be copied once for each item.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from pipeline.ingest.formats.literals import literal_to_json
from pipeline.ingest.formats.mapped_paths import DOCUMENT, FieldPath, Hop, pointer, value_sql
from pipeline.ingest.formats.mapped_rules import RecordRule, all_paths

MOST_LEVELS = 200
BASE = ("file_no", "doc_no", "byte_offset", "repair")
_EXPECTED = {"each": "a list", "deep": "a list", "every": "an object (records by key)", "one": "a value"}
_FILE = {
    "path": "p.path",
    "file": r"regexp_replace(regexp_extract(p.path, '[^/]*$'), '(.)\.[^.]*$', '\1')",
    "folder": "nullif(regexp_extract(p.path, '([^/]*)/[^/]*$', 1), '')",
}


@dataclass(slots=True)
class Carried:
    """The values that fields need from outside of a record: level and path of each, and its column in ``site``."""

    n_levels: int
    columns: dict[tuple[int, str], str] = field(default_factory=dict)
    paths: dict[str, FieldPath] = field(default_factory=dict)

    def add(self, path: FieldPath, level: int) -> str:
        """Return the column of a path, which is read at `level`."""
        name = self.columns.setdefault((level, path.text), f"c{len(self.columns)}")
        self.paths[name] = path
        return name

    def level_of(self, path: FieldPath) -> int | None:
        """Return the level at which a path is read before the record is reached, None when it is the record's own."""
        if path.special in _FILE or path.up == DOCUMENT:
            return 0
        return self.n_levels - path.up if path.up else None

    def at(self, level: int) -> list[tuple[str, FieldPath]]:
        """Return the columns that are read at a level."""
        return [(name, self.paths[name]) for (where, _), name in self.columns.items() if where == level]


def carried_by(rules: Iterable[RecordRule]) -> Carried:
    """Return what the rules of one walk need from outside of their records."""
    rules = list(rules)
    found = Carried(sum(hop.is_level for hop in rules[0].hops))
    for path in all_paths(rules):
        level = found.level_of(path)
        if level is not None:
            found.add(path, level)
    return found


def outside_sql(path: FieldPath, separator: str = " ") -> str:
    """Return SQL for the text of a path at its own level, from the JSON column ``rec``."""
    if path.special in _FILE:
        return _FILE[path.special]
    if path.special == "key":
        return "key"
    if path.special == "position":
        return "CAST(place AS VARCHAR)"
    if path.special == "item":
        return "CASE WHEN json_type(rec) NOT IN ('OBJECT', 'ARRAY') THEN json_extract_string(rec, '$') END"
    return value_sql("rec", path, separator)


def walk(
    con: duckdb.DuckDBPyConnection, rule: RecordRule, carried: Carried, group: int, others: list[tuple[Hop, ...]]
) -> None:
    """Fill ``site`` from ``docs`` along the path of `rule`; note in ``found`` and ``misfit`` what was met.

    Needs ``source_paths`` (file_no, path) and ``mapped_file`` (file_no, group_no). `others` are the paths of the other
    groups: what one of them reads in another way in the same place is no misfit.
    """
    first = _columns(carried, 0, is_new=True)
    con.execute(
        f"""
CREATE OR REPLACE TEMP TABLE site AS
SELECT d.file_no, d.doc_no, d.byte_offset, d.repair, '' AS path, CAST(d.doc AS JSON) AS rec,
       CAST(NULL AS VARCHAR) AS key, CAST(NULL AS BIGINT) AS place{first.replace("rec", "CAST(d.doc AS JSON)")}
FROM docs d JOIN source_paths p ON p.file_no = d.file_no
JOIN (SELECT DISTINCT file_no FROM mapped_file WHERE group_no = $group) m ON m.file_no = d.file_no
WHERE $name IS NULL OR d.table_kind = $name
""",
        {"group": group, "name": rule.table and rule.table.lower()},
    )
    contested = [_is_contested(rule.hops, n, others) for n in range(len(rule.hops))]
    walk_hops(con, rule.hops, carried, group, (), contested)
    con.execute(f"INSERT INTO found SELECT DISTINCT file_no, doc_no, {group} FROM site")


def walk_hops(
    con: duckdb.DuckDBPyConnection,
    hops: tuple[Hop, ...],
    carried: Carried | None,
    group: int,
    keep: tuple[str, ...],
    contested: list[bool] | None = None,
) -> None:
    """Go from ``site`` along `hops`; the columns `keep` and those that are carried go along."""
    level = 0
    for number, hop in enumerate(hops):
        kept = [*keep, *([] if carried is None else _names(carried, level))]
        _hold(con, hop, kept)
        if contested is not None:
            _note(con, hop, group, is_contested=contested[number])
        if hop.is_level:
            level += 1
        new = "" if carried is None or hop.kind == "one" else _columns(carried, level, is_new=True)
        if hop.kind == "deep":
            _go_deep(con, hop, group, (*keep, *_above(carried, level)), carried, level)
        else:
            con.execute(_hop_sql(hop, kept, new))


def _above(carried: Carried | None, level: int) -> list[str]:
    """Return the columns that a nested item has from further out: all but those of what it stands for."""
    if carried is None:
        return []
    own = [name for name, path in carried.at(level) if not _is_outermost(path)]
    return [name for name in _names(carried, level) if name not in own]


def _is_outermost(path: FieldPath) -> bool:
    return path.up == DOCUMENT or path.special in _FILE


def _go_deep(
    con: duckdb.DuckDBPyConnection, hop: Hop, group: int, keep: tuple[str, ...], carried: Carried | None, level: int
) -> None:
    """Add to ``site`` the items of a list in each record, the items of that list in each item, and so on.

    An item takes the place of what holds it: values of the level are read from it anew.
    """
    con.execute("CREATE OR REPLACE TEMP TABLE reached AS SELECT * FROM site")
    fresh = [] if carried is None else [(n, p) for n, p in carried.at(level) if not _is_outermost(p)]
    new = "".join(f", {outside_sql(path)} AS {name}" for name, path in fresh)
    for depth in range(MOST_LEVELS + 1):
        con.execute(_hop_sql(Hop(hop.names, "each"), list(keep), new, mark="."))
        if not con.sql("SELECT count(*) FROM site").fetchall()[0][0]:
            break
        if depth == MOST_LEVELS:
            con.execute(
                f"INSERT INTO misfit SELECT file_no, doc_no, byte_offset, path, {group}, 'lists nested deeper than "
                f"{MOST_LEVELS} levels are not read', CAST(rec AS VARCHAR) FROM site"
            )
            break
        con.execute("INSERT INTO reached BY NAME SELECT * FROM site")
        _hold(con, hop, list(keep))
        _note(con, hop, group, is_contested=False)
    con.execute("CREATE OR REPLACE TEMP TABLE site AS SELECT * FROM reached")


def _names(carried: Carried, level: int) -> list[str]:
    return [name for (where, _), name in carried.columns.items() if where <= level]


def _columns(carried: Carried, level: int, *, is_new: bool) -> str:
    return "".join(f", {outside_sql(path)} AS {name}" for name, path in carried.at(level)) if is_new else ""


def _hold(con: duckdb.DuckDBPyConnection, hop: Hop, kept: list[str]) -> None:
    """Make ``held``: what stands at the names of a hop, parsed where it is a text that holds a list or an object."""
    passed = "".join(f", {name}" for name in kept)
    held = f"json_extract(rec, {pointer(hop.names)})" if hop.names else "rec"
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE held AS SELECT {', '.join(BASE)}, path, key, place{passed}, {held} AS held "
        "FROM site"
    )
    if hop.kind != "one":
        parse_texts(con, "held", "held")


def parse_texts(con: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    """Replace texts of a JSON column that hold a list or an object by what they hold; each distinct text once."""
    query = (
        f"SELECT DISTINCT json_extract_string({column}, '$') AS body FROM {table} WHERE json_type({column}) = 'VARCHAR'"
    )
    texts = con.sql(query).to_arrow_table()["body"].to_pylist()
    if not texts:
        return
    parsed = {"body": texts, "parsed": [literal_to_json(text or "") for text in texts]}
    con.register("parsed_texts", pa.table(parsed, pa.schema([("body", pa.string()), ("parsed", pa.string())])))
    con.execute(
        f"UPDATE {table} SET {column} = CAST(p.parsed AS JSON) FROM parsed_texts p WHERE p.parsed IS NOT NULL "
        f"AND json_type({table}.{column}) = 'VARCHAR' AND json_extract_string({table}.{column}, '$') = p.body"
    )
    con.unregister("parsed_texts")


def _is_contested(hops: tuple[Hop, ...], number: int, others: list[tuple[Hop, ...]]) -> bool:
    """Return whether another path goes on in another way from the same place."""
    before, hop = hops[:number], hops[number]
    return any(
        other[:number] == before and len(other) > number and other[number].names == hop.names
        and other[number].kind != hop.kind
        for other in others
    )  # fmt: skip


def _note(con: duckdb.DuckDBPyConnection, hop: Hop, group: int, *, is_contested: bool) -> None:
    """Note documents with an empty list, or null, as found; what is of another type than expected is a misfit."""
    if hop.kind == "one":
        return
    type_, size = ("OBJECT", "len(json_keys(held))") if hop.kind == "every" else ("ARRAY", "json_array_length(held)")
    con.execute(
        f"INSERT INTO found SELECT DISTINCT file_no, doc_no, {group} FROM held "
        f"WHERE CASE WHEN json_type(held) = '{type_}' THEN {size} = 0 ELSE json_type(held) = 'NULL' END"
    )
    if is_contested:
        return
    shown = ".".join(hop.names)
    con.execute(
        f"INSERT INTO misfit SELECT file_no, doc_no, byte_offset, path, {group}, $detail || lower(json_type(held)), "
        f"CAST(held AS VARCHAR) FROM held WHERE json_type(held) NOT IN ('{type_}', 'NULL')",
        {"detail": f"expected {_EXPECTED[hop.kind]}{f' at {shown}' if shown else ''}, found a JSON "},
    )


def _hop_sql(hop: Hop, kept: list[str], new: str, mark: str = "") -> str:
    passed = "".join(f", {name}" for name in kept)
    base = f"{', '.join(BASE)}{passed}"
    if hop.kind == "one":
        return (
            f"CREATE OR REPLACE TEMP TABLE site AS SELECT {base}, path, held AS rec, key, place FROM held "
            "WHERE held IS NOT NULL AND json_type(held) <> 'NULL'"
        )
    if hop.kind == "each":
        items = "CAST(NULL AS VARCHAR) AS key, unnest(items) AS rec, generate_subscripts(items, 1) AS place"
        listed = "json_extract(held, '$[*]') AS items"
        fits = "ARRAY"
    else:
        items = "unnest(names) AS key, unnest(items) AS rec, generate_subscripts(items, 1) AS place"
        listed = "json_keys(held) AS names, json_extract(held, '$.*') AS items"
        fits = "OBJECT"
    return f"""
CREATE OR REPLACE TEMP TABLE site AS
SELECT {base}, path || '{mark}' || lpad(CAST(place AS VARCHAR), 8, '0') || '/' AS path, rec, key, place{new}
FROM (SELECT {base}, path, {items}
      FROM (SELECT {base}, path, {listed} FROM held WHERE json_type(held) = '{fits}'))
"""
