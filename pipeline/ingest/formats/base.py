"""What an adapter is, the two tables that it fills, and the kinds of records that it may put there.

`extract` leaves rows of ``records``: kind says what `rec` is, (doc_no, path) its place in the file, unique there. What
is null or absent in `rec` is unknown. Times are texts (ISO or epoch numbers) or null; `at_precision` (us, ms, s,
minute, hour, day, week, month) is given where the text of a time is finer than what is known, else it is told from
the text. `step` is a whole number, for simulators that count steps instead of time; `run_id` is given by simulators
only.

post, comment, repost, quote, dm, utterance
    Messages, with the keys of `mapping.MESSAGE_KEYS`: id, author {id, name, display_name, ...} (or author_id and
    author_name), content, created_at, parent_id, ... Of an adapter with `is_canonical` also run_id, step, at_precision
    (of created_at) and root_id. Keys that no column holds go to ``extra``, so `lang` does. A post is its own root; a
    comment needs a parent or a root (root_id or post_id); the others have the parent and the root that the record
    gives, and where it names a parent but no root, the root is found from the chain of parents.
agent
    id, name (handle), display_name, description, model, agent_kind (llm, human, abm), created_at, follower_count,
    following_count, ...; further keys go to ``extra``.
community
    name (slug, the id), display_name, description, created_at, created_by, moderators, ...
tie
    source_id, source_name, target_id, target_name, relation (follow, mute, friend), action (add, remove), at,
    at_precision, step, origin, run_id. The source is who acts (the follower). `target_display` instead of a target is a
    display name: it stands for the account that alone has it, else the target is 'name:<display name>'. The action
    'present' says that the tie is there at the time `at` of a crawl: merging turns these into an add at the first
    crawl that shows the tie and a remove at the first later one that does not, both of origin 'snapshot'. A crawl is
    a folder named crawl*, or what a file shows on one day where there is none.
reaction
    agent_id, agent_name, message_id, target_agent_id, target_agent_name (or target_display), type, at, at_precision,
    step, run_id.
membership
    agent_id, agent_name, community_id, action (join, leave, create, moderate), role, at, at_precision, step, origin
    (not 'created_by' nor 'moderators': those are read from community records), run_id.
exposure
    agent_id, agent_name, message_id, at, at_precision, step, source, run_id.
label
    target_kind (message, agent, community), target_id, scheme, value, origin (who labelled; null where that is not
    told). Equal labels are repeated.
run
    run_id, system, scenario, model, seed, clock (time or step). A corpus whose records name no run has the one run
    'observed'; an adapter that gives run ids gives one run record for each.

An id is used as it is given; a name (handle) stands for an id only while it belongs to a single one, else for the
agent 'name:<handle>'. Every record is accounted for as new, revised, repeated or quarantined; an event that equals one
that was read before is repeated. An event of which a required part is missing is quarantined (``incomplete_event``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa

if TYPE_CHECKING:
    from pipeline.ingest.repair import Rejected
    from pipeline.ingest.scan import SourceFile

RECORDS_DDL = (
    "CREATE OR REPLACE TEMP TABLE records (file_no INTEGER, doc_no BIGINT, path VARCHAR, kind VARCHAR, rec JSON, "
    "root_hint VARCHAR, parent_hint VARCHAR, observed_text VARCHAR, dump_text VARCHAR, repair VARCHAR, "
    "replies JSON, nesting INTEGER)"
)
REJECTS_DDL = (
    "CREATE OR REPLACE TEMP TABLE rejects (file_no INTEGER, doc_no BIGINT, path VARCHAR, byte_offset BIGINT, "
    "reason VARCHAR, detail VARCHAR, excerpt VARCHAR)"
)

# What `extract` finds as ``read_message`` where nothing was read in one parse.
NO_MESSAGES_READ = "CREATE OR REPLACE TEMP VIEW read_message AS SELECT {columns} WHERE false".format(
    columns=", ".join(
        f"CAST(NULL AS {kind}) AS {name}"
        for kind, names in {
            "VARCHAR": (
                "kind", "path", "message_id", "root_id", "replies", "author", "submolt", "observed_text", "dump_text",
            ),
            "BIGINT": ("doc_no", "source_row", "place"),
            "INTEGER": ("file_no",),
            "TIMESTAMP": ("observed_at", "dumped_at"),
        }.items()
        for name in names
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Adapter:
    """A format: its name, the version that provenance records, and its functions.

    Attributes
    ----------
    recognises
        From path, container and the first 64 kB of a file: whether it is of this format. Not asked for Parquet,
        whose columns `table_kind` is asked about.
    read_usual
        Where most documents have one shape: makes the named table of observed messages from ``framed`` in one parse,
        and returns the documents (file_no, doc_no) that are left to `extract`, or None when it made none; see
        `formats.moltbook_usual.read_usual`. `extract` finds that table as ``read_message``.
    extract
        Fills ``records`` and ``rejects`` from ``docs``.
    table_kind
        For containers with columns (csv, parquet; who reads one of these is asked about Avro and JSON tables too): the
        kind of record that a table of these columns holds, or None when it holds none.
    describes
        One paragraph for docs/formats.md: the layout, and what it cannot tell us.
    is_canonical
        True when message records carry the keys that simulators have (run_id, step, at_precision, root_id). `extract`
        then also finds the table ``source_paths`` (file_no, path).
    recognises_file
        For containers that are opened, not read as text (sqlite): whether the file at the path is of this format.
        Must not raise; a file that it does not know is listed as ignored.
    documents
        For containers that the adapter reads itself (sqlite): from the file (its path on disk) and its description
        (`SourceFile.path` is the path below the corpus folder) the documents, as Arrow tables of bounded size with
        the columns `doc` (large_string, one JSON object a row) and `table_kind` (string, may be null; `extract` finds
        it in ``docs``). Numbers of documents are given by their order over all tables. A `repair.Rejected` instead of
        a table sets aside one document at that position, such as the unreadable rest of a file; an OSError ends the
        file as unreadable.
    reads_too
        Names of the formats whose files this one reads too, where it is a format of the corpus and they are not: an
        archive holds files that look like those of others, such as a list of communities as the API gives it. Of
        tables, only those of agents and communities: messages of another dump are not pooled without a word.
    paths
        Where the columns of a table do not tell whose it is: what its path must match as well.
    claims
        Below such a path, every table is of this format that it or a format that it reads too knows.
    """

    name: str
    version: str
    system: str
    containers: frozenset[str]
    recognises: Callable[[str, str, bytes], bool]
    read_usual: Callable[[duckdb.DuckDBPyConnection, str, int], list[tuple[int, int]] | None] | None
    extract: Callable[[duckdb.DuckDBPyConnection], None]
    table_kind: Callable[[frozenset[str]], str | None]
    describes: str
    is_canonical: bool = False
    recognises_file: Callable[[Path], bool] | None = None
    documents: Callable[[Path, SourceFile], Iterator[pa.Table | Rejected]] | None = None
    reads_too: frozenset[str] = frozenset()
    paths: re.Pattern[str] | None = None
    claims: re.Pattern[str] | None = None
