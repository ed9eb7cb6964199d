"""The specifications of family ``persona``: read from the grid file in which they are fixed before any is run.

What belongs here: the choices that a specification may make, its identity, and the loader. Fitting is in
`persona_estimates`.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from pipeline.inference.specification import ROLES

GRID = "persona.toml"

ESTIMATORS = {
    "shuffled_personas": "mean cosine with the own description less that with the description of another agent",
    "within_slope": "change of the cosine with the description per day, within agents",
    "pooled_slope": "change of the cosine with the description per day, over all messages",
    "pooled_slope_iid": "change of the cosine with the description per day, messages taken as independent",
    "rank_correlation": "Spearman correlation of an agent's number of messages and its mean cosine",
    "matched_event": "lasting change at the highest-voted post, net of the same agent's change at matched places",
    "matched_dose": "growth of that change per standard deviation of the logarithm of the votes",
    "raw_event": "change at the highest-voted post, nothing subtracted",
    "whole_event": "mean of all posts after the highest-voted post less that of all before",
    "sign_event": "share of agents whose mean falls after the highest-voted post, less one half",
}
"""What each estimator estimates, in words."""

_KINDS = ("post", "comment", "message")
_CHOICES: dict[str, tuple[object, ...]] = {
    "role": ROLES,
    "estimator": tuple(ESTIMATORS),
    "kind": _KINDS,
    "outcome": ("similarity", "hash"),
    "weight": ("message", "agent"),
    "window": (0, 1, 2, 3),
    "least_tokens": (3, 8),
    "sample": ("all", "distinct", "english"),
    "placebo": ("", "dealt_anew", "placebo_place"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonaSpecification:
    """One specification.

    Attributes
    ----------
    role, hypothesis
        What it is for; no part of its identity.
    estimator
        A key of `ESTIMATORS`.
    kind
        Messages that are read: posts, comments, or both ("message").
    outcome
        ``similarity``, or ``hash``: a number that nobody can influence, made of the id.
    weight
        Whether messages or agents weigh alike (shuffled_personas).
    window
        Posts on each side of the event; 0 where there is no window.
    least_tokens
        Tokens that a description needs.
    sample
        All messages, one of each distinct text of an agent, or messages in English.
    placebo
        ``dealt_anew`` deals the exposure out anew once, ``placebo_place`` moves the event to a placebo place.
    """

    role: str
    hypothesis: str
    estimator: str
    kind: str
    outcome: str = "similarity"
    weight: str = "message"
    window: int = 0
    least_tokens: int = 3
    sample: str = "all"
    placebo: str = ""

    @property
    def formula(self) -> str:
        """The choices in one line; the identity of the specification."""
        parts = [f"{self.outcome} of {self.kind}s", self.estimator, f"descriptions of {self.least_tokens}+ tokens"]
        parts += [f"weight {self.weight}"] if self.estimator == "shuffled_personas" else []
        parts += [f"window {self.window}"] if self.window else []
        parts += [f"sample {self.sample}"] if self.sample != "all" else []
        parts += [self.placebo] if self.placebo else []
        return ", ".join(parts)

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the formula."""
        return hashlib.sha256(self.formula.encode()).hexdigest()[:12]


def load_persona_grid(text: str | None = None) -> tuple[PersonaSpecification, ...]:
    """Read and check the grid.

    Parameters
    ----------
    text
        Content of a grid file; without it, the registered one that ships with the package.

    Raises
    ------
    ValueError
        When an entry is not valid; the sentence says which, and what was expected.
    """
    entries = tomllib.loads(grid_text() if text is None else text).get("spec", [])
    specs = tuple(_specification(entry, f"{GRID}, spec {i}") for i, entry in enumerate(entries, 1))
    ids = [spec.spec_id for spec in specs]
    if not ids or len(set(ids)) < len(ids):
        raise ValueError(f"{GRID}: expected specifications, each once")
    return specs


def grid_text() -> str:
    """Return the content of the registered grid."""
    return files("pipeline.inference").joinpath("grid", GRID).read_text(encoding="utf-8")


def _specification(entry: dict[str, Any], where: str) -> PersonaSpecification:
    values = dict(entry)
    declared = values.pop("id", None)
    if unknown := sorted(set(values) - {field.name for field in fields(PersonaSpecification)}):
        raise ValueError(f"{where}: unknown keys {unknown}")
    if missing := sorted({"role", "hypothesis", "estimator", "kind"} - set(values)):
        raise ValueError(f"{where}: keys {missing} are missing; add them")
    for name, allowed in _CHOICES.items():
        if name in values and values[name] not in allowed:
            raise ValueError(f"{where}: {name} {values[name]!r} is not one of {list(allowed)}")
    spec = PersonaSpecification(**values)
    needs_window = spec.estimator in ("matched_event", "matched_dose", "raw_event")
    if needs_window != bool(spec.window):
        raise ValueError(f"{where}: {spec.estimator} {'needs a' if needs_window else 'takes no'} window")
    if declared != spec.spec_id:
        raise ValueError(
            f"{where}: the id is {declared!r} but this specification's id is {spec.spec_id!r}; a changed "
            "specification is a new one: write the new id, and say in the changelog why the grid changed"
        )
    return spec
