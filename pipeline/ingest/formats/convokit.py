"""ConvoKit: a folder with utterances.jsonl (or a list in utterances.json), speakers.json and conversations.json.

An utterance is told by its keys, those of old corpora (`user`, `root`, `reply-to`) or new ones (`speaker`,
`conversation_id`, `reply_to`). The first of a conversation, whose id is that of the conversation, is a post; every
other one is a comment, on what it answers or, where it answers nothing, on the first: ConvoKit describes forums and
dialogues alike as trees of replies, and so they are compared with other forums alike. speakers.json (users.json) and
conversations.json are told by name and shape, a dict of objects; each speaker is an agent, each conversation one more
record of its post: title, `num_comments` and `subreddit` of its `meta`, the rest as `conversation` in `extra` where the
utterance itself has nothing there. Of the `meta` of an utterance `score`, `subreddit` and `retrieved_on` have
columns; the rest is `meta` in `extra`. The sentinel -1 in `retrieved_on` and `gilded` is no value, but a score may be
-1. `[deleted]` and `[removed]` are no speaker and no text. corpus.json and index.json hold no records and are not
read; nor are the files of vectors.

What this format cannot tell: whether a time is real (some corpora number the turns instead: fewer than five digits are
no time), ties, who reads, when a text was edited. Samples leave replies whose parent is missing, in one a third: these
keep parent and root, and have no depth. A conversation of which only conversations.json knows is a post without text.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest import sqltools as q
from pipeline.ingest.formats.base import RECORDS_DDL, REJECTS_DDL, Adapter
from pipeline.ingest.formats.listed import open_lists
from pipeline.ingest.formats.pushshift import is_gone

_MARKS = (rb'"(reply-to|reply_to)"\s*:', rb'"(speaker|user)"\s*:', rb'"(conversation_id|root)"\s*:')
_DICT_NAMES = re.compile(r"(^|/)(speakers|users|conversations)\.json$")
_IS_DICT = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\{')
_STRUCT = (
    '{"id":"VARCHAR","speaker":"JSON","user":"JSON","conversation_id":"VARCHAR","root":"VARCHAR","reply_to":"VARCHAR",'
    '"reply-to":"VARCHAR","timestamp":"VARCHAR","text":"VARCHAR","vectors":"JSON","meta":"JSON"}'
)
_META = '{"score":"VARCHAR","subreddit":"VARCHAR","retrieved_on":"VARCHAR","gilded":"VARCHAR"}'
_TOPIC = '{"title":"VARCHAR","num_comments":"VARCHAR","subreddit":"VARCHAR"}'


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell utterances by three keys that they have in every version, dicts of speakers by name and shape."""
    if container not in ("json", "jsonl"):
        return False
    # A key is found far faster than its pattern.
    if b'"reply' in head and all(re.search(mark, head) for mark in _MARKS):
        return True
    return container == "json" and _DICT_NAMES.search(path) is not None and _IS_DICT.match(head) is not None


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Fill ``records`` and ``rejects`` from ``docs``."""
    con.execute(RECORDS_DDL)
    con.execute(REJECTS_DDL)
    open_lists(con, ("utterances",))
    for statement in (_READ, _UTTERANCES, _DICTS, _ENTRIES, _REJECTS):
        con.execute(statement)


def _name(expr: str) -> str:
    """Return SQL for the name of a speaker that is a text or an object, null where it stands for nobody."""
    named = f"coalesce(json_extract_string({expr}, '$.id'), json_extract_string({expr}, '$.name'))"
    told = f"CASE WHEN starts_with({expr}, '{{') THEN {named} ELSE json_extract_string({expr}, '$') END"
    return f"CASE WHEN NOT {is_gone(told)} THEN nullif(trim({told}), '') END"


def _is_object(expr: str) -> str:
    return f"coalesce(json_type({expr}) = 'OBJECT', false)"


def _without_empty(expr: str) -> str:
    """Return SQL for an object, null where nothing is in it."""
    return f"CASE WHEN CAST({expr} AS VARCHAR) NOT IN ('{{}}', '[]', 'null') THEN {expr} END"


_READ = f"""
CREATE OR REPLACE TEMP TABLE utterance AS
WITH parsed AS (
    SELECT h.*, p.path AS file_path, json_transform(body, '{_STRUCT}') AS e
    FROM held h JOIN source_paths p ON p.file_no = h.file_no
), told AS (
    SELECT *, {q.identifier("e.id")} AS id, {q.identifier("coalesce(e.conversation_id, e.root)")} AS conversation,
           {q.identifier('coalesce(e.reply_to, e."reply-to")')} AS answered,
           {_name("coalesce(e.speaker, e.user)")} AS speaker,
           CASE WHEN {_is_object("e.meta")} THEN json_transform(e.meta, '{_META}') END AS m,
           regexp_matches(file_path, '{_DICT_NAMES.pattern}') AND e.text IS NULL AS is_dict,
           coalesce(e.text, e.conversation_id, e.root, e.reply_to, e."reply-to") IS NOT NULL AS is_utterance
    FROM parsed
)
SELECT *, CASE WHEN id = conversation OR (conversation IS NULL AND answered IS NULL) THEN 'post' ELSE 'comment' END
              AS kind,
       CASE WHEN {_is_object("e.meta")}
            THEN json_merge_patch(e.meta, json_object('score', NULL, 'subreddit', NULL, 'retrieved_on', NULL,
                     'gilded', CASE WHEN m.gilded <> '-1' THEN json_extract(e.meta, '$.gilded') END))
            ELSE e.meta END AS rest
FROM told
"""
# Where nothing has a time, an utterance counts as seen after the entry of its conversation, which says less.
_AFTER_ENTRIES = "'1970-01-01T00:00:00Z'"
_UTTERANCES = f"""
INSERT INTO records
SELECT file_no, doc_no, path, kind,
       json_merge_patch(json_merge_patch(body, '{{"meta":null,"vectors":null,"speaker":null,"user":null,
           "conversation_id":null,"root":null,"reply_to":null,"reply-to":null,"timestamp":null,"text":null,
           "author":null,"post_id":null}}'), json_object(
           'id', id, 'content', CASE WHEN NOT {is_gone("e.text")} THEN e.text END,
           'author', CASE WHEN speaker IS NOT NULL THEN json_object('id', speaker, 'name', speaker) END,
           'root_id', CASE WHEN kind = 'comment' THEN conversation END,
           'parent_id', CASE WHEN kind = 'comment' THEN coalesce(answered, conversation) END,
           'created_at', e.timestamp, 'score', m.score, 'submolt_name', m.subreddit,
           'is_deleted', CASE WHEN {is_gone("e.text")} THEN 'true' END,
           'meta', {_without_empty("rest")}, 'vectors', {_without_empty("e.vectors")})),
       NULL, NULL, {q.identifier("m.retrieved_on")}, {_AFTER_ENTRIES}, repair, NULL, 0
FROM utterance WHERE is_utterance AND NOT is_dict
"""
_DICTS = """
CREATE OR REPLACE TEMP TABLE entry AS
SELECT u.file_no, u.doc_no, u.byte_offset, lpad(CAST(row_number() OVER (PARTITION BY u.file_no, u.doc_no ORDER BY j.id)
           AS VARCHAR), 10, '0') AS path, j.key, j.value, u.repair, j.type = 'OBJECT' AS is_object,
       regexp_matches(u.file_path, 'conversations[.]json$') AS is_conversation,
       CASE WHEN json_type(j.value, '$.meta') = 'OBJECT' THEN json_extract(j.value, '$.meta') ELSE j.value END AS meta
FROM utterance u, json_each(u.body) j WHERE u.is_dict
"""
_ENTRIES = f"""
INSERT INTO records
SELECT file_no, doc_no, path, CASE WHEN is_conversation THEN 'post' ELSE 'agent' END,
       CASE WHEN is_conversation THEN json_object('id', key, 'title', t.title, 'comment_count', t.num_comments,
                'submolt_name', t.subreddit, 'conversation', {_without_empty("rest")})
            ELSE json_object('id', CASE WHEN NOT {is_gone("key")} THEN key END,
                             'name', CASE WHEN NOT {is_gone("key")} THEN key END, 'meta', {_without_empty("meta")}) END,
       NULL, NULL, NULL, NULL, repair, NULL, 0
FROM (SELECT *, json_transform(meta, '{_TOPIC}') AS t,
             json_merge_patch(meta, '{{"title":null,"num_comments":null,"subreddit":null}}') AS rest
      FROM entry WHERE is_object)
"""
_REJECTS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, 'not_an_object', 'expected an object for each speaker or conversation',
       left(CAST(value AS VARCHAR), {q.EXCERPT_CHARS})
FROM entry WHERE NOT is_object
UNION ALL
SELECT file_no, doc_no, path, byte_offset, 'unknown_shape',
       'the object is no utterance: expected id, speaker, conversation_id, reply_to and text',
       left(body, {q.EXCERPT_CHARS})
FROM utterance WHERE NOT is_utterance AND NOT is_dict
"""

ADAPTER = Adapter(
    name="convokit",
    version="1",
    system="ConvoKit",
    containers=frozenset({"json", "jsonl"}),
    recognises=recognises,
    read_usual=None,
    extract=extract,
    table_kind=lambda columns: None,
    describes=__doc__ or "",
    is_canonical=True,
)
