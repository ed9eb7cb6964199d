"""Coefficient of variation of the times between posts, counted with the standard library alone.

Takes messages as `corpus_measures.read_tree` gives them; nothing of the pipeline is imported.
"""

from __future__ import annotations

import statistics
from itertools import groupby, pairwise


def cov_by_author(messages: list[dict]) -> dict[str, float]:
    """Return sd/mean (divisor n) of the hours between posts, of authors of three posts that are not all at once."""
    posts = [m for m in messages if m["kind"] == "post" and m["author"] and m["at"]]
    result = {}
    for author, own in groupby(sorted(posts, key=lambda m: (m["author"], m["at"])), key=lambda m: m["author"]):
        hours = [(after["at"] - before["at"]).total_seconds() / 3600 for before, after in pairwise(list(own))]
        if len(hours) >= 2 and sum(hours) > 0:
            result[author] = statistics.pstdev(hours) / statistics.fmean(hours)
    return result
