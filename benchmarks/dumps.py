"""Finds and unpacks the real dumps that benchmarks read, and says how much memory a process has taken."""

from __future__ import annotations

import os
import re
import resource
import sys
import tarfile
from pathlib import Path


def unpack(name: str, folder: Path) -> Path:
    """Unpack an archive of the folder that ETHOGRAM_REAL_DATA names; return the folder that it makes."""
    with tarfile.open(Path(os.environ["ETHOGRAM_REAL_DATA"]) / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder / name


def peak_bytes() -> int:
    """Return the most memory that this process has held.

    Of Linux the kernel is asked for the peak of what the process is now: ``ru_maxrss`` begins with the peak of the
    process that started it, which in a benchmark may be the larger one.
    """
    status = Path("/proc/self/status")
    if status.exists() and (found := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return int(found[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
