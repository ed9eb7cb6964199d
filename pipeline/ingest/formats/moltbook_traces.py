"""Moltbook Traces: data/submolts/{community}/2026/{month}/*.json and data/profiles/*.json, bodies of the API.

Told by the path. A post that names no community belongs to the one whose folder it stands in. Profiles are agents, and
the posts that a profile lists are posts.

What this format cannot tell: nearly half of the platform's posts of its twelve days (28 January to 8 February 2026),
which the crawl did not reach; follow ties; when a file was read, unless the body says so.
"""

from __future__ import annotations

import re

import duckdb

from pipeline.ingest.formats import moltbook_api
from pipeline.ingest.formats.archive_bodies import body_adapter

_FILES = re.compile(r"(^|/)(submolts/[^/]+/20\d\d/[^/]+|data/profiles)/[^/]+\.json$")
_FOLDER = "regexp_extract(p.path, '(?:^|/)submolts/([^/]+)/20[0-9][0-9]/', 1)"


def recognises(path: str, container: str, head: bytes) -> bool:
    """Tell the files by their folders; what they hold must be of the API."""
    return _FILES.search(path) is not None and moltbook_api.recognises(path, container, head)


def extract(con: duckdb.DuckDBPyConnection) -> None:
    """Read the bodies, and give posts without a community that of their folder."""
    moltbook_api.extract(con)
    con.execute(f"""
        UPDATE records SET rec = json_merge_patch(rec, json_object('submolt_name', {_FOLDER}))
        FROM source_paths p
        WHERE p.file_no = records.file_no AND kind = 'post' AND {_FOLDER} <> ''
          AND coalesce(rec ->> '$.submolt', rec ->> '$.submolt_name') IS NULL
    """)


ADAPTER = body_adapter("moltbook_traces", __doc__ or "", recognises, extract=extract, is_canonical=True)
