"""From two slices to the rows of ``analysis.comparison``.

What belongs here: how ratio, distance, floor, ceiling, place among the windows and verdict are put together. The rules:

- Where neither slice has several runs, values are of the whole slices at matched size, and the interval of the ratio
  resamples agents or threads. Where one has, values are geometric means over runs (and windows of the other slice as
  long as the median run), and the interval is Welch's on their logarithms.
- A verdict rests on replicates, at least five on either side. Simulations need five runs: windows of one run do not
  show how runs differ. With fewer, descriptives are given and the verdict is ``undecided``.
- Windows of one society have the same members; where a slice has a single run, the error of leaving out groups of
  agents or threads is added to that between windows, and p is the larger of the permutation's and that t-test's.
- A share needs five events on each side, else its raw value is given without ratio or verdict. Where some replicate has
  none, each p is at least that of the pooled counts, whose error is Poisson's.
- ``equivalent``: two one-sided tests at the margin. ``different``: not equivalent, and q of the permutation of labels
  is at most 1 − level. q is Benjamini-Hochberg over the measures of the pair. Else ``undecided``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
from scipy import stats

from pipeline.activity.resampling import FloatArray, stream
from pipeline.comparison.equivalence import MARGIN, Welch, difference_p, equivalence_p, permutation_p, welch
from pipeline.comparison.fact import Fact
from pipeline.comparison.facts import FACTS
from pipeline.comparison.obstacles import clock_problem, facts_warnings, missing
from pipeline.comparison.pairs import Pair
from pipeline.comparison.row import Comparison
from pipeline.comparison.sample import Sample, load_sample
from pipeline.comparison.units import (
    FEWEST_UNITS,
    Replicates,
    few_events,
    log_values,
    matched,
    pooled_count,
    pooled_ratio,
    replicates,
    shared_error,
    usable,
)
from pipeline.inference.multiplicity import benjamini_hochberg
from pipeline.schema import join_warnings

FEWEST_CLUSTERS = 20  # fewer make a bootstrap interval too narrow
BASELINES = 5  # replicates on which the random baseline is drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Seed, numbers of draws and level."""

    seed: int
    bootstrap: int = 1000
    permutations: int = 1000
    level: float = 0.95


def compare_pairs(
    con: duckdb.DuckDBPyConnection,
    pairs: Sequence[Pair],
    draws: Draws,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Comparison]:
    """Compare slices on the six facts.

    Parameters
    ----------
    con
        Connection with views ``message``, ``interaction`` and ``lexicon_score`` over all corpora.
    pairs
        What is compared.
    draws
        Seed, draws and level.
    progress
        Receives a sentence per pair.

    Returns
    -------
    list of Comparison
        One row per pair and measure.
    """
    loaded: dict[str, Sample] = {}
    rows: list[Comparison] = []
    for number, pair in enumerate(pairs, 1):
        progress(f"compare {pair.a.name} with {pair.b.name}, pair {number} of {len(pairs)}")
        for name in set(loaded) - {pair.a.name, pair.b.name}:
            del loaded[name]
        for side in pair:
            if side.name not in loaded and not side.is_mixed:
                loaded[side.name] = load_sample(con, side, draws.seed)
        rows += compare(pair, loaded, draws)
    return rows


def compare(pair: Pair, samples: dict[str, Sample], draws: Draws) -> list[Comparison]:
    """Return the rows of one pair; `samples` holds the messages of its slices by name, unless they are mixed."""
    mixed = [side.name for side in pair if side.is_mixed]
    if mixed:
        reason = f"{' and '.join(mixed)} would pool runs of several scenarios or models; compare slices runs-…"
        return [_refused(fact, pair, reason) for fact in FACTS]
    sides = replicates((pair.a, pair.b), (samples[pair.a.name], samples[pair.b.name]))
    judged = [_Judge(fact, pair, sides, draws).row() for fact in FACTS]
    tested = [number for number, (row, _) in enumerate(judged) if row.p_value is not None]
    adjusted = benjamini_hochberg(np.array([judged[number][0].p_value for number in tested], dtype=np.float64))
    for number, q_value in zip(tested, adjusted, strict=True):
        row, tost = judged[number]
        judged[number] = (_decided(row, float(q_value), tost, 1 - draws.level), tost)
    return [row for row, _ in judged]


def _refused(fact: Fact, pair: Pair, reason: str, words: Sequence[str] = ()) -> Comparison:
    return Comparison(
        measure_id=fact.measure_id,
        slice_a=pair.a.name,
        slice_b=pair.b.name,
        margin=MARGIN,
        verdict="not_comparable",
        reason=reason,
        warnings=join_warnings(words),
    )


def _decided(row: Comparison, q_value: float, tost: float, alpha: float) -> Comparison:
    tests = (
        f"TOST p = {tost:.3g} at a factor of {math.exp(MARGIN):.2f}, q of a difference = {q_value:.3g}; {row.reason}"
    )
    if tost <= alpha:
        verdict = "equivalent"
    elif q_value <= alpha:
        verdict = "different"
    else:
        verdict, tests = "undecided", f"neither equivalence nor difference is shown: {tests}"
    return replace(row, q_value=q_value, verdict=verdict, reason=tests)


class _Judge:
    """One fact on one pair."""

    def __init__(self, fact: Fact, pair: Pair, sides: tuple[Replicates, Replicates], draws: Draws) -> None:
        self.fact, self.pair, self.sides, self.draws = fact, pair, sides, draws
        self.is_replicated = any(side.word == "runs" for side in sides)
        self.words: list[str] = []
        self.errors: tuple[float, float] = (0.0, 0.0)

    def row(self) -> tuple[Comparison, float]:
        """Return the row without q and verdict of the tests, and the p of equivalence."""
        fact, pair = self.fact, self.pair
        wholes = (self.sides[0].whole, self.sides[1].whole)
        self.words = facts_warnings(fact, wholes)
        for side, sample in zip(pair, wholes, strict=True):
            if problem := clock_problem(fact, side, sample):
                return _refused(fact, pair, problem.reason, [*self.words, problem.word]), 1.0
        units = (usable(fact, self.sides[0].units), usable(fact, self.sides[1].units))
        first, second, size = matched(fact, *wholes)
        if not size or (self.is_replicated and not all(units)):
            return _refused(fact, pair, missing(fact, pair, wholes), [*self.words, "few_events"]), 1.0
        compared = units if self.is_replicated else ([first], [second])
        if scarce := self._scarce(compared, size):
            return scarce, 1.0
        logs = log_values(fact, units)
        self.words += ["continuity_corrected"] if logs[2] else []
        base = self._described(compared, size, logs)
        if base.distance is None:
            return base, 1.0
        if not self.is_replicated and max(map(fact.size, wholes)) > size:
            self.words.append("rarefied")
        # Windows of a simulation's only run tell where it lies, though not how runs differ.
        if not self._few_events(units):
            base = self._placed(base, logs[0], logs[1])
        return self._tested(base, logs, units)

    def _scarce(self, samples: tuple[list[Sample], list[Sample]], size: int) -> Comparison | None:
        """Return the raw shares without ratio or verdict, where a side has too few events."""
        problems = self._few_events(samples)
        if not problems:
            return None
        counts = [pooled_count(self.fact, group) for group in samples]
        values = [count.part / count.whole if count and count.whole else math.nan for count in counts]
        zeros = [side.name for side, value in zip(self.pair, values, strict=True) if value == 0]
        if zeros:
            problems.insert(0, f"the value of {' and '.join(zeros)} is zero, which has no ratio")
        base = _refused(self.fact, self.pair, "; ".join([*problems, self._matching(size)]), [*self.words, "few_events"])
        verdict = "not_comparable" if zeros else "undecided"
        return replace(base, value_a=values[0], value_b=values[1], verdict=verdict)

    def _few_events(self, groups: tuple[list[Sample], list[Sample]]) -> list[str]:
        found = (few_events(self.fact, side, group) for side, group in zip(self.pair, groups, strict=True))
        return [problem for problem in found if problem]

    def _described(
        self, samples: tuple[list[Sample], list[Sample]], size: int, logs: tuple[FloatArray, FloatArray, float]
    ) -> Comparison:
        """Values, ratio, distance, floor and ceiling."""
        fact, pair = self.fact, self.pair
        if self.is_replicated:
            values = [fact.unlog(float(own.mean())) if own.size else math.nan for own in logs[:2]]
        else:
            values = [fact.value(own[0]) for own in samples]
        first, second = (fact.log(value) for value in values)
        row = replace(
            _refused(fact, pair, ""),
            value_a=values[0],
            value_b=values[1],
            reason=self._matching(size),
        )
        if not math.isfinite(first - second):
            name = pair.a.name if not math.isfinite(first) else pair.b.name
            value = values[0] if not math.isfinite(first) else values[1]
            why = "is zero, which has no ratio" if value == 0 else "is not defined"
            return replace(row, reason=f"the value of {name} {why}; {row.reason}", warnings=join_warnings(self.words))
        self.errors = self._errors(logs[2])
        low, high = self._welch_ends(logs, samples) if self.is_replicated else self._bootstrap_ends(samples)
        clusters = [len(own) if self.is_replicated else fact.n_clusters(own[0]) for own in samples]
        return replace(
            row,
            n_a=clusters[0],
            n_b=clusters[1],
            unit_of_inference=self._unit_words() if self.is_replicated else fact.clusters,
            ratio=math.exp(first - second),
            ratio_low=low,
            ratio_high=high,
            distance=abs(first - second),
            floor=self._floor(size, logs[1]),
            ceiling=self._ceiling(samples[1]),
        )

    def _matching(self, size: int) -> str:
        if self.is_replicated:
            words = f"geometric means over replicates of {len(next(iter(self.sides[0].units)))} messages"
            return "; ".join([words, *(side.aside for side in self.sides if side.aside)])
        return f"values at {size} {self.fact.unit} of each slice"

    def _unit_words(self) -> str:
        return " and ".join(dict.fromkeys(side.word for side in self.sides))

    def _welch_ends(
        self, logs: tuple[FloatArray, FloatArray, float], units: tuple[list[Sample], list[Sample]]
    ) -> tuple[float | None, float | None]:
        """Return the ends of Welch's interval; where counts are corrected, that of pooled counts lies within."""
        if min(logs[0].size, logs[1].size) < FEWEST_UNITS:
            return None, None
        result = welch(logs[0], logs[1], self.errors)
        if not math.isfinite(result.error):
            return None, None
        pooled = pooled_ratio(self.fact, units) if logs[2] else None
        low, high = np.transpose([self._ends(known) for known in (result, pooled) if known])
        return math.exp(low.min()), math.exp(high.max())

    def _ends(self, result: Welch) -> tuple[float, float]:
        reach = float(stats.t.ppf((1 + self.draws.level) / 2, result.df)) * result.error
        return result.difference - reach, result.difference + reach

    def _errors(self, added: float) -> tuple[float, float]:
        """Return what the members of each side that is a single run add to its error; infinite where unknown."""
        errors = []
        for side in self.sides:
            windows = usable(self.fact, side.units)
            known = side.word == "runs" or self.fact.n_clusters(side.whole) >= FEWEST_CLUSTERS
            if side.word == "runs" or side.shortage:
                errors.append(0.0)
            elif known and self.fact.is_costly:
                rng = stream(self.draws.seed, f"{self.fact.measure_id} members")
                drawn = self.fact.draws(side.whole, draws=self.draws.bootstrap, rng=rng)
                errors.append(float(drawn.std(ddof=1)) if drawn.size > 1 else math.inf)
            else:
                errors.append(shared_error(self.fact, windows, added) if known else math.inf)
        return errors[0], errors[1]

    def _bootstrap_ends(self, samples: tuple[list[Sample], list[Sample]]) -> tuple[float | None, float | None]:
        """Return percentiles of the ratio over draws of clusters, both slices drawn independently."""
        fact, drawn = self.fact, []
        for label, side, own in zip("ab", self.pair, samples, strict=True):
            if fact.n_clusters(own[0]) < FEWEST_CLUSTERS:
                self.words.append("few_agents" if fact.clusters == "agents" else "few_replies")
                return None, None
            rng = stream(self.draws.seed, f"{fact.measure_id} {side.name} {label}")
            drawn.append(fact.draws(own[0], draws=self.draws.bootstrap, rng=rng))
        if min(map(len, drawn)) < self.draws.bootstrap:
            self.words += ["few_events"] if fact.events else []
            return None, None
        ratios = drawn[0] - drawn[1]
        ratios = ratios[np.isfinite(ratios)]
        if ratios.size < 2 or float(np.ptp(ratios)) == 0:
            self.words.append("no_variation")
            return None, None
        tail = (1 - self.draws.level) / 2
        low, high = np.exp(np.quantile(ratios, [tail, 1 - tail]))
        return float(low), float(high)

    def _floor(self, size: int, logs: FloatArray) -> float | None:
        """Mean distance between neighbouring runs or windows of b, or between parts of it.

        Values over replicates are compared at the size of a replicate, so the floor is taken there too. Values of
        whole slices are compared with the parts of b before and after points near its middle.
        """
        fact = self.fact
        if self.is_replicated:
            return float(np.abs(np.diff(logs)).mean()) if logs.size > 1 else None
        distances = []
        for early, late in self.sides[1].whole.halves():
            common = min(size, fact.size(early), fact.size(late))
            if common < fact.least:
                continue
            values = [fact.log(fact.value(fact.rarefied(part, common))) for part in (early, late)]
            distances.append(abs(values[0] - values[1]))
        finite = [value for value in distances if math.isfinite(value)]
        return float(np.mean(finite)) if finite else None

    def _ceiling(self, samples: list[Sample]) -> float | None:
        """Mean distance of b to a random society of its size."""
        fact, distances = self.fact, []
        rng = stream(self.draws.seed, f"{fact.measure_id} baseline {self.pair.b.name}")
        for sample in samples[:BASELINES]:
            distances.append(abs(fact.log(fact.value(sample)) - fact.log(fact.baseline(sample, rng))))
        finite = [value for value in distances if math.isfinite(value)]
        return float(np.mean(finite)) if finite else None

    def _placed(self, row: Comparison, a: FloatArray, b: FloatArray) -> Comparison:
        """Z and percentile of a among the windows (or runs) of b."""
        if b.size < FEWEST_UNITS or a.size == 0:
            return row
        middle, spread = float(a.mean()), float(b.std(ddof=1))
        below = float((b < middle).sum() + 0.5 * (b == middle).sum())
        z = (middle - float(b.mean())) / spread if spread > 0 else None
        return replace(row, z=z, percentile=100 * below / b.size)

    def _members_p(self, result: Welch) -> float:
        """Return p with the error of resampled members; zero, which decides nothing, where both sides are runs."""
        return difference_p(result) if any(self.errors) else 0.0

    def _tested(
        self,
        row: Comparison,
        logs: tuple[FloatArray, FloatArray, float],
        units: tuple[list[Sample], list[Sample]],
    ) -> tuple[Comparison, float]:
        """Test on replicates, where there are enough."""
        a, b, added = logs
        shortages = [side.shortage for side in self.sides if side.shortage]
        if not shortages and min(a.size, b.size) < FEWEST_UNITS:
            shortages = [f"the measure is defined on {a.size} and {b.size} replicates"]
        if not shortages and not all(map(math.isfinite, self.errors)):
            shortages = [f"the measure needs {FEWEST_CLUSTERS} {self.fact.clusters}, and a value without each group"]
        if shortages:
            reason = (
                f"descriptives only, a verdict needs {FEWEST_UNITS} replicates: {'; '.join(shortages)}; {row.reason}"
            )
            short = join_warnings([*self.words, "few_runs"])
            return replace(row, verdict="undecided", reason=reason, warnings=short), 1.0
        if scarce := self._few_events(units):
            reason = f"descriptives only: in the windows {' and '.join(scarce)}; {row.reason}"
            few = join_warnings([*self.words, "few_events"])
            return replace(row, verdict="undecided", reason=reason, warnings=few), 1.0
        rng = stream(self.draws.seed, f"{self.fact.measure_id} permutation {self.pair.a.name} {self.pair.b.name}")
        words = [*self.words]
        words += ["independence_assumed"] if any(side.word == "windows" for side in self.sides) else []
        result = welch(a, b, self.errors)
        p_value = max(permutation_p(a, b, draws=self.draws.permutations, rng=rng), self._members_p(result))
        tost = equivalence_p(result)
        if added and (pooled := pooled_ratio(self.fact, units)):
            p_value, tost = max(p_value, difference_p(pooled)), max(tost, equivalence_p(pooled))
        tested = replace(
            row,
            n_a=a.size,
            n_b=b.size,
            unit_of_inference=self._unit_words(),
            p_value=p_value,
            reason=f"ratio over {self._unit_words()} {math.exp(float(a.mean() - b.mean())):.3g}; {row.reason}",
            warnings=join_warnings(words),
        )
        return tested, tost
