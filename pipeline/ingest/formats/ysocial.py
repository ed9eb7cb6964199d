"""Y Social: the SQLite database of one experiment, of YServer (whole numbers as ids) or YSimulator (UUIDs).

A database is a run; its id is made from the path of the file and stands before all ids. The clock counts steps: the
hours of `rounds`, day times 24 (or the slots of a day) plus hour. A post with `comment_to` is a comment, its root is
`thread_id`; one with `shared_from` is a repost, or a quote where it has words of its own; -1 and null are none. Follows
are events. `recommendations` are what an agent was shown, one exposure for each post of a list, whether the list is
joined by | or commas or written as JSON. Big Five (`openness`, ...), leaning, demographics and types of recommender
are in `extra` of the agent. `user_type` is the model where it names one, and tells people and rules apart where it
does; pages are of unknown kind. `email` and `password` are never read.

Who follows whom: in YServer `user_id` follows `follower_id`, in YSimulator `follower_id` follows `user_id`. The ids of
`follow` tell which server wrote it; the origin of a tie says what decided. Where agents are shown, or react to, posts
of those whom they follow in one reading and not in the other, the pairs of agent and author are counted for both
readings. When they speak against the ids by more than chance (a sign test at z = 3), or the ids are of neither kind
and nothing speaks clearly, no follow is read and one row is quarantined (`unclear_direction`); `follow_direction =
"user_to_follower"` or `"follower_to_user"` in corpus.toml then decides.

A row is: the database (the run); a row of user_mgmt, post, follow and reactions; and each post of a row of
recommendations. rounds is the clock and no row. Each other table that holds rows is one quarantined row: topics,
hashtags, emotions, sentiment, toxicity, opinions, articles, images, votes, mentions, memories. What it cannot tell:
prompts, seed, real times, what an agent looked at among what it was shown, and reactions that were taken back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import polars as pl
import pyarrow as pa

from pipeline.ingest.formats import ysocial_sql as s
from pipeline.ingest.formats.base import Adapter
from pipeline.ingest.formats.sqlite_run import extract, run_documents
from pipeline.ingest.repair import Rejected
from pipeline.ingest.sqlite_source import (
    Database,
    UnreadableDatabaseError,
    counted,
    open_database,
    read_table,
    shown_names,
)

if TYPE_CHECKING:
    from pipeline.ingest.scan import SourceFile

# Pairs that speak for one reading by chance follow the binomial with p = 1/2; beyond z = 3 lies about one in 400.
CLEAR_Z, FEWEST_PAIRS = 3.0, 10
_UUID = "________-____-____-____-____________"
_ID_KIND = f"CASE WHEN typeof(id) = 'integer' THEN 'integer' WHEN id LIKE '{_UUID}' THEN 'uuid' ELSE 'other' END"
_OF_IDS = {"integer": s.USER_ACTS, "uuid": s.FOLLOWER_ACTS}


def recognises_file(path: Path) -> bool:
    """Tell a database of Y Social by its tables."""
    try:
        database = open_database(path)
    except UnreadableDatabaseError:
        return False
    with closing(database.con):
        has_users = database.has("user_mgmt", "id", "username") and database.has("rounds", "id", "day", "hour")
        return has_users and database.has("post", "id", "tweet", "user_id", "comment_to")


def documents(path: Path, file: SourceFile) -> Iterator[pa.Table | Rejected]:
    """Yield the records of a database; see `sqlite_run.run_documents`."""
    given = file.follow_direction
    yield from run_documents(path, file, lambda database, con, run: _Reader(database, con, run, given).records())


def chosen_direction(ids: set[str], evidence: tuple[int, int], given: str | None) -> tuple[str | None, str]:
    """Say who follows whom.

    Parameters
    ----------
    ids
        Kinds of the ids in `follow`: integer, uuid, other.
    evidence
        Pairs that speak for `user_to_follower` and for `follower_to_user`.
    given
        The reading that corpus.toml names, None when it names none.

    Returns
    -------
    tuple
        The direction, None when it is not clear; and what decided, or why nothing does.
    """
    if given is not None:
        return given, "follow, direction from corpus.toml"
    expected = _OF_IDS.get(next(iter(ids))) if len(ids) == 1 else None
    n = sum(evidence)
    z = (evidence[0] - evidence[1]) / math.sqrt(n) if n >= FEWEST_PAIRS else 0.0
    shown = None if abs(z) < CLEAR_Z else s.USER_ACTS if z > 0 else s.FOLLOWER_ACTS
    found = f"{evidence[0]} pairs of agent and author speak for user_to_follower, {evidence[1]} for follower_to_user"
    if expected is None:
        if shown is None:
            return None, f"the ids are neither whole numbers nor UUIDs, and {found}, which is no more than chance"
        return shown, "follow, direction from what agents were shown"
    if shown not in (None, expected):
        return None, f"the ids are those of a server in which the direction is {expected}, but {found}"
    return expected, "follow, direction from the kind of ids"


class _Reader:
    """Reads one database: first the clock and what tells shares, then table after table."""

    def __init__(self, database: Database, con: duckdb.DuckDBPyConnection, run_id: str, given: str | None) -> None:
        self.database = database
        self.con = con
        self.run = {"run": run_id}
        self.given = given
        self.rejected: list[dict[str, str]] = []

    def records(self) -> Iterator[pa.Table]:
        """Yield all documents; the order depends on the database alone."""
        self._keep("round", "rounds", s.READ_TABLES["rounds"])
        self.con.execute(s.STEPS)
        self._keep("share", "post", ("id", "shared_from", "tweet"), s.IS_SHARE, "shared_from")
        self._keep("original", "post", ("id", "tweet"), s.IS_SHARED, "shared_from")
        self.con.execute(s.SHARES)
        yield self._table([{"run_id": self.run["run"], "system": "Y Social", "clock": "step"}], "run")
        yield from self._unread()
        yield from self._rows("user_mgmt", s.AGENT)
        yield from self._rows("post", s.POST)
        yield from self._ties()
        yield from self._rows("reactions", s.REACTION)
        yield from self._rows("recommendations", s.EXPOSURE)
        yield from self._set_aside()

    def _keep(self, name: str, table: str, columns: tuple[str, ...], where: str = "", needed: str = "id") -> None:
        """Copy some columns of a table into DuckDB; the copy is empty when the database lacks the table."""
        self.con.execute(f"CREATE TABLE {name} (row BIGINT, {', '.join(f'{column} VARCHAR' for column in columns)})")
        if self.database.has(table, needed):
            for part in read_table(self.database, table, columns, where):
                self.con.register("part", part.select("row", *columns).to_arrow())
                self.con.execute(f"INSERT INTO {name} BY NAME SELECT * FROM part")

    def _rows(self, table: str, query: str, **more: str) -> Iterator[pa.Table]:
        """Yield the documents of a table; none when the database lacks it."""
        if not self.database.has(table):
            return
        for part in read_table(self.database, table, s.READ_TABLES[table]):
            self.con.register("part", part.to_arrow())
            yield self.con.sql(query, params={**self.run, **more}).to_arrow_table()

    def _ties(self) -> Iterator[pa.Table]:
        """Yield the follows, or set all of them aside where it is not clear who follows whom."""
        if not self.database.has("follow", "user_id", "follower_id", "action"):
            return
        kinds = dict(counted(self.database, "follow", _ID_KIND if self.database.has("follow", "id") else "'other'"))
        if not kinds:
            return
        direction, why = chosen_direction(set(kinds), self._evidence() if self.given is None else (0, 0), self.given)
        if direction is None:
            detail = (
                f"table follow: {sum(kinds.values())} rows are not read: {why}; say in corpus.toml follow_direction = "
                '"user_to_follower" (user_id follows follower_id) or "follower_to_user"'
            )
            self.rejected.append({"reason": "unclear_direction", "detail": detail, "excerpt": ""})
            return
        yield from self._rows("follow", s.tie(direction), origin=why)

    def _evidence(self) -> tuple[int, int]:
        """Count the pairs of an agent and the author of a post it met that speak for one reading of follow."""
        con = self.con
        con.execute("CREATE TABLE pair (user_id VARCHAR, follower_id VARCHAR)")
        con.execute("CREATE TABLE author (id VARCHAR, user_id VARCHAR)")
        con.execute("CREATE TABLE meeting (agent VARCHAR, author VARCHAR)")
        for table, statement in s.COLLECTED.items():
            if self.database.has(table):
                for part in read_table(self.database, table, s.READ_TABLES[table]):
                    con.register("part", part.to_arrow())
                    con.execute(statement)
        ((for_user, for_follower),) = con.sql(s.EVIDENCE).fetchall()
        for table in ("pair", "author", "meeting"):
            con.execute(f"DROP TABLE {table}")
        return int(for_user), int(for_follower)

    def _unread(self) -> Iterator[pa.Table]:
        """Name the tables that hold rows and are not read."""
        for table in sorted(set(self.database.tables) - set(s.READ_TABLES)):
            for _, found in counted(self.database, table, "''"):
                detail = f"table {shown_names([table])}: {found} rows are of no table that is read"
                self.rejected.append({"reason": "table_not_read", "detail": detail, "excerpt": ""})
        yield from self._set_aside()

    def _set_aside(self) -> Iterator[pa.Table]:
        if self.rejected:
            yield self._table(self.rejected, "reject")
            self.rejected = []

    def _table(self, rows: list[dict[str, str]], kind: str) -> pa.Table:
        self.con.register("part", pl.DataFrame(rows).to_arrow())
        query = f"SELECT CAST(to_json(part) AS VARCHAR) AS doc, '{kind}' AS table_kind FROM part"
        return self.con.sql(query).to_arrow_table()


ADAPTER = Adapter(
    name="ysocial",
    version="1",
    system="Y Social",
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
