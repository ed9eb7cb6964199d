"""Fingerprints: what a part was made from, so that a re-run skips what is current and redoes what is not.

What belongs here: hashing of inputs, configuration, source files, descriptions and library versions.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from types import ModuleType

from pipeline.schema import Table

STORAGE_FORMAT = "1"
"""Version of the layout of parts; a change of it makes every part stale."""

HEX_DIGITS = 20  # 80 bits: no collision to fear among the parts of one warehouse
_SOURCES = (".py", ".sql", ".toml")


def fingerprint(
    inputs: Mapping[str, str] | None = None,
    config: Mapping[str, object] | None = None,
    modules: Sequence[ModuleType | str] = (),
    files: Sequence[Path] = (),
    tables: Sequence[Table] = (),
    libraries: Sequence[str] = (),
) -> str:
    """Return a hash of everything that decides what a part holds.

    Parameters
    ----------
    inputs
        Fingerprints of the inputs by name.
    config
        Configuration: numbers, texts, lists and mappings of them.
    modules
        Modules whose source computes the part; of a package, every ``.py``, ``.sql`` and ``.toml`` below it.
    files
        Further files, such as lexicon cards.
    tables
        Descriptions of the tables that are written.
    libraries
        Distributions whose version matters.

    Raises
    ------
    TypeError, FileNotFoundError, importlib.metadata.PackageNotFoundError
        When the configuration has no canonical JSON, and when a source or a library is not there.
    """
    content = {
        "format": STORAGE_FORMAT,
        "inputs": dict(inputs or {}),
        "config": dict(config or {}),
        "modules": {_name(module): _digest_files(*_sources(module)) for module in modules},
        "files": sorted((path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in files),
        "tables": {table.qualified: _described(table) for table in tables},
        "libraries": {name: importlib.metadata.version(name) for name in libraries},
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:HEX_DIGITS]


@cache
def _described(table: Table) -> dict[str, object]:
    return dataclasses.asdict(table)


def _name(module: ModuleType | str) -> str:
    return module if isinstance(module, str) else module.__name__


def _sources(module: ModuleType | str) -> tuple[Path, list[Path]]:
    """Return the folder and the source files of a module or package."""
    spec = module.__spec__ if isinstance(module, ModuleType) else importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"module {_name(module)} has no source file to take a fingerprint of")
    origin = Path(spec.origin)
    if not spec.submodule_search_locations:
        return origin.parent, [origin]
    folder = origin.parent
    return folder, sorted(path for path in folder.rglob("*") if path.suffix in _SOURCES and path.is_file())


@lru_cache(maxsize=4096)
def _digest(path: Path, changed: int, size: int) -> str:
    """Return the digest of a file, read again only when its time or size says that it has changed."""
    del changed, size
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _digest_files(folder: Path, paths: Iterable[Path]) -> str:
    """Hash names, relative to the package, and contents, so that the place of the project does not matter."""
    hasher = hashlib.sha256()
    for path in paths:
        state = path.stat()
        digest = _digest(path, state.st_mtime_ns, state.st_size)
        hasher.update(f"{path.relative_to(folder).as_posix()} {digest}\n".encode())
    return hasher.hexdigest()
