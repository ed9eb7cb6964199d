"""All specifications on one panel: rows are made once and serve every specification that can use them.

What belongs here: which rows and scores a specification gets. What does not: tables and corpora.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.activity.resampling import stream
from pipeline.inference.result import Fit
from pipeline.influence.communities import communities
from pipeline.network.panel import IntArray, Panel
from pipeline.network.reliability import error_variances, split_half
from pipeline.selection import placebos
from pipeline.selection.adjacency import FloatArray
from pipeline.selection.common_scale import CONTROLS, MOST_EVENTS, CommonScale, selection_scale
from pipeline.selection.fit import choice_base, choice_result, estimate_ties, fit_choice, refusal
from pipeline.selection.grid import SelectionSpecification
from pipeline.selection.risk_set import RiskSet, risk_set
from pipeline.selection.simex import simex
from pipeline.selection.tie_rows import TieRows, open_pairs, standing_ties

SIMEX_EVENTS = 5_000
"""More choices are sampled by hash before scores are simulated."""
GOOD_RELIABILITY = 0.9
"""Below this reliability, or where it is not known, an uncorrected estimate is called attenuated."""


@dataclass(frozen=True, slots=True)
class PanelFit:
    """One term of one specification.

    Attributes
    ----------
    spec
        The specification.
    fit
        What was estimated, or why not.
    columns
        First and last column whose ties were looked at.
    scale
        Selection on the common scale, for formation on the observed score.
    """

    spec: SelectionSpecification
    fit: Fit
    columns: tuple[int, int]
    scale: CommonScale | None = None


@dataclass(slots=True)
class RowStore:
    """Rows of one network, kept by who has a score, so that scores of the same agents share them."""

    seed: int
    kept: dict[tuple[object, ...], RiskSet | TieRows] = field(default_factory=dict)
    found: dict[tuple[int, int], IntArray] = field(default_factory=dict)

    def communities(self, panel: Panel) -> IntArray:
        """Return the communities of the network pooled over the weeks of a panel, −1 for agents without a tie."""
        key = (panel.first_week, panel.n_weeks)
        if key not in self.found:
            self.found[key] = communities(panel, self.seed, runs=1).number
        return self.found[key]

    def choices(self, panel: Panel, controls: int, most: int) -> RiskSet:
        """Return the choices of a panel."""
        key = ("choice", controls, most, _present(panel))
        if key not in self.kept:
            self.kept[key] = risk_set(panel, controls=controls, seed=self.seed, most_events=most)
        found = self.kept[key]
        assert isinstance(found, RiskSet)  # noqa: S101 - the key says so
        return found

    def ties(self, panel: Panel, estimator: str, controls: int, most: int) -> TieRows:
        """Return standing ties, or open pairs."""
        key = (estimator, controls, most, _present(panel))
        if key not in self.kept:
            if estimator == "tie_logit":
                self.kept[key] = standing_ties(panel, seed=self.seed, most_rows=most)
            else:
                self.kept[key] = open_pairs(panel, per_event=controls, seed=self.seed, most_events=most)
        found = self.kept[key]
        assert isinstance(found, TieRows)  # noqa: S101 - the key says so
        return found


def _present(panel: Panel) -> str:
    return hashlib.sha256(np.isfinite(panel.scores).tobytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Limits:
    """Rows at most: choices, and rows of models of ties."""

    events: int = 100_000
    ties: int = 50_000
    open_events: int = 20_000
    simex_events: int = SIMEX_EVENTS


class PanelFits:
    """Fits specifications on one panel.

    Parameters
    ----------
    panel
        As read; scores are put in units of their standard deviation over all agents and weeks.
    store
        Rows of the network.
    seed, level
        Seed of draws, level of the intervals.
    name
        Name of the panel in the streams of random numbers.
    limits
        Rows at most.
    """

    def __init__(
        self, panel: Panel, store: RowStore, *, seed: int, level: float, name: str, limits: Limits | None = None
    ) -> None:
        self._panel = panel.standardised()
        self._store = store
        self._seed = seed
        self._level = level
        self._name = name
        self._limits = limits or Limits()
        self._scores: dict[str, FloatArray] = {"observed": self._panel.scores}
        self._reliability = split_half(self._panel)

    def all(self, specs: Mapping[str, SelectionSpecification]) -> Iterator[PanelFit]:
        """Yield the results of specifications, one for each window of a rolling one."""
        spread = float(np.nanstd(self._panel.scores)) if np.isfinite(self._panel.scores).any() else 0.0
        for spec in specs.values():
            if spread <= 0:
                yield PanelFit(spec, Fit(warnings=("no_variation",)), (0, self._panel.n_weeks - 1))
            elif spec.window:
                yield from self._rolling(spec)
            else:
                yield self._one(spec)

    def _one(self, spec: SelectionSpecification) -> PanelFit:
        span = (1, self._panel.n_weeks - 1)
        if spec.estimator == "choice_simex":
            return PanelFit(spec, self._simex(spec), span)
        if spec.is_choice:
            rows = self._store.choices(self._panel, spec.controls, self._limits.events)
            return self._choice(spec, rows, span)
        most = self._limits.ties if spec.estimator == "tie_logit" else self._limits.open_events
        found = self._store.ties(self._panel, spec.estimator, spec.controls, most)
        scores = self._score(spec.score)
        fit = estimate_ties(
            found, scores, self._panel.group, spec.terms, spec.covariance, self._level, spec.term, by_week=spec.by_week
        )
        return PanelFit(spec, self._said(spec, fit), span)

    def _choice(self, spec: SelectionSpecification, rows: RiskSet, span: tuple[int, int]) -> PanelFit:
        if word := refusal(rows, spec.terms):
            return PanelFit(spec, replace(choice_base(rows), warnings=(word,)), span)
        choice = fit_choice(rows, self._score(spec.score), self._group(spec), spec.terms, spec.term)
        fit = choice_result(rows, choice, spec.covariance, self._level)
        scale = None
        if fit.estimate is not None and spec.role == "primary" and fit.conf_low is not None:
            many = self._store.choices(self._panel, CONTROLS, min(MOST_EVENTS, self._limits.events))
            ends = (fit.conf_low, float(fit.conf_high or 0.0))
            scale = selection_scale(many, self._panel.scores, self._panel.group, choice, *ends)
        return PanelFit(spec, self._said(spec, fit), span, scale)

    def _rolling(self, spec: SelectionSpecification) -> Iterator[PanelFit]:
        rows, last = self._store.choices(self._panel, spec.controls, self._limits.events), self._panel.n_weeks
        for first in range(1, last - spec.window + 1, spec.step):
            yield self._choice(spec, rows.within(first, first + spec.window), (first, first + spec.window - 1))

    def _simex(self, spec: SelectionSpecification) -> Fit:
        most = min(self._limits.simex_events, self._limits.events)
        rows = self._store.choices(self._panel, spec.controls, most)
        if word := refusal(rows, spec.terms):
            return replace(choice_base(rows), warnings=(word,))
        error = error_variances(self._panel)
        if error is None:
            return replace(choice_base(rows), warnings=(self._reliability.warning or "no_halves",))
        rng = stream(self._seed, f"simex {self._name}")
        found = simex(
            rows, self._panel.scores, self._panel.group, spec.terms, error, self._reliability, rng=rng,
            kind=spec.covariance, level=self._level,
        )  # fmt: skip
        return found.fit

    def _group(self, spec: SelectionSpecification) -> IntArray:
        """Return groups of agents; found ones are those of the whole network, new ties included."""
        return self._store.communities(self._panel) if spec.groups == "found" else self._panel.group

    def _score(self, kind: str) -> FloatArray:
        if kind not in self._scores:
            rng = stream(self._seed, f"{kind} {self._name}")
            observed = self._panel.scores
            self._scores[kind] = {
                "shuffled_agents": lambda: placebos.shuffled_agents(observed, self._panel.group, rng),
                "shuffled_weeks": lambda: placebos.shuffled_weeks(observed, rng),
                "hash_score": lambda: placebos.hash_score(observed, rng),
            }[kind]()
        return self._scores[kind]

    def _said(self, spec: SelectionSpecification, fit: Fit) -> Fit:
        """Add that errors of the score draw an estimate on it to zero."""
        reliability = self._reliability.reliability
        is_noisy = self._panel.halves is not None and (reliability is None or reliability < GOOD_RELIABILITY)
        if fit.estimate is None or spec.score != "observed" or not is_noisy:
            return fit
        return replace(fit, warnings=(*fit.warnings, "attenuated"))
