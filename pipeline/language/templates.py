"""Templates: groups of texts that are copies of one another up to small changes.

What belongs here: which pairs of texts are compared, and the grouping. Shingles and their Jaccard similarity are
in `shingles`; shares of messages in `template_shares`.

Two texts are near-duplicates when the Jaccard similarity of their word 3-shingles is at least 0.6; a template is a
connected component of near-duplicates, so two of its texts may be less alike than that. Candidates come from
locality-sensitive hashing of 64-permutation MinHash signatures in 21 bands of 3 rows (63 of the 64 columns): a pair of
similarity s becomes a candidate with probability 1 − (1 − s³)²¹: .02 at .1, .44 at .3, .94 at .5, .994 at .6, .9998
at .7. More rows per band (16 × 4) would compare fewer pairs but find only .89 of those at .6. Every candidate is
verified by its exact Jaccard similarity, so nothing joins by chance.

A pair whose texts are already known to be of one template is not compared again, and groups of more than 64 texts
in a band are compared with leaders, not pairwise: work stays near-linear in the number of texts, also when thousands
of copies are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse
from scipy.sparse import csgraph

from pipeline.language.shingles import PERMUTATIONS, Ints, ShingleSets, Words, exact_jaccard, shingle_sets

THRESHOLD = 0.6
BANDS, ROWS = 21, 3
NOT_BLANK = r"[^\t\n\f\r ]"
"""Pattern of a text that holds anything, read alike by DuckDB and polars."""
PAIRWISE = 64
"""Largest group of a band in which all pairs are compared."""
LEADERS = 32
"""Rounds in which a larger group is compared with a leader of the texts that no leader has claimed so far."""
BLOCK = 1 << 15
"""Pairs of smaller groups that are compared at once, after neighbours were."""
WINDOW = 8
"""Neighbours with which texts that no leader claimed are compared."""

_EMPTY_PAIRS = (np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
Pairs = tuple[Ints, Ints]


def collision_probability(similarity: float) -> float:
    """Return the probability that a pair of texts of this Jaccard similarity is compared (the S-curve)."""
    return float(1 - (1 - similarity**ROWS) ** BANDS)


@dataclass
class _Groups:
    """Templates as they are known so far: a label per text, and how to join two."""

    sets: ShingleSets
    sizes: Ints
    labels: Ints

    def join(self, left: Ints, right: Ints) -> None:
        """Compare pairs that are not yet of one template, and join those that are near-duplicates."""
        apart = self.labels[left] != self.labels[right]
        left, right = left[apart], right[apart]
        sizes = self.sizes
        small, large = np.minimum(sizes[left], sizes[right]), np.maximum(sizes[left], sizes[right])
        # The Jaccard similarity is at most the ratio of the sizes.
        possible = small >= THRESHOLD * large
        left, right = left[possible], right[possible]
        if not left.size:
            return
        alike = exact_jaccard(self.sets, left, right) >= THRESHOLD
        if alike.any():
            count = self.labels.size
            edges = (self.labels[left[alike]], self.labels[right[alike]])
            graph = sparse.coo_array((np.ones(edges[0].size, dtype=np.int8), edges), shape=(count, count))
            component = csgraph.connected_components(graph.tocsr(), directed=False)[1].astype(np.int64)
            # The label of a component is the smallest of its labels, so labels stay places of texts.
            first = np.full(count, count, dtype=np.int64)
            np.minimum.at(first, component, np.arange(count))
            self.labels = first[component][self.labels]


def near_duplicate_groups(sets: ShingleSets) -> Ints:
    """Return for each text the place of the first text of its template, shape (n,); its own place when alone.

    Parameters
    ----------
    sets
        Shingles and signatures of the texts.
    """
    groups = _Groups(sets, sets.sizes, np.arange(sets.starts.size - 1, dtype=np.int64))
    filled = np.flatnonzero(groups.sizes).astype(np.int64)
    for band in range(BANDS):
        keys = _band_keys(sets, filled, band)
        order = np.argsort(keys)
        same = keys[order[1:]] == keys[order[:-1]]
        shared = order[np.concatenate([same, [False]]) | np.concatenate([[False], same])] if order.size else order
        # Within a group, an order that differs by band: other leaders, other neighbours.
        shared = shared[np.lexsort((_scramble(filled[shared], band), keys[shared]))]
        texts, sorted_keys = filled[shared], keys[shared]
        group = np.cumsum(np.concatenate([[0], sorted_keys[1:] != sorted_keys[:-1]])) if texts.size else texts
        size = np.bincount(group)[group] if texts.size else texts
        for left, right in _all_pairs(texts[size <= PAIRWISE], group[size <= PAIRWISE]):
            groups.join(left, right)
        _by_leaders(groups, texts[size > PAIRWISE], group[size > PAIRWISE])
    return groups.labels


def _band_keys(sets: ShingleSets, texts: Ints, band: int) -> Words:
    key: Words = np.zeros(texts.size, dtype=np.uint64)
    for column in range(band * ROWS, (band + 1) * ROWS):
        key = (key ^ sets.signatures[texts, column].astype(np.uint64)) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(32)
    return key


def _scramble(texts: Ints, band: int) -> Words:
    factor = np.random.default_rng(band).integers(1 << 63, dtype=np.uint64) | np.uint64(1)
    scrambled: Words = texts.astype(np.uint64) * factor
    return scrambled


def _all_pairs(texts: Ints, group: Ints) -> Iterator[Pairs]:
    """Yield all pairs within groups, texts sorted by group: first all neighbours, then the others, in blocks.

    Most groups are one template, and neighbours join it: what comes after is then not compared.
    """
    held: list[Pairs] = []
    for step in range(1, PAIRWISE):
        together = group[step:] == group[:-step]
        if not together.any():
            break
        held.append((texts[:-step][together], texts[step:][together]))
        if step == 1 or sum(left.size for left, _ in held) > BLOCK:
            yield np.concatenate([left for left, _ in held]), np.concatenate([right for _, right in held])
            held = []
    if held:
        yield np.concatenate([left for left, _ in held]), np.concatenate([right for _, right in held])


def _by_leaders(groups: _Groups, texts: Ints, group: Ints) -> None:
    """Join within large groups: all with the first, those not of its template with the first of them, and so on."""
    for _ in range(LEADERS):
        if not texts.size:
            return
        is_first = np.concatenate([[True], group[1:] != group[:-1]])
        leaders = texts[is_first][np.cumsum(is_first) - 1]
        groups.join(leaders[~is_first], texts[~is_first])
        left_over = groups.labels[texts] != groups.labels[leaders]
        texts, group = texts[left_over], group[left_over]
    for step in range(1, min(WINDOW, texts.size - 1) + 1):
        together = group[step:] == group[:-step]
        groups.join(texts[:-step][together], texts[step:][together])


def find_templates(batches: Iterable[pl.DataFrame], folder: Path | None = None) -> pl.DataFrame:
    """Group distinct texts into templates.

    Parameters
    ----------
    batches
        Frames with text_hash, text and copies (messages that hold the text), in ascending order of text_hash. Blank
        texts are left out: nothing is no template.
    folder
        Where shingles are kept while the function runs; without it they stay in memory.

    Returns
    -------
    polars.DataFrame
        One row per text that at least two messages hold, or that is near another distinct text: text_hash,
        template_id (the smallest text_hash of the component), similarity (Jaccard similarity to the text of that
        hash; 1 for itself, and possibly below 0.6 where likeness is handed on from text to text), texts (distinct
        texts of the template).
    """
    hashes: list[pl.DataFrame] = []

    def texts() -> Iterator[pl.Series]:
        for batch in batches:
            kept = batch.filter(pl.col("text").str.contains(NOT_BLANK))
            hashes.append(kept.select("text_hash", "copies"))
            yield kept["text"]

    sets = shingle_sets(texts(), folder)
    if not hashes:
        hashes.append(pl.DataFrame(schema={"text_hash": pl.String, "copies": pl.Int64}))
    frame = pl.concat(hashes)
    first = near_duplicate_groups(sets)
    members = np.bincount(first, minlength=first.size)[first] if first.size else first
    place = np.arange(first.size, dtype=np.int64)
    other = np.flatnonzero(first != place)
    similarity = np.ones(first.size)
    similarity[other] = exact_jaccard(sets, place[other], first[other])
    return (
        frame.with_columns(
            template_id=frame["text_hash"].gather(first),
            similarity=pl.Series(similarity),
            texts=pl.Series(members, dtype=pl.Int64),
        )
        .filter((pl.col("texts") > 1) | (pl.col("copies") > 1))
        .drop("copies")
    )


assert BANDS * ROWS <= PERMUTATIONS  # noqa: S101 - a band needs columns of its own
