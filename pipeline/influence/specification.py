"""Specifications of influence and the grid file in which they are fixed before any is run.

What belongs here: the choices, the identity of a specification, the loader. What does not: fitting.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, fields
from importlib.resources import files
from typing import Any

from pipeline.inference.specification import ROLES
from pipeline.influence.placebos import FUTURE_TIES, HASH_SCORE, PLACEBOS

ESTIMATORS = {
    "fod_iv": "forward orthogonal deviations, levels of the week before as instruments",
    "fod_iv_lag2": "forward orthogonal deviations, levels of two weeks before as instruments",
    "fod_iv_halves": "forward orthogonal deviations, one half of the messages instrumented by the other",
    "fod_iv_simex": "forward orthogonal deviations, extrapolated to a score without error (SIMEX)",
    "second_order_test": "correlation of the differenced residuals two weeks apart (m2 of Arellano and Bond)",
    "half_panel_jackknife": "two-way fixed effects, half-panel jackknife",
    "two_way": "two-way fixed effects",
    "two_way_level": "two-way fixed effects without the lagged score",
    "two_way_contemporaneous": "two-way fixed effects on exposure of the same week",
    "two_way_iv": "two-way fixed effects, exposure instrumented by the alters of alters (as published)",
    "pooled": "least squares with week effects",
    "pooled_level": "least squares with week effects, without the lagged score",
}
"""Each estimator in words."""
LEVEL_TERMS = ("two_way_level", "two_way_contemporaneous", "two_way_iv", "pooled_level")
"""Estimators of the coefficient of exposure itself; all others are of the gap."""
MADE = ("", *PLACEBOS, HASH_SCORE, FUTURE_TIES)

_CHOICES: dict[str, tuple[object, ...]] = {
    "role": (*ROLES, "exploratory"),
    "estimator": tuple(ESTIMATORS),
    "lags": (1, 2, 3),
    "effects": ("week", "group_week", "community_week"),
    "cluster": ("agent", "agent+week", "group"),
    "sample": ("all", "first_half", "second_half"),
    "placebo": MADE,
    "visible": (False, True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluenceSpecification:
    """One specification; what it is run on (network, score, window) is added when it is run.

    Attributes
    ----------
    role, hypothesis
        What it is for; no part of its identity.
    estimator
        A key of `ESTIMATORS`.
    lags
        Lags of the own score.
    effects
        ``week``, ``group_week`` (observed groups) or ``community_week`` (communities of the pooled network).
    cluster
        ``agent``, ``agent+week`` or ``group``.
    sample
        All weeks, or a half of them.
    placebo
        A name of `pipeline.influence.placebos`, empty for the estimate itself.
    visible
        Whether the logarithm of the number of alters with a score is a covariate.
    """

    role: str
    hypothesis: str
    estimator: str
    lags: int = 1
    effects: str = "week"
    cluster: str = "agent"
    sample: str = "all"
    placebo: str = ""
    visible: bool = False

    @property
    def term(self) -> str:
        """The term that is asked about."""
        if self.estimator == "second_order_test":
            return "m2"
        exposed = "exposure" if self.estimator in LEVEL_TERMS else "gap"
        return f"{exposed}_{self.placebo}" if self.placebo in (*PLACEBOS, FUTURE_TIES) else exposed

    @property
    def formula(self) -> str:
        """The model in the notation of formulas, outcome first."""
        terms = [self.term if self.term != "m2" else "gap"]
        terms += ["gap"] if self.placebo in (*PLACEBOS, FUTURE_TIES) else []
        terms += [] if self.estimator.endswith("_level") else [f"y_lag{k}" for k in range(1, self.lags + 1)]
        terms += ["log1p(alters_scored)"] if self.visible else []
        agent = [] if self.estimator.startswith("pooled") else ["agent"]
        return f"y ~ {' + '.join(terms)} | {' + '.join([*agent, self.effects.replace('_', ' x ')])}"

    def spec_id(self, network: str, variable: str, hours: int, window: str = "") -> str:
        """Return twelve hex digits of the SHA-256 of all choices and of what the specification is run on."""
        own = (self.estimator, self.formula, self.cluster, self.sample, self.placebo)
        text = "\n".join((*own, network, variable, str(hours), window))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Windows:
    """Rolling windows: their length and how far apart they begin, in weeks."""

    length: int
    step: int


@dataclass(frozen=True, slots=True)
class InfluenceGrid:
    """All that is run.

    Attributes
    ----------
    network, variables
        The network and the scores of the headline, in the order of preference; the first that can be asked is it.
    also
        Scores that have all specifications too, whatever the headline is.
    full
        Specifications of the headline.
    brief
        Specifications of every other network and score, a selection of `full`.
    rolling
        Specifications of every rolling window of the headline.
    windows
        The windows, in weeks.
    hours
        Length of the windows of interactions of corpora of some days, in hours.
    """

    network: str
    variables: tuple[str, ...]
    also: tuple[str, ...]
    full: tuple[InfluenceSpecification, ...]
    brief: tuple[InfluenceSpecification, ...]
    rolling: tuple[InfluenceSpecification, ...]
    windows: Windows
    hours: int


def grid_text() -> str:
    """Return the content of the registered grid."""
    return files("pipeline.influence").joinpath("grid.toml").read_text(encoding="utf-8")


def load_influence_grid(text: str | None = None) -> InfluenceGrid:
    """Read and check the grid.

    Parameters
    ----------
    text
        Content of a grid file; without it, the registered one.

    Raises
    ------
    ValueError
        When an entry is not valid; the sentence says which, and what was expected.
    """
    document = tomllib.loads(grid_text() if text is None else text)
    parts = {part: _specifications(document.get(part, []), part) for part in ("full", "brief", "rolling")}
    if [spec.role for spec in parts["full"]].count("primary") != 1 or parts["full"][0].role != "primary":
        raise ValueError("grid.toml: the first specification of full, and no other, must have the role primary")
    settings = document["settings"]
    return InfluenceGrid(
        network=settings["network"],
        variables=tuple(settings["variables"]),
        also=tuple(settings["also"]),
        windows=Windows(int(settings["window_weeks"]), int(settings["window_step"])),
        hours=int(settings["hours"]),
        **parts,
    )


def _specifications(entries: list[dict[str, Any]], part: str) -> tuple[InfluenceSpecification, ...]:
    specs = tuple(_specification(entry, f"grid.toml, {part} {i}") for i, entry in enumerate(entries, 1))
    ids = [spec.spec_id("", "", 0) for spec in specs]
    if not ids or len(set(ids)) < len(ids):
        raise ValueError(f"grid.toml: expected specifications in {part}, each once")
    return specs


def _specification(entry: dict[str, Any], where: str) -> InfluenceSpecification:
    if unknown := sorted(set(entry) - {field.name for field in fields(InfluenceSpecification)}):
        raise ValueError(f"{where}: unknown keys {unknown}")
    if missing := sorted({"role", "hypothesis", "estimator"} - set(entry)):
        raise ValueError(f"{where}: keys {missing} are missing; add them")
    for name, allowed in _CHOICES.items():
        if name in entry and entry[name] not in allowed:
            raise ValueError(f"{where}: {name} {entry[name]!r} is not one of {list(allowed)}")
    if entry.get("placebo") and entry["estimator"] != "fod_iv":
        raise ValueError(f"{where}: placebos go with fod_iv")
    if entry.get("placebo") == FUTURE_TIES and entry["role"] != "exploratory":
        raise ValueError(f"{where}: future ties are a diagnostic of selection, exploratory, and no placebo")
    return InfluenceSpecification(**entry)
