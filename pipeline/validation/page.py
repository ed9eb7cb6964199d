"""The page docs/validation.md: what was run, what was held, and the tables.

What belongs here: words and numbers as Markdown. The verdicts are those of `pipeline.validation.judge`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import polars as pl

from pipeline.validation.judge import LEVEL, MOST_BIAS, Regions, judged, regions, summarise
from pipeline.validation.scenarios import Design, Scenario

_INTRO = """\
# Validation of selection and influence

<!-- Written by `make validate`; edit pipeline/validation, not this page. -->

Worlds with planted coefficients (`pipeline/simulation/coevolution.py`) are put to the estimators that corpora get. The
scenarios, the number of runs and the seed ({seed}) stand in `pipeline/validation/design.toml`, which was committed
before the first run and is not redrawn. This page is of {day}; code digest {digest}.

Coverage is the share of runs whose {level:.0%} interval holds the truth; "rejects" the share whose p is below 5 %: size
where the truth is zero, power where it is not. Bias is in standard deviations of the estimates over the runs (held
below {bias}); "sd/se" is that spread over the mean standard error. Rows in **bold** are held, those that fail say so;
the others are shown and not held: what the literature uses, errors that are too small, what no repair was asked for.
"""
_SECTIONS = {True: "## The four corners", False: "## Stresses"}
_COLUMNS = "| estimator | role | term | truth | mean | bias/sd | sd/se | coverage | rejects | refused | verdict |\n"
_COLUMNS += "|---|---|---|--:|--:|--:|--:|--:|--:|--:|---|\n"


def validation_page(design: Design, draws: pl.DataFrame, day: date, digest: str) -> str:
    """Return the page of all scenarios of which there are draws.

    Parameters
    ----------
    design, draws
        The design, and the draws of its scenarios.
    day
        The day that the page bears.
    digest
        Digest of the code that made the draws.
    """
    parts = [_INTRO.format(seed=design.seed, day=day.isoformat(), digest=digest, level=LEVEL, bias=MOST_BIAS)]
    parts += _failures(design, draws)
    seen = None
    for scenario, table, held, runs in _tables(design, draws):
        if scenario.is_corner is not seen:
            seen = scenario.is_corner
            parts.append(_SECTIONS[seen])
        parts.append(_scenario(scenario, table, held, runs))
    return "\n".join(parts)


def failures(design: Design, draws: pl.DataFrame) -> list[str]:
    """Return a sentence for each held row that is outside its region."""
    found = []
    for scenario, table, held, _ in _tables(design, draws):
        for row in table.iter_rows(named=True):
            words = _verdict(row, held)
            if words not in ("", "held"):
                found.append(f"{scenario.name}: {row['estimator']} ({row['term']}): {words}")
    return found


def _failures(design: Design, draws: pl.DataFrame) -> Iterator[str]:
    found = failures(design, draws)
    if found:
        yield "Not held, for the reason that each line says:\n\n" + "".join(f"- {line}\n" for line in found)
    else:
        yield "Everything that is held is inside its region.\n"


def _tables(design: Design, draws: pl.DataFrame) -> Iterator[tuple[Scenario, pl.DataFrame, Regions, int]]:
    for scenario in design.scenarios:
        own = draws.filter(pl.col("scenario") == scenario.name)
        if own.height:
            runs = own["run"].n_unique()
            held = regions(runs, design.checks if scenario.is_corner else 1, design.familywise)
            yield scenario, judged(summarise(own), held), held, runs


def _scenario(scenario: Scenario, table: pl.DataFrame, held: Regions, runs: int) -> str:
    truth = scenario.truth
    words = f"\n### {scenario.name}\n\n{runs} of {scenario.runs} runs, {truth.n_agents} agents, {truth.n_weeks} weeks"
    words += f"; repair: {scenario.repair}" if scenario.repair else ""
    words += (
        f". Regions: coverage {held.coverage.low:.3f} to {held.coverage.high:.3f}, "
        f"size {held.size.low:.3f} to {held.size.high:.3f}.\n\n"
    )
    return words + _COLUMNS + "".join(_row(row, held) for row in table.iter_rows(named=True))


def _row(row: dict[str, object], held: Regions) -> str:
    verdict = _verdict(row, held)
    name = f"**{row['estimator']}**" if verdict else str(row["estimator"])
    numbers = [
        _number(row["truth"], 2), _number(row["mean"], 4), _number(row["bias_in_sd"], 2), _number(row["sd_over_se"], 2),
        _number(row["coverage"], 3), _number(row["rejected"], 3),
    ]  # fmt: skip
    return (
        "| " + " | ".join([name, str(row["role"]), str(row["term"]), *numbers, str(row["refused"]), verdict]) + " |\n"
    )


def _verdict(row: dict[str, object], held: Regions) -> str:
    """Return 'held', what fails, or nothing for rows that are not held."""
    checks = {
        f"coverage outside {held.coverage.low:.3f} to {held.coverage.high:.3f}": row["coverage_held"],
        f"size outside {held.size.low:.3f} to {held.size.high:.3f}": row["size_held"],
        f"bias of {MOST_BIAS} sd or more": row["bias_held"],
    }
    made = [answer for answer in checks.values() if answer is not None]
    failed = [words for words, answer in checks.items() if answer is False]
    return "; ".join(failed) or ("held" if made else "")


def _number(value: object, digits: int) -> str:
    return f"{value:.{digits}f}" if isinstance(value, float) else ""
