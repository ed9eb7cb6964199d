"""Ingestion of dumps that are larger than memory: JSON lines, and one array in a single JSON file.

Both are the tree of API v1 again and again with other ids. Memory is limited to 1 GB for DuckDB; the process may take
2 GiB. DuckDB reads the lines too, by ``COPY (SELECT * FROM read_json(...)) TO ... (FORMAT parquet)``, in the same run
and under the same limits. The exit status is 1 when memory is exceeded, or when lines are read at less than a third of
the speed of COPY. Usage::

    python -m benchmarks.bench_scale --tree FOLDER [--lines 10] [--array 4] [--folder WITH_SPACE]

The full sizes need about 45 GB of free space and a quarter of an hour.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.bench_ingest import measure, write_lines

MOST_MEMORY_MB = 2048
REQUIRED_SPEED = 1 / 3
"""Least speed as a share of the baseline, and most memory in MiB (issue 4, acceptance 5)."""

DUCKDB_MEMORY = "1GB"
SPACE_FACTOR = 3.2  # of the size of a dump: the dump, what is staged, sorted and written
KEYS = ("id", "parent_id", "post_id")


def _with_other_ids(value: Any, turn: int) -> Any:
    """Return a body with the ids of its messages changed; agents and communities (which have names) stay."""
    if isinstance(value, list):
        return [_with_other_ids(item, turn) for item in value]
    if not isinstance(value, dict):
        return value
    is_message = "name" not in value
    return {
        key: f"{turn:08x}{item[8:]}" if is_message and key in KEYS and isinstance(item, str)
        else _with_other_ids(item, turn)
        for key, item in value.items()
    }  # fmt: skip


def write_array(tree: Path, path: Path, size: int) -> int:
    """Write about `size` bytes of one JSON array of bodies; return their number."""
    bodies = [json.loads(source.read_bytes()) for source in sorted((tree / "posts").glob("*.json"))]
    written, count, turn = 0, 0, 0
    with path.open("w", encoding="utf-8") as stream:
        stream.write("[")
        while written < size:
            for body in bodies:
                written += stream.write((",\n" if count else "") + json.dumps(_with_other_ids(body, turn)))
                count += 1
                if written >= size:
                    break
            turn += 1
        stream.write("]")
    return count


def _show(name: str, size: float, seconds: float, peak: float) -> None:
    print(f"  {name:10s} {seconds:7.1f} s  {size / seconds / 1e6:6.1f} MB/s  {peak:6.0f} MiB peak", flush=True)


def _ingest(folder: Path, size: float) -> tuple[float, bool]:
    seconds, _, peak = measure("ingestion", folder)
    _show("ingestion", size, seconds, peak)
    is_bounded = peak <= MOST_MEMORY_MB
    print(f"  peak {peak:.0f} MiB, allowed {MOST_MEMORY_MB}: {'passed' if is_bounded else 'MISSED'}", flush=True)
    return seconds, is_bounded


def main(arguments: list[str] | None = None) -> int:
    """Run both sizes and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tree", type=Path, required=True)
    parser.add_argument("--lines", type=float, default=10.0, metavar="GB")
    parser.add_argument("--array", type=float, default=4.0, metavar="GB")
    parser.add_argument("--folder", type=Path, help="where there is space; default: the folder of temporary files")
    options = parser.parse_args(arguments)
    os.environ["ETHOGRAM_MEMORY"] = DUCKDB_MEMORY
    passed = True
    with tempfile.TemporaryDirectory(dir=options.folder, prefix="ethogram-scale-") as base:
        needed, free = max(options.lines, options.array) * SPACE_FACTOR * 1e9, shutil.disk_usage(base).free
        if free < needed:
            print(f"{free / 1e9:.0f} GB are free, {needed / 1e9:.0f} needed: name another --folder or smaller sizes")
            return 1
        lines = Path(base) / "data" / "json-lines"
        lines.mkdir(parents=True)
        count = write_lines(options.tree, lines / "all.jsonl", int(options.lines * 1e9))
        size = (lines / "all.jsonl").stat().st_size
        print(f"{count} JSON lines: {size / 1e9:.2f} GB")
        baseline, _, peak = measure("COPY", lines)
        _show("COPY", size, baseline, peak)
        (lines.parent / "copied.parquet").unlink()
        seconds, is_bounded = _ingest(lines, size)
        is_enough = baseline / seconds >= REQUIRED_SPEED
        print(f"  ratio {baseline / seconds:.3f}, required {REQUIRED_SPEED:.3f}: {'passed' if is_enough else 'MISSED'}")
        passed = is_bounded and is_enough
        shutil.rmtree(lines)
        array = Path(base) / "data" / "json-array"
        array.mkdir()
        count = write_array(options.tree, array / "all.json", int(options.array * 1e9))
        size = (array / "all.json").stat().st_size
        print(f"one array of {count} bodies: {size / 1e9:.2f} GB")
        passed = _ingest(array, size)[1] and passed
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
