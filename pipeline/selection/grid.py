"""The specifications of family ``selection``: read from the grid file in which they are fixed before any is run.

What belongs here: the choices that a specification may make, its identity, and the loader. Fitting is elsewhere.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from pipeline.inference.specification import ROLES
from pipeline.selection.dyads import COVARIANCES
from pipeline.selection.placebos import VERDICTS
from pipeline.selection.terms import ABSORBED, TERMS

GRID_FILE = Path(__file__).parent / "grid.toml"

ESTIMATORS = {
    "choice_logit": "log odds of being chosen as alter, among those that the ego could have chosen in the week",
    "choice_simex": "the same, taken back to a score without error by simulation and extrapolation",
    "tie_logit": "log odds that a standing tie lasts through the week",
    "pair_logit": "log odds that an open pair of agents becomes tied in the week",
}
"""What each estimator estimates, in words: per standard deviation by which two scores are nearer to each other."""
HYPOTHESES = {
    "formation": "agents tie themselves to those who score like them",
    "formation_by_window": "they do so in some weeks only",
    "persistence": "ties between agents who score alike last longer",
    "heterogeneity": "some agents select more than others",
}
CLUSTERS = {"model": None, "ego": "ego", "two_way": "ego+alter", "dyadic": "any shared agent"}
_ON_CHOICES = ("choice_logit", "choice_simex")
_CHOICES: dict[str, tuple[object, ...]] = {
    "role": ROLES,
    "hypothesis": tuple(HYPOTHESES),
    "estimator": tuple(ESTIMATORS),
    "covariance": COVARIANCES,
    "score": ("observed", *VERDICTS),
    "groups": ("observed", "found"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionSpecification:
    """One specification, for every network and every score.

    Attributes
    ----------
    role, hypothesis
        What it is for; no part of its identity.
    estimator
        A key of `ESTIMATORS`.
    terms
        Terms of the model, of `pipeline.selection.terms.TERMS`; those of the ego alone only for models of ties.
    term
        The one that is reported.
    covariance
        Of `pipeline.selection.dyads.COVARIANCES`.
    score
        ``observed``, or a placebo of `pipeline.selection.placebos.VERDICTS`.
    controls
        Alters drawn per choice, or open pairs per new tie.
    groups
        Groups of ``same_group``: those of the panel, or ``found``, communities of the network pooled over all weeks.
    window, step
        Weeks of rolling windows and weeks between them; 0 for all weeks together.
    by_week
        An intercept for each week (models of ties).
    interactions
        Whether it is also run on networks of interactions, as exploratory unless it is a placebo or naive.
    """

    role: str
    hypothesis: str
    estimator: str
    terms: tuple[str, ...]
    term: str = "similarity"
    covariance: str = "dyadic"
    score: str = "observed"
    controls: int = 10
    groups: str = "observed"
    window: int = 0
    step: int = 0
    by_week: bool = True
    interactions: bool = False

    @property
    def is_choice(self) -> bool:
        """True when rows are choices of alters."""
        return self.estimator in _ON_CHOICES

    @property
    def formula(self) -> str:
        """The model in the notation of formulas, outcome first."""
        outcome = {"tie_logit": "tie lasts", "pair_logit": "pair becomes tied"}.get(self.estimator, "alter is chosen")
        effects = "choice" if self.is_choice else ("week" if self.by_week else "1")
        found = {"same_group": "1[communities found in the network are the same]"} if self.groups == "found" else {}
        return f"{outcome} ~ {' + '.join(found.get(name, TERMS[name]) for name in self.terms)} | {effects}"

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of estimator, formula, sample and standard error."""
        sample = f"{self.term} {self.score} {self.controls} {self.window} {self.step}"
        sample += "" if self.groups == "observed" else f" {self.groups}"
        return digest(self.estimator, self.formula, sample, self.covariance)


_FULL = ("similarity", "reciprocity", "two_paths", "in_degree", "alter_score", "same_group")
_ON = {
    "choice_logit": "choices",
    "choice_simex": "choices, without the error of scores (SIMEX)",
    "tie_logit": "standing ties",
    "pair_logit": "open pairs",
}


def label(spec: SelectionSpecification) -> str:
    """Say in few words in what a specification differs from the primary one."""
    extra = [name for name in spec.terms if name not in _FULL]
    lacking = [name for name in _FULL if name not in spec.terms]
    controls = "all controls"
    if len(spec.terms) == 1:
        controls = "no controls"
    elif len(lacking) > 2:
        controls = f"only {', '.join(spec.terms[1:])}"
    elif lacking:
        controls = f"without {', '.join(lacking)}"
    if extra and len(lacking) <= 2:
        controls += f", with {', '.join(extra)}"
    parts = [_ON[spec.estimator], controls]
    parts += [] if spec.covariance == "dyadic" else [f"errors: {CLUSTERS[spec.covariance] or 'rows independent'}"]
    parts += [] if spec.controls == 10 or not spec.is_choice else [f"{spec.controls} alters"]
    parts += [] if spec.groups == "observed" else ["groups: found communities"]
    parts += [] if spec.score == "observed" else [spec.score]
    return "; ".join(parts).replace("_", " ")


def digest(*parts: str) -> str:
    """Return twelve hex digits of the SHA-256 of some words."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


@cache
def load_selection_grid(path: Path = GRID_FILE) -> tuple[SelectionSpecification, ...]:
    """Read and check a grid file.

    Raises
    ------
    ValueError
        When an entry is not valid; the sentence says which and what was expected.
    """
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = document.get("spec", [])
    found = tuple(_specification(entry, f"{path.name}, spec {i}") for i, entry in enumerate(entries, 1))
    ids = [spec.spec_id for spec in found]
    if not ids or len(set(ids)) < len(ids):
        raise ValueError(f"{path.name}: no specification, or one of them twice")
    return found


def _specification(raw: dict[str, Any], where: str) -> SelectionSpecification:
    values = dict(raw)
    declared = values.pop("id", None)
    if unknown := sorted(set(values) - {f.name for f in fields(SelectionSpecification)}):
        raise ValueError(f"{where}: unknown keys {unknown}")
    spec = SelectionSpecification(**{**values, "terms": tuple(values.get("terms", ()))})
    for key, allowed in _CHOICES.items():
        if (value := getattr(spec, key)) not in allowed:
            raise ValueError(f"{where}: {key} is {value!r}; allowed are {list(allowed)}")
    known = [name for name in TERMS if not (spec.is_choice and name in ABSORBED)]
    if bad := [name for name in (*spec.terms, spec.term) if name not in known]:
        raise ValueError(f"{where}: terms {bad} do not go with {spec.estimator}; allowed are {known}")
    if spec.term not in spec.terms:
        raise ValueError(f"{where}: the term {spec.term!r} is none of the model's")
    if spec.window and not (spec.is_choice and spec.step > 0):
        raise ValueError(f"{where}: windows go with models of choices and a step above 0")
    if declared != spec.spec_id:
        raise ValueError(
            f"{where}: the id is {declared!r} but this specification's id is {spec.spec_id!r}; a changed specification "
            "is a new one: write the new id, and say in the changelog why the grid changed"
        )
    return spec
