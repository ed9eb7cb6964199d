"""From statistics of a network to rows of ``analysis.measure``: intervals, nulls, refusals.

What belongs here: when a value, an interval or a null is withheld, and what the row then says.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.activity.resampling import NO_INTERVAL, Interval, jackknife_interval
from pipeline.activity.row import row
from pipeline.network.mixing import Mixing
from pipeline.network.permutation_moments import Moments
from pipeline.schema import Measure, join_warnings

FAMILY = "homophily"
MIN_TIES = 30
"""With fewer ties a week has no value, and the whole span no interval and no null."""
MIN_EGOS = 20
"""With fewer egos there is no interval: the jackknife has too few units."""
FEW_EGOS = 40
MOST_SELF_TIES = 0.25
"""Standard deviations by which ties to oneself may shift the null of stub permutation without a warning."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a row belongs: the unit, the period, and the words that hold for all of its rows."""

    unit: str
    unit_id: str
    period: str
    start: datetime | None = None
    words: tuple[str, ...] = ()


def mixing_rows(measure_id: str, mixing: Mixing, place: Place, level: float) -> list[Measure]:
    """Return the rows of one statistic: one per null model, or a single one without.

    Parameters
    ----------
    measure_id, mixing, place
        What was measured and where it belongs.
    level
        Level of the interval, a jackknife over egos: an ego leaves with all the ties that it sends.

    Returns
    -------
    list of Measure
        Below `MIN_TIES` ties a week is refused with ``few_ties`` and the whole span keeps its value alone; where
        nothing varies the value is null with ``no_variation``.
    """
    words = list(place.words)
    if mixing.ties < MIN_TIES:
        words.append("few_ties")
        value = mixing.value if place.period == "all" and mixing.ties else None
        return [_row(measure_id, value, mixing, place, level, words)]
    if not math.isfinite(mixing.value):
        return [_row(measure_id, None, mixing, place, level, [*words, "no_variation"])]
    if mixing.egos < FEW_EGOS:
        words.append("few_clusters")
    interval, bound = NO_INTERVAL, math.inf if measure_id.startswith("excess_similarity") else 1.0
    if mixing.egos >= MIN_EGOS:
        interval = jackknife_interval(
            mixing.value, mixing.left_out, level=level, method="jackknife_egos", bounds=(-bound, bound)
        )
    measured = _row(measure_id, mixing.value, mixing, place, level, words, interval)
    warned = measured
    if mixing.self_ties > MOST_SELF_TIES:
        warned = replace(measured, warnings=join_warnings([*(measured.warnings or "").split(","), "self_ties_in_null"]))
    stub, label = mixing.distances
    return [
        _with_null(warned, "stub_permutation", mixing.stub, stub),
        _with_null(measured, "label_permutation", mixing.label, label),
    ]


def _row(
    measure_id: str,
    value: float | None,
    mixing: Mixing,
    place: Place,
    level: float,
    words: Iterable[str],
    interval: Interval = NO_INTERVAL,
) -> Measure:
    made = row(FAMILY, measure_id, value, mixing.ties, "ties", level=level, interval=interval, warnings=words)
    return replace(made, unit=place.unit, unit_id=place.unit_id, period=place.period, period_start=place.start)


def _with_null(measured: Measure, model: str, moments: Moments, distance: float) -> Measure:
    """Set a value against the moments of a null; two-sided p of the normal distribution."""
    found = {"null_mean": moments.mean, "null_sd": moments.sd, "p_value": math.erfc(abs(distance) / math.sqrt(2))}
    if not (moments.sd > 0 and math.isfinite(distance)):
        found = {"null_mean": moments.mean}
    known = {name: number for name, number in found.items() if math.isfinite(number)}
    return replace(measured, null_model=model, **known)  # type: ignore[arg-type]


def refusal(measure_id: str, place: Place, n: int, words: Iterable[str]) -> Measure:
    """Return the one null row of a measure that the corpus does not support; n counts the ties that it could use."""
    return Measure(
        family=FAMILY,
        measure_id=measure_id,
        value=None,
        n=n,
        n_unit="ties known to the week",
        unit=place.unit,
        unit_id=place.unit_id,
        period=place.period,
        warnings=join_warnings(words),
    )


def without_empty_series(rows: Sequence[Measure]) -> list[Measure]:
    """Replace the rows of a measure that has no value in any week by one null row, with the most ties of any week."""
    series: dict[tuple[str, str, str], list[Measure]] = defaultdict(list)
    for measure in rows:
        series[measure.measure_id, measure.unit, measure.unit_id].append(measure)
    kept: list[Measure] = []
    for members in series.values():
        if any(measure.value is not None for measure in members):
            kept += members
            continue
        words = {word for measure in members for word in (measure.warnings or "").split(",")}
        fullest = max(members, key=lambda measure: measure.n)
        kept.append(replace(fullest, period_start=None, warnings=join_warnings(words)))
    return kept


def count_row(measure_id: str, value: int, n: int, n_unit: str, place: Place) -> Measure:
    """Return a row that counts what is there; it has no interval, as nothing was sampled."""
    return Measure(
        family=FAMILY,
        measure_id=measure_id,
        value=float(value),
        n=n,
        n_unit=n_unit,
        unit=place.unit,
        unit_id=place.unit_id,
        period=place.period,
        ci_method="census",
        warnings=join_warnings(place.words),
    )
