"""Finished runs on disk, so that a validation that was stopped goes on where it was.

What belongs here: chunks of runs as files, named by the digest of the code that made them, so that runs of other
code are never mixed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from pipeline.validation.draw import SCHEMA

CHUNK = 20
"""Runs per file: what is lost at most when a validation is killed."""


class RunStore:
    """Chunks of finished runs below a folder.

    Parameters
    ----------
    folder
        Where they are, one folder per digest and scenario.
    digest
        Digest of design and code.
    """

    def __init__(self, folder: Path, digest: str) -> None:
        self._folder = folder / digest

    def missing(self, scenario: str, runs: int) -> Iterator[range]:
        """Yield the chunks of runs that are not there yet."""
        for first in range(0, runs, CHUNK):
            chunk = range(first, min(first + CHUNK, runs))
            if not self._path(scenario, chunk).is_file():
                yield chunk

    def write(self, scenario: str, chunk: range, draws: pl.DataFrame) -> None:
        """Store a chunk; a reader sees it whole or not at all."""
        path = self._path(scenario, chunk)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".unfinished")
        draws.write_parquet(unfinished)
        unfinished.replace(path)

    def read(self, scenario: str, runs: int) -> pl.DataFrame:
        """Return the draws of the runs below `runs` that are there, in the order of runs."""
        paths = sorted((self._folder / scenario).glob("*.parquet"))
        frames = [pl.read_parquet(path) for path in paths] or [pl.DataFrame(schema=SCHEMA)]
        found = pl.concat(frames).unique(["run", "estimator", "term"], keep="first", maintain_order=True)
        return found.filter(pl.col("run") < runs).sort("run", maintain_order=True)

    def _path(self, scenario: str, chunk: range) -> Path:
        return self._folder / scenario / f"{chunk.start:06d}-{chunk.stop:06d}.parquet"
