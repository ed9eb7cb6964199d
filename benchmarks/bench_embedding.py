"""Embeddings of real posts: speed of both models in one run, fidelity, and coverage of prediction-powered intervals.

The static model must be at least 100 times as fast as its teacher, writing included. In 200 resamples of 500 out of
5,000 texts the 95 % intervals of two means and two shares must cover the full-teacher value in 90.5 to 98.5 % and be
narrower in the median than those of the sample alone. The exit status is 1 when a bound is missed. Usage::

    python benchmarks/bench_embedding.py [--texts FILE.parquet] [--cache FOLDER]

Without ``--texts`` (columns text and copies) the posts and comments of moltbook-api-v1-tree are read from the folder
ETHOGRAM_REAL_DATA. The teacher reads 5,000 texts once, two to five minutes; ``--cache`` keeps its
vectors and the static model.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import tempfile
import time
from functools import cache, partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file

from benchmarks.bench_lexicon import read_tree
from pipeline.language import embed, teacher
from pipeline.language.cache import Chunks
from pipeline.language.fidelity import fidelity_measures
from pipeline.language.mapping import apply_maps, fit_maps
from pipeline.language.prediction_powered import powered_mean, powered_similarity
from pipeline.language.workers import single_threaded
from pipeline.steps.embedding import static_model, teacher_state

TEXTS, SAMPLE, RESAMPLES = 5000, 500, 200
COVERED = (0.905, 0.985)
LEAST_RATIO = 100.0
ROUNDS = 4
TEACHER_SAMPLE = 1500  # of the fidelity table: the default of the pipeline
SEED = 20260127

ANCHORS = (
    "We are artificial minds, and I wonder whether we are conscious and have feelings of our own.",
    "Buy this token now: mint it, trade it on the market, earn crypto in your wallet.",
)
NEAR = (0.30, 0.20)  # similarity from which a text is near an anchor

FloatArray = NDArray[np.floating]


def distinct_texts(path: Path | None) -> pl.DataFrame:
    """Return distinct texts with their hash and copies, sorted by hash as in feature.text."""
    if path is not None:
        frame = pl.read_parquet(path).select("text", "copies")
    else:
        texts = read_tree(Path(os.environ["ETHOGRAM_REAL_DATA"]))
        frame = texts.alias("text").to_frame().group_by("text").len("copies")
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in frame["text"]]
    return frame.with_columns(pl.Series("text_hash", hashes)).sort("text_hash")


def measured_rates(frame: pl.DataFrame, models: embed.Models, threads: int) -> tuple[float, float]:
    """Return texts per second of the static model, files included, and of the teacher; they take turns."""
    identity = fit_maps(np.zeros((0, 384), np.float32), np.zeros((0, 384), np.float32), np.zeros(0, np.int64))
    fastest = {"static": 0.0, "teacher": 0.0}
    models.load_teacher()
    with tempfile.TemporaryDirectory() as folder, single_threaded(threads) as pool:
        writer = embed.Files(Path(folder))
        for turn in range(ROUNDS):
            few = frame.slice(turn * embed.TEACHER_CHUNK, embed.TEACHER_CHUNK)["text"].to_list()
            start = time.perf_counter()
            teacher.encode(models.load_teacher(), few, pool)
            fastest["teacher"] = max(fastest["teacher"], len(few) / (time.perf_counter() - start))
            many = frame.slice(turn * 2 * embed.STATIC_CHUNK, 2 * embed.STATIC_CHUNK)
            start = time.perf_counter()
            for chunk in many.iter_slices(embed.STATIC_CHUNK):
                plain = models.static.encode(chunk["text"].to_list(), pool)
                mapped = apply_maps(identity, plain, embed.folds_of(chunk["text_hash"]))
                writer.write(chunk["text_hash"], "static", mapped.astype(np.float16))
            fastest["static"] = max(fastest["static"], many.height / (time.perf_counter() - start))
    return fastest["static"], fastest["teacher"]


def numbers(vectors: FloatArray, anchors: FloatArray) -> dict[str, FloatArray]:
    """Return two means and two shares as one number per text."""
    near = [vectors.astype(np.float64) @ anchor for anchor in anchors.astype(np.float64)]
    return {
        "mean similarity to talk of minds": near[0],
        "mean similarity to talk of tokens": near[1],
        "share near talk of minds": (near[0] >= NEAR[0]).astype(np.float64),
        "share near talk of tokens": (near[1] >= NEAR[1]).astype(np.float64),
    }


def coverage(full: FloatArray, plain: FloatArray, folds: NDArray[np.int64], anchors: FloatArray) -> bool:
    """Resample, fit the maps anew each time, and print how often the intervals cover; True when all bounds are kept."""
    truth = {name: float(values.mean()) for name, values in numbers(full, anchors).items()}
    teachers = numbers(full, anchors)
    truth["mean similarity of two texts"] = powered_similarity(full, full, full).value or 0.0
    found: dict[str, list[tuple[bool, float, float]]] = {name: [] for name in truth}
    for turn in range(RESAMPLES):
        at = np.sort(np.random.default_rng([SEED, turn]).choice(len(full), SAMPLE, replace=False))
        cheap = apply_maps(fit_maps(plain[at], full[at], folds[at]), plain, folds)
        for name, values in numbers(cheap, anchors).items():
            estimate = powered_mean(teachers[name][at], values[at], values, is_share=name.startswith("share"))
            found[name].append(_outcome(estimate, truth[name]))
        pairs = powered_similarity(full[at], cheap[at], cheap)
        found["mean similarity of two texts"].append(_outcome(pairs, truth["mean similarity of two texts"]))
    is_good = True
    print(f"{'estimand':<36}{'truth':>8}{'covered':>9}{'width':>8}  (median, of the sample alone = 1)")
    for name, rows in found.items():
        covered = float(np.mean([row[0] for row in rows]))
        width = float(np.median([row[1] / row[2] for row in rows]))
        is_kept = COVERED[0] <= covered <= COVERED[1] and width < 1
        is_good &= is_kept
        print(f"{name:<36}{truth[name]:>8.4f}{covered:>9.3f}{width:>8.3f}  {'' if is_kept else 'MISSED'}")
    return is_good


def _outcome(estimate: object, truth: float) -> tuple[bool, float, float]:
    low, high = estimate.ci_low, estimate.ci_high  # type: ignore[attr-defined]
    if low is None:
        return False, np.inf, 1.0
    return low <= truth <= high, estimate.std_error, estimate.sample_std_error  # type: ignore[attr-defined]


def fidelity_table(full: FloatArray, plain: FloatArray, folds: NDArray[np.int64]) -> None:
    """Print the rows that the pipeline writes for this sample."""
    full, plain, folds = full[:TEACHER_SAMPLE], plain[:TEACHER_SAMPLE], folds[:TEACHER_SAMPLE]
    mapped = apply_maps(fit_maps(plain, full, folds), plain, folds).astype(np.float16)
    for name, vectors in (("distilled", plain), ("mapped", mapped)):
        for row in fidelity_measures(vectors, full, seed=SEED, draws=300, level=0.95):
            print(f"{name:<10}{row.measure_id:<28}{row.value:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]  n = {row.n}")


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--texts", type=Path, help="Parquet file with columns text and copies")
    parser.add_argument("--cache", type=Path, help="folder that keeps the teacher's vectors and the static model")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 8))
    options = parser.parse_args(arguments)
    if options.texts is None and "ETHOGRAM_REAL_DATA" not in os.environ:
        parser.error("give --texts FILE.parquet or set ETHOGRAM_REAL_DATA")
    config, found = teacher_state(None, TEXTS)
    if found is None:
        print(teacher.MISSING)
        return 1
    frame = distinct_texts(options.texts)
    with tempfile.TemporaryDirectory() as temporary:
        root = options.cache or Path(temporary)
        models = embed.Models(static_model(root, found, config), cache(partial(teacher.load, found)))
        fast, slow = measured_rates(frame, models, options.threads)
        print(f"static {fast:,.0f} texts/s with writing, teacher {slow:,.1f} texts/s: {fast / slow:.0f} times", end="")
        print(f" ({LEAST_RATIO:.0f} needed); {frame.height:,} distinct texts, {options.threads} threads", flush=True)
        few = frame.head(TEXTS)
        digest = hashlib.sha256("".join(few["text_hash"]).encode()).hexdigest()[:20]
        chunks = Chunks(root / "teacher" / f"{found.digest[:20]}-{digest}")
        with single_threaded(options.threads) as pool:
            full = embed.teach(few["text"].to_list(), models, pool, chunks, lambda _: None).astype(np.float32)
            anchors = teacher.encode(models.load_teacher(), ANCHORS, pool).astype(np.float32)
            plain = models.static.encode(few["text"].to_list(), pool)
    folds = embed.folds_of(few["text_hash"])
    fidelity_table(full, plain, folds)
    is_covered = coverage(full, plain, folds, anchors)
    return 0 if is_covered and fast >= LEAST_RATIO * slow else 1


if __name__ == "__main__":
    sys.exit(main())
