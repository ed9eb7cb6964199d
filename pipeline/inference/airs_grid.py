"""The grid of specifications of the share of posts with action-inducing language: its choices and their identity.

What belongs here: reading ``grid/airs.toml``. What does not: the posts and the shares, which are in `airs_estimates`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

from pipeline.inference.grid_entries import made, read_choices
from pipeline.inference.specification import ROLES

RANDOM = "as_many_at_random"
COIN = "hash"
ALLOWED = {
    "role": ROLES,
    "part": ("any", "action", "sensitive", COIN),
    "text": ("title_and_content", "content", "title"),
    "copies": ("kept", "first_only", RANDOM),
    "token_mint": ("kept", "dropped", RANDOM),
    "unit": ("post", "author"),
    "language": ("all", "en"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AirsSpecification:
    """One specification; the fields are the choices of the grid. `role` is no part of its identity."""

    role: str
    part: str
    text: str
    copies: str
    token_mint: str
    unit: str
    language: str

    @property
    def formula(self) -> str:
        """The choices in one line, in a fixed order."""
        parts = (
            f"{self.part} of {self.text}, by {self.unit}",
            f"copies {self.copies}",
            f"token mint {self.token_mint}",
            f"language {self.language}",
        )
        return " | ".join(parts).replace("_", " ")

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the choices."""
        return hashlib.sha256(f"airs\n{self.formula}".encode()).hexdigest()[:12]


@cache
def load_airs_grid() -> tuple[AirsSpecification, ...]:
    """Read and check the registered grid.

    Raises
    ------
    ValueError
        When an entry is not valid or stands twice; the sentence says which.
    """
    entries = read_choices("grid/airs.toml")
    found = tuple(
        made(AirsSpecification, entry, f"grid/airs.toml, entry {i}", ALLOWED) for i, entry in enumerate(entries, 1)
    )
    ids = [spec.spec_id for spec in found]
    if repeated := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"grid/airs.toml: the same specification twice, ids {repeated}; remove one of each")
    return found
