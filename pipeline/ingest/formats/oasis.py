"""OASIS (camel-ai): the SQLite database that one run of the simulator leaves.

A database is a run; its id is made from the path of the file, and stands before the ids of all that the run holds,
since every run counts its users and posts from the same number. Times are text or whole steps: the storage class of
``created_at`` says which. Follows and mutes are rebuilt from ``trace`` (an unfollow deletes the row of ``follow``); a
follow or mute that only the table of the final state knows, as those with which a run starts, says so in its origin.
The parent of a repost or quote is the one that ``trace.info`` names, since ``post`` stores the original of a repost;
``parent_origin`` in ``extra`` marks those that only ``post`` knows. What was shown comes from ``refresh`` and
``trend``; ``rec`` is the buffer at the end of the run and has no time. Agents that follow or mute themselves have
``self_ties`` in ``extra``.

A row is: the database itself (the run); a row of user, post, comment, chat_group (group in old versions),
group_members, group_messages, like, dislike, report, comment_like, comment_dislike and rec; a row of follow or mute
that no trace names; and in trace a follow, unfollow, mute, unmute, leave_group, join_group and create_group, whatever
undoes a reaction and the reaction that it undid, and each post of a refresh or trend. A member of a group whose
join_group is traced is counted there. Other actions repeat what the tables hold (sign_up, create_post, like_post,
...), or hold nothing that a table of ours keeps (search_posts, do_nothing, interview, ...). A trace whose info cannot
be read is one quarantined row; so is each other table that holds rows, such as product, each unknown action, and a
write-ahead log beside the database. A database beside which a rollback journal waits to be played back is not read: it
may hold half a transaction.

What it cannot tell: model, prompts and seed of the run; when agents saw comments; who a comment answers (comments are
flat); the reason of a report. The text that a repost or quote copies from its original is left to the original.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow as pa

from pipeline.ingest.formats import oasis_sql as s
from pipeline.ingest.formats.base import Adapter
from pipeline.ingest.formats.oasis_ties import deleted_follows
from pipeline.ingest.formats.sqlite_run import extract, run_documents
from pipeline.ingest.repair import EXCERPT_CHARS, Rejected, repair_document
from pipeline.ingest.sqlite_source import (
    BATCH_ROWS,
    Database,
    UnreadableDatabaseError,
    counted,
    open_database,
    read_table,
    shown_names,
)

if TYPE_CHECKING:
    from pipeline.ingest.scan import SourceFile

_HEAD_BYTES = 1 << 18
_SCHEMA_WORDS = (b"original_post_id", b"num_shares", b"CREATE TABLE trace")


def recognises_file(path: Path) -> bool:
    """Tell a database of OASIS by its tables; one whose schema is damaged, by the words of its first pages."""
    try:
        database = open_database(path)
    except UnreadableDatabaseError:
        try:
            with path.open("rb") as stream:
                head = stream.read(_HEAD_BYTES)
        except OSError:
            return False
        return all(word in head for word in _SCHEMA_WORDS)
    with closing(database.con):
        has_log = database.has("trace", "user_id", "action", "info")
        has_ties = database.has("follow", "follow_id", "follower_id", "followee_id")
        has_posts = database.has("post", "post_id", "user_id", "content", "created_at")
        return has_posts and database.has("user", "user_id") and (has_log or has_ties)


def documents(path: Path, file: SourceFile) -> Iterator[pa.Table | Rejected]:
    """Yield the records of a database; see `sqlite_run.run_documents`."""
    yield from run_documents(path, file, lambda database, con, run: _Reader(database, con, run).records())


class _Reader:
    """Reads one database: first what other rows depend on, then table after table."""

    def __init__(self, database: Database, con: duckdb.DuckDBPyConnection, run_id: str) -> None:
        self.database = database
        self.con = con
        self.run = {"run": run_id}
        self.rejected: list[dict[str, str]] = []

    def records(self) -> Iterator[pa.Table]:
        """Yield all documents; the order depends on the database alone."""
        self._prepare()
        row = {"run_id": self.run["run"], "system": "OASIS", "clock": self._clock()}
        yield self._table([row], "run")
        yield from self._unread()
        yield from self._rows("user", s.AGENT)
        for groups in ("chat_group", "group"):
            yield from self._rows(groups, s.COMMUNITY)
        yield from self._rows("post", s.POST)
        yield from self._rows("comment", s.COMMENT)
        yield from self._rows("group_messages", s.GROUP_MESSAGE)
        yield from self._query(s.TIE)
        yield from self._query(s.GROUP_ACT)
        yield from self._rows("group_members", s.MEMBER)
        for table in s.REACTION_TABLES:
            yield from self._rows(table, s.reaction(table))
        for action, (_, done, _, _) in s.UNDOING.items():
            if self._count(f"act WHERE action = '{action}'"):
                yield from self._traces(s.undone_reaction(action), (done,))
                yield from self._query(s.undoing_reaction(action))
        yield from self._traces(s.EXPOSURE, s.SHOWING)
        yield from self._rows("rec", s.BUFFER)
        yield from self._set_aside()

    def _prepare(self) -> None:
        """Make the tables that rows are joined with: accounts, acts of the trace, ties, and parents of shares."""
        con = self.con
        self._keep("account", "user", ("user_id", "agent_id"), "agent_id IS NOT NULL")
        several = "SELECT agent_id FROM account GROUP BY agent_id HAVING count(*) > 1"
        con.execute(f"DELETE FROM account WHERE agent_id IN ({several})")
        self._keep("share", "post", ("post_id", "original_post_id"), "original_post_id IS NOT NULL")
        self._keep("followed", "follow", s.READ_TABLES["follow"])
        self._keep("muted", "mute", s.READ_TABLES["mute"])
        con.execute(
            "CREATE TABLE act (row BIGINT, user_id VARCHAR, action VARCHAR, created_at VARCHAR, "
            "created_at_type VARCHAR, info VARCHAR, object_id VARCHAR)"
        )
        for part in self._trace_parts(s.ACTS):
            con.register("part", part.to_arrow())
            con.execute(
                f"INSERT INTO act SELECT row, user_id, action, created_at, created_at_type, info, {s.OBJECT} FROM part"
            )
        con.execute(s.PARENTS)
        events = con.sql(
            "SELECT a.row, a.user_id AS source, CASE WHEN a.action = 'unfollow' THEN a.object_id END AS target "
            "FROM act a WHERE (a.action = 'unfollow' AND a.object_id IS NOT NULL) OR (a.action = 'follow' AND "
            f"{s.field('followee_id')} IS NULL AND NOT EXISTS "
            "(SELECT 1 FROM followed f WHERE f.follow_id = a.object_id)) ORDER BY a.row"
        ).pl()
        unclear = events.filter(pl.col("source").is_not_null())
        con.register("deleted", deleted_follows(unclear).to_arrow())
        con.execute(s.TIES_TABLE)
        con.unregister("deleted")
        con.execute(s.SELF_TIES)
        for row, info in con.sql(f"SELECT row, info FROM tie WHERE {s.UNRESOLVED} ORDER BY row").fetchall():
            detail = f"table trace, row {row}: its row of follow is gone, and no unfollow tells whom it named"
            self._reject("unresolved_target", detail, info)

    def _keep(self, name: str, table: str, columns: tuple[str, ...], where: str = "") -> None:
        """Copy some columns of a table into DuckDB; the copy is empty when the database has no such table."""
        typed = ", ".join(f"{column} VARCHAR, {column}_type VARCHAR" for column in columns)
        self.con.execute(f"CREATE TABLE {name} (row BIGINT, {typed})")
        if self.database.has(table) and (not where or self.database.has(table, where.split(" ")[0])):
            for part in read_table(self.database, table, columns, where):
                self.con.register("part", part.to_arrow())
                self.con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM part")

    def _clock(self) -> str:
        """Return the clock that most messages and traces have."""
        times = steps = 0
        for table in ("post", "comment", "trace"):
            if self.database.has(table, "created_at"):
                held = dict(counted(self.database, table, "typeof(created_at)"))
                times += held.get("text", 0)
                steps += held.get("integer", 0) + held.get("real", 0)
        return "step" if steps > times else "time"

    def _unread(self) -> Iterator[pa.Table]:
        """Name the tables and the actions that hold rows and are not read."""
        for table in sorted(set(self.database.tables) - set(s.READ_TABLES)):
            for _, found in counted(self.database, table, "''"):
                detail = f"table {shown_names([table])}: {found} rows are of no table that is read"
                self._reject("table_not_read", detail, "")
        if self.database.has("trace", "action"):
            for action, found in counted(self.database, "trace", "CAST(action AS TEXT)"):
                if action not in s.KNOWN_ACTIONS:
                    detail = f"table trace: {found} rows of the unknown action {shown_names([action])}"
                    self._reject("table_not_read", detail, "")
        yield from self._set_aside()

    def _rows(self, table: str, query: str) -> Iterator[pa.Table]:
        """Yield the documents of a table; none when the database lacks it."""
        if not self.database.has(table):
            return
        for part in read_table(self.database, table, s.READ_TABLES[table]):
            self.con.register("part", part.to_arrow())
            yield self.con.sql(query, params=self.run).to_arrow_table()

    def _traces(self, query: str, actions: tuple[str, ...]) -> Iterator[pa.Table]:
        for part in self._trace_parts(actions):
            self.con.register("part", part.to_arrow())
            yield self.con.sql(query, params=self.run).to_arrow_table()

    def _trace_parts(self, actions: tuple[str, ...]) -> Iterator[pl.DataFrame]:
        """Yield the traces of some actions whose info is a JSON object; note the others."""
        if not self.database.has("trace", "action", "info"):
            return
        for part in read_table(self.database, "trace", s.READ_TABLES["trace"], f"action IN {s.listed(actions)}"):
            self.con.register("part", part.to_arrow())
            shown = f"action NOT IN {s.listed(s.SHOWING)} OR coalesce(json_type(info, '$.posts'), '') = 'ARRAY'"
            is_sound = f"CASE WHEN json_valid(info) THEN json_type(info) = 'OBJECT' AND ({shown}) ELSE false END"
            sound = self.con.sql(f"SELECT coalesce({is_sound}, false) AS is_sound FROM part").pl()["is_sound"]
            mended = [row for row in part.filter(~sound).iter_rows(named=True) if self._mend(row)]
            if not sound.all():
                kept = [part.filter(sound), pl.DataFrame(mended, schema=part.schema)]
                part = pl.concat(kept).sort("row")
            yield part

    def _mend(self, row: dict[str, str | None]) -> bool:
        """Repair the info of a trace in place; set the trace aside when it cannot be."""
        info = row["info"] or ""
        outcome = repair_document(info)
        if isinstance(outcome, Rejected):
            self._reject(outcome.reason, f"table trace, row {row['row']}: {outcome.detail}", info)
            return False
        if outcome.flags is None:
            expected = "a list under posts" if row["action"] in s.SHOWING else "a JSON object"
            self._reject("unknown_shape", f"table trace, row {row['row']}: expected {expected} in info", info)
            return False
        row["info"] = outcome.text
        return True

    def _query(self, query: str) -> Iterator[pa.Table]:
        reader = self.con.sql(query, params=self.run).to_arrow_reader(BATCH_ROWS)
        for batch in reader:
            yield pa.Table.from_batches([batch])

    def _count(self, rows: str) -> int:
        return int(self.con.sql(f"SELECT count(*) FROM {rows}").fetchall()[0][0])

    def _reject(self, reason: str, detail: str, excerpt: str | None) -> None:
        self.rejected.append({"reason": reason, "detail": detail, "excerpt": (excerpt or "")[:EXCERPT_CHARS]})

    def _set_aside(self) -> Iterator[pa.Table]:
        if self.rejected:
            yield self._table(self.rejected, "reject")
            self.rejected = []

    def _table(self, rows: list[dict[str, str]], kind: str) -> pa.Table:
        self.con.register("part", pl.DataFrame(rows).to_arrow())
        query = f"SELECT CAST(to_json(part) AS VARCHAR) AS doc, '{kind}' AS table_kind FROM part"
        return self.con.sql(query).to_arrow_table()


ADAPTER = Adapter(
    name="oasis",
    version="2",
    system="OASIS",
    containers=frozenset({"sqlite"}),
    recognises=lambda path, container, head: False,
    read_usual=None,
    extract=extract,
    table_kind=lambda columns: None,
    describes=__doc__ or "",
    is_canonical=True,
    recognises_file=recognises_file,
    documents=documents,
)
