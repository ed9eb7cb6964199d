"""Every specification of gender performance: rows of ``analysis.estimate``, family gender.

What belongs here: the specifications of ``inference/grid/gender.toml`` and their rows. The statistics are those of
`validation`, `variance` and `order`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, stream
from pipeline.activity.row import Sampling
from pipeline.gender.declared import FEMININE, MASCULINE, RULES, declared_gender
from pipeline.gender.order import lag_correlation
from pipeline.gender.panel import Panel, read_panel, read_whole
from pipeline.gender.scorers import AXIS, LEXICON
from pipeline.gender.validation import LEAST_OF_A_KIND, area
from pipeline.gender.variance import Found, variance_components
from pipeline.inference.grid_entries import made, read_entries
from pipeline.inference.multiplicity import adjust
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.inference.specification import ROLES
from pipeline.language.covered import WORD, Coverage, corpus_coverage
from pipeline.network.traits import COUNTED
from pipeline.schema import Estimate, join_warnings

FAMILY = "gender"
TELLS, LEVEL, FOLLOW = "score_tells_declared", "agents_have_a_level", "weeks_follow"
ESTIMANDS = {
    TELLS: "probability that an agent that declares feminine scores above one that declares masculine, less 1/2",
    LEVEL: "share of the variance of weekly scores that lies between agents",
    FOLLOW: "correlation of an agent's scores, off the mean of their week, in consecutive weeks",
}
_DECLARED: dict[str, tuple[str, ...]] = {
    "all": RULES,
    "surest": ("field", "pronouns"),
    "without_third_person": tuple(rule for rule in RULES if rule != "third_person"),
}
_MESSAGES = f"SELECT m.agent_id, count(*) AS n FROM message AS m WHERE {COUNTED} GROUP BY m.agent_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class GenderSpecification:
    """One specification; the fields are those of the grid. `role` is no part of its identity."""

    role: str
    hypothesis: str
    scorer: str = LEXICON
    rules: str = "all"
    least: int = 1
    is_dealt: bool = False

    @property
    def formula(self) -> str:
        """The choices in one line, in a fixed order."""
        dealt = ", dealt out anew" if self.is_dealt else ""
        if self.hypothesis == TELLS:
            return f"declared by {self.rules} ~ {self.scorer}{dealt} | at least {self.least} messages"
        return f"{self.hypothesis} of {self.scorer}{dealt} | at least {self.least} weeks"

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the choices."""
        return hashlib.sha256(f"gender\n{self.formula}".encode()).hexdigest()[:12]


@cache
def load_gender_grid() -> tuple[GenderSpecification, ...]:
    """Read and check the registered grid.

    Raises
    ------
    ValueError
        When an entry is not valid or stands twice; the sentence says which.
    """
    return read_entries("grid/gender.toml", _specification)[0]


def _specification(raw: dict[str, Any], where: str) -> GenderSpecification:
    choices = {"role": ROLES, "hypothesis": tuple(ESTIMANDS), "scorer": (LEXICON, AXIS, "placebo"),
               "rules": tuple(_DECLARED)}  # fmt: skip
    return made(GenderSpecification, raw, where, choices)


def gender_estimates(
    con: duckdb.DuckDBPyConnection, sampling: Sampling, progress: Callable[[str], None] = lambda _: None
) -> list[Estimate]:
    """Run every specification of the grid and adjust the p-values.

    Parameters
    ----------
    con
        Connection with the views ``agent``, ``message``, ``text`` and ``agent_week`` of one corpus.
    sampling
        Seed, draws and level.
    progress
        Receives a sentence per specification.

    Returns
    -------
    list of Estimate
        One row per specification; null with the reason in `warnings` where the data do not allow one.
    """
    covered = corpus_coverage(con)
    whole = read_whole(con).join(con.sql(_MESSAGES).pl(), on="agent_id", how="left")
    declared = declared_gender(con)
    panels: dict[str, Panel] = {}
    rows = []
    for number, spec in enumerate(load_gender_grid(), 1):
        progress(f"gender {number}: {spec.formula}")
        rng = stream(sampling.seed, f"gender/{spec.spec_id}")
        if spec.scorer == AXIS and covered.is_refused:
            found, words = Found(float("nan"), NO_INTERVAL, 0), [WORD]
        elif spec.hypothesis == TELLS:
            found, words = _tells(spec, whole, declared, sampling, rng)
        else:
            if spec.scorer not in panels:
                panels[spec.scorer] = read_panel(con, spec.scorer)
            found, words = _weekly(spec, panels[spec.scorer], sampling, rng)
        rows.append(_row(spec, found, words, sampling, covered))
    return adjust(rows)


def _tells(
    spec: GenderSpecification, whole: pl.DataFrame, declared: pl.DataFrame, sampling: Sampling,
    rng: np.random.Generator,
) -> tuple[Found, list[str]]:  # fmt: skip
    scores = whole.filter((pl.col("variable") == f"gender_{spec.scorer}") & (pl.col("n") >= spec.least))
    both = scores.join(declared.filter(pl.col("rule").is_in(_DECLARED[spec.rules])), on="agent_id").sort("agent_id")
    value, side = both["value"].to_numpy(), both["gender"].to_numpy()
    if spec.is_dealt:
        value = rng.permutation(value)
    groups: dict[int, FloatArray] = {sign: value[side == sign] for sign in (FEMININE, MASCULINE)}
    if min(len(values) for values in groups.values()) < LEAST_OF_A_KIND:
        return Found(float("nan"), NO_INTERVAL, len(value)), ["few_agents"]
    found = area(groups[FEMININE], groups[MASCULINE], level=sampling.level)
    return found, [] if found.null else ["no_variation"]


def _weekly(
    spec: GenderSpecification, panel: Panel, sampling: Sampling, rng: np.random.Generator
) -> tuple[Found, list[str]]:
    kept = np.bincount(panel.agent)[panel.agent] >= spec.least if panel.agent.size else np.zeros(0, dtype=np.bool_)
    agent = np.unique(panel.agent[kept], return_inverse=True)[1].astype(np.int64)
    value, week = panel.value[kept], panel.week[kept]
    if agent.size == 0 or int(agent.max()) + 1 < FEWEST_BOOTSTRAP_UNITS:
        return Found(float("nan"), NO_INTERVAL, int(agent.size)), ["few_periods", "few_agents"]
    if spec.is_dealt:
        order = np.argsort(week, kind="stable")
        dealt = np.empty_like(value)
        dealt[order] = value[order][np.argsort(week[order] - week.min() + rng.random(order.size))]
        value = dealt
    chosen = Panel(agent, week, value)
    draws = {"draws": sampling.bootstrap_draws, "null_draws": sampling.null_draws, "rng": rng, "level": sampling.level}
    if spec.hypothesis == LEVEL:
        found = variance_components(chosen, **draws)["gender_icc"]  # type: ignore[arg-type]
    else:
        found = lag_correlation(chosen, **draws)  # type: ignore[arg-type]
    return found, [] if np.isfinite(found.value) else ["no_variation"]


def _row(spec: GenderSpecification, found: Found, words: list[str], sampling: Sampling, covered: Coverage) -> Estimate:
    has, null, zero = bool(np.isfinite(found.value)), found.null, 0.5 if spec.hypothesis == TELLS else 0.0
    ends = (found.interval.low, found.interval.high) if has else (None, None)
    said = [
        *words,
        *(covered.words if spec.scorer != "placebo" else []),
        *(["few_agents"] if has and null is None else []),
    ]
    return Estimate(
        spec_id=spec.spec_id, family=FAMILY, hypothesis_id=spec.hypothesis, role=spec.role,
        estimand=ESTIMANDS[spec.hypothesis], model=spec.formula,
        estimator={TELLS: "roc_area", LEVEL: "intraclass_correlation", FOLLOW: "lag_correlation"}[spec.hypothesis],
        outcome=f"gender_{spec.scorer}", term=spec.hypothesis, estimate=found.value - zero if has else None,
        conf_low=None if ends[0] is None else ends[0] - zero, conf_high=None if ends[1] is None else ends[1] - zero,
        conf_level=None if ends[0] is None else sampling.level, n_obs=found.n, cluster="agent",
        p_value=null.p_value if has and null else None, null_mean=null.mean - zero if has and null else None,
        null_sd=null.sd if has and null else None, score_version=spec.scorer, warnings=join_warnings(said),
    )  # fmt: skip
