"""Where everything is inside the warehouse folder, and which names may become part of a path.

What belongs here: names and paths, no reading or writing. Nothing but a checked corpus id, a checked family
and the names of the schema ever becomes part of a path or of an identifier in SQL.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from pipeline.schema import TABLES, Table
from pipeline.warehouse.errors import WarehouseError

PROJECT = "*"
"""The corpus id of tables that describe the project itself."""

_PROJECT_FOLDER = "_project"
_NO_FAMILY = "_"
STAGED_FOLDER = ".staged"
_CORPUS_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
_FAMILY = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z")
_FINGERPRINT = re.compile(r"[0-9a-z]{8,64}\Z")


def check_corpus_id(corpus_id: str) -> str:
    """Return the folder name of a corpus.

    Raises
    ------
    WarehouseError
        When the id is not of the form that may become a path.
    """
    if corpus_id == PROJECT:
        return _PROJECT_FOLDER
    if not _CORPUS_ID.match(corpus_id):
        raise WarehouseError(
            f"corpus id {corpus_id[:80]!r}: expected 1 to 63 characters of a-z, 0-9 and '-', "
            "beginning with a letter or digit; rename the folder under data/"
        )
    return corpus_id


def corpus_of(folder: str) -> str:
    """Return the corpus id of a folder name; the inverse of `check_corpus_id`."""
    return PROJECT if folder == _PROJECT_FOLDER else folder


def find_table(table: str | Table) -> Table:
    """Return the description of a table of the schema.

    Raises
    ------
    WarehouseError
        When no table has that name.
    """
    if isinstance(table, Table):
        return table
    if table not in TABLES:
        raise WarehouseError(f"table {table!r} is not in the schema; the tables are {', '.join(sorted(TABLES))}")
    return TABLES[table]


def check_fingerprint(fingerprint: str) -> str:
    """Return the fingerprint when it may become a folder name."""
    if not _FINGERPRINT.match(fingerprint):
        raise WarehouseError(f"fingerprint {fingerprint[:80]!r}: expected 8 to 64 characters of 0-9 and a-z")
    return fingerprint


def family_label(family: str) -> str:
    """Return the name of a family in paths, ``_`` for none."""
    if not family:
        return _NO_FAMILY
    if not _FAMILY.match(family):
        raise WarehouseError(f"family {family[:80]!r}: expected lower-case letters, digits, '_' or '-'")
    return family


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths below one warehouse folder."""

    root: Path

    @property
    def catalogue(self) -> Path:
        """The database that users open."""
        return self.root / "ethogram.duckdb"

    @property
    def published(self) -> Path:
        """Folder of the snapshots of published corpora."""
        return self.root / "published"

    @property
    def generations(self) -> Path:
        """Record of which parts the last catalogues refer to."""
        return self.published / ".generations.json"

    def staged(self, corpus_id: str) -> Path:
        """Folder of what ingestion staged of the large files of a corpus."""
        return self.root / STAGED_FOLDER / check_corpus_id(corpus_id)

    @property
    def manifests(self) -> Path:
        """Folder of all manifests."""
        return self.root / "manifest"

    @property
    def spill(self) -> Path:
        """Folder for what does not fit into memory."""
        return self.root / ".spill"

    @property
    def catalogue_lock(self) -> Path:
        """Lock on publication and the catalogue."""
        return self.root / ".catalogue.lock"

    @property
    def use_lock(self) -> Path:
        """Lock held shared while parts are written or read, and alone by what removes parts."""
        return self.root / ".use.lock"

    def corpus_lock(self, corpus_id: str) -> Path:
        """Lock on the work on one corpus."""
        return self.root / ".locks" / f"{check_corpus_id(corpus_id)}.lock"

    def snapshot(self, corpus_id: str) -> Path:
        """Snapshot of a published corpus."""
        return self.published / f"{check_corpus_id(corpus_id)}.json"

    def manifest(self, table: Table, corpus_id: str, family: str) -> Path:
        """Manifest of a table, corpus and family."""
        folder = self.manifests / table.layer / table.name / check_corpus_id(corpus_id)
        return folder / f"{family_label(family)}.json"

    def corpus_parts(self, table: Table, corpus_id: str) -> Path:
        """Folder of all parts of a table for a corpus."""
        return self.root / table.layer / table.name / f"corpus_id={check_corpus_id(corpus_id)}"

    def parts(self, table: Table, corpus_id: str, family: str) -> Path:
        """Folder of the parts of a table, corpus and family; each part has a folder named by its fingerprint."""
        folder = self.corpus_parts(table, corpus_id)
        return folder / f"family={family_label(family)}" if family else folder

    @property
    def reports(self) -> Path:
        """Folder of the HTML pages: one per corpus, and one that compares them."""
        return self.root / "reports"

    def report(self, corpus_id: str) -> Path:
        """HTML page of a corpus; no corpus id begins with the underscore of the page that compares all."""
        return self.reports / (f"{check_corpus_id(corpus_id)}.html" if corpus_id != PROJECT else "_comparison.html")

    def figures(self, corpus_id: str) -> Path:
        """Folder of the pictures of a corpus."""
        return self.root / "figures" / check_corpus_id(corpus_id)

    def relative(self, path: Path) -> str:
        """Return a path below the warehouse as it is written in manifests."""
        return path.relative_to(self.root).as_posix()
