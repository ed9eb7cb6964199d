"""The dumps of the tests of reuse, and what is kept of them."""

from __future__ import annotations

from pathlib import Path

from growing import dumps, write

from pipeline.settings import Settings
from pipeline.warehouse import Warehouse

CRAWLS = tuple(f"crawl-{n}/bodies.jsonl" for n in range(4))


def folder_of(settings: Settings) -> Path:
    return settings.data / "grown"


def entries(settings: Settings) -> list[Path]:
    folder = Warehouse(settings).layout.staged("grown")
    return sorted(folder.iterdir()) if folder.exists() else []


def put(settings: Settings, *names: str) -> None:
    for name in names:
        write(folder_of(settings), name, dumps()[name])
