"""What one batch, or a few, hold becomes staged observations: read, placed in the file, mapped, handed over.

Most batches are read in one parse by their adapter (`Reading`), and little is left of them. What is left of several
is then observed together, since the statements for it take longer to plan than to run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import polars as pl
import pyarrow as pa

from pipeline.ingest import events, mapping, profiles
from pipeline.ingest import sqltools as q
from pipeline.ingest.batch import Bad, Batch
from pipeline.ingest.formats import Adapter
from pipeline.ingest.formats.base import NO_MESSAGES_READ, RECORDS_DDL, REJECTS_DDL
from pipeline.ingest.mending import repaired_table, settled_table
from pipeline.ingest.staged import Staged, rejects_table

LEFT_BYTES = 8 << 20  # a batch of which more is left is observed alone

# Position in reading order within the file, where documents have other numbers of rows than one; what was rejected
# has a position too.
_POSITIONS = """
CREATE OR REPLACE TEMP TABLE positions AS
SELECT file_no, rid, origin, doc_no, place, row_number() OVER (PARTITION BY file_no ORDER BY doc_no, path) - 1
    AS source_row
FROM (SELECT file_no, doc_no, path, rowid AS rid, 'record' AS origin, 0 AS place FROM records
      UNION ALL SELECT file_no, doc_no, path, rowid, 'reject', 0 FROM rejects{messages})
"""
_USUAL_POSITIONS = """
      UNION ALL SELECT file_no, doc_no, path, NULL, 'message', place FROM read_message
      WHERE {are_all_placed} OR file_no IN (SELECT file_no FROM framed UNION ALL SELECT file_no FROM records
                                            UNION ALL SELECT file_no FROM rejects)"""
_PLACED = (
    "CREATE OR REPLACE TEMP VIEW placed AS SELECT r.file_no, p.source_row, r.kind, r.rec, r.root_hint, r.parent_hint, "
    "k.observed_at, k.dumped_at, r.repair FROM records r JOIN positions p ON p.origin = 'record' AND p.rid = r.rowid "
    "JOIN clocks k ON k.observed_text IS NOT DISTINCT FROM r.observed_text "
    "AND k.dump_text IS NOT DISTINCT FROM r.dump_text",
    "CREATE OR REPLACE TEMP VIEW placed_rejects AS SELECT r.file_no, p.source_row, r.byte_offset, r.reason, r.detail, "
    "r.excerpt FROM rejects r JOIN positions p ON p.origin = 'reject' AND p.rid = r.rowid",
)
# The messages of usual bodies as adapters and profiles look at them.
_READ_MESSAGE = """
SELECT *, CASE WHEN kind = 'post' THEN 'a' ELSE 'b' || lpad(CAST(place - 1 AS VARCHAR), 8, '0') END AS path
FROM (SELECT * REPLACE (source_row + {shift:d} AS source_row) FROM {table})
"""
# Bodies that hold several messages count theirs as if each were alone in its file, and other documents as if each were
# one row.
_IS_MISPLACED = "doc_no > 0 AND (place > 1 OR source_row <> doc_no - {first_doc:d})"
_DOCS = "file_no, doc_no, byte_offset, doc, repair, table_kind"
_UNKNOWN = "rejects WHERE reason = 'unknown_shape' AND path = ''"
_IS_SOUND = f"json_valid(doc) AND {q.NO_FORBIDDEN_VALUE}"


@dataclass(frozen=True, slots=True)
class Reading:
    """A batch after the one parse that reads most of it.

    `usual` is the table of the messages that were read, None where the adapter made none; `left` the documents that
    have to be read otherwise. The rows of the table count from `first_doc`, the number of the first document.
    """

    number: int
    single: int | None
    usual: str | None
    left: pa.Table
    first_doc: int
    rejected: Bad
    table_kind: str | None
    are_whole: bool

    @classmethod
    def of(cls, con: duckdb.DuckDBPyConnection, adapter: Adapter, batch: Batch, number: int) -> Reading:
        """Let the adapter read what it can of a batch in one pass."""
        con.execute("SET TimeZone = 'UTC'")
        usual, left = f"staged.usual_{number:06d}", batch.documents
        first_doc = int(left["doc_no"][0].as_py()) if batch.single is not None and len(left) else 0
        found: list[tuple[int, int]] | None = None
        if adapter.read_usual is not None:
            con.register("framed", left)
            found = adapter.read_usual(con, usual, first_doc)
        if found is not None:
            left = _only(left, found)
        return cls(
            number,
            batch.single,
            None if found is None else usual,
            left,
            first_doc,
            batch.rejected,
            batch.table_kind,
            batch.are_whole,
        )


def together(readings: Sequence[Reading]) -> list[list[Reading]]:
    """Return readings of one group in units that are observed together: those of which little is left, in a row."""
    units: list[list[Reading]] = []
    has_room = False
    for reading in readings:
        is_small = reading.usual is not None and reading.left.nbytes <= LEFT_BYTES
        if is_small and has_room:
            units[-1].append(reading)
        else:
            units.append([reading])
        has_room = is_small
    return units


class Observer:
    """Observes one unit after the other, in temporary tables that nobody else sees.

    Parameters
    ----------
    con
        A cursor of the connection of the ingestion.
    staged
        What was staged so far, and takes more.
    adapter
        The format.

    Attributes
    ----------
    n_rows
        Rows of the unit that was placed last: messages, records and rejects.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, staged: Staged, adapter: Adapter) -> None:
        self.con, self.staged, self.adapter = con, staged, adapter
        self.n_rows = 0
        con.execute("SET TimeZone = 'UTC'")

    def place(self, unit: Sequence[Reading]) -> None:
        """Extract the records that are left of a unit, and give every row its position in the file."""
        con, usual = self.con, [reading for reading in unit if reading.usual is not None]
        bad: Bad = [row for reading in unit for row in reading.rejected]
        left = pa.concat_tables([reading.left for reading in unit])
        con.register("framed", left)
        shifts = [(reading, reading.first_doc - usual[0].first_doc) for reading in usual]
        read = " UNION ALL ".join(_READ_MESSAGE.format(table=reading.usual, shift=shift) for reading, shift in shifts)
        con.execute(f"CREATE OR REPLACE TEMP VIEW read_message AS {read}" if usual else NO_MESSAGES_READ)
        if len(left) or (usual and self._any("read_message WHERE replies <> '[]'")):
            bad += self._docs(left, unit[0].table_kind, are_whole=unit[0].are_whole)
            self.adapter.extract(con)
            if self._settle(unit[0].table_kind):
                self.adapter.extract(con)
        else:
            con.execute(RECORDS_DDL)
            con.execute(REJECTS_DDL)
        if bad:
            con.register("bad", rejects_table(bad))
            con.execute("INSERT INTO rejects SELECT * FROM bad")
            con.unregister("bad")
        self._position(shifts)
        self.n_rows = sum(self._count(table) for table in ("records", "rejects", *(r.usual for r in usual if r.usual)))

    def _position(self, shifts: list[tuple[Reading, int]]) -> None:
        """Give every record and every reject its position in the file, and the messages beside them."""
        con, placed = self.con, ""
        if shifts:
            is_misplaced = _IS_MISPLACED.format(first_doc=shifts[0][0].first_doc)
            are_all = self._any(f"read_message WHERE {is_misplaced}")
            placed = _USUAL_POSITIONS.format(are_all_placed=str(are_all).lower())
        con.execute(_POSITIONS.format(messages=placed))
        if shifts and self._any("positions WHERE origin = 'message'"):
            for reading, shift in shifts:
                con.execute(
                    f"UPDATE {reading.usual} u SET source_row = p.source_row - {shift:d} FROM positions p WHERE "
                    "p.origin = 'message' AND p.file_no = u.file_no AND p.doc_no = u.doc_no AND p.place = u.place"
                )
        con.execute(mapping.CLOCKS)
        for statement in _PLACED:
            con.execute(statement)

    def _docs(self, documents: pa.Table, table_kind: str | None, *, are_whole: bool) -> Bad:
        """Make ``docs``: the Arrow columns in place, or a copy when some documents had to be repaired."""
        con, columns = self.con, _DOCS
        faulty = con.sql(
            f"SELECT file_no, doc_no, byte_offset, doc FROM framed WHERE NOT ({_IS_SOUND}) ORDER BY file_no, doc_no"
        ).fetchall()
        if not faulty:
            con.execute(f"CREATE OR REPLACE TEMP VIEW docs AS SELECT {columns} FROM framed")
            return []
        mended, bad = repaired_table([row for row in faulty if row[3].strip()], table_kind, are_whole=are_whole)
        con.register("mended", mended)
        con.register("faulty", pa.table({"file_no": [r[0] for r in faulty], "doc_no": [r[1] for r in faulty]}))
        is_faulty = "EXISTS (SELECT 1 FROM faulty f WHERE f.file_no = d.file_no AND f.doc_no = d.doc_no)"
        kept = "m.file_no, m.doc_no, m.byte_offset, m.doc, m.repair, f.table_kind"
        con.execute(
            f"CREATE OR REPLACE TEMP VIEW docs AS SELECT {columns} FROM framed d WHERE NOT {is_faulty} UNION ALL "
            f"SELECT {kept} FROM mended m JOIN framed f ON f.file_no = m.file_no AND f.doc_no = m.doc_no"
        )
        return bad

    def _settle(self, table_kind: str | None) -> bool:
        """Replace documents that hold nothing known and name a key twice in ``docs``; return whether there are any."""
        con = self.con
        if not self._any(_UNKNOWN):
            return False
        unknown = f"SELECT file_no, doc_no FROM {_UNKNOWN}"
        rows = con.sql(
            "SELECT file_no, doc_no, byte_offset, CAST(doc AS VARCHAR), repair FROM docs "
            f"WHERE (file_no, doc_no) IN ({unknown}) ORDER BY file_no, doc_no"
        ).fetchall()
        settled = settled_table(rows, table_kind)
        if not len(settled):
            return False
        con.register("settled", settled)
        con.execute("CREATE OR REPLACE TEMP TABLE unsettled AS SELECT * FROM docs")
        con.execute(
            "CREATE OR REPLACE TEMP VIEW docs AS SELECT * FROM unsettled u WHERE NOT EXISTS "
            "(SELECT 1 FROM settled s WHERE s.file_no = u.file_no AND s.doc_no = u.doc_no) "
            f"UNION ALL SELECT {_DOCS} FROM settled"
        )
        return True

    def _count(self, rows: str) -> int:
        return int(self.con.sql(f"SELECT count(*) FROM {rows}").fetchall()[0][0])

    def _texts(self, query: str) -> frozenset[str]:
        return frozenset(text for (text,) in self.con.sql(query).fetchall())

    def _any(self, rows: str) -> bool:
        return self._count(rows) > 0

    def stage(self, unit: Sequence[Reading], base: int) -> None:
        """Map the records of the unit that was placed, and stage all observations; `base` rows are before it."""
        con, is_canonical = self.con, self.adapter.is_canonical
        # To plan a statement costs more than to run it on nothing, so those are left out whose rows are not there.
        has_messages = self._any(f"records WHERE {mapping.IS_MESSAGE}")
        has_events = self._any(events.EVENT_RECORDS)
        has_communities = self._any("records WHERE kind = 'community'")
        if has_messages:
            messages = f"(SELECT rec FROM records WHERE {mapping.IS_MESSAGE})"
            keys = self._texts(mapping.keys_sql("json_keys(rec)", messages))
            con.execute(mapping.parsed_message_sql(keys, is_canonical=is_canonical))
            is_clean = not self._any(mapping.UNCLEAN_MESSAGES)
            con.execute(mapping.message_sql(is_clean=is_clean, is_canonical=is_canonical))
        else:
            con.execute(mapping.NO_PARSED_MESSAGE)
        has_agents = has_communities or self._any(profiles.AGENT_RECORDS) or self._any(profiles.MENTIONED_AUTHORS)
        if has_agents:
            for statement in profiles.parsed_agent_sql():
                con.execute(statement)
            keys = self._texts(profiles.KEYS_OF_AGENTS)
            has_unknown = not keys <= frozenset(profiles.KNOWN_AGENT_KEYS)
            is_clean = not self._any(profiles.UNCLEAN_AGENTS)
            con.execute(profiles.agent_sql(is_clean=is_clean, has_unknown=has_unknown))
        if has_communities:
            con.execute(profiles.membership_sql())
        names_communities = has_communities or self._any(profiles.MENTIONED_COMMUNITIES)
        if names_communities:
            con.execute(profiles.community_sql())
        if has_events:
            con.execute(events.event_sql())
        is_there = {
            "obs_message": has_messages,
            "obs_agent": has_agents,
            "obs_community": names_communities,
            "obs_event": has_events,
        }
        con.execute(mapping.reject_sql([name for name, is_one in is_there.items() if is_one]))
        is_there |= {"obs_membership": has_communities, "obs_reject": self._any("obs_reject")}
        for name, is_one in is_there.items():
            if is_one:
                self._stage(name, unit[0], base)
        first = next((reading.first_doc for reading in unit if reading.usual is not None), 0)
        for reading in unit:
            if reading.usual is not None:
                self._hand_over("obs_message", reading.usual, reading, base + reading.first_doc - first)

    def _stage(self, name: str, reading: Reading, base: int) -> None:
        """Make a table of the observations of one kind, without those that are no use."""
        table = f"staged.{name}_{reading.number:06d}"
        is_whole = name in ("obs_membership", "obs_reject")
        kept = f"SELECT * FROM {name}" if is_whole else f"SELECT * EXCLUDE (fault) FROM {name} WHERE fault IS NULL"
        self.con.execute(f"CREATE TABLE {table} AS {kept}")
        self._hand_over(name, table, reading, base)

    def _hand_over(self, name: str, table: str, reading: Reading, base: int) -> None:
        self.staged.add(self.con, name, table, base, reading.single, is_held=reading.number <= self.staged.n_held)


def _only(documents: pa.Table, wanted: list[tuple[int, int]]) -> pa.Table:
    """Return some of the documents, which file and number name."""
    if not wanted or len(wanted) == len(documents):
        return documents if wanted else documents.slice(0, 0)
    place = pl.col("file_no").cast(pl.Int64) * (1 << 32) + pl.col("doc_no")
    are_wanted = pl.DataFrame(wanted, schema=("file_no", "doc_no"), orient="row").select(place).to_series()
    columns = pl.DataFrame([pl.Series(name, documents[name]) for name in ("file_no", "doc_no")])
    return documents.filter(columns.select(place.is_in(are_wanted.implode())).to_series().to_arrow())
