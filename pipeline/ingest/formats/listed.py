"""Opens lists and envelopes: what an adapter then reads is one object a row, with its place in the document.

A top-level array holds one object per element; an object of which one of the given keys holds an array is an envelope
around it. Shared by the formats whose records may stand a line each, in an array, or in the body of an API.
"""

from __future__ import annotations

import json

import duckdb

from pipeline.ingest import sqltools as q

MOST_LEVELS = 4


def open_lists(con: duckdb.DuckDBPyConnection, keys: tuple[str, ...]) -> None:
    """Make ``held`` (file_no, doc_no, byte_offset, path, body, repair) from ``docs``; reject what is no object.

    Parameters
    ----------
    con
        Holds ``docs`` and ``rejects``.
    keys
        Keys under which an envelope may hold its list, from the caller's constants.
    """
    con.execute(_FIRST)
    opened = _opened(keys)
    for level in range(MOST_LEVELS):
        if not con.sql(f"SELECT count(*) FROM ({opened}) WHERE len(lists) > 0").fetchall()[0][0]:
            break
        con.execute(f"CREATE OR REPLACE TEMP TABLE object_{level} AS {_NEXT.format(opened)}")
        con.execute(f"CREATE OR REPLACE TEMP VIEW object AS SELECT * FROM object_{level}")
    con.execute(_REJECTS)
    con.execute(f"CREATE OR REPLACE TEMP VIEW held AS SELECT * FROM object WHERE {_IS_OBJECT}")


_IS_OBJECT = q.starts_with_bracket("body", "{")
_FIRST = (
    "CREATE OR REPLACE TEMP VIEW object AS "
    "SELECT file_no, doc_no, byte_offset, '' AS path, CAST(doc AS VARCHAR) AS body, repair FROM docs"
)


def _opened(keys: tuple[str, ...]) -> str:
    """Return the query that finds the lists of each object: the object itself, or what its keys hold."""
    structure = json.dumps(dict.fromkeys(keys, "JSON"))
    held = ", ".join(f'CASE WHEN starts_with(e."{key}", \'[\') THEN CAST(e."{key}" AS VARCHAR) END' for key in keys)
    # Looking for a key is far cheaper than parsing the object, and most objects have none of them.
    has_key = " OR ".join(f"contains(body, '\"{key}\"')" for key in keys)
    return f"""
SELECT * EXCLUDE (e), CASE WHEN {q.starts_with_bracket("body", "[")} THEN [body]
                           WHEN e IS NOT NULL THEN list_filter([{held}], lambda x: x IS NOT NULL) ELSE [] END AS lists
FROM (SELECT *, CASE WHEN {_IS_OBJECT} AND ({has_key}) THEN json_transform(body, '{structure}') END AS e FROM object)
"""


_NEXT = """
SELECT file_no, doc_no, byte_offset, path, body, repair FROM ({0}) WHERE len(lists) = 0
UNION ALL
SELECT file_no, doc_no, byte_offset,
       path || lpad(CAST(list_no AS VARCHAR), 2, '0') || '-' || lpad(CAST(i AS VARCHAR), 8, '0') || '/',
       CAST(item AS VARCHAR), repair
FROM (SELECT * EXCLUDE (items), unnest(items) AS item, generate_subscripts(items, 1) AS i
      FROM (SELECT file_no, doc_no, byte_offset, path, repair, list_no, json_extract(list, '$[*]') AS items
            FROM (SELECT *, unnest(lists) AS list, generate_subscripts(lists, 1) AS list_no FROM ({0}))))
"""
_REJECTS = f"""
INSERT INTO rejects
SELECT file_no, doc_no, path, byte_offset, 'not_an_object', 'expected an object in braces',
       left(body, {q.EXCERPT_CHARS})
FROM object WHERE NOT {_IS_OBJECT}
"""
