"""Near-duplicates among real texts: ours beside datasketch, on the same texts, in one run.

Both sides cut lower-cased texts into word 3-shingles, make signatures of 64 permutations and look up candidates by
bands; ours also verifies every candidate and groups what is near. datasketch runs twice: as its documentation shows it
(a shingle at a time), which ours must outrun 20 times, or the exit status is 1; and in bulk, its fastest way, where the
cutting of texts in Python is a fifth of its time. Times are of the processor, all threads together, so that a busy
machine moves both sides alike. How far our signatures are from the exact Jaccard similarity is printed. Usage::

    python -m benchmarks.bench_minhash [--texts FILE.parquet]

Without ``--texts`` the posts and comments of moltbook-api-v1-tree are read from the folder ETHOGRAM_REAL_DATA.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.bench_lexicon import read_tree
from pipeline.language.shingles import PERMUTATIONS, Ints, exact_jaccard, shingle_sets
from pipeline.language.templates import NOT_BLANK, THRESHOLD, near_duplicate_groups

REQUIRED_SPEED = 20.0
"""Least speed in units of datasketch's (issue 5, acceptance 4)."""
SAMPLE = 5_000  # texts that both sides read
ROUNDS = 2
PAIRS = 2_000  # pairs within groups on which signatures are judged


def python_shingles(text: str) -> list[bytes]:
    """Return the word 3-shingles of a text as its user of datasketch would write them."""
    words = text.lower().split()
    return [" ".join(words[at : at + 3]).encode() for at in range(max(1, len(words) - 2))]


def with_datasketch(texts: list[str], *, in_bulk: bool) -> list[object]:
    """Return the signatures after every text was looked up among the others."""
    from datasketch import MinHash, MinHashLSH

    if in_bulk:
        signatures = MinHash.bulk([python_shingles(text) for text in texts], num_perm=PERMUTATIONS)
    else:
        signatures = []
        for text in texts:
            signatures.append(MinHash(num_perm=PERMUTATIONS))
            for shingle in python_shingles(text):
                signatures[-1].update(shingle)
    index = MinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS)
    for at, signature in enumerate(signatures):
        index.query(signature)
        index.insert(at, signature, check_duplication=False)
    return list(signatures)


def ours(texts: pl.Series) -> Ints:
    """Return the groups of texts, verified."""
    return near_duplicate_groups(shingle_sets([texts]))


def errors(texts: pl.Series) -> str:
    """Say how far estimates from signatures are from the exact similarity, on pairs of one group."""
    sets = shingle_sets([texts])
    groups = near_duplicate_groups(sets)
    other = np.flatnonzero(groups != np.arange(groups.size))[:PAIRS]
    if not other.size:
        return "no near-duplicates in the sample"
    exact = exact_jaccard(sets, other, groups[other])
    estimate = (sets.signatures[other] == sets.signatures[groups[other]]).mean(axis=1)
    spread = float(np.sqrt(np.mean(exact * (1 - exact)) / PERMUTATIONS))
    return (
        f"{other.size} near pairs: signature less exact Jaccard {np.mean(estimate - exact):+.4f} on average, root mean "
        f"square {np.sqrt(np.mean((estimate - exact) ** 2)):.4f} (binomial theory: {spread:.4f})"
    )


def processor_seconds(actions: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the least processor time of each action; the actions take turns."""
    seconds = [float("inf")] * len(actions)
    for _ in range(rounds):
        for at, action in enumerate(actions):
            start = time.process_time()
            action()
            seconds[at] = min(seconds[at], time.process_time() - start)
    return seconds


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison; 1 when the promised ratio is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=Path, help="parquet with a column text")
    chosen = parser.parse_args(arguments).texts
    if chosen is None and not os.environ.get("ETHOGRAM_REAL_DATA"):
        print("set ETHOGRAM_REAL_DATA to the folder of the real dumps, or name --texts")
        return 1
    try:
        import datasketch
    except ImportError:
        print("datasketch: not installed (extra dev), not compared")
        return 1
    found = read_tree(Path(os.environ["ETHOGRAM_REAL_DATA"])) if chosen is None else pl.read_parquet(chosen)["text"]
    distinct = found.filter(found.str.contains(NOT_BLANK)).unique().sort()
    sample = distinct.sample(min(SAMPLE, len(distinct)), seed=1)
    listed = sample.to_list()
    sides = [
        lambda: with_datasketch(listed, in_bulk=False),
        lambda: with_datasketch(listed, in_bulk=True),
        lambda: ours(sample),
    ]
    documented, bulk, mine = processor_seconds(sides, ROUNDS)
    print(f"{len(listed):,} texts; datasketch {datasketch.__version__} without verification, ours verified")
    print(
        f"datasketch as documented {len(listed) / documented:,.0f} texts/s, in bulk {len(listed) / bulk:,.0f} texts/s"
    )
    print(
        f"ours {len(listed) / mine:,.0f} texts/s: {documented / mine:.1f} times datasketch as documented (least:",
        end=" ",
    )
    print(f"{REQUIRED_SPEED:.0f}), {bulk / mine:.1f} times datasketch in bulk")
    print(errors(distinct))
    return int(documented / mine < REQUIRED_SPEED)


if __name__ == "__main__":
    sys.exit(main())
