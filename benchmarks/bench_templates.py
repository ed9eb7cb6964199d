"""Speed of templates on real texts, beside datasketch on a sample of them, in one run.

The whole grouping of the distinct texts of a warehouse must take less than 90 s on two cores, or the exit status is
1. Planted templates are found in the same run. Usage::

    python -m benchmarks.bench_templates [--texts FILE.parquet]

Without ``--texts`` the posts and comments of moltbook-api-v1-tree are read from the folder ETHOGRAM_REAL_DATA.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

from benchmarks.bench_lexicon import read_tree
from pipeline.language.templates import THRESHOLD, find_templates
from pipeline.simulation.convergence import TemplateTruth, simulate_templates

MOST_SECONDS = 90.0
BATCH = 10_000
SAMPLE = 3_000  # texts that datasketch is timed on


def frame_of(texts: pl.Series) -> pl.DataFrame:
    """Return distinct texts with hash and copies, in the order of the hash."""
    counted = texts.alias("text").to_frame().group_by("text").agg(copies=pl.len().cast(pl.Int64))
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in counted["text"]]
    return counted.with_columns(text_hash=pl.Series(hashes)).sort("text_hash")


def datasketch_rate(texts: pl.Series) -> float | None:
    """Return the texts per second of datasketch with as many permutations, without verification; None without it."""
    try:
        from datasketch import MinHash, MinHashLSH
    except ImportError:
        return None
    start = time.perf_counter()
    index = MinHashLSH(threshold=THRESHOLD, num_perm=64)
    for i, text in enumerate(texts):
        words = text.lower().split()
        signature = MinHash(num_perm=64)
        signature.update_batch([" ".join(words[j : j + 3]).encode() for j in range(max(1, len(words) - 2))])
        index.query(signature)
        index.insert(str(i), signature)
    return len(texts) / (time.perf_counter() - start)


def main(arguments: list[str] | None = None) -> int:
    """Time the grouping and print what it found; 1 when it took too long or missed what was planted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, help="parquet with a column text")
    chosen = parser.parse_args(arguments).texts
    if chosen is None and not os.environ.get("ETHOGRAM_REAL_DATA"):
        print("set ETHOGRAM_REAL_DATA to the folder of the real dumps, or name --texts")
        return 1
    folder = os.environ.get("ETHOGRAM_REAL_DATA", "")
    frame = frame_of(read_tree(Path(folder)) if chosen is None else pl.read_parquet(chosen)["text"])
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as spill:
        found = find_templates((frame[i : i + BATCH] for i in range(0, frame.height, BATCH)), Path(spill))
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    near = found.filter(pl.col("texts") > 1)
    print(f"{frame.height:,} distinct texts: {seconds:.1f} s, {processor:.1f} s of processor", end="; ")
    print(f"{frame.height / seconds:,.0f} texts/s; peak memory {after.ru_maxrss / 1024:,.0f} MiB")
    print(f"{near.height:,} texts in {near['template_id'].n_unique():,} templates, largest {near['texts'].max()}")
    if rate := datasketch_rate(frame["text"].sample(min(SAMPLE, frame.height), seed=1)):
        print(f"datasketch, one thread, without verification: {rate:,.0f} texts/s")
    truth = TemplateTruth(texts=10_000)
    share = find_templates([simulate_templates(truth)]).height / truth.texts
    print(f"planted templates {truth.template_share:.1%}, found {share:.1%}")
    return int(seconds > MOST_SECONDS or abs(share - truth.template_share) > 0.01)


if __name__ == "__main__":
    sys.exit(main())
