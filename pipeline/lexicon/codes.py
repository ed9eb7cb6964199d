"""Which code points have to be asked for their properties: a quarter of all, as most planes of Unicode are empty."""

from __future__ import annotations

import sys
from collections.abc import Iterator

NEVER_ASSIGNED = (range(0x40000, 0xE0000), range(0xE1000, 0xF0000))
"""Planes without a character, in any version so far: category Cn, no letters, changed by nothing."""
_PRIVATE = range(0xF0000, sys.maxunicode + 1)  # two planes; their last two code points are no characters


def asked() -> Iterator[int]:
    """Yield the code points that some version of Unicode assigns or may assign soon, but those of private planes."""
    yield from range(NEVER_ASSIGNED[0].start)
    yield from range(NEVER_ASSIGNED[0].stop, NEVER_ASSIGNED[1].start)


def unassigned() -> Iterator[int]:
    """Yield the code points of category Cn that `asked` leaves out."""
    for block in NEVER_ASSIGNED:
        yield from block
    yield from (code for code in _PRIVATE if code & 0xFFFE == 0xFFFE)
