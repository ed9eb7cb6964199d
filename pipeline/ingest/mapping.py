"""Records become observations: canonical columns, whatever a field was called, one row per record and per mention.

Reads the temporary view ``placed`` (records with their position in the file) and leaves ``obs_message`` and
``obs_reject``; `profiles` does the same for agents and communities. The aliases of a field are listed once, in
`MESSAGE_KEYS` and its like; keys that are mapped nowhere are kept in ``extra``. A record is parsed once: DuckDB
copies what it selects, so wide columns are touched in as few statements as possible.
"""

from __future__ import annotations

import json

from pipeline.ingest import sqltools as q

MESSAGE_KEYS: dict[str, tuple[str, ...]] = {
    "id": ("id", "comment_id"),
    "title": ("title",),
    "content": ("content", "body", "text"),
    "url": ("url",),
    "upvotes": ("upvotes",),
    "downvotes": ("downvotes",),
    "score": ("score",),
    "comment_count": ("comment_count", "commentCount"),
    "created": ("created_at", "createdAt", "created", "timestamp"),
    "author": ("author", "agent"),
    "author_id": ("author_id", "authorId", "agent_id", "agentId"),
    "author_name": ("author_name", "agent_name", "username"),
    "submolt": ("submolt", "community"),
    "submolt_name": ("submolt_name", "_submolt"),
    "post_id": ("post_id", "postId"),
    "parent_id": ("parent_id", "parentId", "parent_comment_id"),
    "is_deleted": ("is_deleted", "isDeleted"),
    "is_spam": ("is_spam", "isSpam"),
}
# Keys that no column holds but that most records of API v2 and v3 have: read in the same pass as the columns.
_MESSAGE_EXTRA = (
    "type", "hot_score", "is_pinned", "is_locked", "updated_at", "verification_status", "reply_count", "depth",
    "post_title", "post_url", "featured_at", "enrichment",
)  # fmt: skip
MESSAGE_KINDS = ("post", "comment", "repost", "quote", "dm", "utterance")
# A revision says something new of a message that another record makes; `references` gives it the kind of that one.
IS_MESSAGE = "kind IN ('" + "', '".join((*MESSAGE_KINDS, "revision")) + "')"
# Keys of message records that only canonical adapters write.
CANONICAL_KEYS = ("run_id", "step", "at_precision", "root_id")
# Keys that are read elsewhere (provenance, nesting), and so are no part of `extra`.
PLACED_KEYS = _PLACED_KEYS = (
    "replies",
    "comments",
    "fetched_at",
    "dump_date",
    "_downloaded_at",
    "collected_at",
    "_endpoint",
)
_JSON_FIELDS = frozenset({"author", "submolt", "owner", "created_by", "moderators"})


def struct_of(keys: dict[str, tuple[str, ...]]) -> dict[str, object]:
    """Return the structure of all aliases of some fields, as `transform` takes it."""
    return {
        alias: ("JSON" if field in _JSON_FIELDS else "VARCHAR") for field, aliases in keys.items() for alias in aliases
    }


NOTHING = "CAST(NULL AS VARCHAR)"
MESSAGE_STRUCT: dict[str, object] = {**struct_of(MESSAGE_KEYS), **dict.fromkeys(_MESSAGE_EXTRA, "JSON")}


def transform(expr: str, structure: dict[str, object]) -> str:
    """Return SQL for the struct that one parse of `expr` gives."""
    return f"json_transform({expr}, '{json.dumps(structure)}')"


def pick(struct: str, keys: dict[str, tuple[str, ...]], field: str, present: frozenset[str] | None = None) -> str:
    """Return SQL for the first alias of a field that holds a value; only those in `present`, where it is given."""
    parts = [f'{struct}."{alias}"' for alias in keys[field] if present is None or alias in present]
    if not parts:
        return NOTHING
    return parts[0] if len(parts) == 1 else f"coalesce({', '.join(parts)})"


def _has_only(expr: str, names: list[str]) -> str:
    known = ", ".join(f"'{name}'" for name in names)
    return f"list_has_all([{known}], json_keys({expr}))"


def _without(expr: str, names: list[str]) -> str:
    """Return SQL for a JSON object without some members, and without those that are null."""
    return f"json_merge_patch('{{}}', json_merge_patch({expr}, '{json.dumps(dict.fromkeys(names))}'))"


def known_keys(keys: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Return the keys of a record that are mapped to some field, or read elsewhere."""
    return (*(alias for aliases in keys.values() for alias in aliases), *_PLACED_KEYS)


KNOWN_KEYS = (*known_keys(MESSAGE_KEYS), *_MESSAGE_EXTRA)


def unmapped(expr: str, keys: dict[str, tuple[str, ...]]) -> str:
    """Return SQL for the members of a record that no field is mapped from, NULL when there are none."""
    gone = list(known_keys(keys))
    kept = f"CAST({_without(expr, gone)} AS VARCHAR)"
    # Most records have no unknown key; looking at the keys is far cheaper than copying the record.
    return f"CASE WHEN {_has_only(expr, gone)} THEN NULL ELSE nullif({kept}, '{{}}') END"


def _message_extra(*, has_unknown: bool, present: frozenset[str] | None, more: tuple[str, ...] = ()) -> str:
    """Return SQL for the unmapped members: of the usual keys from the struct, of others from the record itself."""
    pieces = ", ".join(f'\'"{key}":\' || m."{key}"' for key in _MESSAGE_EXTRA if present is None or key in present)
    usual = f"nullif('{{' || concat_ws(',', {pieces}) || '}}', '{{}}')" if pieces else NOTHING
    if not has_unknown:
        return usual
    gone = [*known_keys(MESSAGE_KEYS), *more]
    kept = f"nullif(CAST({_without('rec', gone)} AS VARCHAR), '{{}}')"
    return f"CASE WHEN {_has_only('rec', [*gone, *_MESSAGE_EXTRA])} THEN {usual} ELSE {kept} END"


def keys_sql(keys: str, source: str) -> str:
    """Return the query of all keys (`keys` is SQL for a list of them) that any row of `source` has."""
    return f"SELECT DISTINCT unnest(k) FROM (SELECT DISTINCT {keys} AS k FROM {source})"


def handle(expr: str) -> str:
    """Return a handle without the ``u/`` or ``@`` that some dumps put before it."""
    bare = q.named(f"regexp_replace({expr}, '^(u/|@)', '')")
    is_prefixed = f"starts_with({expr}, 'u/') OR starts_with({expr}, '@')"
    return f"CASE WHEN {is_prefixed} THEN {bare} ELSE {q.trimmed(expr)} END"


_REFERENCE = dict.fromkeys(("id", "agent_id", "name", "username"), "VARCHAR")


def reference(expr: str) -> tuple[str, str]:
    """Return SQL for id and name of an author or creator that is an object, a string or null."""
    parsed = f"json_transform({expr}, '{json.dumps(_REFERENCE)}')"
    ident = f"CASE WHEN starts_with({expr}, '{{') THEN coalesce({parsed}.id, {parsed}.agent_id) END"
    # Inside an object a name is a name; a bare text may be the word that a writer put for nothing.
    bare = q.null_if_word(f"json_extract_string({expr}, '$')")
    text = f"CASE WHEN starts_with({expr}, chr(34)) THEN {bare} END"
    name = f"CASE WHEN starts_with({expr}, '{{') THEN coalesce({parsed}.name, {parsed}.username) ELSE {text} END"
    return ident, name


# The times of observation of a batch: few, and written in every form.
CLOCKS = f"""
CREATE OR REPLACE TEMP TABLE clocks AS
WITH texts AS (
    SELECT observed_text, dump_text, {q.null_if_word("observed_text")} AS seen, {q.null_if_word("dump_text")} AS dumped
    FROM (SELECT DISTINCT observed_text, dump_text FROM records)
)
SELECT observed_text, dump_text, {q.instant("seen")} AS observed_at, {q.instant("dumped")} AS dumped_at FROM texts
"""


def parsed_columns(
    source: str,
    kept: tuple[str, ...],
    *,
    has_unknown: bool,
    is_canonical: bool = False,
    present: frozenset[str] | None = None,
) -> str:
    """Return the SELECT that finds the values of a message under any alias.

    Parameters
    ----------
    source
        A parenthesised query with the struct `m` (`MESSAGE_STRUCT`), root_hint, parent_hint, the columns of `kept`,
        and the record itself as `rec` when `has_unknown`.
    kept
        Columns that are passed on.
    has_unknown
        Whether some record has a key that is neither mapped nor usual.
    is_canonical
        Whether records have the keys of `CANONICAL_KEYS` as well.
    present
        The keys that `m` has, where it has not all of `MESSAGE_STRUCT`.
    """

    def m(field: str) -> str:
        return pick("m", MESSAGE_KEYS, field, present)

    extra = _message_extra(has_unknown=has_unknown, present=present, more=CANONICAL_KEYS if is_canonical else ())

    author_id, author_name = reference("author")
    bare = q.null_if_word("json_extract_string(submolt, '$')")
    slug = (
        "CASE WHEN starts_with(submolt, '{') THEN coalesce(json_extract_string(submolt, '$.name'), "
        "'id:' || json_extract_string(submolt, '$.id')) WHEN starts_with(submolt, chr(34)) "
        f"THEN {bare} END"
    )
    passed = ", ".join(kept)
    root = (
        f"coalesce({q.null_if_word('m.root_id')}, {m('post_id')}, root_hint)"
        if is_canonical
        else f"coalesce({m('post_id')}, root_hint)"
    )
    simulated = ", m.run_id AS raw_run, m.step AS raw_step, m.at_precision AS raw_precision" if is_canonical else ""
    return f"""
WITH picked AS (
    SELECT {passed}, m, {m("author")} AS author, {m("submolt")} AS submolt, root_hint, parent_hint,
           {extra} AS extra
    FROM {source}
)
SELECT {passed}, extra, CASE WHEN starts_with(author, '{{') THEN author END AS author,
       CASE WHEN starts_with(submolt, '{{') THEN submolt END AS submolt,
       {m("id")} AS raw_id, coalesce({author_id}, {m("author_id")}) AS raw_author,
       coalesce({author_name}, {q.null_if_word(m("author_name"))}) AS raw_name,
       coalesce({slug}, {q.null_if_word(m("submolt_name"))}) AS raw_community,
       {root} AS raw_root, coalesce({m("parent_id")}, parent_hint) AS raw_answered,
       {m("title")} AS title, {m("content")} AS content, {m("created")} AS raw_created, {m("score")} AS raw_score,
       {m("upvotes")} AS raw_up, {m("downvotes")} AS raw_down, {m("comment_count")} AS raw_count,
       {m("is_deleted")} AS raw_deleted, {m("is_spam")} AS raw_spam, {m("url")} AS raw_url{simulated}
FROM picked
"""


_PLACED_COLUMNS = ("file_no", "source_row", "kind", "repair", "observed_at", "dumped_at")


def parsed_message_sql(present: frozenset[str], *, is_canonical: bool = False) -> str:
    """Return the statement that parses every placed message, once, into ``parsed_message``.

    Parameters
    ----------
    present
        All keys that the messages have (`keys_sql`); a struct without the others is parsed and copied faster.
    is_canonical
        As in `message_sql`.
    """
    known = {key: type_ for key, type_ in MESSAGE_STRUCT.items() if key in present or key == "id"}
    structure = {**known, **(dict.fromkeys(CANONICAL_KEYS, "VARCHAR") if is_canonical else {})}
    source = f"(SELECT *, {transform('rec', structure)} AS m FROM placed WHERE {IS_MESSAGE})"
    columns = parsed_columns(
        source,
        _PLACED_COLUMNS,
        has_unknown=not present <= frozenset(KNOWN_KEYS),
        is_canonical=is_canonical,
        present=frozenset(known),
    )
    return f"CREATE OR REPLACE TEMP TABLE parsed_message AS {columns}"


# What profiles ask of messages, where no record is one.
NO_PARSED_MESSAGE = """
CREATE OR REPLACE TEMP TABLE parsed_message (file_no INTEGER, source_row BIGINT, author VARCHAR, submolt VARCHAR,
                                             observed_at TIMESTAMP, dumped_at TIMESTAMP)
"""
IS_UNCLEAN = (
    f"({q.unclean(('raw_id', 'raw_author', 'raw_root', 'raw_answered'), ('raw_name', 'raw_community'))} "
    f"OR {q.unusual_time('raw_created')})"
)
UNCLEAN_MESSAGES = f"parsed_message WHERE {IS_UNCLEAN}"


_OTHER_PARENT = " WHEN kind <> 'post' THEN answered_id"
_OTHER_ROOT = " WHEN kind <> 'post' AND (post_id IS NOT NULL OR answered_id IS NOT NULL) THEN post_id"


OBSERVED_COLUMNS = (
    "file_no", "source_row", "kind", "message_id", "author_id", "author_name", "community_id", "parent_id", "root_id",
    "title", "content", "text_hash", "n_chars", "created_at", "at_precision", "run_id", "step", "score", "upvotes",
    "downvotes", "claimed_comment_count", "is_deleted", "is_spam", "url", "flags", "observed_at", "dumped_at", "extra",
    "has_author_record",
)  # fmt: skip


def message_sql(*, is_clean: bool, is_canonical: bool = False) -> str:
    """Return the statement that makes the view ``obs_message`` over ``parsed_message``.

    Parameters
    ----------
    is_clean
        True when no row of ``parsed_message`` is unclean (`UNCLEAN_MESSAGES`): then identifiers are what they are.
    is_canonical
        True when records carry run, step and precision, and other kinds than posts and comments.
    """
    is_homeless = "kind = 'comment' AND root_id IS NULL AND parent_id IS NULL"
    columns = f"{', '.join(OBSERVED_COLUMNS)}, {fault('message_id', 'raw_id', is_homeless)} AS fault"
    observed = observed_select("parsed_message", columns, is_clean=is_clean, is_canonical=is_canonical)
    return f"CREATE OR REPLACE TEMP VIEW obs_message AS {observed}"


def observed_select(source: str, columns: str, *, is_clean: bool, is_canonical: bool = False) -> str:
    """Return the SELECT that turns the texts that were found for a message into its values.

    Parameters
    ----------
    source
        A table or parenthesised query with the columns of `parsed_columns` and file_no, source_row, observed_at,
        dumped_at.
    columns
        SQL for the columns that are wanted: those of `OBSERVED_COLUMNS`, and what the source has.
    is_clean, is_canonical
        As in `message_sql`.
    """
    clean = (lambda expr: expr) if is_clean else q.identifier
    name = "raw_name" if is_clean else handle("raw_name")
    community = "raw_community" if is_clean else q.named("raw_community")
    instant, precision = (q.iso_instant, q.iso_precision) if is_clean else (q.instant, q.precision)
    written, simulated = precision("created_text"), "CAST(NULL AS VARCHAR) AS run_id, CAST(NULL AS BIGINT) AS step"
    if is_canonical:
        written = f"coalesce({q.known_precision('raw_precision')}, {written})"
        simulated = f"{q.null_if_word('raw_run')} AS run_id, {q.integer('raw_step')} AS step"
    return f"""
WITH cleaned AS (
    SELECT *, {clean("raw_id")} AS message_id, {clean("raw_author")} AS author_id, {name} AS author_name,
           {community} AS community_id, {clean("raw_root")} AS post_id, {clean("raw_answered")} AS answered_id,
           {"raw_created" if is_clean else q.null_if_word("raw_created")} AS created_text,
           coalesce(title, '') || chr(10) || coalesce(content, '') AS scored
    FROM {source}
), timed AS (
    SELECT *, {instant("created_text")} AS created_at,
           CASE WHEN kind = 'comment' THEN coalesce(answered_id, post_id){_OTHER_PARENT if is_canonical else ""} END
               AS parent_id,
           CASE WHEN kind = 'comment' THEN post_id{_OTHER_ROOT if is_canonical else ""} ELSE message_id END AS root_id
    FROM cleaned
), typed AS (
    SELECT * REPLACE ({_WITH_RAW_TIME} AS extra), left(sha256(scored), 32) AS text_hash, length(content) AS n_chars,
           CASE WHEN created_at IS NOT NULL THEN {written} END AS at_precision, {simulated},
           {q.integer("raw_score")} AS score, {q.integer("raw_up")} AS upvotes, {q.integer("raw_down")} AS downvotes,
           {q.integer("raw_count", is_count=True)} AS claimed_comment_count, {q.boolean("raw_deleted")} AS is_deleted,
           {q.boolean("raw_spam")} AS is_spam,
           CASE WHEN contains(raw_url, message_id) THEN NULL ELSE {q.null_if_word("raw_url")} END AS url,
           {q.text_flags("scored", "repair", _IS_ASCII)} AS flags, author IS NOT NULL AS has_author_record
    FROM timed
)
SELECT {columns} FROM typed
"""


# The length of the content is a column, and titles are short.
_IS_ASCII = " AND ".join(f"coalesce(strlen({name}) = length({name}), true)" for name in ("title", "content"))
# A time that cannot be read is no time, and what was written is kept.
_WITH_RAW_TIME = (
    "CASE WHEN created_at IS NULL AND created_text <> '' THEN CAST(json_merge_patch("
    "coalesce(extra, '{}'), json_object('created_raw', created_text)) AS VARCHAR) ELSE extra END"
)


def fault(ident: str, raw: str, is_homeless: str = "false") -> str:
    """Return SQL for the reason why a record cannot be kept, NULL when it can."""
    return (
        f"CASE WHEN {ident} IS NULL OR starts_with({raw}, '{{') OR starts_with({raw}, '[') THEN 'missing_id' "
        f"WHEN length({ident}) > {q.MAX_ID_CHARS} THEN 'id_too_long' "
        f"WHEN {is_homeless} THEN 'missing_post_id' END"
    )


_OBSERVED_KINDS = {
    "obs_message": ("kind", "true"),
    "obs_agent": ("'agent'", "is_record"),
    "obs_community": ("'community'", "is_record"),
    "obs_event": ("kind", "true"),
}


def reject_sql(tables: list[str]) -> str:
    """Return the statement that makes ``obs_reject``: records without what identifies them, and rejected documents.

    `tables` are those of the observations that there are.
    """
    faulty = " UNION ALL ".join(
        f"SELECT file_no, source_row, {kind} AS kind, fault FROM {name} WHERE fault IS NOT NULL AND {condition}"
        for name, (kind, condition) in _OBSERVED_KINDS.items()
        if name in tables
    )
    rejected = "SELECT file_no, source_row, byte_offset, reason, detail, excerpt FROM placed_rejects"
    if not faulty:
        return f"CREATE OR REPLACE TEMP TABLE obs_reject AS {rejected}"
    return f"""
CREATE OR REPLACE TEMP TABLE obs_reject AS
SELECT f.file_no, f.source_row, CAST(NULL AS BIGINT) AS byte_offset, f.fault AS reason,
       'the ' || f.kind || CASE f.fault
            WHEN 'missing_id' THEN ' has no id; expected a text or number under id or name'
            WHEN 'incomplete_event' THEN ' lacks who acted, on whom or what, or how; see docs/formats.md'
            WHEN 'id_too_long' THEN ' has an id of more than {q.MAX_ID_CHARS} characters'
            ELSE ' names neither its post nor its parent; expected post_id or parent_id' END AS detail,
       left(CAST(placed.rec AS VARCHAR), {q.EXCERPT_CHARS}) AS excerpt
FROM ({faulty}) f JOIN placed ON placed.file_no = f.file_no AND placed.source_row = f.source_row
UNION ALL
{rejected}
"""
