"""Drives ingestion: stage, merge, and the queries whose results are the tables of layer ``corpus``."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable
from datetime import datetime
from functools import cached_property
from pathlib import Path

import duckdb
import polars as pl

from pipeline.ingest import events, merge
from pipeline.ingest.beside import SCHEMA, Beside, find_tables
from pipeline.ingest.config import CorpusConfig
from pipeline.ingest.erasure import touched, without_erased
from pipeline.ingest.formats.unread import is_known_unread
from pipeline.ingest.gaps import collection_gaps
from pipeline.ingest.kept import Kept
from pipeline.ingest.scan import Scan
from pipeline.ingest.staging import Stager
from pipeline.ingest.synthetic import WORD, with_warnings
from pipeline.ingest.walls import find_walls
from pipeline.schema import TABLES

DATA_SUFFIX = re.compile(r"\.(json|jsonl|ndjson|csv|tsv|parquet|avro|db|sqlite|sqlite3)$", re.IGNORECASE)
_PATH_TIME = re.compile(r"(20\d\d)-?([01]\d)-?([0-3]\d)(?:[T_-]?([0-2]\d)-?([0-5]\d)(?!\d{3}))?")
FRAMES = ("run", "slice", "source_file", "quarantine", "collection_gap", "corpus")
_EVENTS = ("tie_event", "reaction", "exposure", "label")  # only events give them rows
NO_TEXT = hashlib.sha256(b"\n").hexdigest()[:32]  # of neither title nor content
COVERED_SHARE = 0.9  # of the comments that posts claim; some are deleted or hidden on every platform


class Ingestion:
    """The result: for each table a SELECT on the connection, or a small frame.

    Messages are ready; all else is merged when it is asked for, so that messages are written meanwhile.

    Parameters
    ----------
    con
        The connection of the ingestion.
    merge_others
        Merges all else, and returns the frames.

    Attributes
    ----------
    messages
        The SELECTs that are ready.
    others
        The names of the tables that are merged when they are asked for.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, merge_others: Callable[[], dict[str, pl.DataFrame]]) -> None:
        self._con, self._merge_others = con, merge_others
        self.messages = dict(_MESSAGES)
        self.others = (*_OTHERS, *FRAMES)

    @cached_property
    def frames(self) -> dict[str, pl.DataFrame]:
        """The tables that are frames."""
        return self._merge_others()

    def states_of(self, messages: pl.DataFrame) -> pl.DataFrame | None:
        """Return the rows of ``message_snapshot``, from the rows of ``message`` as they are stored.

        A message that was observed once has the state that it is stored with; only the others are looked for. None
        where these have more states than there are messages, which are known to fit into memory.
        """
        table = TABLES["message_snapshot"]
        if self._con.sql(f"SELECT count(*) FROM seen_message WHERE {_SEVERAL}").fetchall()[0][0] > messages.height:
            return None
        several: pl.DataFrame = self._con.sql(f"SELECT * FROM {_MESSAGES['message_snapshot']} WHERE {_SEVERAL}").pl()
        text_hash = pl.when(pl.col("text_hash") != NO_TEXT).then(pl.col("text_hash")).alias("text_hash")
        once: pl.DataFrame = messages.select(*table.polars_schema).with_columns(text_hash)
        if several.is_empty():
            return once
        corpus_id = once["corpus_id"].first()
        more = several.with_columns(corpus_id=pl.lit(corpus_id, pl.String)).select(once.columns).cast(once.schema)
        once = once.join(several.select("message_id"), on="message_id", how="anti")
        both: pl.DataFrame = pl.concat([once, more]).sort(table.key, nulls_last=False)
        return both

    @cached_property
    def queries(self) -> dict[str, str]:
        """The SELECTs of all other tables."""
        return {**self.messages, **(_OTHERS if self.frames else {})}


def path_time(path: str) -> datetime | None:
    """Return the date (and time) that a file name carries, None when it carries none."""
    for match in reversed(list(_PATH_TIME.finditer(path))):
        year, month, day, hour, minute = match.groups()
        try:
            return datetime(int(year), int(month), int(day), int(hour or 0), int(minute or 0))
        except ValueError:
            continue
    return None


def ingest(
    scan: Scan,
    config: CorpusConfig,
    con: duckdb.DuckDBPyConnection,
    staging: Path,
    *,
    redact: Callable[[str], str],
    cleanup: contextlib.ExitStack,
    progress: Callable[[int], None] = lambda _: None,
    kept: Kept | None = None,
) -> Ingestion:
    """Read all files of a corpus.

    Parameters
    ----------
    scan
        The files, from `pipeline.ingest.scan.scan`.
    config
        What `corpus.toml` says.
    con
        A connection of this ingestion alone; the queries of the result run on it.
    staging
        An empty folder for what has to be unpacked.
    redact
        Replaces credentials and addresses in the excerpts of quarantined records.
    cleanup
        What is to be closed before the connection, and once nothing is asked of the result any more.
    progress
        Called with the number of bytes read since the last call.
    kept
        What earlier ingestions staged of large files, which is brought up to date; None reads everything.

    Returns
    -------
    Ingestion
        Queries and frames with the columns of the schema, without ``corpus_id``.
    """
    con.execute(f"CREATE SCHEMA {SCHEMA}")
    find_tables(con)
    # Joins are written with the wide side first. Estimates take a union of many tables for small, and messages joined
    # with what belongs to them were then copied into a hash table, texts and all.
    con.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    files = pl.DataFrame(
        {
            "file_no": range(len(scan.files)),
            "source_file_id": [f.source_file_id for f in scan.files],
            "path": [f.path for f in scan.files],
            "digest_no": pl.Series([f.sha256 for f in scan.files], dtype=pl.String).rank("dense"),
            "path_time": [path_time(f.path) for f in scan.files],
        },
        schema={
            "file_no": pl.Int32, "source_file_id": pl.String, "path": pl.String, "digest_no": pl.Int64,
            "path_time": pl.Datetime("us"),
        },
    )  # fmt: skip
    con.register("files_frame", files.to_arrow())
    con.execute("CREATE OR REPLACE TABLE files AS SELECT * FROM files_frame")
    con.unregister("files_frame")
    stager = Stager(con, staging, kept)
    stager.run(scan, progress)
    merge.prepare(con, config.erase)
    # While messages are merged and read, where there are few enough for both to be in memory.
    agents = cleanup.enter_context(contextlib.closing(Beside(con, merge.merge_agents))) if stager.are_few else None
    merge.merge_messages(con)
    find_walls(con)

    def merge_others() -> dict[str, pl.DataFrame]:
        if agents is None:
            merge.merge_agents(con)
        else:
            agents.result()
        merge.account(con)
        # Only now is it known who else an erased agent is; and nothing of a file that holds one stays.
        stager.keep(scan, touched(con, stager.staged.memberships()) if config.erase else frozenset())
        con.execute(_COUNTS)
        frames = {
            "run": _run_frame(con, scan, config),
            "slice": _slice_frame(config),
            "source_file": without_erased(con, with_warnings(con, _source_files(con, scan))),
            "quarantine": without_erased(con, _quarantine(con, redact)),
            "collection_gap": collection_gaps(con, {scan.adapters[name].system for name in scan.formats}, scan.formats),
        }
        frames["corpus"] = _corpus_frame(con, scan, config, frames["source_file"], frames["run"])
        if not events.are_there(con):
            frames |= {name: pl.DataFrame(schema=TABLES[name].polars_schema).drop("corpus_id") for name in _EVENTS}
        return frames

    return Ingestion(con, merge_others)


_COUNTS = """
CREATE OR REPLACE TABLE counts AS
SELECT f.file_no, f.path, t.observed_at,
       count(o.outcome) AS rows_read,
       count(*) FILTER (WHERE o.outcome = 'new') AS new,
       count(*) FILTER (WHERE o.outcome = 'revised') AS revised,
       count(*) FILTER (WHERE o.outcome = 'repeated') AS repeated,
       count(*) FILTER (WHERE o.outcome = 'quarantined') AS quarantined
FROM files f LEFT JOIN outcome o ON o.file_no = f.file_no LEFT JOIN file_time t ON t.file_no = f.file_no
GROUP BY f.file_no, f.path, t.observed_at
"""

_AUTHOR = "coalesce(m.author_id, n.agent_id, 'name:' || m.author_name)"
_MESSAGE = f"""
(SELECT m.message_id, coalesce(m.run_id, 'observed') AS run_id, m.kind, {_AUTHOR} AS agent_id, m.community_id,
        m.parent_id, coalesce(m.root_id, d.root_id) AS root_id,
        CASE WHEN d.message_id IS NULL THEN m.usual_depth ELSE d.depth END AS depth, m.title, m.content,
        m.text_hash, m.created_at, m.at_precision, m.step,
        coalesce(m.score, m.upvotes - m.downvotes) AS score, m.upvotes, m.downvotes, m.claimed_comment_count,
        coalesce(m.n_chars = w.n_chars, false) AS is_truncated, m.is_deleted, m.is_spam, m.url, m.flags,
        m.observed_at, f.source_file_id, m.source_row, m.extra
 FROM (SELECT *, {merge.USUAL_DEPTH} AS usual_depth FROM merged_message) m JOIN files f ON f.file_no = m.file_no
 LEFT JOIN deep d ON d.message_id = m.message_id
 LEFT JOIN wall w ON w.kind = m.kind
 LEFT JOIN name_map n ON n.name = m.author_name)
"""

_MESSAGES: dict[str, str] = {
    "message": _MESSAGE,
    "message_snapshot": f"""
(SELECT s.message_id, s.observed_at, coalesce(s.score, s.upvotes - s.downvotes) AS score, s.upvotes, s.downvotes,
        s.claimed_comment_count,
        nullif(s.text_hash, '{NO_TEXT}') AS text_hash, f.source_file_id, s.source_row
 FROM seen_message s JOIN files f ON f.file_no = s.file_no)
""",
}
_SEVERAL = "message_id IN (SELECT message_id FROM repeated_message)"
_OTHERS: dict[str, str] = {
    "agent": """
(SELECT a.agent_id, a.name, a.display_name, a.persona, a.model, coalesce(a.agent_kind, 'unknown') AS agent_kind,
        a.created_at, a.at_precision, a.karma, a.followers, a.following, a.is_claimed,
        a.is_deleted, a.owner_handle, a.owner_name, a.owner_bio, a.owner_followers, a.has_profile, a.observed_at,
        f.source_file_id, a.source_row, a.extra
 FROM merged_agent a JOIN files f ON f.file_no = a.file_no)
""",
    "agent_snapshot": """
(SELECT DISTINCT agent_id, observed_at, karma, followers, following, persona FROM seen_agent
 WHERE karma IS NOT NULL OR followers IS NOT NULL OR following IS NOT NULL OR persona IS NOT NULL)
""",
    "community": """
(SELECT c.community_id, CASE WHEN starts_with(c.community_id, 'id:') THEN NULL ELSE c.community_id END AS name,
        c.title, c.description, c.created_at, c.at_precision, c.subscribers, c.claimed_post_count, c.has_profile,
        c.observed_at, f.source_file_id, c.source_row, c.extra
 FROM merged_community c JOIN files f ON f.file_no = c.file_no)
""",
    "community_snapshot": """
(SELECT DISTINCT community_id, observed_at, subscribers, claimed_post_count FROM seen_community
 WHERE subscribers IS NOT NULL OR claimed_post_count IS NOT NULL)
""",
    **events.EVENT_QUERIES,
}


_RUN_SCHEMA: dict[str, type[pl.DataType]] = {
    "run_id": pl.String, "system": pl.String, "scenario": pl.String, "model": pl.String, "seed": pl.Int64,
    "clock": pl.String,
}  # fmt: skip


def _run_frame(con: duckdb.DuckDBPyConnection, scan: Scan, config: CorpusConfig) -> pl.DataFrame:
    """Return the runs that records name; 'observed' for what belongs to none, and for a corpus without runs."""
    runs: pl.DataFrame = con.sql(events.RUNS).pl().cast(dict(_RUN_SCHEMA))
    if runs.height and not con.sql(events.IS_OBSERVED).fetchall()[0][0]:
        return runs
    systems = sorted({scan.adapters[name].system for name in scan.formats})
    row = {
        "run_id": "observed", "system": ", ".join(systems) or None, "scenario": None, "model": None, "seed": None,
        "clock": config.clock,
    }  # fmt: skip
    both: pl.DataFrame = pl.concat([pl.DataFrame([row], schema=_RUN_SCHEMA), runs]).sort("run_id")
    return both


def _slice_frame(config: CorpusConfig) -> pl.DataFrame:
    rows = [(s.slice_id, s.title, s.filter, s.start_at, s.end_at, s.origin) for s in config.all_slices()]
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "slice_id": pl.String, "title": pl.String, "filter": pl.String, "start_at": pl.Datetime("us"),
        "end_at": pl.Datetime("us"), "origin": pl.String,
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema, orient="row")


_FILE_SCHEMA: dict[str, type[pl.DataType]] = {
    "path": pl.String, "source_file_id": pl.String, "sha256": pl.String, "bytes": pl.Int64, "container": pl.String,
    "format": pl.String, "adapter_version": pl.String, "status": pl.String, "reason": pl.String,
}  # fmt: skip


def _source_files(con: duckdb.DuckDBPyConnection, scan: Scan) -> pl.DataFrame:
    counts = con.sql("SELECT * FROM counts").pl()
    rows = [
        (f.path, f.source_file_id, f.sha256 or None, f.size, f.container, f.format,
         scan.adapters[f.format].version if f.format else None, f.status, f.reason)
        for f in scan.files
    ]  # fmt: skip
    described = pl.DataFrame(rows, schema=_FILE_SCHEMA, orient="row")
    return described.join(counts.drop("file_no"), on="path", how="left").sort("path")


def _quarantine(con: duckdb.DuckDBPyConnection, redact: Callable[[str], str]) -> pl.DataFrame:
    frame = con.sql(
        "SELECT f.source_file_id, f.path, r.source_row, r.byte_offset, r.reason, r.detail, r.excerpt "
        "FROM st_obs_reject r JOIN files f ON f.file_no = r.file_no ORDER BY f.path, r.source_row, r.reason"
    ).pl()
    excerpt = pl.Series("excerpt", [redact(text or "")[:200] for text in frame["excerpt"]], dtype=pl.String)
    redacted: pl.DataFrame = frame.with_columns(excerpt)
    return redacted


_CORPUS_WARNINGS = {
    "dangling_parents": "SELECT count(*) FROM deep WHERE is_comment AND depth IS NULL",
    "null_authors": "SELECT count(*) FROM merged_message WHERE author_id IS NULL AND author_name IS NULL",
    "truncated_text": "SELECT count(*) FROM wall",
    "truncated_threads": "SELECT count(*) FROM (SELECT root_id, count(*) AS held FROM node "
    "WHERE kind = 'comment' GROUP BY root_id) h JOIN merged_message p ON p.message_id = h.root_id "
    "WHERE p.claimed_comment_count > h.held AND h.held >= 90",
    "partial_coverage": "SELECT CASE WHEN sum(least(coalesce(h.held, 0), p.claimed_comment_count)) "
    f"< {COVERED_SHARE} * sum(p.claimed_comment_count) THEN 1 ELSE 0 END FROM merged_message p LEFT JOIN "
    "(SELECT root_id, count(*) AS held FROM node WHERE kind = 'comment' GROUP BY root_id) h "
    "ON h.root_id = p.message_id WHERE p.kind = 'post' AND p.claimed_comment_count > 0",
    "no_messages": "SELECT CASE WHEN count(*) = 0 THEN 1 ELSE 0 END FROM node",
    "no_times": "SELECT CASE WHEN count(created_at) = 0 AND count(*) > 0 THEN 1 ELSE 0 END FROM merged_message",
}


def _corpus_frame(
    con: duckdb.DuckDBPyConnection, scan: Scan, config: CorpusConfig, files: pl.DataFrame, runs: pl.DataFrame
) -> pl.DataFrame:
    is_simulation = runs["run_id"].to_list() != ["observed"]
    counts_steps = config.clock == "step" or (runs["clock"] == "step").any()
    first, last = con.sql("SELECT min(created_at), max(created_at) FROM merged_message").fetchall()[0]
    words = [word for word, query in _CORPUS_WARNINGS.items() if con.sql(query).fetchall()[0][0]]
    if counts_steps:
        words.append("clock_is_step")
    if files["warnings"].is_not_null().any():
        words.append(WORD)
    if any(f.status == "other_format" for f in scan.files):
        words.append("other_formats_present")
    unknown = [f for f in scan.files if f.status == "ignored" and not is_known_unread(f.reason)]
    if any(DATA_SUFFIX.search(file.content_path) for file in unknown):
        words.append("data_files_ignored")
    row = {
        "title": config.title,
        "kind": "simulation" if is_simulation and config.kind == "platform" else config.kind,
        "format": ",".join(scan.formats) or "none",
        "format_origin": scan.format_origin,
        "licence": config.licence,
        "clock": "step" if counts_steps else config.clock,
        "n_files": len(scan.files),
        "rows_read": int(files["rows_read"].sum() or 0),
        "first_at": first,
        "last_at": last,
        "erase_list": config.erase.digest() or None,
        "warnings": ",".join(sorted(words)) or None,
    }
    return pl.DataFrame([row], infer_schema_length=None)
