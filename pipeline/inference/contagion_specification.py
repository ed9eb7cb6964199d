"""Specifications of contagion and the grid file in which they are fixed before any is run.

What belongs here: the choices, the identity of a specification, the loader. What does not: fitting.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pipeline.inference.contagion_frames import OUTCOMES
from pipeline.inference.specification import ROLES, SLICES

GRID_FILE = Path(__file__).parent / "grid" / "contagion.toml"

EXPOSURES = {
    "post": "1[post has the label]",
    "first": "1[first comment has the label]",
    "before": "share of the comments before with the label",
    "parent": "1[message answered has the label]",
    "placebo_post": "1[next post of the community has the label]",
    "hash_binary": "1[hash(post_id) is even]",
}
CONTROLS = {
    "reply_length": "log1p(reply_chars)",
    "post_length": "log1p(post_chars)",
    "position": "log(position)",
    "community_rate": "logit(rate of the community in other threads)",
    "author_rate": "logit(rate of the author in other threads)",
    "post_label": "1[post has the label]",
}
ORDER = {"adjacent": "neighbours with the same label", "before": "mean of the label before, trend of places removed"}
ANY_EMOTION = "any_emotion"
"""Outcome of tests of order only: two comments match when they have the same emotion."""
CLUSTERS = ("post", "agent")
ESTIMATORS = ("logit_cluster", "order_permutation")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContagionSpecification:
    """One specification. `role` and `hypothesis` say what it is for and are no part of its identity.

    Attributes
    ----------
    outcome
        Label of the comment.
    exposure
        What came before it: of `EXPOSURES` for a logit, of `ORDER` for a permutation.
    estimator
        ``logit_cluster`` or ``order_permutation``.
    controls, clusters
        Of a logit.
    block
        Of a permutation: comments are shuffled within runs of so many consecutive ones; 0 within the whole thread.
    slice
        Slice of the corpus.
    """

    role: str
    hypothesis: str
    outcome: str
    exposure: str
    estimator: str
    controls: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    block: int = 0
    slice: str = "all"

    @property
    def formula(self) -> str:
        """The model in the notation of formulas, outcome first."""
        if self.estimator == "order_permutation":
            return f"{self.outcome} ~ {ORDER[self.exposure]} | {f'run of {self.block}' if self.block else 'thread'}"
        return f"{self.outcome} ~ {' + '.join(['1', EXPOSURES[self.exposure], *(CONTROLS[c] for c in self.controls)])}"

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of estimator, formula, sample and standard error."""
        parts = (self.estimator, self.formula, self.slice, "+".join(self.clusters))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def load_contagion_grid(path: Path = GRID_FILE) -> tuple[ContagionSpecification, ...]:
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


def _specification(raw: Mapping[str, Any], where: str) -> ContagionSpecification:
    values = dict(raw)
    declared = values.pop("id", None)
    if unknown := sorted(set(values) - {f.name for f in fields(ContagionSpecification)}):
        raise ValueError(f"{where}: unknown keys {unknown}")
    for key in ("controls", "clusters"):
        values[key] = tuple(values.get(key, ()))
    spec = ContagionSpecification(**values)
    is_order = spec.estimator == "order_permutation"
    for key, value, choices in (
        ("role", spec.role, ROLES),
        ("slice", spec.slice, SLICES),
        ("estimator", spec.estimator, ESTIMATORS),
        ("outcome", spec.outcome, (*OUTCOMES, ANY_EMOTION) if is_order else OUTCOMES),
        ("exposure", spec.exposure, tuple(ORDER if is_order else EXPOSURES)),
        *(("control", name, () if is_order else tuple(CONTROLS)) for name in spec.controls),
        *(("cluster", name, () if is_order else CLUSTERS) for name in spec.clusters),
    ):
        if value not in choices:
            raise ValueError(f"{where}: {key} is {value!r}; allowed are {list(choices)}")
    if declared != spec.spec_id:
        raise ValueError(
            f"{where}: the id is {declared!r} but this specification's id is {spec.spec_id!r}; a changed specification "
            "is a new one: write the new id, and say in the changelog why the grid changed"
        )
    return spec
