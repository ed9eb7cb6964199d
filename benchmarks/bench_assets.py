"""Time and peak memory of each asset of the whole pipeline on one dump, each step in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LIMIT_SECONDS, LIMIT_BYTES = 300.0, 4 << 30

_STEP = """
import json, resource, sys, time
from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.steps.publication import publish
from pipeline.warehouse import Warehouse
store, key, corpus = Warehouse(Settings.load()), sys.argv[1], sys.argv[2]
started = time.monotonic()
rows = publish(store, corpus).rows if key == "catalogue" else sum(
    manifest.rows for manifest in run_step(STEPS[key], store, corpus).manifests.values())
seconds = time.monotonic() - started
print(json.dumps({"rows": rows, "seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def run(dump: Path) -> int:
    """Print a line per asset and the totals; return 1 when the pipeline misses its limits."""
    from pipeline.steps import STEPS

    worst, total, started = 0, 0.0, time.monotonic()
    with tempfile.TemporaryDirectory(prefix="ethogram-bench-") as folder:
        (Path(folder) / "data").mkdir()
        (Path(folder) / "data" / dump.name).symlink_to(dump)
        environment = {
            **os.environ,
            "ETHOGRAM_DATA": f"{folder}/data",
            "ETHOGRAM_WAREHOUSE": f"{folder}/warehouse",
        }
        print(f"{'asset':<34}{'seconds':>9}{'peak MiB':>10}{'rows':>12}")
        for key in (*STEPS, "catalogue"):
            command = [sys.executable, "-c", _STEP, key, dump.name]
            said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
            found = json.loads(said.splitlines()[-1])
            worst, total = max(worst, found["peak"] * 1024), total + found["seconds"]
            print(f"{key:<34}{found['seconds']:>9.1f}{found['peak'] / 1024:>10.0f}{found['rows']:>12,}")
    elapsed = time.monotonic() - started
    print(f"{'all assets':<34}{total:>9.1f}{worst / 2**20:>10.0f}   ({elapsed:.0f} s with the starts of the processes)")
    is_good = total <= LIMIT_SECONDS and worst <= LIMIT_BYTES
    print(f"limits of {LIMIT_SECONDS:.0f} s and {LIMIT_BYTES / 2**20:.0f} MiB: {'kept' if is_good else 'MISSED'}")
    return 0 if is_good else 1
