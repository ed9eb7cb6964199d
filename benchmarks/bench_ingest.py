"""Speed and memory of ingestion, in one run on the same files, beside the least that reads them at all.

(a) A tree of files: `json.load` of every file, against the ingestion step on a fresh warehouse (listing, digests,
reading, merging, writing and verifying its twelve tables). (b) JSON lines: DuckDB's
``COPY (SELECT * FROM read_json(...)) TO ... (FORMAT parquet)`` with the same threads and memory, against the same step.
Each side runs in a process of its own and takes turns with the other; the fastest round of each counts. The exit
status is 1 when ingestion is slower than a quarter of its baseline. Usage::

    python benchmarks/bench_ingest.py [--tree FOLDER] [--megabytes 300] [--rounds 3]

Without ``--tree`` the archive moltbook-api-v1-tree is unpacked from the folder ETHOGRAM_REAL_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

REQUIRED_SPEED = 1 / 4
"""Least speed as a share of the baseline (issue 2, acceptance 5)."""

Row = dict[str, Any]


def unpack_tree(into: Path) -> Path:
    """Unpack the real tree of API v1 and return its folder."""
    home = os.environ.get("ETHOGRAM_REAL_DATA")
    if not home:
        sys.exit("name a folder with --tree, or set ETHOGRAM_REAL_DATA to the folder of the real dumps")
    with tarfile.open(Path(home) / "moltbook-api-v1-tree.tar.xz") as archive:
        archive.extractall(into, filter="data")
    return into / "moltbook-api-v1-tree"


def _flat(comment: Row, post_id: str, parent_id: str | None, depth: int) -> Iterator[Row]:
    author = comment.get("author") or {}
    up, down = comment.get("upvotes") or 0, comment.get("downvotes") or 0
    kept = {key: value for key, value in comment.items() if key not in ("replies", "parent_id")}
    replies = comment.get("replies") or []
    yield {
        **kept, **({"parent_id": parent_id} if parent_id else {}), "post_id": post_id, "author_id": author.get("id"),
        "score": up - down, "reply_count": len(replies), "is_deleted": False, "depth": depth,
        "verification_status": "verified", "is_spam": False, "updated_at": comment.get("created_at"),
    }  # fmt: skip
    for reply in replies:
        yield from _flat(reply, post_id, comment["id"], depth + 1)


def read_records(tree: Path) -> list[Row]:
    """Return the posts and comments of the tree as flat objects in the manner of API v3."""
    rows: list[Row] = []
    for path in sorted((tree / "posts").glob("*.json")):
        body = json.loads(path.read_bytes())
        post = body["post"]
        rows.append({
            **post, "author_id": (post.get("author") or {}).get("id"), "type": "text", "hot_score": 0.5,
            "is_pinned": False, "is_locked": False, "is_deleted": False, "updated_at": post["created_at"],
            "verification_status": "verified", "is_spam": False,
        })  # fmt: skip
        for comment in body.get("comments") or []:
            rows.extend(_flat(comment, post["id"], None, 0))
    return rows


def write_lines(tree: Path, path: Path, size: int) -> int:
    """Write about `size` bytes of JSON lines, repeating the records with other ids; return the number of lines."""
    rows, written, lines, turn = read_records(tree), 0, 0, 0
    with path.open("w", encoding="utf-8", errors="replace") as stream:
        while written < size:
            for row in rows:
                again = {k: f"{turn:08x}{row[k][8:]}" for k in ("id", "post_id", "parent_id") if turn and row.get(k)}
                written += stream.write(json.dumps({**row, **again}, separators=(",", ":")) + "\n")
                lines += 1
                if written >= size:
                    break
            turn += 1
    return lines


def run_json_load(folder: Path) -> None:
    """Load every JSON file of a folder."""
    for path in sorted(folder.rglob("*.json")):
        with path.open(encoding="utf-8") as stream:
            json.load(stream)


def run_copy(folder: Path) -> None:
    """Let DuckDB turn JSON lines into Parquet."""
    import duckdb

    from pipeline.settings import Settings

    settings = Settings.load()
    con = duckdb.connect(config={"threads": settings.threads, "memory_limit": settings.memory_limit})
    source, target = folder / "all.jsonl", folder.parent / "copied.parquet"
    con.execute(f"COPY (SELECT * FROM read_json('{source}')) TO '{target}' (FORMAT parquet)")


def run_ingestion(folder: Path) -> None:
    """Run the ingestion step on a fresh warehouse."""
    from pipeline.settings import Settings
    from pipeline.steps.corpus import CORPUS_STEPS
    from pipeline.steps.step import run_step
    from pipeline.warehouse import Warehouse

    with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
        environ = {**os.environ, "ETHOGRAM_DATA": str(folder.parent), "ETHOGRAM_WAREHOUSE": fresh}
        started = time.perf_counter()
        outcome = run_step(CORPUS_STEPS[0], Warehouse(Settings.load(environ)), folder.name)
        if failed := [check for check in outcome.checks if not check.passed]:
            sys.exit(f"ingestion failed its checks: {failed}")
        report(started)


RUNS = {"json.load": run_json_load, "COPY": run_copy, "ingestion": run_ingestion}


def report(started: float) -> None:
    """Print seconds, CPU seconds and peak memory of this process for the parent."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    peak = used.ru_maxrss / (1024 if sys.platform != "darwin" else 1 << 20)
    sys.stdout.write(json.dumps([time.perf_counter() - started, used.ru_utime + used.ru_stime, peak]) + "\n")


def measure(name: str, folder: Path) -> tuple[float, float, float]:
    """Run one side in a process of its own; return seconds, CPU seconds and peak MB."""
    command = [sys.executable, __file__, "--side", name, str(folder)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    seconds, cpu, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, cpu, peak


def compare(title: str, baseline: str, folder: Path, size: float, rounds: int) -> bool:
    """Print both sides and their ratio; return whether it is large enough."""
    found: dict[str, list[tuple[float, float, float]]] = {baseline: [], "ingestion": []}
    for _ in range(rounds):
        for name, results in found.items():
            results.append(measure(name, folder))
    print(f"{title}: {size / 1e6:.0f} MB, best of {rounds}")
    for name, results in found.items():
        seconds, cpu, peak = min(results)
        print(f"  {name:10s} {seconds:6.2f} s  {size / seconds / 1e6:6.1f} MB/s  {cpu:6.1f} CPU s  {peak:6.0f} MB peak")
    ratio = min(found[baseline])[0] / min(found["ingestion"])[0]
    is_enough = ratio >= REQUIRED_SPEED
    print(f"  ratio {ratio:.3f}, required {REQUIRED_SPEED:.3f}: {'passed' if is_enough else 'MISSED'}", flush=True)
    return is_enough


def main(arguments: list[str] | None = None) -> int:
    """Run both comparisons and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path)
    parser.add_argument("--megabytes", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", nargs=2, metavar=("NAME", "FOLDER"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.side:
        name, folder = options.side[0], Path(options.side[1])
        started = time.perf_counter()
        RUNS[name](folder)
        if name != "ingestion":
            report(started)
        return 0
    with tempfile.TemporaryDirectory() as base:
        data = Path(base) / "data"
        data.mkdir()
        source = options.tree or unpack_tree(data)
        tree = data / "moltbook-api-v1-tree"
        if not tree.exists():
            tree.symlink_to(source.absolute())
        lines = data / "json-lines"
        lines.mkdir()
        count = write_lines(tree, lines / "all.jsonl", options.megabytes * 1_000_000)
        size = sum(path.stat().st_size for path in tree.rglob("*.json"))
        passed = compare("tree of files", "json.load", tree, size, options.rounds)
        size = (lines / "all.jsonl").stat().st_size
        passed = compare(f"{count} JSON lines", "COPY", lines, size, options.rounds) and passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
