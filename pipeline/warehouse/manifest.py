"""Manifests: which parts are the current state of a table for a corpus and family.

What belongs here: the record and its reading and writing. A manifest is replaced as a whole, so a part becomes
current in one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.schema import TABLES, Table
from pipeline.warehouse.files import read_json, write_json
from pipeline.warehouse.layout import Layout, check_corpus_id, corpus_of


@dataclass(frozen=True, slots=True)
class Part:
    """One immutable Parquet file: path below the warehouse, rows, bytes and digest of the bytes."""

    path: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The current state of a table for a corpus and family."""

    table: str
    corpus_id: str
    family: str
    fingerprint: str
    parts: tuple[Part, ...]
    rows: int
    table_hash: str
    written_at: str
    versions: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the manifest as it is written."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Manifest:
        """Return the manifest that was written."""
        return cls(**{**value, "parts": tuple(Part(**part) for part in value["parts"])})

    def files(self, layout: Layout) -> list[Path]:
        """Return the files of the parts."""
        return [layout.root / part.path for part in self.parts]

    def damage(self, layout: Layout) -> list[str]:
        """Sentences on parts that are missing or of another size than recorded."""
        found = []
        for part in self.parts:
            path = layout.root / part.path
            size = path.stat().st_size if path.is_file() else None
            if size is None:
                found.append(f"{part.path} is missing")
            elif size != part.bytes:
                found.append(f"{part.path} has {size} bytes, {part.bytes} were written")
        return found


def load(layout: Layout, table: Table, corpus_id: str, family: str) -> Manifest | None:
    """Return the manifest, ``None`` when the table was never written for the corpus and family."""
    value = read_json(layout.manifest(table, corpus_id, family))
    return None if value is None else Manifest.from_dict(value)


def save(layout: Layout, table: Table, manifest: Manifest) -> None:
    """Make the parts of `manifest` current."""
    path = layout.manifest(table, manifest.corpus_id, manifest.family)
    write_json(path, manifest.as_dict(), layout.root)


def manifests(layout: Layout, table: Table | None = None, corpus_id: str | None = None) -> Iterator[Manifest]:
    """Yield the current manifests, of one table or all, of one corpus or all, in a fixed order."""
    for entry in [table] if table is not None else TABLES.values():
        folder = layout.manifests / entry.layer / entry.name
        if not folder.is_dir():
            continue
        names = [check_corpus_id(corpus_id)] if corpus_id is not None else sorted(p.name for p in folder.iterdir())
        for name in names:
            for path in sorted((folder / name).glob("[!.]*.json")):
                value = read_json(path)
                if value is not None:
                    yield Manifest.from_dict(value)


def corpora(layout: Layout) -> set[str]:
    """Return the ids of all corpora that have a manifest."""
    return {corpus_of(path.name) for path in layout.manifests.glob("*/*/*") if path.is_dir()}
