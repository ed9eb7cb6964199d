"""Overlapping dumps of one corpus that arrive one after the other, and the hashes of the tables that come of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

from ingest_helpers import comment, detail, flat, post

from pipeline.settings import Settings
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.step import run_step
from pipeline.warehouse import Warehouse

DAYS = ("2026-01-31", "2026-02-01", "2026-02-02", "2026-02-03")
Dump = list[dict[str, object]]


def seen(body: dict[str, object], day: str) -> dict[str, object]:
    return {**body, "_downloaded_at": f"{day}T08:00:00+00:00"}


def general(turn: int, moderator: dict[str, object] | None = None) -> dict[str, object]:
    """Return the record of a community with its creator and moderators."""
    of_turn = {"id": f"a0000000-0000-4000-8000-00000000001{turn}", "name": f"Moderator{turn}", "role": "moderator"}
    creator = {"id": "a-creator", "name": "Cy"}
    submolt = {
        "id": "s1", "name": "general", "display_name": f"General {turn}", "created_by": creator,
        "moderators": [moderator or of_turn],
    }  # fmt: skip
    return {"success": True, "submolt": submolt}


def dumps() -> dict[str, Dump]:
    """Return overlapping dumps: revised scores, edited texts, the same issued again, ties in time, agents."""
    found: dict[str, Dump] = {}
    for turn, day in enumerate(DAYS):
        threads = range(1 + 3 * turn, 12 + 3 * turn)
        found[f"crawl-{turn}/bodies.jsonl"] = [
            seen(detail(n, [comment(10 * n, [comment(10 * n + 1)]), comment(10 * n + 5)], upvotes=n + turn), day)
            for n in threads
        ] + [general(turn)]
    found["edited.jsonl"] = [seen(post(n, content=f"Text {n}, edited"), DAYS[1]) for n in (4, 5, 13)]
    found["other-edit.jsonl"] = [seen(post(n, content=f"Text {n}, edited otherwise"), DAYS[1]) for n in (4, 5)]
    found["again/bodies.jsonl"] = found["crawl-1/bodies.jsonl"]
    found["no-time.jsonl"] = [flat(n, score=7) for n in (10, 11, 9001)]
    found["renamed.jsonl"] = [
        seen(post(n, author={"id": "a0000000-0000-4000-8000-000000000001", "name": "Ada2", "karma": n}), DAYS[3])
        for n in (1, 2)
    ]
    return found


def text_of(rows: Dump) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def write(folder: Path, name: str, rows: Dump) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text_of(rows), encoding="utf-8")
    return path


def settings_below(root: Path, **more: str) -> Settings:
    """Return settings with data and warehouse below a folder, and make the folder of the corpus."""
    (root / "data" / "grown").mkdir(parents=True, exist_ok=True)
    return Settings.load({"ETHOGRAM_DATA": str(root / "data"), "ETHOGRAM_WAREHOUSE": str(root / "warehouse"), **more})


def hashes(settings: Settings) -> dict[str, str]:
    """Ingest what is there and return the hash of every table."""
    outcome = run_step(CORPUS_STEPS[0], Warehouse(settings), "grown")
    assert all(check.passed for check in outcome.checks), outcome.checks
    return {name: manifest.table_hash for name, manifest in outcome.manifests.items()}


def at_once(tmp_path: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the hashes of one ingestion of some dumps in a fresh warehouse."""
    mark = hashlib.sha256(repr(list(names)).encode()).hexdigest()[:8]
    settings = settings_below(tmp_path / f"once-{mark}")
    for name in names:
        write(settings.data / "grown", name, dumps()[name])
    return hashes(settings)
