"""Time and peak memory of each asset of the whole pipeline on one dump, each step in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

# Whole pipeline without the embeddings (issue 2, acceptance 2), and with them (issue 3, acceptance 7).
LIMITS = {"without embeddings": (300.0, 4 << 30), "all assets": (900.0, 6 << 30)}

_STEP = """
import json, sys, time
from benchmarks.dumps import peak_bytes
from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.steps.publication import publish
from pipeline.warehouse import Warehouse
store, key, corpus = Warehouse(Settings.load()), sys.argv[1], sys.argv[2]
started = time.monotonic()
rows = publish(store, corpus).rows if key == "catalogue" else sum(
    manifest.rows for manifest in run_step(STEPS[key], store, corpus).manifests.values())
seconds = time.monotonic() - started
print(json.dumps({"rows": rows, "seconds": seconds, "peak": peak_bytes()}))
"""


def show_steps(dump: Path, folder: Path) -> dict[str, tuple[float, int]]:
    """Run every step on a dump with a warehouse in a folder, print a line for each; return seconds and peak bytes.

    Their sentences of progress are not shown; a step that fails ends this process with what it said.
    """
    from pipeline.steps import STEPS

    used: dict[str, tuple[float, int]] = {}
    started = time.monotonic()
    (folder / "data").mkdir()
    (folder / "data" / dump.name).symlink_to(dump)
    environment = {**os.environ, "ETHOGRAM_DATA": f"{folder}/data", "ETHOGRAM_WAREHOUSE": f"{folder}/warehouse"}
    print(f"{'asset':<34}{'seconds':>9}{'peak MiB':>10}{'rows':>12}")
    for key in (*STEPS, "catalogue"):
        command = [sys.executable, "-c", _STEP, key, dump.name]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{key} failed:\n{done.stderr}")
        found = json.loads(done.stdout.splitlines()[-1])
        used[key] = found["seconds"], found["peak"]
        print(f"{key:<34}{found['seconds']:>9.1f}{found['peak'] / 2**20:>10.0f}{found['rows']:>12,}", flush=True)
    print(f"{time.monotonic() - started:.0f} s with the starts of the processes")
    return used


def run(dump: Path) -> int:
    """Print a line per asset and the totals; return 1 when the pipeline misses its limits."""
    from pipeline.steps.embedding import EMBEDDING_STEPS

    embeddings = {step.key for step in EMBEDDING_STEPS}
    with tempfile.TemporaryDirectory(prefix="ethogram-bench-") as folder:
        used = show_steps(dump, Path(folder))
    is_good = True
    for title, (most_seconds, most_bytes) in LIMITS.items():
        counted = [found for key, found in used.items() if title == "all assets" or key not in embeddings]
        total, worst = sum(seconds for seconds, _ in counted), max(peak for _, peak in counted)
        is_kept = total <= most_seconds and worst <= most_bytes
        is_good &= is_kept
        print(
            f"{title:<34}{total:>9.1f}{worst / 2**20:>10.0f}   limits {most_seconds:.0f} s and "
            f"{most_bytes / 2**20:.0f} MiB: {'kept' if is_kept else 'MISSED'}"
        )
    return 0 if is_good else 1
