"""Truncation walls: the length at which a collector or a platform cut the texts of a kind."""

from __future__ import annotations

import duckdb

# A wall is a length that is the longest of all and is hit by at least this many distinct texts and this share of them.
WALL_MINIMUM, WALL_SHARE, WALL_LEAST_CHARS = 5, 0.002, 200

# Texts are read only where enough messages have the greatest length of their kind.
_LONGEST = f"""
CREATE OR REPLACE TABLE longest AS
SELECT l.kind, l.n_chars, l.total
FROM node n
JOIN (SELECT kind, max(n_chars) AS n_chars, count(*) AS total FROM node WHERE n_chars > 0 GROUP BY kind) l
    ON n.kind = l.kind AND n.n_chars = l.n_chars
WHERE l.n_chars >= {WALL_LEAST_CHARS}
GROUP BY l.kind, l.n_chars, l.total
HAVING count(*) >= {WALL_MINIMUM} AND count(*) >= {WALL_SHARE} * l.total
"""
_WALLS = f"""
CREATE OR REPLACE TABLE wall AS
SELECT l.kind, l.n_chars
FROM ({{texts}}) m JOIN longest l ON m.kind = l.kind AND m.n_chars = l.n_chars
GROUP BY l.kind, l.n_chars, l.total
HAVING count(DISTINCT m.content) >= {WALL_MINIMUM} AND count(DISTINCT m.content) >= {WALL_SHARE} * l.total
"""
_SOME_TEXTS = "SELECT kind, n_chars, content FROM merged_message"
_NO_TEXTS = "SELECT kind, n_chars, CAST(NULL AS VARCHAR) AS content FROM node WHERE false"


def find_walls(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``wall``: the length of each kind at which texts end that were cut."""
    con.execute(_LONGEST)
    has_longest = con.sql("SELECT count(*) FROM longest").fetchall()[0][0]
    con.execute(_WALLS.format(texts=_SOME_TEXTS if has_longest else _NO_TEXTS))
