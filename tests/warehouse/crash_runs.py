"""Kill runs of a small pipeline with SIGKILL, at counted steps or at random instants, and look at what is left.

A script of its own: it forks, which a process that has used DuckDB or polars must not do. Prints JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from warehouse_rows import make_rows, make_settings

from pipeline.warehouse import Warehouse
from pipeline.warehouse import manifest as manifests
from pipeline.warehouse.files import TMP_PREFIX

VERSIONS = 3
BASE_ROWS = 20
STEPS = [(os, "fsync"), (Path, "replace"), (Path, "rename"), (Path, "mkdir"), (Path, "unlink"), (shutil, "rmtree")]
CONSISTENT = """
    SELECT (SELECT count(*) FROM feature.reply_class), (SELECT count(*) FROM feature.lexicon_score),
           (SELECT count(*) FROM analysis.measure WHERE family = 'x'),
           (SELECT count(*) FROM analysis.measure WHERE family = 'y'), (SELECT count(*) FROM feature.embedding)
"""


def run(home: Path, version: int) -> None:
    """Materialise one version of a corpus: every table has a number of rows that tells the version."""
    warehouse = Warehouse(make_settings(home, native_max_rows=10))
    n = BASE_ROWS + version
    with warehouse.corpus_lock("demo"):
        rows = {name: make_rows(name, n, version) for name in ("reply_class", "lexicon_score", "embedding")}
        warehouse.write_many(rows, "demo", f"{version:012d}")
        for family in ("x", "y"):
            measures = make_rows("measure", n, version, family=family)
            warehouse.write("measure", "demo", measures.lazy(), f"{version:012d}", family)
        warehouse.publish_and_build("demo")
    warehouse.gc()


def look(home: Path) -> None:
    """Raise unless the catalogue, if there is one, shows one version and nothing but that."""
    path = home / "warehouse" / "ethogram.duckdb"
    if path.exists():
        with duckdb.connect(str(path), read_only=True) as con:
            counts = con.execute(CONSISTENT).fetchall()[0]
        if len(set(counts)) != 1 or counts[0] - BASE_ROWS not in range(VERSIONS):
            raise AssertionError(f"the catalogue shows a mixture: {counts}")


def die_at(step: int) -> None:
    """Kill this process when the file system is touched for the given time."""
    count = 0
    for owner, name in STEPS:
        original = getattr(owner, name)

        def counted(*args: Any, _original: Callable[..., Any] = original, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return _original(*args, **kwargs)

        setattr(owner, name, counted)


def in_child(work: Callable[[], None], delay: float | None = None) -> bool:
    """Run `work` in a fork; return whether it ended by itself, after killing it when the delay is over."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if delay is not None:
        time.sleep(delay)
        os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise SystemExit("a run or a look at the catalogue failed")
    return os.WIFEXITED(status)


def leftovers(home: Path) -> list[str]:
    """Return the temporary files and folders that are there now."""
    return [p.name for p in (home / "warehouse").rglob("*") if p.name.startswith((TMP_PREFIX, ".ethogram.duckdb-"))]


def summary(home: Path) -> None:
    """Print the hashes of all tables and what is left lying about."""
    warehouse = Warehouse(make_settings(home))
    current = list(manifests.manifests(warehouse.layout))
    problems = [s for m in current for s in warehouse.check(m.table, m.corpus_id, m.family)]
    parts = sorted(p.parent.name for p in warehouse.layout.root.rglob("*.parquet"))
    hashes = {f"{m.table}/{m.family}": m.table_hash for m in current}
    report = {"hashes": hashes, "problems": problems, "leftovers": leftovers(home), "parts": parts}
    (home / "summary.json").write_text(json.dumps(report))


def main(home: Path, stride: int, seed: int, attempts: int) -> None:
    """Kill `attempts` runs, look after each, then run undisturbed; stride 0 kills at random instants."""
    rng = np.random.default_rng(seed)
    killed = with_temporary = 0
    for attempt in range(attempts):
        version = attempt % VERSIONS

        def work(step: int = stride * attempt + 1, version: int = version) -> None:
            if stride:
                die_at(step)
            run(home, version)

        ended = in_child(work, None if stride else float(rng.uniform(0.02, 0.9)))
        killed += not ended
        with_temporary += bool(leftovers(home))
        in_child(lambda: look(home))
        if stride and ended:  # every step of a run has been tried
            break
    for version in (0, 1, 2):  # twice more than needed, so that the last generations hold nothing odd
        in_child(lambda version=version: run(home, version))
    in_child(lambda: summary(home))
    report = json.loads((home / "summary.json").read_text())
    print(json.dumps({"killed": killed, "with_temporary": with_temporary, **report}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
