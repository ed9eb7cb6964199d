"""The scenarios of the validation: which worlds, how many runs, what is held to its region in each.

What belongs here: reading the design, and the planted value of each term.
"""

from __future__ import annotations

import tomllib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.simulation.coevolution import CoevolutionTruth

DESIGN_FILE = Path(__file__).parent / "design.toml"
PRIMARY = ("choice", "fod_iv", "choice_shuffled_scores", "fod_iv_just_formed")
"""Estimators and placebos that the corners hold."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Worlds of one truth.

    Attributes
    ----------
    name
        Corner or stress, with the weeks.
    truth
        What is planted; the seed is that of the run.
    runs
        Runs of the full validation.
    held
        Estimators that are held to their region; the others are shown.
    repair
        What mends the stress: ``communities`` (found in the network, as groups), or empty.
    is_corner
        Whether the region is that of the corners (familywise) or that of one check.
    """

    name: str
    truth: CoevolutionTruth
    runs: int
    held: tuple[str, ...]
    repair: str = ""
    is_corner: bool = True

    def seed(self, design_seed: int, run: int) -> int:
        """Return the seed of a run: of the design, the name and the number alone."""
        entropy = [design_seed, zlib.crc32(self.name.encode()), run]
        return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True, slots=True)
class Design:
    """The design as it is fixed in `DESIGN_FILE`.

    Attributes
    ----------
    seed, familywise, checks
        Seed of all runs; probability of a false alarm in the corners, and the checks that it is shared by.
    scenarios
        Corners first.
    """

    seed: int
    familywise: float
    checks: int
    scenarios: tuple[Scenario, ...]


def load_design(path: Path = DESIGN_FILE) -> Design:
    """Read the design of the validation."""
    given = tomllib.loads(path.read_text(encoding="utf-8"))
    return Design(given["seed"], given["familywise"], given["checks"], (*_corners(given), *_stresses(given)))


def _corners(given: dict[str, Any]) -> Iterator[Scenario]:
    block = given["corners"]
    for weeks in block["weeks"]:
        for name in block["names"]:
            truth = CoevolutionTruth.corner(name, n_agents=block["agents"], n_weeks=weeks)
            yield Scenario(f"{name}, {weeks} weeks", truth, block["runs"], PRIMARY)


def _stresses(given: dict[str, Any]) -> Iterator[Scenario]:
    block = given["stresses"]
    for entry in block["scenario"]:
        truth = CoevolutionTruth.stress(
            entry["stress"], entry["corner"], n_agents=block["agents"], n_weeks=block["weeks"]
        )
        name = f"{entry['stress']}, {entry['corner']}" + (f", {entry['repair']}" if "repair" in entry else "")
        yield Scenario(name, truth, block["runs"], tuple(entry["held"]), entry.get("repair", ""), is_corner=False)


def planted(truth: CoevolutionTruth) -> dict[str, float]:
    """Return the planted value of each term; a placebo's is zero."""
    return {
        "similarity": truth.beta_s,
        "reciprocity": truth.b_rec,
        "two_paths": truth.b_tri,
        "in_degree": truth.b_pop,
        "alter_score": truth.b_alt,
        "influence": truth.beta_i,
        "persistence": truth.rho,
        "placebo": 0.0,
    }
