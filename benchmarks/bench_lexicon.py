"""Speed of lexicon scoring, in one run on the same texts, beside polars alone and beside VADER.

The baseline is `to_lowercase` and one `str.extract_many` of the same literals: the least that finds the
words at all; polars does either on one processor, the engine takes as many as there are up to four. It must reach a
third of the speed of the baseline, or the exit status is 1. Usage::

    python benchmarks/bench_lexicon.py [--texts FILE.parquet]

Without ``--texts`` the posts and comments of moltbook-api-v1-tree are read from the folder
ETHOGRAM_REAL_DATA.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl

from pipeline.lexicon import Engine, count_tokens, load_cards

REQUIRED_SPEED = 1 / 3
"""Least speed as a share of the baseline (issue: at least a third)."""

ROUNDS = 5
"""Both sides run this often, in turn; the fastest round of each counts, so that a busy moment hits neither."""

VADER_TEXTS = 3_000
EMPATH_TEXTS = 1_000
VADER_LONGEST = 2_000  # characters: VADER takes quadratic time on long texts


def _comments(items: list[dict[str, object]]) -> Iterator[str]:
    for item in items:
        yield "\n" + str(item.get("content") or "")
        replies = item.get("replies")
        yield from _comments(replies if isinstance(replies, list) else [])


def read_tree(folder: Path) -> pl.Series:
    """Read the texts of all posts and comments of moltbook-api-v1-tree from its archive."""
    texts: list[str] = []
    with tarfile.open(folder / "moltbook-api-v1-tree.tar.xz") as archive:
        for member in archive:
            if not (member.isfile() and "/posts/" in member.name and member.name.endswith(".json")):
                continue
            stream = archive.extractfile(member)
            body = json.load(stream) if stream else {}
            post = body["post"]
            texts.append((post.get("title") or "") + "\n" + (post.get("content") or ""))
            texts.extend(_comments(body.get("comments") or []))
    return pl.Series("text", texts)


def fastest(actions: list[Callable[[], object]], rounds: int) -> list[float]:
    """Return the seconds of the fastest round of each action; the actions take turns."""
    seconds = [float("inf")] * len(actions)
    for _ in range(rounds):
        for at, action in enumerate(actions):
            start = time.perf_counter()
            action()
            seconds[at] = min(seconds[at], time.perf_counter() - start)
    return seconds


def frame_of(texts: pl.Series) -> pl.DataFrame:
    """Build the input of the engine from distinct texts, outside the measured time."""
    frame = texts.alias("text").unique(maintain_order=True).to_frame().with_row_index("text_hash")
    return frame.with_columns(pl.col("text_hash").cast(pl.String), n_tokens=count_tokens(pl.col("text")))


def megabytes(frame: pl.DataFrame) -> float:
    """Return the UTF-8 size of the texts in 10^6 bytes."""
    return float(frame["text"].str.len_bytes().cast(pl.Int64).sum()) / 1e6


def compare_with_vader(engine: Engine, frame: pl.DataFrame) -> str:
    """Time VADER and the engine on the same evenly spread texts of at most `VADER_LONGEST` characters."""
    try:
        from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer
    except ImportError:
        return "VADER: not installed (extra dev), not compared"
    short = frame.filter(pl.col("text").str.len_chars() <= VADER_LONGEST)
    sample = short.gather_every(max(1, short.height // VADER_TEXTS)).head(VADER_TEXTS)
    analyzer, texts = SentimentIntensityAnalyzer(), sample["text"].to_list()
    (vader,) = fastest([lambda: [analyzer.polarity_scores(text) for text in texts]], 1)
    (ours,) = fastest([lambda: engine.score(sample)], ROUNDS)
    size = megabytes(sample)
    return (
        f"VADER    {size / vader:8.1f} MB/s, ours {size / ours:.1f} MB/s: {vader / ours:.0f} times VADER"
        f" ({sample.height} texts, {size:.1f} MB)"
    )


def compare_with_empath(engine: Engine, frame: pl.DataFrame) -> str:
    """Time Empath and the engine on the same evenly spread texts; Empath is no dependency, so it may be absent."""
    try:
        from empath import Empath
    except ImportError:
        return "Empath: not installed (pip install empath to compare), not compared"
    sample = frame.gather_every(max(1, frame.height // EMPATH_TEXTS)).head(EMPATH_TEXTS)
    analyzer, texts = Empath(), sample["text"].to_list()
    (empath,) = fastest([lambda: [analyzer.analyze(text) for text in texts]], 1)
    (ours,) = fastest([lambda: engine.score(sample)], ROUNDS)
    size = megabytes(sample)
    return (
        f"Empath   {size / empath:8.2f} MB/s, ours {size / ours:.1f} MB/s: {empath / ours:.0f} times Empath"
        f" ({sample.height} texts, {size:.1f} MB)"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--texts", type=Path, help="Parquet file with a column text")
    path = parser.parse_args(arguments).texts
    if path is None and "ETHOGRAM_REAL_DATA" not in os.environ:
        parser.error("give --texts FILE.parquet or set ETHOGRAM_REAL_DATA")
    texts = pl.read_parquet(path)["text"] if path else read_tree(Path(os.environ["ETHOGRAM_REAL_DATA"]))
    frame, engine = frame_of(texts), Engine(load_cards())
    literals, column = list(engine.literals), frame["text"]

    def baseline() -> object:
        return column.str.to_lowercase().str.extract_many(literals)

    base, ours = fastest([baseline, lambda: engine.score(frame)], ROUNDS)
    size, speed = megabytes(frame), base / ours
    print(f"lexicon scoring: {frame.height} distinct texts, {size:.1f} MB, {len(literals)} literals of all cards")
    print(f"baseline {size / base:8.1f} MB/s ({base:.2f} s): to_lowercase and extract_many")
    print(f"ours     {size / ours:8.1f} MB/s ({ours:.2f} s): {speed:.2f} of that, {REQUIRED_SPEED:.2f} needed")
    print(compare_with_vader(engine, frame))
    print(compare_with_empath(engine, frame))
    return 0 if speed >= REQUIRED_SPEED else 1


if __name__ == "__main__":
    sys.exit(main())
