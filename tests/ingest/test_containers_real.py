"""Real dumps as they were packed: the archive gives the rows of the folder that it unpacks to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from ingest_helpers import Corpus, Tables
from real_dumps import archive

TABLES = ("message", "agent", "community", "tie_event", "reaction", "membership_event", "label")
PROVENANCE = ("source_file_id", "source_row")


def rows(tables: Tables, name: str) -> pl.DataFrame:
    return tables.tables[name].drop(PROVENANCE, strict=False).sort(pl.all(), nulls_last=True)


@pytest.mark.parametrize("name", ["chirper-masquerade23", "moltbook-observatory-csv", "moltbook-labels"])
def test_a_packed_dump_is_the_dump(corpus: Corpus, real_dump: Callable[[str], Path], name: str) -> None:
    packed_folder = corpus.folder
    corpus.folder = real_dump(name)
    loose = corpus.read()
    corpus.folder = packed_folder
    shutil.copy(archive(name), packed_folder)
    packed = corpus.read()
    assert packed.account() == loose.account()
    assert sorted(packed.reasons()) == sorted(loose.reasons())
    for table in TABLES:
        assert rows(packed, table).equals(rows(loose, table), null_equal=True), table
