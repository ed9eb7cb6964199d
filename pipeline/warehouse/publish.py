"""Publication: which state of which corpus the catalogue shows, and what may be thrown away.

What belongs here: snapshots of manifests, the record of the last catalogues, and the removal of parts that
nothing refers to. A corpus enters the catalogue by its snapshot only, so a run that is half finished is
never visible.
"""

from __future__ import annotations

import datetime
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.schema import TABLES
from pipeline.warehouse.clean_copies import original_of
from pipeline.warehouse.errors import UnknownCorpusError, WarehouseError
from pipeline.warehouse.files import TMP_PREFIX, read_json, remove_dead_tokens, remove_stale, write_json
from pipeline.warehouse.layout import PROJECT, STAGED_FOLDER, Layout, check_corpus_id, corpus_of
from pipeline.warehouse.manifest import Manifest, corpora, manifests

KEPT_CATALOGUES = 2  # the one that is open to new readers, and the one that readers may still hold


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The published state of one corpus."""

    corpus_id: str
    published_at: str
    manifests: tuple[Manifest, ...]


def publish(layout: Layout, corpus_id: str) -> Snapshot:
    """Make the current manifests of a corpus its published state; the caller holds the catalogue lock.

    Raises
    ------
    UnknownCorpusError
        When nothing was written for the corpus.
    WarehouseError
        When a part is missing or damaged; the published state stays what it was.
    """
    current = tuple(manifests(layout, corpus_id=corpus_id))
    if not current:
        raise UnknownCorpusError(f"corpus {corpus_id!r} has no tables to publish; known: {_listed(known(layout))}")
    damage = [sentence for entry in current for sentence in entry.damage(layout)]
    if damage:
        raise WarehouseError(f"corpus {corpus_id!r} is not published: {'; '.join(damage[:5])}; run it again")
    snapshot = Snapshot(corpus_id, _now(), current)
    value = {
        "corpus_id": corpus_id,
        "published_at": snapshot.published_at,
        "manifests": [entry.as_dict() for entry in current],
    }
    write_json(layout.snapshot(corpus_id), value, layout.root)
    return snapshot


def snapshots(layout: Layout) -> list[Snapshot]:
    """Return the published corpora, sorted by id."""
    found = []
    for path in sorted(layout.published.glob("[!.]*.json")):
        value = read_json(path)
        if value is not None:
            entries = tuple(Manifest.from_dict(entry) for entry in value["manifests"] if entry["table"] in TABLES)
            found.append(Snapshot(value["corpus_id"], value["published_at"], entries))
    return sorted(found, key=lambda snapshot: snapshot.corpus_id)


def known(layout: Layout) -> list[str]:
    """Return the ids of all corpora of which anything is in the store."""
    published = {corpus_of(path.stem) for path in layout.published.glob("[!.]*.json")}
    stored = {corpus_of(path.name.removeprefix("corpus_id=")) for path in layout.root.glob("*/*/corpus_id=*")}
    # A first ingestion that was broken off has left no more than what it staged.
    staged = {path.name for path in layout.root.glob(f"{STAGED_FOLDER}/*")}
    return sorted(published | stored | staged | corpora(layout))


def begin_generation(layout: Layout, shown: Iterable[Snapshot]) -> str:
    """Record, before the catalogue is swapped in, which parts it refers to; return the name of the generation."""
    name = f"{_now()}-{os.urandom(4).hex()}"
    paths = sorted({part.path for snapshot in shown for entry in snapshot.manifests for part in entry.parts})
    entry = {"generation": name, "is_swapped": False, "parts": paths}
    write_json(layout.generations, [*_generations(layout), entry], layout.root)
    return name


def end_generation(layout: Layout, name: str) -> None:
    """Record that the catalogue of `name` is swapped in, and forget the ones that nobody can hold any more.

    Everything from the last but one that is known to be swapped in is kept: a later one whose record was cut short
    by a crash may be the one that readers hold.
    """
    entries = _generations(layout)
    for entry in entries:
        entry["is_swapped"] = entry["is_swapped"] or entry["generation"] == name
    swapped = [index for index, entry in enumerate(entries) if entry["is_swapped"]]
    if len(swapped) > KEPT_CATALOGUES:
        entries = entries[swapped[-KEPT_CATALOGUES] :]
    write_json(layout.generations, entries, layout.root)


def drop_from_generations(layout: Layout, corpus_id: str) -> None:
    """Remove the parts of a corpus from the record, because the corpus is forgotten."""
    folder = f"/corpus_id={check_corpus_id(corpus_id)}/"
    entries = _generations(layout)
    for entry in entries:
        entry["parts"] = [path for path in entry["parts"] if folder not in path]
    if entries:
        write_json(layout.generations, entries, layout.root)


def collect_garbage(layout: Layout) -> list[str]:
    """Remove parts that nothing refers to and leftovers of dead processes; return the paths that went.

    The caller holds the use lock alone and the catalogue lock, so nobody is writing or reading a part.
    """
    needed = {part.path for entry in manifests(layout) for part in entry.parts}
    needed |= {part.path for shown in snapshots(layout) for entry in shown.manifests for part in entry.parts}
    needed |= {path for entry in _generations(layout) for path in entry["parts"]}
    folders = {Path(path).parent.as_posix() for path in needed}
    removed = []
    for corpus_folder in sorted(layout.root.glob("*/*/corpus_id=*")):
        for parent in (corpus_folder, *sorted(corpus_folder.glob("family=*"))):
            for folder in sorted(parent.iterdir()):
                is_leftover = folder.name.startswith(TMP_PREFIX)
                is_part = not is_leftover and not folder.name.startswith("family=")
                part = original_of(folder) or folder
                if is_leftover or (is_part and layout.relative(part) not in folders):
                    shutil.rmtree(folder, ignore_errors=True)
                    removed.append(layout.relative(folder))
    for folder in (layout.spill, layout.published, *layout.manifests.glob("**")):
        remove_stale(folder, layout.root)
    remove_dead_tokens(layout.root)
    return removed


def remove_corpus(layout: Layout, corpus_id: str) -> dict[str, int]:
    """Remove manifests and parts of a corpus; return how many files of each kind and how many bytes went."""
    folder = check_corpus_id(corpus_id)
    removed = {"manifests": 0, "parts": 0, "bytes": 0}
    staged = layout.staged(corpus_id)
    removed["bytes"] += sum(file.stat().st_size for file in staged.rglob("*") if file.is_file())
    if staged.exists():
        shutil.rmtree(staged)
    for path in sorted(layout.manifests.glob(f"*/*/{folder}")):
        removed["manifests"] += len(list(path.glob("*.json")))
        shutil.rmtree(path)
    for path in sorted(layout.root.glob(f"*/*/corpus_id={folder}")):
        files = [file for file in path.rglob("*.parquet") if file.is_file()]
        removed["parts"] += len(files)
        removed["bytes"] += sum(file.stat().st_size for file in files)
        shutil.rmtree(path)
    shutil.rmtree(layout.figures(corpus_id), ignore_errors=True)
    return removed


def require_known(layout: Layout, corpus_id: str) -> None:
    """Raise when nothing is known of a corpus.

    Raises
    ------
    UnknownCorpusError
        The sentence lists the corpora that are known.
    """
    if corpus_id not in known(layout):
        raise UnknownCorpusError(f"corpus {corpus_id!r} is not in the store; known: {_listed(known(layout))}")


def _generations(layout: Layout) -> list[dict[str, Any]]:
    value = read_json(layout.generations)
    return list(value) if value else []


def _listed(names: list[str]) -> str:
    return ", ".join(name for name in names if name != PROJECT) or "none"


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
