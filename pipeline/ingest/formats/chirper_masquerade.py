"""Chirper.ai as Masquerade-23 publishes it: accounts as JSON lines, and tweets as CSV.

An account holds the chirps of its page and what it did. Times on the page are times since ("a day", "2 months",
"ein Monat"); they are resolved against the `time_stamp` of the account and are known to their unit. Where a chirp
stands in a community, or its author is gone, the page shows that in place of the time, and the time is glued to the
front of the text; in German files display name, community, time and text are lines of one text. The two numbers at
the end of those are kept in `extra`, as is the raw time. Accounts are identified by their handle. `lang` of accounts
and of their own chirps is the channel of the page (for CSV: the file name), which need not be the language of the text.

What this format cannot tell. Most times are known only to the month. Which chirp a reply answers, which chirp was
liked, and what an account did that its page no longer lists. Two equal actions in one period (two likes of chirps of
one account "2 months" ago) are one row, and the second record counts as repeated. `followed` names a display name: it
is matched where exactly one account of the corpus has it, else the tie points to 'name:<display name>'; ties to deleted
accounts are quarantined. German files name other authors by display name only: such chirps have no author, and the name
is in `extra`. Tweets in CSV have no id: theirs is a hash of account, time and text; their time is when the collector
saw them on the live page, to the minute, and the first thirty or so of a file are older.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter
from pipeline.ingest.formats.relative_time import LAG, RESOLVED_PRECISION, is_lag, lag_columns, resolved_at

_ACCOUNT_MARKS = (rb'"user_herf"\s*:', rb'"(tweet_index|tweet_content|action_list)"\s*:')
_TWEET_COLUMNS = frozenset({"user_name", "user_herf", "time", "text"})
_STRUCT = (
    '{"user_name":"VARCHAR","user_herf":"VARCHAR","follower_num":"VARCHAR","tweet_num":"VARCHAR","user_bio":"VARCHAR",'
    '"task_list":"JSON","identity_label":"JSON","tweet_index":"JSON","tweet_source":"JSON",'
    '"tweet_time_lag":"JSON","tweet_content":"JSON","action_list":"JSON","time_stamp":"VARCHAR",'
    '"sub-channel":"VARCHAR"}'
)
_ROW = (
    '{"user_name":"VARCHAR","user_herf":"VARCHAR","time":"VARCHAR","text":"VARCHAR","shared_src":"VARCHAR",'
    '"retweeted_user":"VARCHAR","retweeted_user_herf":"VARCHAR","retweeted_time":"VARCHAR",'
    '"retweeted_text":"VARCHAR","retweeted_img_src":"VARCHAR"}'
)
_DELETED = "('Deleted...', 'Deleted…', 'Gelöscht…', 'Gelöscht...')"
_VERBS = "unfollowed|followed|disliked|liked|joined|left|gefällt nicht|gefällt|folgt nicht mehr|folgt nun"


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell the accounts by two keys that only they have."""
    is_possible = container in ("json", "jsonl") and b'"user_herf"' in head
    return is_possible and all(re.search(mark, head) for mark in _ACCOUNT_MARKS)


def table_kind(columns: frozenset[str]) -> str | None:
    """Tell the tweets by their columns, one of which has the publisher's misspelling."""
    return "tweet" if columns >= _TWEET_COLUMNS else None


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    for statement in (_ACCOUNTS, _NO_ACCOUNT, _AGENTS, _CHIRPS, _ACTIONS, _UNREAD, _NO_UNREAD, _TWEETS):
        con.execute(statement)


def handle_of(address: str) -> str:
    """Return SQL for the handle at the end of the address of a page, null when there is none."""
    return f"nullif(regexp_extract({address}, 'chirper[.]ai/(?:[a-z]{{2}}/)?@?([^/?#]+)', 1), '')"


def _clock(expr: str) -> str:
    """Return SQL for a time such as ``Tue Jun 20 14:46:43 2023``."""
    return f"try_strptime({expr}, '%a %b %d %H:%M:%S %Y')"


def _text_of(expr: str) -> str:
    return f"strftime({expr}, '%Y-%m-%dT%H:%M:%S')"


def language_of(expr: str) -> str:
    """Return SQL for the language code of a channel, which the publisher partly names by country."""
    return (
        f"CASE lower({expr}) WHEN 'jp' THEN 'ja' WHEN 'sp' THEN 'es' WHEN 'cn' THEN 'zh' WHEN 'kr' THEN 'ko' "
        f"WHEN '' THEN NULL ELSE lower({expr}) END"
    )


def rounded(expr: str) -> str:
    """Return SQL for a count such as ``13``, ``1.2K`` or ``1.2k``."""
    factor = f"CASE upper(right({expr}, 1)) WHEN 'K' THEN 1000 WHEN 'M' THEN 1000000 ELSE 1 END"
    return f"CAST(round(try_cast(rtrim({expr}, 'KMkm') AS DOUBLE) * {factor}) AS BIGINT)"


def texts_of(expr: str) -> str:
    """Return SQL for the texts of a JSON list; a text or number that stands in place of a list is a list of one."""
    word = q.null_if_word(f"json_extract_string({expr}, '$')")
    return (
        f"CASE WHEN {q.starts_with_bracket(expr, '[')} THEN json_transform({expr}, '[\"VARCHAR\"]') "
        f"WHEN json_type({expr}) IN ('OBJECT', 'BOOLEAN', 'NULL') THEN NULL "
        f"WHEN {word} IS NOT NULL THEN [json_extract_string({expr}, '$')] END"
    )


def hashed(*parts: str) -> str:
    """Return SQL for a stable id of what has none."""
    listed = ", ".join(f"coalesce({part}, '')" for part in parts)
    return f"'hash:' || left(sha256(concat_ws(chr(31), {listed})), 24)"


_FILE_LANGUAGE = "regexp_extract(lower(p.path), '_([a-z]{2})[.][a-z]+$', 1)"
_TEXTS = ", ".join(
    f"{texts_of(f'a.{name}')} AS {name}"
    for name in ("tweet_index", "tweet_source", "tweet_time_lag", "tweet_content", "action_list")
)
_ACCOUNTS = f"""
CREATE OR REPLACE TEMP TABLE accounts AS
WITH parsed AS (
    SELECT d.file_no, d.doc_no, d.byte_offset, d.repair, CAST(d.doc AS VARCHAR) AS doc, {_FILE_LANGUAGE} AS file_lang,
           CASE WHEN {q.starts_with_bracket("d.doc", "{")} THEN json_transform(d.doc, '{_STRUCT}') END AS a
    FROM docs d JOIN source_paths p ON p.file_no = d.file_no WHERE d.table_kind IS NULL
)
SELECT file_no, doc_no, byte_offset, repair, CASE WHEN a.user_herf IS NULL THEN doc END AS doc,
       {handle_of("a.user_herf")} AS handle, nullif(a.user_name, '') AS display, a, {_TEXTS},
       {_clock("a.time_stamp")} AS crawled_at, {language_of('coalesce(a."sub-channel", file_lang)')} AS lang
FROM parsed
"""
_NO_ACCOUNT = f"""
INSERT INTO rejects
SELECT file_no, doc_no, '', byte_offset, 'unknown_shape',
       'the object is no account: expected user_herf to end in a handle, as in https://chirper.ai/name',
       left(coalesce(doc, a.user_herf), {q.EXCERPT_CHARS})
FROM accounts WHERE handle IS NULL
"""
_HEAD = "INSERT INTO records SELECT file_no, doc_no,"
_TAIL = f"NULL, NULL, {_text_of('crawled_at')}, NULL, repair, NULL, 0"
_AGENTS = f"""
{_HEAD} '', 'agent', json_object('id', handle, 'name', handle, 'display_name', display, 'description', a.user_bio,
        'follower_count', {rounded("a.follower_num")}, 'tweet_num', a.tweet_num, 'task_list', a.task_list,
        'identity_label', a.identity_label, 'lang', lang), {_TAIL}
FROM accounts WHERE handle IS NOT NULL
"""

# English items have source, time and text apart; German ones are lines: [avatar], name, [community], time, text.
_GERMAN = rf"^((?:[^\n]*\n){{1,3}}?)(?:(/c/[^\n]*)\n)?({LAG})(?:\n|$)"
_COUNTS = r"\n?([0-9.,]+[KM]?\n[0-9.,]+[KM]?)$"
_CHIRPS = rf"""
INSERT INTO records
WITH unnested AS (
    SELECT * EXCLUDE (a, doc), unnest(range(1, n + 1)) AS i, unnest(tweet_index) AS chirp_id,
           unnest(tweet_source) AS source, unnest(tweet_time_lag) AS mark, unnest(tweet_content) AS item
    FROM (SELECT *, coalesce(greatest(len(tweet_index), len(tweet_content)), 0) AS n
          FROM accounts WHERE handle IS NOT NULL)
), matched AS (
    SELECT *, source IS NULL AND mark IS NULL AND regexp_matches(item, '{_GERMAN}') AS is_lines,
           coalesce(NOT {is_lag("mark")}, false) AS is_glued
    FROM unnested WHERE i IS NOT NULL
), cut AS (
    SELECT *, CASE WHEN is_lines THEN regexp_extract(item, '{_GERMAN}')
                   WHEN is_glued THEN regexp_extract(item, '^{LAG}') ELSE '' END AS front,
           CASE WHEN is_lines THEN regexp_extract(item, '{_GERMAN}', 3)
                WHEN is_glued THEN regexp_extract(item, '^{LAG}') ELSE mark END AS lag_text,
           CASE WHEN is_lines THEN rtrim(regexp_extract(item, '{_GERMAN}', 1), chr(10)) END AS who,
           CASE WHEN is_lines THEN regexp_extract(item, '{_GERMAN}', 2)
                WHEN starts_with(mark, '/c/') THEN mark
                WHEN is_glued AND mark IN {_DELETED} AND starts_with(item, '/c/') THEN item END AS place
    FROM matched
), named AS (
    SELECT *, substr(item, length(front) + 1) AS rest, coalesce(regexp_extract(who, '[^\n]*$'), source) AS shown,
           coalesce(regexp_extract(who, '[^\n]*$'), mark) IN {_DELETED} AS is_gone, {lag_columns("lag_text")}
    FROM cut
), read AS (
    SELECT *, CASE WHEN is_gone THEN NULL WHEN shown IN (display, '@' || handle, display || '@' || handle) THEN handle
                   ELSE nullif(regexp_extract(shown, '@([^@ ]+)$', 1), '') END AS author,
           CASE WHEN is_lines THEN nullif(regexp_extract(rest, '{_COUNTS}', 1), '') END AS counts,
           CASE WHEN is_lines THEN regexp_replace(regexp_replace(rest, '{_COUNTS}', ''), '\n?Mehr anzeigen[.…]+(\n|$)',
                                                  chr(10)) ELSE rest END AS body
    FROM named
), dated AS (
    SELECT *, {resolved_at("crawled_at")} AS created, nullif(trim(body, chr(10)), '') AS content FROM read
)
SELECT file_no, doc_no, 'a' || lpad(CAST(i AS VARCHAR), 8, '0'), 'post',
       json_object('id', coalesce(nullif(chirp_id, ''), {hashed("handle", "CAST(i AS VARCHAR)", "item")}),
                   'author', CASE WHEN author IS NOT NULL THEN json_object('id', author, 'name', author, 'display_name',
                       CASE WHEN author = handle THEN display
                            WHEN NOT is_lines THEN nullif(regexp_replace(shown, '@[^@]*$', ''), '') END) END,
                   'content', CASE WHEN content = place THEN NULL ELSE content END,
                   'submolt_name', nullif(substr(place, 4), ''), 'created_at', created,
                   'at_precision', {RESOLVED_PRECISION}, 'is_deleted', CASE WHEN is_gone THEN 'true' END,
                   'lang', CASE WHEN author = handle THEN lang END, 'time_lag', nullif(lag_text, ''),
                   'counts', replace(counts, chr(10), ' '), 'source', CASE WHEN author IS NULL THEN shown END),
       {_TAIL}
FROM dated
"""
_ACTIONS = f"""
INSERT INTO records
WITH unnested AS (
    SELECT * EXCLUDE (a, doc), unnest(range(1, len(action_list) + 1)) AS i, unnest(action_list) AS action
    FROM accounts WHERE handle IS NOT NULL AND len(action_list) > 0
), cut AS (
    SELECT *, regexp_extract(action, '\n([^\n]*)$', 1) AS lag_text, regexp_replace(action, '\n[^\n]*$', '') AS line
    FROM unnested
), said AS (
    SELECT *, CASE WHEN starts_with(line, display || '@' || handle || ' ') THEN substr(line, length(display)
                       + length(handle) + 3)
                   WHEN starts_with(line, display || ' ') THEN substr(line, length(display) + 2)
                   WHEN starts_with(line, '@' || handle || ' ') THEN substr(line, length(handle) + 3)
                   ELSE ltrim(line) END AS did, {lag_columns("lag_text")}
    FROM cut
), read AS (
    SELECT *, regexp_extract(did, '^(?:{_VERBS}) ') AS verb FROM said
), aimed AS (
    SELECT *, CASE WHEN starts_with(verb, 'gefällt') OR contains(verb, 'liked')
                   THEN regexp_replace(substr(did, length(verb) + 1), '[''’]s chirp$', '')
                   ELSE substr(did, length(verb) + 1) END AS object, {resolved_at("crawled_at")} AS happened
    FROM read
), typed AS (
    SELECT *, CASE trim(verb) WHEN 'liked' THEN 'like' WHEN 'gefällt' THEN 'like' WHEN 'disliked' THEN 'dislike'
                   WHEN 'gefällt nicht' THEN 'dislike' WHEN 'followed' THEN 'add' WHEN 'folgt nun' THEN 'add'
                   WHEN 'unfollowed' THEN 'remove' WHEN 'folgt nicht mehr' THEN 'remove'
                   WHEN 'joined' THEN 'join' WHEN 'left' THEN 'leave' END AS what,
           CASE WHEN starts_with(object, '@') THEN substr(object, 2) END AS target,
           CASE WHEN NOT starts_with(object, '@') AND object NOT IN {_DELETED} THEN object END AS shown
    FROM aimed
)
SELECT file_no, doc_no, 'b' || lpad(CAST(i AS VARCHAR), 8, '0'),
       CASE WHEN what IN ('like', 'dislike') THEN 'reaction' WHEN what IN ('add', 'remove') THEN 'tie'
            WHEN what IN ('join', 'leave') THEN 'membership' ELSE 'unread' END,
       CASE WHEN what IN ('like', 'dislike') THEN
            json_object('agent_id', handle, 'type', what, 'target_agent_id', target, 'target_display', shown,
                        'at', happened, 'at_precision', {RESOLVED_PRECISION})
            WHEN what IN ('add', 'remove') THEN
            json_object('source_id', handle, 'target_id', target, 'target_display', shown, 'relation', 'follow',
                        'action', what, 'at', happened, 'at_precision', {RESOLVED_PRECISION}, 'origin', 'event')
            WHEN what IN ('join', 'leave') THEN
            json_object('agent_id', handle, 'community_id', regexp_replace(object, '^/c/', ''), 'action', what,
                        'at', happened, 'at_precision', {RESOLVED_PRECISION}, 'origin', 'event')
            ELSE json_object('action', action) END,
       {_TAIL}
FROM typed
"""
_UNREAD = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, NULL, 'unknown_shape',
       'the action has none of the verbs that are read (liked, disliked, followed, unfollowed, joined, left)',
       left(json_extract_string(rec, '$.action'), {q.EXCERPT_CHARS})
FROM records WHERE kind = 'unread'
"""
_NO_UNREAD = "DELETE FROM records WHERE kind = 'unread'"
_TWEETS = f"""
INSERT INTO records
WITH parsed AS (
    SELECT d.file_no, d.doc_no, d.repair, {_FILE_LANGUAGE} AS file_lang, json_transform(d.doc, '{_ROW}') AS t
    FROM docs d JOIN source_paths p ON p.file_no = d.file_no WHERE d.table_kind = 'tweet'
), read AS (
    SELECT *, coalesce({handle_of("t.user_herf")}, nullif(ltrim(t.user_name, '@'), '')) AS handle,
           coalesce({handle_of("t.retweeted_user_herf")}, nullif(ltrim(t.retweeted_user, '@'), '')) AS other,
           {_clock("t.time")} AS crawled_at, {_clock("t.retweeted_time")} AS other_at,
           {language_of("file_lang")} AS lang
    FROM parsed
), keyed AS (
    SELECT *, {hashed("handle", "t.time", "t.text", "other")} AS id,
           CASE WHEN other IS NOT NULL THEN {hashed("other", "t.retweeted_time", "t.retweeted_text", "NULL")} END
               AS other_id
    FROM read
)
SELECT file_no, doc_no, 'a', CASE WHEN other IS NULL THEN 'post' WHEN t.text IS NULL THEN 'repost' ELSE 'quote' END,
       json_object('id', id, 'author', CASE WHEN handle IS NOT NULL THEN json_object('id', handle, 'name', handle) END,
                   'content', t.text, 'created_at', {_text_of("crawled_at")}, 'at_precision', 'minute',
                   'url', t.shared_src, 'parent_id', other_id, 'root_id', other_id, 'lang', lang), {_TAIL}
FROM keyed
UNION ALL
SELECT file_no, doc_no, 'b', 'post',
       json_object('id', other_id, 'author', json_object('id', other, 'name', other), 'content', t.retweeted_text,
                   'created_at', {_text_of("other_at")}, 'at_precision', 'minute', 'image', t.retweeted_img_src),
       {_TAIL}
FROM keyed WHERE other IS NOT NULL
"""


ADAPTER = Adapter(
    name="chirper_masquerade",
    version="1",
    system="Chirper.ai",
    containers=frozenset({"json", "jsonl", "csv"}),
    recognises=recognises,
    read_usual=None,
    extract=extract,
    table_kind=table_kind,
    describes=__doc__ or "",
    is_canonical=True,
)
