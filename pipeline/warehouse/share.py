"""A file to pass on: the published tables without credentials and, unless asked otherwise, without people's names.

What belongs here: what becomes of each column, and the writing of the file. Of a corpus whose privacy is
``pseudonymise`` the columns that `pipeline.schema.personal` lists hold keyed pseudonyms or nothing; with ``keep`` they
stay as they are. Rows that belong together in the catalogue belong together in the file.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from pipeline.schema import SAFE_EXTRA, TABLES, Column, Table
from pipeline.settings import PRIVACY, Settings
from pipeline.warehouse import catalogue, mentions, publish
from pipeline.warehouse.clean import add_functions, clean_sql, suspects
from pipeline.warehouse.errors import UnknownCorpusError, WarehouseError
from pipeline.warehouse.files import sync
from pipeline.warehouse.layout import Layout
from pipeline.warehouse.pseudonyms import add_pseudonyms, load_key
from pipeline.warehouse.session import files_select, sql_identifier, sql_literal

_SIDES = ("slice_a", "slice_b")  # columns that name a slice as corpus/slice
_COMMUNITIES = frozenset({"community_id", "unit_id"})
_HASH_DIGITS = 32


def share(
    settings: Settings, out: Path, corpora: Sequence[str] | None, privacy: Mapping[str, str] | None = None
) -> Path:
    """Write one self-contained DuckDB file of published corpora; the caller holds the use lock.

    Parameters
    ----------
    settings
        The settings.
    out
        The file; it is replaced when it exists.
    corpora
        Corpus ids; ``None`` for all that are published. Tables about the project always come along, of comparisons
        the rows whose two sides are chosen.
    privacy
        A word of `PRIVACY` for some corpora; the others are pseudonymised.

    Raises
    ------
    UnknownCorpusError
        When a corpus is not published.
    """
    layout = Layout(settings.warehouse)
    out = out.absolute()
    shown = _chosen(layout, corpora)
    if out.is_dir() or out == layout.catalogue:
        raise WarehouseError(f"cannot write the shared file to {out}: name a new file, such as share/ethogram.duckdb")
    kept = _kept(shown, privacy or {})
    hidden = [snapshot for snapshot in shown if snapshot.corpus_id not in kept]
    open_ = [snapshot for snapshot in shown if snapshot.corpus_id in kept]
    out.parent.mkdir(parents=True, exist_ok=True)
    with catalogue.new_database(settings, out.parent, f".{out.name}-") as (con, path):
        add_functions(con)
        add_pseudonyms(con, load_key())
        _know(con, layout, hidden)
        for table in TABLES.values():
            _add_table(con, layout, table, hidden, open_, None if corpora is None else sorted(set(corpora)))
        catalogue.add_meta(con, shown, _about(hidden, open_))
        if corpora is not None:
            _count_comparisons(con)
        con.execute("USE memory")
        con.execute(f"DETACH {catalogue.DATABASE}")
        sync(path)
        path.replace(out)
        sync(out.parent)
    return out


def _kept(shown: Sequence[publish.Snapshot], privacy: Mapping[str, str]) -> set[str]:
    """Return the corpora whose personal data stay as they are."""
    if unknown := sorted(set(privacy.values()) - set(PRIVACY)):
        raise WarehouseError(f"privacy {', '.join(map(repr, unknown))}: expected one of {', '.join(PRIVACY)}")
    return {snapshot.corpus_id for snapshot in shown if privacy.get(snapshot.corpus_id) == "keep"}


def _know(con: duckdb.DuckDBPyConnection, layout: Layout, hidden: Sequence[publish.Snapshot]) -> None:
    agents, messages = (
        files_select(TABLES[name], catalogue.parts_of(layout, TABLES[name], hidden)[0]) for name in ("agent", "message")
    )
    mentions.know(con, agents, messages)


def _chosen(layout: Layout, corpora: Sequence[str] | None) -> list[publish.Snapshot]:
    shown = publish.snapshots(layout)
    published = [snapshot.corpus_id for snapshot in shown if snapshot.corpus_id != "*"]
    if corpora is None:
        return shown
    if unknown := sorted(set(corpora) - set(published)):
        raise UnknownCorpusError(
            f"corpora {', '.join(map(repr, unknown))} are not published; published: {', '.join(published) or 'none'}"
        )
    return [snapshot for snapshot in shown if snapshot.corpus_id in {"*", *corpora}]


def _add_table(
    con: duckdb.DuckDBPyConnection,
    layout: Layout,
    table: Table,
    hidden: Sequence[publish.Snapshot],
    open_: Sequence[publish.Snapshot],
    corpora: Sequence[str] | None,
) -> None:
    """Make a native table of the rows about the chosen corpora (``None``: all)."""
    con.execute(table.ddl())
    selects = []
    for snapshots, is_hidden in ((hidden, True), (open_, False)):
        files, rows, _ = catalogue.parts_of(layout, table, snapshots)
        if rows:
            select = files_select(table, files)
            cleaned = {c.name: clean_sql(table, c, "t.") for c in table.all_columns}
            unclean = suspects(con, table, select, rows)
            cleaned.update({c.name: f"t.{sql_identifier(c.name)}" for c in table.all_columns if c.name not in unclean})
            make = _hidden_select if is_hidden else _open_select
            selects.append(make(con, table, select, cleaned))
    if selects:
        order = ", ".join(f"t.{sql_identifier(name)} NULLS FIRST" for name in table.sort_key)
        rows_of = " UNION ALL ".join(selects)
        con.execute(
            f"INSERT INTO {table.qualified} SELECT t.* FROM ({rows_of}) AS t{_only(table, corpora)} ORDER BY {order}"
        )
    con.execute(f"DROP TABLE IF EXISTS memory.{_rewritten(table)}")
    for statement in catalogue.comments(table):
        con.execute(statement)


def _rewritten(table: Table) -> str:
    return f"rewritten_{table.name}"


def _open_select(_: duckdb.DuckDBPyConnection, table: Table, select: str, cleaned: Mapping[str, str]) -> str:
    columns = ", ".join(f"{cleaned[c.name]} AS {sql_identifier(c.name)}" for c in table.all_columns)
    return f"SELECT {columns} FROM ({select}) AS t"


def _hidden_select(con: duckdb.DuckDBPyConnection, table: Table, select: str, cleaned: Mapping[str, str]) -> str:
    """Return the SELECT of a table whose personal columns are pseudonyms; its texts are rewritten beforehand.

    `cleaned` has the expression of every column without credentials.
    """
    texts = [column for column in table.columns if column.personal == "text"]
    joins = ""
    if texts:
        pairs = [
            f"SELECT {sql_identifier(c.name)} AS raw, {cleaned[c.name]} AS text FROM ({select}) AS t" for c in texts
        ]
        target = _rewritten(table)
        mentions.rewrite(con, " UNION ALL ".join(pairs), target)
        for c in texts:
            key = mentions.key_sql(f"t.{sql_identifier(c.name)}")
            joins += f" LEFT JOIN memory.{target} AS w_{c.name} ON w_{c.name}.key = {key}"
    shown = {c.name: _pseudonym_sql(c, cleaned[c.name]) for c in table.all_columns}
    for name in shown:
        if name in _COMMUNITIES or (table.name == "community" and name == "name"):
            shown[name] = _profile_sql(shown[name])
    columns = ", ".join(f"{sql} AS {sql_identifier(name)}" for name, sql in shown.items())
    return f"SELECT {columns} FROM ({select}) AS t{joins}"


def _profile_sql(cleaned: str) -> str:
    """Return the expression of a community; Reddit's ``u_name`` is the profile of the account of that name."""
    return (
        f"CASE WHEN starts_with(lower({cleaned}), 'u_') THEN pseudonym('profile', lower({cleaned})) ELSE {cleaned} END"
    )


def _pseudonym_sql(column: Column, cleaned: str) -> str:
    """Return the expression of a column in a pseudonymised file; `cleaned` is that of its value without credentials."""
    name = f"t.{sql_identifier(column.name)}"
    match column.personal:
        case "agent" | "message" | "file" as kind:
            return f"pseudonym('{kind}', {name})"
        case "handle":
            return f"CASE WHEN {name} IS NOT NULL THEN pseudonym('agent', t.agent_id) END"
        case "owner":
            return f"pseudonym('owner', lower(ltrim({name}, '@')))"
        case "hash":
            return f"CASE WHEN {name} IS NOT NULL THEN left(keyed('hash', {name}), {_HASH_DIGITS}) END"
        case "target":
            return (
                f"CASE WHEN t.target_kind IN ('agent', 'message') THEN pseudonym(t.target_kind, {name}) "
                f"ELSE {_profile_sql(cleaned)} END"
            )
        case "text":
            return f"coalesce(w_{column.name}.text, {cleaned})"
        case "json":
            return _safe_json_sql(name)
        case "left_out":
            return f"CAST(NULL AS {column.type})"
    return cleaned


def _safe_json_sql(name: str) -> str:
    """Return the expression that keeps of unmapped fields the known ones whose values are no texts."""
    structure = ", ".join(f'"{key}":"{type_}"' for key, type_ in SAFE_EXTRA.items())
    kept = f"json_merge_patch('{{}}', to_json(json_transform({name}, '{{{structure}}}')))"
    return f"CASE WHEN json_valid({name}) THEN nullif(CAST({kept} AS VARCHAR), '{{}}') END"


def _only(table: Table, corpora: Sequence[str] | None) -> str:
    """Return the condition on rows that name corpora on two sides; other tables have none."""
    if corpora is None or not {column.name for column in table.columns}.issuperset(_SIDES):
        return ""
    chosen = ", ".join(map(sql_literal, corpora))
    return " WHERE " + " AND ".join(f"split_part(t.{side}, '/', 1) IN ({chosen})" for side in _SIDES)


def _count_comparisons(con: duckdb.DuckDBPyConnection) -> None:
    """Set the number of rows in ``meta.part`` to those that came along."""
    for table in TABLES.values():
        if {column.name for column in table.columns}.issuperset(_SIDES):
            con.execute(
                "UPDATE meta.part AS p SET rows = "
                f'(SELECT count(*) FROM {table.qualified} AS t WHERE t.corpus_id = p.corpus_id) WHERE "table" = ?',
                [table.name],
            )


def _about(hidden: Sequence[publish.Snapshot], open_: Sequence[publish.Snapshot]) -> dict[str, str]:
    names = {
        key: ", ".join(snapshot.corpus_id for snapshot in snapshots if snapshot.corpus_id != "*")
        for key, snapshots in (("pseudonymised", hidden), ("kept", open_))
    }
    return {
        "format_version": catalogue.FORMAT_VERSION,
        "built_at": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "corpora": ", ".join(sorted(snapshot.corpus_id for snapshot in (*hidden, *open_))),
        "privacy": f"pseudonymised: {names['pseudonymised'] or 'none'}; personal data kept: {names['kept'] or 'none'}",
        "shared": (
            "What looks like a credential is replaced by [redacted:<kind>]. In pseudonymised corpora agents, owners, "
            "messages, addresses and hashes of texts are keyed pseudonyms, the same in every table. Patterns miss what "
            "they do not know, and whoever holds the same dump can recognise a text: look before you pass the file on. "
            "table_hash is of the rows before all this."
        ),
        "documentation": "docs/tables.md; every table and column has a comment, see duckdb_columns().",
    }
