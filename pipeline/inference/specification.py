"""Specifications of an estimand and the grid file in which they are fixed before any is run.

What belongs here: the vocabulary of choices, the identity of a specification, and the loader. What does not:
fitting.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

GRID_FILE = Path(__file__).parent / "grid" / "enforcement.toml"

ROLES = ("primary", "robustness", "placebo", "negative_control", "naive", "exploratory")
SLICES = ("all", "without_duplicates", "without_token_mint")
CONTROLS = {
    "post_length": "log1p(post_chars)",
    "reply_length": "log1p(reply_chars)",
    "thread": "log1p(n_replies)",
}
CLUSTERS = ("post", "agent", "post_author", "community")
REPLY_OUTCOMES = ("enforce", "endorse", "toxic", "other")
EXPOSURES = {
    "airs": "z(airs_count)",
    "airs_action": "z(airs_action)",
    "airs_sensitive": "z(airs_sensitive)",
    "airs_fraction": "z(airs_fraction)",
    "airs_binary": "1[airs_count > 0]",
    "hash_binary": "1[hash(post_id) is even]",
}
BINARY_EXPOSURES = ("airs_binary", "hash_binary")
EVENTS = ("event", "placebo_random", "placebo_position", "event_minus_random", "event_minus_position")

_ALL = tuple(EXPOSURES)
_BINARY = BINARY_EXPOSURES


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What an estimator accepts: outcomes and exposures by unit, and whether it takes controls and clusters."""

    units: tuple[str, ...]
    exposures: tuple[str, ...]
    outcomes: tuple[str, ...]
    has_controls: bool = False
    strata: tuple[str, ...] = ("",)


ESTIMATORS: Mapping[str, _Allowed] = {
    "logit_cluster": _Allowed(("reply", "target_post"), _ALL, (*REPLY_OUTCOMES, "any_enforce"), True),
    "logit_random_intercept": _Allowed(("reply",), _ALL, REPLY_OUTCOMES, True),
    "woolf_2x2": _Allowed(("target_post",), _BINARY, ("any_enforce",)),
    "fisher": _Allowed(("target_post",), _BINARY, ("any_enforce",)),
    "cmh": _Allowed(("target_post",), _BINARY, ("any_enforce",), strata=("community",)),
    "chi2_naive": _Allowed(("reply",), _BINARY, REPLY_OUTCOMES),
    "length_matched_pairs": _Allowed(("pair",), _BINARY, REPLY_OUTCOMES),
    "length_matched_sign": _Allowed(("pair",), _BINARY, REPLY_OUTCOMES),
    "permutation": _Allowed(
        ("reply", "target_post"), ("airs", "hash_binary"), REPLY_OUTCOMES, strata=("", "community")
    ),
    "event_aligned": _Allowed(("thread",), EVENTS, ("delta_airs",)),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Specification:
    """One specification: unit, exposure, outcome, controls, estimator, strata, clusters and slice.

    `role` and `hypothesis` say what it is for and are no part of its identity.
    """

    role: str
    hypothesis: str
    unit: str
    exposure: str
    outcome: str
    estimator: str
    controls: tuple[str, ...] = ()
    strata: str = ""
    clusters: tuple[str, ...] = ()
    slice: str = "all"

    @property
    def formula(self) -> str:
        """The model in the notation of formulas, outcome first."""
        exposure = EXPOSURES.get(self.exposure, self.exposure)
        terms = ["1", exposure, *(CONTROLS[name] for name in self.controls)]
        if self.estimator == "logit_random_intercept":
            terms.append("(1 | post)")
        strata = f" | {self.strata}" if self.strata else ""
        return f"{self.outcome} ~ {' + '.join(terms)}{strata}"

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of estimator, formula, sample and standard error."""
        parts = (self.estimator, self.formula, self.unit, self.slice, "+".join(self.clusters))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    @property
    def is_log_odds(self) -> bool:
        """True when the estimate is a log odds ratio."""
        return self.estimator not in ("length_matched_pairs", "event_aligned")


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSettings:
    """Settings that all specifications of the grid share; fixed in the file together with them."""

    permutations: int = 1000
    bootstraps: int = 2000
    caliper_ratio: float = 1.25
    placebo_seed: int = 7


@dataclass(frozen=True, slots=True)
class Grid:
    """The specifications in the order of the file, and the settings they share."""

    specifications: tuple[Specification, ...]
    settings: GridSettings = field(default_factory=GridSettings)


def load_grid(path: Path | None = None) -> Grid:
    """Read and check a grid file.

    Parameters
    ----------
    path
        A TOML file; without it, the registered grid that ships with the package.

    Returns
    -------
    Grid
        A specification whose id is not in the registered grid has the role ``exploratory``, whatever it says.

    Raises
    ------
    ValueError
        When the file is not valid; the sentence names the file, the entry, what was expected and what to do.
    """
    used = path or GRID_FILE
    grid = _read(used)
    if used == GRID_FILE:
        return grid
    return Grid(with_registered_roles(grid.specifications, _read(GRID_FILE).specifications), grid.settings)


def with_registered_roles(
    specifications: Iterable[Specification], registered: Iterable[Specification]
) -> tuple[Specification, ...]:
    """Give every specification the role it was registered with, and ``exploratory`` to those that were not."""
    roles = {spec.spec_id: (spec.role, spec.hypothesis) for spec in registered}
    out = []
    for spec in specifications:
        role, hypothesis = roles.get(spec.spec_id, ("exploratory", spec.hypothesis))
        out.append(replace(spec, role=role, hypothesis=hypothesis))
    return tuple(out)


def _read(path: Path) -> Grid:
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not valid TOML ({error}); correct the file") from error
    if unknown := sorted(set(document) - {"settings", "spec"}):
        raise ValueError(f"{path.name}: unknown keys {unknown}; a grid has [settings] and spec entries only")
    settings = _settings(document.get("settings", {}), path.name)
    entries = document.get("spec", [])
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{path.name}: no specifications; write them as entries of the array `spec`")
    specifications = tuple(_specification(entry, f"{path.name}, spec {i}") for i, entry in enumerate(entries, 1))
    ids = [spec.spec_id for spec in specifications]
    if repeated := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"{path.name}: the same specification twice, ids {repeated}; remove one of each")
    return Grid(specifications, settings)


def _settings(raw: Mapping[str, Any], name: str) -> GridSettings:
    known = {f.name: f.type for f in fields(GridSettings)}
    if unknown := sorted(set(raw) - set(known)):
        raise ValueError(f"{name}, settings: unknown keys {unknown}; allowed are {sorted(known)}")
    for key, value in raw.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ValueError(f"{name}, settings: {key} is {value!r}; a positive number is expected")
    return GridSettings(**raw)


def _specification(raw: Mapping[str, Any], where: str) -> Specification:
    values = dict(raw)
    declared = values.pop("id", None)
    known = {f.name for f in fields(Specification)}
    required = {"role", "hypothesis", "unit", "exposure", "outcome", "estimator"}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"{where}: unknown keys {unknown}; allowed are id and {sorted(known)}")
    if missing := sorted(required - set(values)):
        raise ValueError(f"{where}: keys {missing} are missing; add them")
    for key in ("controls", "clusters"):
        values[key] = tuple(values.get(key, ()))
    spec = Specification(**values)
    _check(spec, where)
    if declared != spec.spec_id:
        raise ValueError(
            f"{where}: the id is {declared!r} but this specification's id is {spec.spec_id!r}; a changed "
            "specification is a new one: write the new id, and say in the changelog why the grid changed"
        )
    return spec


def _check(spec: Specification, where: str) -> None:
    allowed = ESTIMATORS.get(spec.estimator)
    if allowed is None:
        raise ValueError(f"{where}: estimator {spec.estimator!r} is not one of {sorted(ESTIMATORS)}")
    for key, value, choices in (
        ("role", spec.role, ROLES),
        ("slice", spec.slice, SLICES),
        ("unit", spec.unit, allowed.units),
        ("exposure", spec.exposure, allowed.exposures),
        ("outcome", spec.outcome, allowed.outcomes),
        ("strata", spec.strata, allowed.strata),
        *(("control", name, tuple(CONTROLS) if allowed.has_controls else ()) for name in spec.controls),
        *(("cluster", name, CLUSTERS) for name in spec.clusters),
    ):
        if value not in choices:
            raise ValueError(f"{where}: {key} {value!r} does not go with {spec.estimator}; allowed: {list(choices)}")
    if spec.estimator == "logit_cluster":
        _check_unit(spec, where)


def _check_unit(spec: Specification, where: str) -> None:
    on_posts = spec.unit == "target_post"
    if on_posts != (spec.outcome == "any_enforce"):
        raise ValueError(f"{where}: outcome any_enforce goes with unit target_post, reply classes with unit reply")
    foreign = {"post", "agent"} if on_posts else {"post_author"}
    if (bad := foreign & set(spec.clusters)) or len(spec.clusters) > 2:
        raise ValueError(f"{where}: clusters {sorted(bad) or list(spec.clusters)} do not go with unit {spec.unit}")
    if "reply_length" in spec.controls and on_posts:
        raise ValueError(f"{where}: reply_length is a control of replies; remove it or use unit reply")
