"""The rows of family ``gender``: the weekly score by each scorer, its variance, order, reliability and validity.

What belongs here: which statistic is computed of which score, and when a value is withheld. Rows are of unit
``scorer``, unit_id lexicon, axis, model or placebo. That tied agents are alike in the score is family ``homophily``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import duckdb
import numpy as np
import polars as pl
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, Interval, stream
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.gender.declared import FEMININE, MASCULINE, RULES, declared_gender
from pipeline.gender.order import TERCILES, lag_correlation, transitions
from pipeline.gender.panel import Panel, read_halves, read_panel, read_whole
from pipeline.gender.scorers import AXIS, LEXICON, MODEL
from pipeline.gender.validation import LEAST_OF_A_KIND, area
from pipeline.gender.variance import LEAST_AGENTS, Found, reliability, variance_components
from pipeline.language.covered import corpus_coverage, refused, warned
from pipeline.network.clock import WEEKLY_SHARE
from pipeline.network.traits import COUNTED, MESSAGE_CLOCK
from pipeline.schema import Measure, join_warnings

FAMILY = "gender"
PLACEBO = "placebo"
UNITS = (LEXICON, AXIS, MODEL, PLACEBO)
_FIRST_MONDAY = datetime(1970, 1, 5)  # of the week with number 0
LEAST_IN_WEEK = 20

_COUNTS = f"""
SELECT count(DISTINCT m.run_id) AS runs, count(DISTINCT m.agent_id) AS agents FROM message AS m WHERE {COUNTED}
"""
_WRITTEN = "SELECT count(*) FROM agent_week WHERE variable = 'activity'"
_HAS_AXIS = "SELECT count(*) FROM embedding WHERE rung = 'static'"
_BOTH_RUNGS = """
SELECT CAST(s.numerator AS DOUBLE) AS static_score, CAST(f.numerator AS DOUBLE) AS full_score
FROM gender_score AS s JOIN gender_score AS f ON f.text_hash = s.text_hash
WHERE s.scorer = 'axis' AND f.scorer = 'axis_teacher' ORDER BY s.text_hash
"""


@dataclass(frozen=True, slots=True)
class Corpus:
    """What the rows of all scorers share."""

    con: duckdb.DuckDBPyConnection
    sampling: Sampling
    written: int
    agents: int
    clock: tuple[str, ...]
    refusal: tuple[str, ...]
    whole: pl.DataFrame
    declared: pl.DataFrame


def gender_measures(
    con: duckdb.DuckDBPyConnection, sampling: Sampling, progress: Callable[[str], None] = lambda _: None
) -> list[Measure]:
    """Compute the rows of family ``gender``.

    Parameters
    ----------
    con
        Connection with views ``agent``, ``message``, ``text``, ``lexicon_score``, ``embedding``, ``gender_score`` and
        ``agent_week`` of one corpus.
    sampling
        Seed, draws and level.
    progress
        Receives short sentences.

    Returns
    -------
    list of Measure
        For each of `UNITS` all measures; where clock, agents or scores do not allow one, it is null and says why.
    """
    corpus = _corpus(con, sampling)
    covered = corpus_coverage(con)
    rows = _declared_rows(corpus)
    for name in UNITS:
        found = scorer_rows(corpus, name)
        found = axis_warned(con, [*found, _fidelity(corpus)]) if name == AXIS else found
        found = refused(found, covered) if name == AXIS else warned(found, covered) if name == LEXICON else found
        rows += found
        progress(f"gender performance by {name} is measured")
    return rows


def axis_warned(con: duckdb.DuckDBPyConnection, rows: Iterable[Measure]) -> list[Measure]:
    """Return rows of the embedding axis; where nothing is embedded they say ``model_unavailable``."""
    listed = list(rows)
    if int(con.sql(_HAS_AXIS).fetchall()[0][0]):
        return listed
    return [replace(made, warnings=join_warnings([*(made.warnings or "").split(","), "model_unavailable"]))
            for made in listed]  # fmt: skip


def _corpus(con: duckdb.DuckDBPyConnection, sampling: Sampling) -> Corpus:
    messages, timed, known, stepped = (int(n) for n in con.sql(MESSAGE_CLOCK).fetchall()[0])
    runs, agents = (int(n) for n in con.sql(_COUNTS).fetchall()[0])
    clock: list[str] = ["runs_pooled"] if runs > 1 else []
    refusal: list[str] = []
    if not messages:
        refusal = ["no_messages"]
    elif known < WEEKLY_SHARE * messages:
        is_timed = timed >= WEEKLY_SHARE * messages
        refusal = ["time_too_coarse" if is_timed else "clock_is_step" if stepped else "no_times"]
    elif known < messages:
        clock.append("coarse_times_dropped")
    return Corpus(
        con,
        sampling,
        int(con.sql(_WRITTEN).fetchall()[0][0]),
        agents,
        tuple(clock),
        tuple(refusal),
        read_whole(con),
        declared_gender(con),
    )


def _place(made: Measure, name: str, **fields: object) -> Measure:
    return replace(made, unit="scorer", unit_id=name, **fields)  # type: ignore[arg-type]


def _found_row(
    corpus: Corpus, name: str, measure_id: str, found: Found, n_unit: str, words: Sequence[str] = ()
) -> Measure:
    """Return a row; a value that is not there lacks variation unless `words` say more."""
    value = found.value if np.isfinite(found.value) else None
    said = list(words)
    if value is None and not said:
        said = ["no_variation" if found.n else "few_agents"]
    elif value is not None and found.interval is NO_INTERVAL:
        said.append("few_agents")
    made = row(
        FAMILY, measure_id, value, found.n, n_unit, level=corpus.sampling.level, interval=found.interval,
        null=found.null, warnings=(*corpus.clock, *said),
    )  # fmt: skip
    return _place(made, name)


def scorer_rows(corpus: Corpus, name: str) -> list[Measure]:
    """Return all rows of one scorer."""
    validity = _validity(corpus, name)
    if corpus.refusal:
        empty = Found(float("nan"), NO_INTERVAL, 0)
        ids = [("gender_scored_share", "agent-weeks"), *_WEEKLY_IDS]
        ids = [pair for pair in ids if name != PLACEBO or "reliability" not in pair[0]]
        return [*(_found_row(corpus, name, i, empty, unit, corpus.refusal) for i, unit in ids), *validity]
    panel = read_panel(corpus.con, name)
    words = ["no_gender_model"] if name == MODEL and not len(panel.value) else []
    share = row(
        FAMILY, "gender_scored_share", len(panel.value) / corpus.written if corpus.written and not words else None,
        corpus.written, "agent-weeks", level=corpus.sampling.level, interval=CENSUS, warnings=(*corpus.clock, *words),
    )  # fmt: skip
    rows = [_place(share, name), *_variance_rows(corpus, name, panel, words), *_order_rows(corpus, name, panel, words)]
    return [*rows, *_reliability_rows(corpus, name, words), *_week_rows(corpus, name, panel), *validity]


_WEEKLY_IDS = [
    ("gender_mean", "agent-weeks"),
    ("gender_between_sd", "agent-weeks"),
    ("gender_within_sd", "agent-weeks"),
    ("gender_icc", "agent-weeks"),
    ("gender_lag1_correlation", "pairs of weeks"),
    ("gender_tercile_stay_share", "pairs of weeks"),
    ("gender_reliability", "agent-weeks"),
    ("gender_fluidity_reliability", "agent-weeks"),
]


def _draws(corpus: Corpus, name: str, part: str) -> dict[str, object]:
    sampling = corpus.sampling
    return {
        "draws": sampling.bootstrap_draws,
        "rng": stream(sampling.seed, f"gender/{name}/{part}"),
        "level": sampling.level,
    }


def _variance_rows(corpus: Corpus, name: str, panel: Panel, words: Sequence[str]) -> list[Measure]:
    draws = _draws(corpus, name, "variance")
    found = variance_components(panel, null_draws=corpus.sampling.null_draws, **draws)  # type: ignore[arg-type]
    repeated = int((np.bincount(panel.agent) >= 2).sum()) if len(panel.value) else 0
    rows = []
    for measure_id, value in found.items():
        # Nearly all agents have one week: then the components are there, and no share can be made of them.
        is_no_share = (
            measure_id == "gender_icc" and not np.isfinite(value.value) and found["gender_within_sd"].value > 0
        )
        few = [] if words or measure_id == "gender_mean" or (repeated and not is_no_share) else ["few_periods"]
        rows.append(_found_row(corpus, name, measure_id, value, "agent-weeks", [*words, *few]))
    return rows


def _order_rows(corpus: Corpus, name: str, panel: Panel, words: Sequence[str]) -> list[Measure]:
    null_draws = corpus.sampling.null_draws
    lag = lag_correlation(panel, null_draws=null_draws, **_draws(corpus, name, "lag"))  # type: ignore[arg-type]
    steps = transitions(panel, null_draws=null_draws, **_draws(corpus, name, "terciles"))  # type: ignore[arg-type]
    few = [] if words or lag.n else ["few_periods"]
    rows = [_found_row(corpus, name, "gender_lag1_correlation", lag, "pairs of weeks", [*words, *few])]
    stay = steps.stay if steps else Found(float("nan"), NO_INTERVAL, lag.n)
    rows.append(_found_row(corpus, name, "gender_tercile_stay_share", stay, "pairs of weeks", [*words, *few]))
    if steps is None:  # the one row says why there are no transitions
        rows.append(_found_row(corpus, name, "gender_tercile_transition_share", stay, "pairs of weeks", [*words, *few]))
    for start in TERCILES if steps else ():
        for end in TERCILES:
            found = steps.matrix[start, end]  # type: ignore[union-attr]
            made = _found_row(corpus, name, "gender_tercile_transition_share", found, "pairs of weeks")
            rows.append(replace(made, unit="transition", unit_id=f"{name}/{start}/{end}"))
    return rows


def _reliability_rows(corpus: Corpus, name: str, words: Sequence[str]) -> list[Measure]:
    rows = []
    halves = read_halves(corpus.con, name)
    for measure_id, is_within in (("gender_reliability", False), ("gender_fluidity_reliability", True)):
        if name == PLACEBO:  # it is of the agent, not of its messages: there are no halves
            continue
        found = reliability(halves, is_within=is_within, **_draws(corpus, name, measure_id))  # type: ignore[arg-type]
        few = [] if words or found.n else ["few_texts"]
        rows.append(_found_row(corpus, name, measure_id, found, "agent-weeks", [*words, *few]))
    return rows


def _week_rows(corpus: Corpus, name: str, panel: Panel) -> list[Measure]:
    """Return the mean of the agents' scores by week; agents of one week are independent of each other."""
    rows = []
    for week in np.unique(panel.week):
        values = panel.value[panel.week == week]
        interval, words = _t_interval(values, corpus.sampling.level)
        made = row(
            FAMILY, "gender_mean", float(values.mean()) if len(values) >= LEAST_IN_WEEK else None, len(values),
            "agents", level=corpus.sampling.level, interval=interval, warnings=(*corpus.clock, *words),
        )  # fmt: skip
        rows.append(_place(made, name, period="week", period_start=_FIRST_MONDAY + timedelta(weeks=int(week))))
    return rows


def _t_interval(values: FloatArray, level: float) -> tuple[Interval, list[str]]:
    if len(values) < LEAST_IN_WEEK:
        return NO_INTERVAL, ["few_agents"]
    error = float(values.std(ddof=1)) / len(values) ** 0.5
    if error == 0:
        return NO_INTERVAL, ["no_variation"]
    reach = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * error
    mean = float(values.mean())
    return Interval(mean - reach, mean + reach, "t_agents"), []


def _validity(corpus: Corpus, name: str) -> list[Measure]:
    scores = corpus.whole.filter(pl.col("variable") == f"gender_{name}").select("agent_id", "value")
    both = scores.join(corpus.declared, on="agent_id")
    sides = {side: both.filter(pl.col("gender") == side)["value"].to_numpy() for side in (FEMININE, MASCULINE)}
    found = area(sides[FEMININE], sides[MASCULINE], level=corpus.sampling.level)
    words = ["no_gender_model"] if name == MODEL and not scores.height else []
    if not words and min(len(values) for values in sides.values()) < LEAST_OF_A_KIND:
        found = replace(found, value=float("nan"))
        words = ["few_agents"]
    return [_found_row(corpus, name, "gender_auc", found, "agents that declare a gender", words)]


def _fidelity(corpus: Corpus) -> Measure:
    """Return how the axis ranks sampled texts by cheap vectors as by the teacher's: Spearman, Fisher's interval."""
    frame = corpus.con.sql(_BOTH_RUNGS).pl()
    n = frame.height
    value, interval = float("nan"), NO_INTERVAL
    if n >= LEAST_AGENTS and frame["static_score"].n_unique() > 1 and frame["full_score"].n_unique() > 1:
        value = float(stats.spearmanr(frame["static_score"], frame["full_score"]).statistic)
        # Variance of Bonett & Wright 2000, Psychometrika 65(1).
        reach = float(stats.norm.ppf((1 + corpus.sampling.level) / 2)) * ((1 + value**2 / 2) / (n - 3)) ** 0.5
        low, high = (float(np.tanh(np.arctanh(np.clip(value, -1, 1)) + side * reach)) for side in (-1, 1))
        interval = Interval(low, high, "fisher_bonett_wright")
    words = [] if np.isfinite(value) else ["few_texts"]
    return _found_row(corpus, AXIS, "gender_axis_fidelity", Found(value, interval, n), "distinct texts", words)


def _declared_rows(corpus: Corpus) -> list[Measure]:
    """Return the share of agents that declare a gender: by side over all rules, and by rule."""
    agents = int(corpus.con.sql("SELECT count(*) FROM agent").fetchall()[0][0])
    counts = [(f"{side}", int((corpus.declared["gender"] == sign).sum()))
              for side, sign in (("feminine", FEMININE), ("masculine", MASCULINE))]  # fmt: skip
    counts += [(f"rule/{rule}", int((corpus.declared["rule"] == rule).sum())) for rule in RULES]
    rows = []
    for unit_id, count in counts:
        made = row(
            FAMILY, "gender_declared_share", count / agents if agents else None, agents, "agents",
            level=corpus.sampling.level, interval=CENSUS, warnings=() if agents else ("few_agents",),
        )  # fmt: skip
        rows.append(replace(made, unit="declaration", unit_id=unit_id))
    return rows
