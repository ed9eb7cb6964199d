"""The grid of specifications of family token_mint: tests and shares, their choices and their identity.

What belongs here: reading ``grid/token_mint.toml``. What does not: tests (`minting_estimates`) and shares
(`minting_shares`).
"""

from __future__ import annotations

import hashlib
import itertools
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pipeline.inference.grid_entries import made
from pipeline.inference.minting_frames import DEFINITIONS, LEAST_MINTS
from pipeline.inference.specification import ROLES

FILE = "grid/token_mint.toml"
DRAW, COMPLAIN = "minting_draws_correction", "invaded_communities_complain"
POSTS, INVADED, SAID = "posts_are_protocol_posts", "communities_are_invaded", "messages_complain"
USUAL = DEFINITIONS[0]
_TESTS = {
    "role": ROLES,
    "hypothesis": (DRAW, COMPLAIN),
    "estimator": (
        "permutation_authors", "permutation_posts", "cmh", "paired_t_test", "chi2_naive", "before_after_permutation",
        "before_after_t_test", "label_permutation",
    ),
    "sample": ("all", "by_length", "first_replies", "hash", "moved_earlier"),
    "outcome": ("corrective", "unwanted"),
    "definition": DEFINITIONS,
    "copies": ("kept", "first_only"),
    "unit": ("message", "author"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class MintSpecification:
    """One test; the fields are those of the grid, `spec_id` is its ``id``."""

    spec_id: str
    role: str
    hypothesis: str
    estimator: str
    sample: str = "all"
    outcome: str = "corrective"
    definition: str = USUAL
    threshold: int = LEAST_MINTS
    copies: str = "kept"
    unit: str = "message"
    reach_days: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareSpecification:
    """One share; the fields are the choices of the grid."""

    role: str
    hypothesis: str
    definition: str = USUAL
    copies: str = "kept"
    unit: str = "message"
    threshold: int = LEAST_MINTS
    least_posts: int = 30

    @property
    def formula(self) -> str:
        """The choices in one line, in a fixed order."""
        if self.hypothesis == INVADED:
            return f"{self.threshold} protocol posts or more | communities with {self.least_posts} posts or more"
        unit = "post" if self.hypothesis == POSTS and self.unit == "message" else self.unit
        what = "protocol posts" if self.hypothesis == POSTS else f"complaints ({self.definition})"
        return f"{what}, by {unit} | copies {self.copies}".replace("_", " ")

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the choices."""
        return hashlib.sha256(f"token_mint\n{self.hypothesis}\n{self.formula}".encode()).hexdigest()[:12]


@cache
def load_minting_grid() -> tuple[MintSpecification, ...]:
    """Read and check the tests of the registered grid.

    Raises
    ------
    ValueError
        When an entry is not valid or an id stands twice; the sentence says which.
    """
    found = []
    for i, entry in enumerate(_document()["spec"], 1):
        where = f"{FILE}, spec {i}"
        if "id" not in entry:
            raise ValueError(f"{where}: no id")
        raw = {("spec_id" if key == "id" else key): value for key, value in entry.items()}
        found.append(made(MintSpecification, raw, where, _TESTS))
    _refuse_repeats([spec.spec_id for spec in found])
    return tuple(found)


@cache
def load_minting_shares() -> tuple[ShareSpecification, ...]:
    """Return the shares of the registered grid: every combination of the choices of each hypothesis."""
    found = []
    for hypothesis, choices in _document()["shares"].items():
        for i, picked in enumerate(itertools.product(*choices.values())):
            raw = {"role": "robustness" if i else "primary", "hypothesis": hypothesis}
            raw |= dict(zip(choices, picked, strict=True))
            allowed = {key: _TESTS[key] for key in ("role", "definition", "copies", "unit")}
            allowed["hypothesis"] = (POSTS, INVADED, SAID)
            found.append(made(ShareSpecification, raw, f"{FILE}, shares.{hypothesis}", allowed))
    _refuse_repeats([spec.spec_id for spec in found])
    return tuple(found)


def _document() -> dict[str, Any]:
    return tomllib.loads(files("pipeline.inference").joinpath(FILE).read_text(encoding="utf-8"))


def _refuse_repeats(ids: list[str]) -> None:
    if repeated := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"{FILE}: the same specification twice, ids {repeated}; remove one of each")
