"""Self-BLEU and Jaccard similarity of token lists, counted with the standard library alone.

Nothing of the pipeline is imported.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import combinations


def bleu(candidate: list, references: list[list]) -> float:
    """Return BLEU-4 with clipped counts, nearest reference length and 0.1 for no match."""
    total = 0.0
    for n in range(1, 5):
        counts = Counter(zip(*(candidate[i:] for i in range(n)), strict=False))
        others = [Counter(zip(*(r[i:] for i in range(n)), strict=False)) for r in references]
        matched = sum(min(c, max(o[gram] for o in others)) for gram, c in counts.items())
        total += math.log((matched or 0.1) / sum(counts.values())) / 4
    nearest = min((len(r) for r in references), key=lambda size: (abs(size - len(candidate)), size))
    return math.exp(total + min(0.0, 1 - nearest / len(candidate)))


def self_bleu(texts: list[list]) -> float:
    """Return the mean BLEU of each text against the others."""
    return sum(bleu(t, texts[:i] + texts[i + 1 :]) for i, t in enumerate(texts)) / len(texts)


def jaccard(texts: list[list]) -> float:
    """Return the mean of common types / types of either over pairs of texts."""
    pairs = list(combinations([set(t) for t in texts], 2))
    return sum(len(a & b) / len(a | b) for a, b in pairs) / len(pairs)
