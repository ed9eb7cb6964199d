"""Comparison of slices of corpora: six stylised facts, judged against the noise between windows of one society.

`pairs` says what is compared, `sample` reads a slice into arrays and cuts it, `facts` computes, `equivalence` tests,
`judge` makes the rows of ``analysis.comparison``. Corpora are compared on matched size, and a verdict needs
replicates: runs of a simulator, windows of an observed corpus. "Not different" is never "equivalent".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.on_demand import handed_on

if TYPE_CHECKING:
    from pipeline.comparison.judge import compare_pairs
    from pipeline.comparison.pairs import Pair, load_pairs
    from pipeline.comparison.row import Comparison, comparison_frame
else:
    __getattr__ = handed_on(
        __name__,
        {
            "judge": ("compare_pairs",),
            "pairs": ("Pair", "load_pairs"),
            "row": ("Comparison", "comparison_frame"),
        },
    )

__all__ = ["Comparison", "Pair", "compare_pairs", "comparison_frame", "load_pairs"]
