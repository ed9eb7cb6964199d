"""Ingestion beside plain readers of the same files: a `json.load` loop on the tree, and DuckDB's COPY on JSON lines."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

LEAST_RATIO = 0.25
DEFAULT_MEGABYTES = 300

_LOAD = """
import json, sys
from pathlib import Path
for path in sorted(Path(sys.argv[1]).rglob("*.json")):
    with path.open(encoding="utf-8") as file:
        json.load(file)
"""
_INGEST = """
import sys
from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.warehouse import Warehouse
run_step(STEPS["corpus/ingestion"], Warehouse(Settings.load()), sys.argv[1])
"""
_COPY = """
import sys, duckdb
from pipeline.settings import Settings
settings = Settings.load()
con = duckdb.connect(config={"threads": settings.threads, "memory_limit": settings.memory_limit})
con.execute(f"COPY (FROM read_json('{sys.argv[1]}')) TO '{sys.argv[2]}' (FORMAT parquet)")
"""
_TIMED = """
import json, resource, sys, time
source = sys.argv.pop(1)
import pipeline.steps, duckdb
started = time.monotonic()
exec(compile(source, "benchmark", "exec"))
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
print()
print(json.dumps({"seconds": time.monotonic() - started, "peak": peak}))
"""


def main(arguments: list[str] | None = None) -> int:
    """Print both comparisons; return 1 when a ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tree", type=Path, required=True, help="folder of the unpacked Moltbook API tree")
    parser.add_argument("--megabytes", type=int, default=DEFAULT_MEGABYTES, help="size of the JSON-lines file")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ethogram-bench-") as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "data" / "tree").symlink_to(options.tree.resolve())
        lines = folder / "data" / "lines" / "messages.jsonl"
        lines.parent.mkdir()
        write_lines(options.tree, lines, options.megabytes << 20)
        size = sum(path.stat().st_size for path in options.tree.rglob("*.json"))
        is_good = compare("tree", size, folder, ("json.load loop", _LOAD, [str(options.tree)]))
        copy = ("COPY read_json", _COPY, [str(lines), str(folder / "copy.parquet")])
        is_good &= compare("lines", lines.stat().st_size, folder, copy)
    return 0 if is_good else 1


def compare(corpus: str, size: int, folder: Path, plain: tuple[str, str, list[str]]) -> bool:
    """Time the plain reader and ingestion in turn, each in a process of its own; print both and the ratio."""
    name, source, arguments = plain
    reader = timed(source, arguments, folder)
    ours = timed(_INGEST, [corpus], folder)
    ratio = reader["seconds"] / ours["seconds"]
    for label, found in ((name, reader), (f"ingestion of {corpus}", ours)):
        speed, peak = size / 1e6 / found["seconds"], found["peak"] / 2**20
        print(f"{label:<24}{found['seconds']:>8.1f} s{speed:>8.0f} MB/s{peak:>8.0f} MiB peak")
    verdict = "kept" if ratio >= LEAST_RATIO else "MISSED"
    print(f"{'':<24}{ratio:>8.2f} of its speed; at least {LEAST_RATIO} {verdict}\n")
    return ratio >= LEAST_RATIO


def timed(source: str, arguments: list[str], folder: Path) -> dict[str, float]:
    """Run a program in a process of its own; return seconds without the start of Python, and peak memory in bytes."""
    environment = {
        **os.environ,
        "ETHOGRAM_DATA": str(folder / "data"),
        "ETHOGRAM_WAREHOUSE": str(folder / "warehouse"),
    }
    command = [sys.executable, "-c", _TIMED, source, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def write_lines(tree: Path, target: Path, size: int) -> None:
    """Write the posts and comments of the tree, one object a line, over and over with new ids until `size` bytes."""
    written = turn = 0
    with target.open("w", encoding="utf-8") as out:
        while written < size:
            for record in records(tree, f"{turn:04x}"):
                written += out.write(json.dumps(record, ensure_ascii=False) + "\n")
                if written >= size:
                    return
            turn += 1


def records(tree: Path, prefix: str) -> Iterator[dict[str, Any]]:
    """Yield flat posts and comments with ids that differ by turn."""
    for path in sorted((tree / "posts").glob("*.json")):
        with path.open(encoding="utf-8") as file:
            body = json.load(file)
        post = body["post"]
        yield {**post, "id": prefix + post["id"]}
        waiting = [(comment, post["id"]) for comment in body["comments"]]
        while waiting:
            comment, parent = waiting.pop()
            flat = {key: value for key, value in comment.items() if key != "replies"}
            yield {**flat, "id": prefix + comment["id"], "post_id": prefix + post["id"], "parent_id": prefix + parent}
            waiting += [(reply, comment["id"]) for reply in comment["replies"]]


if __name__ == "__main__":
    sys.exit(main())
