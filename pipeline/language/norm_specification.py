"""Specifications of norm clusters, read from the grid that was fixed beforehand.

What belongs here: the vocabulary of choices and the loader. What a choice means is in `norm_clusters`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.inference.grid_entries import made, read_entries
from pipeline.inference.specification import ROLES
from pipeline.language.norm_clusters import ALGORITHMS
from pipeline.language.norm_sample import FEWEST_TEXTS, TEXTS

RANDOM_SET, COSINE = "random_set", "cosine_"


@dataclass(frozen=True, slots=True, kw_only=True)
class NormSpecification:
    """One specification; the fields are those of ``inference/grid/norms.toml``. `role` is no part of its identity."""

    role: str
    algorithm: str = "x_means"
    texts: str = "distinct"
    criterion: str = RANDOM_SET
    min_texts: int = 20
    min_authors: int = 2
    rung: str = "static"
    is_dealt: bool = False

    @property
    def formula(self) -> str:
        """The choices in one line, in a fixed order."""
        source = "texts dealt out" if self.is_dealt else self.texts
        least = f"at least {self.min_texts} texts, {self.min_authors} authors"
        return f"{self.algorithm} | {source} | {self.criterion} | {least} | {self.rung}"

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the choices."""
        return hashlib.sha256(f"norms\n{self.formula}".encode()).hexdigest()[:12]

    @property
    def least(self) -> float | None:
        """The coherence that the criterion asks of every cluster; ``None`` where random sets decide."""
        return float(self.criterion.removeprefix(COSINE)) if self.criterion.startswith(COSINE) else None


@dataclass(frozen=True, slots=True)
class NormGrid:
    """The specifications in the order of the file, and the draws of the null."""

    specifications: tuple[NormSpecification, ...]
    draws: int
    draws_elsewhere: int


@cache
def load_norm_grid() -> NormGrid:
    """Read and check the registered grid.

    Raises
    ------
    ValueError
        When an entry is not valid or stands twice; the sentence says which.
    """
    found, settings = read_entries("grid/norms.toml", _specification)
    return NormGrid(found, **settings)


def _specification(raw: dict[str, Any], where: str) -> NormSpecification:
    choices = {"role": ROLES, "algorithm": tuple(ALGORITHMS), "texts": TEXTS, "rung": ("static", "full")}
    spec = made(NormSpecification, raw, where, choices)
    if spec.criterion != RANDOM_SET and not 0 < (spec.least or 0) < 1:
        raise ValueError(f"{where}: criterion {spec.criterion!r}; write random_set or cosine_x with x between 0 and 1")
    if spec.min_texts < FEWEST_TEXTS:
        raise ValueError(f"{where}: min_texts {spec.min_texts} is less than {FEWEST_TEXTS}, the fewest that are read")
    return spec
