"""Reads the usual bodies of the Moltbook API in one parse: a record per line, or a post with its comments.

Nearly all of a dump has one of these two shapes. A body that has anything else about it (another shape, an odd key at
its top, an identifier that is missing or no text, a fault in its JSON) is left to `moltbook_api`, which reads every
shape, in more steps. Both give the same rows; a test holds them against each other.
"""

from __future__ import annotations

import duckdb
import polars as pl

from pipeline.ingest import mapping as m
from pipeline.ingest import sqltools as q

_SEEN = ("_downloaded_at", "collected_at", "fetched_at")
_PLACE = dict.fromkeys((*_SEEN, "dump_date", "success", "error", "post_id", "id"), "VARCHAR")
_OTHERS = ("posts", "comment", "agent", "recentPosts", "submolts")
_MESSAGE: dict[str, object] = {**m.MESSAGE_STRUCT, "replies": "JSON"}
_BODY: dict[str, object] = {**_PLACE, **dict.fromkeys((*_OTHERS, "submolt"), "JSON")}
_RECORD: dict[str, object] = {**_MESSAGE, **_PLACE, **dict.fromkeys((*_OTHERS, "post", "comments", "data"), "JSON")}

# What is asked of a message whether or not any has it.
_ASKED = frozenset({*_BODY, "post", "comments", "data", "replies", "title", "submolt_name"})

_OBSERVED = f"coalesce({', '.join(f'u.{key}' for key in _SEEN)}) AS observed_text, u.dump_date AS dump_text"
_ABSENT = " AND ".join(f"u.{key} IS NULL" for key in _OTHERS)

# `structure` stands for the keys that are looked for.
_RECORDS = f"""
(SELECT file_no, doc_no, 1 AS place, doc_no - first_doc AS source_row,
        CASE WHEN u.post_id IS NOT NULL AND u.title IS NULL THEN 'comment' ELSE 'post' END AS kind,
        repair, {_OBSERVED}, u.replies, u AS m, doc AS rec, CAST(NULL AS VARCHAR) AS root_hint,
        CAST(NULL AS VARCHAR) AS parent_hint,
        starts_with(doc, '{{') AND {_ABSENT} AND u.post IS NULL AND u.data IS NULL AND u.success IS NULL
            AND u.error IS NULL AND u.id IS NOT NULL AND coalesce(u.comments, '[]') = '[]'
            AND coalesce(u.replies, '[]') = '[]'
            AND (u.post_id IS NOT NULL OR u.title IS NOT NULL OR u.submolt IS NOT NULL OR u.submolt_name IS NOT NULL)
            AS is_shaped
 FROM (SELECT *, {{structure}} AS u FROM framed_usual))
"""
_DETAILS = f"""
(SELECT file_no, doc_no, place, place - 1 AS source_row, CASE WHEN place = 1 THEN 'post' ELSE 'comment' END AS kind,
        repair, observed_text, dump_text, m.replies, m, CAST(NULL AS JSON) AS rec,
        CASE WHEN place > 1 THEN post_id END AS root_hint, CAST(NULL AS VARCHAR) AS parent_hint, is_shaped
 FROM (SELECT file_no, doc_no, repair, observed_text, dump_text, post_id, is_shaped, unnest(items) AS m,
              generate_subscripts(items, 1) AS place
       FROM (SELECT file_no, doc_no, repair, {_OBSERVED}, coalesce(u.post.id, u.post_id, u.id) AS post_id, is_shaped,
                    CASE WHEN is_shaped THEN list_prepend(u.post, coalesce(u.comments, [])) ELSE [u.post] END AS items
             FROM (SELECT *, coalesce({_ABSENT} AND u.submolt IS NULL AND u.post.id IS NOT NULL
                                      AND coalesce(u.success, 'true') <> 'false' AND {{is_known}}, false) AS is_shaped
                   FROM (SELECT *, {{structure}} AS u FROM framed_usual)))))
"""
SAMPLED = 64  # documents that tell the shape of most, spread over the batch: files of one folder stand together
_DETAIL_KEYS = "list_concat(json_keys(doc, '$.post'), flatten(json_keys(doc, '$.comments[*]')))"
_KNOWN = frozenset(m.KNOWN_KEYS)
_KNOWN_LISTED = ", ".join(f"'{key}'" for key in m.KNOWN_KEYS)
_COUNTED = f"""
SELECT count(*) FILTER (WHERE TRY(starts_with(json_extract(doc, '$.post'), '{{'))),
       count(*) FILTER (WHERE TRY(json_extract_string(doc, '$.id')) IS NOT NULL), count(*)
FROM (SELECT doc FROM framed WHERE (file_no + doc_no) % (1 + (SELECT count(*) FROM framed) // {SAMPLED}) = 0)
"""

# A message is usual at sight where its short values are as the API writes them: identifiers longer than any spelling
# of null, names without white space around them, times with seconds, whole numbers and truth values.
_NAME = r"(?:[^\x01@ \t\r\n][^\x01/]?|[^\x01@ \t\r\n][^\x01/][^\x01]*[^\x01 \t\r\n])?"
_SHORT = (
    *(("raw_name", _NAME), ("raw_community", _NAME)),
    *((name, "(?:-?[0-9]+)?") for name in ("raw_score", "raw_up", "raw_down", "raw_count")),
    *((name, "(?:true|false)?") for name in ("raw_deleted", "raw_spam")),
)
_COALESCED = ", ".join(f"coalesce({name}, '')" for name, _ in _SHORT)
_SHORT_VALUES = f"concat_ws(chr(1), {_COALESCED})"
_SHORT_PATTERN = r"\x01".join(pattern for _, pattern in _SHORT)
_SHORTEST_ID, _UUID_CHARS = 10, 36


def _is_odd_id(name: str) -> str:
    """Return whether an identifier is none at sight; a UUID is told by its cast, which is cheaper than a pattern."""
    return (
        f"CASE WHEN {name} IS NULL THEN false "
        f"WHEN strlen({name}) = {_UUID_CHARS} AND {name} < 'g' AND try_cast({name} AS UUID) IS NOT NULL THEN false "
        f"ELSE strlen({name}) NOT BETWEEN {_SHORTEST_ID} AND {q.MAX_ID_CHARS} "
        f"OR NOT regexp_full_match({name}, '[0-9A-Za-z_-]+') END"
    )


def _is_odd_time(name: str) -> str:
    """Return whether a time is none that `sqltools.iso_instant` and `sqltools.iso_precision` read."""
    is_written = " OR ".join(f"{name} LIKE '20__-__-__{mark}__:__:__%'" for mark in "T ")
    return (
        f"CASE WHEN {name} IS NULL THEN false ELSE NOT ({is_written}) OR strlen({name}) > 35 "
        f"OR try_cast({name} AS TIMESTAMPTZ) IS NULL END"
    )


_NO_NUMBER = "(?i)-?(?:nan|inf(?:inity)?)"


def _is_no_number(name: str) -> str:
    return f"CASE WHEN strlen({name}) <= 9 THEN regexp_full_match({name}, '{_NO_NUMBER}') ELSE false END"


# Values that only the long way reads as they are meant: NUL characters, and NaN or infinity without quotation marks.
_IS_SUSPECT = " OR ".join((
    *(f"contains({name}, chr(0))" for name in ("title", "content")),
    *(_is_no_number(name) for name in ("title", "content", "raw_url", "raw_name")),
    f"regexp_matches(concat_ws(',', author, submolt, extra, replies), '\\\\u0000|[:,\\[]\\s*{_NO_NUMBER}\\s*[,\\]}}]')",
))  # fmt: skip
_IS_ODD = f"""
    NOT coalesce(is_shaped, false) OR raw_id IS NULL OR (kind = 'comment' AND raw_root IS NULL)
    OR {" OR ".join(_is_odd_id(name) for name in ("raw_id", "raw_root", "raw_author", "raw_answered"))}
    OR {" OR ".join(_is_odd_time(name) for name in ("raw_created", "observed_text", "dump_text"))}
    OR NOT regexp_full_match({_SHORT_VALUES}, '{_SHORT_PATTERN}') OR coalesce({_IS_SUSPECT}, false)
"""
_KEPT = ("file_no", "doc_no", "place", "source_row", "kind", "repair", "observed_text", "dump_text", "replies")
_COLUMNS = ", ".join((
    *m.OBSERVED_COLUMNS, "doc_no", "place", "replies", "author", "submolt", "observed_text", "dump_text", "is_odd",
))  # fmt: skip


def read_usual(con: duckdb.DuckDBPyConnection, target: str, first_doc: int) -> list[tuple[int, int]] | None:
    """Make the table `target` of the usual messages of ``framed``; return the documents that are left.

    Parameters
    ----------
    con
        The connection of the batch.
    target
        Name of the table: the columns of `mapping.OBSERVED_COLUMNS`, and where each message stands (doc_no, place).
        `source_row` counts from `first_doc` as if every document were one record, or one body alone in its file.
    first_doc
        Number of the first document of the batch, where a file has several batches.

    Returns
    -------
    list or None
        File and number of the documents that have to be read otherwise; None when there is no table, since most are
        of other shapes.
    """
    details, records, docs = con.sql(_COUNTED).fetchall()[0]
    if 2 * max(details, records) <= docs:
        return None
    left: list[tuple[int, int]] = []
    try:
        _read(con, target, first_doc, has_details=details > records, where="")
    except (duckdb.InvalidInputException, UnicodeDecodeError):
        # What DuckDB says of a document quotes its start, which may end inside a character.
        left = con.sql("SELECT file_no, doc_no FROM framed WHERE NOT json_valid(doc)").fetchall()
        _read(con, target, first_doc, has_details=details > records, where=" WHERE json_valid(doc)")
    odd = con.sql(f"SELECT DISTINCT file_no, doc_no FROM {target} WHERE is_odd").fetchall()
    if odd:
        con.register("odd", pl.DataFrame(odd, schema=("file_no", "doc_no"), orient="row").to_arrow())
        con.execute(
            f"DELETE FROM {target} t WHERE EXISTS (SELECT 1 FROM odd o WHERE o.file_no = t.file_no AND "
            "o.doc_no = t.doc_no)"
        )
        con.unregister("odd")
    return [*left, *odd]


def _read(con: duckdb.DuckDBPyConnection, target: str, first_doc: int, *, has_details: bool, where: str) -> None:
    """Make the table of one shape of documents, and judge every message."""
    con.execute(
        "CREATE OR REPLACE TEMP VIEW framed_usual AS "
        f"SELECT *, CAST({first_doc:d} AS BIGINT) AS first_doc FROM framed{where}"
    )
    keys = frozenset(
        key
        for (key,) in con.sql(m.keys_sql(_DETAIL_KEYS if has_details else "json_keys(doc)", "framed_usual")).fetchall()
    )
    has_unknown = not keys <= _KNOWN
    # Most of the aliases of a field are in no message of a batch: a struct without them is parsed and copied faster.
    if has_details:
        is_known = f"list_has_all([{_KNOWN_LISTED}], {_DETAIL_KEYS})" if has_unknown else "true"
        message = _only(_MESSAGE, keys | {"id", "replies"})
        structure: dict[str, object] = {**_BODY, "post": message, "comments": [message]}
        source, has_unknown = _DETAILS.replace("{is_known}", is_known), False
    else:
        message = structure = _only(_RECORD, keys | _ASKED)
        source = _RECORDS
    source = source.replace("{structure}", m.transform("doc", structure))
    present = frozenset(message)
    parsed = m.parsed_columns(source, (*_KEPT, "is_shaped"), has_unknown=has_unknown, present=present)
    judged = (
        f"(SELECT *, {q.iso_instant('observed_text')} AS observed_at, {q.iso_instant('dump_text')} AS dumped_at, "
        f"{_IS_ODD} AS is_odd FROM ({parsed}))"
    )
    con.execute(f"CREATE TABLE {target} AS {m.observed_select(judged, _COLUMNS, is_clean=True)}")


def _only(structure: dict[str, object], keys: frozenset[str]) -> dict[str, object]:
    return {key: type_ for key, type_ in structure.items() if key in keys}
