"""How much less alike newcomers are to incumbents than these among themselves, and whether that changes.

What belongs here: from the chosen texts of newcomers and incumbents to sums per cell, the null in which who is new is
dealt out anew among the authors of a cell, and tests of the level and of the trend (STATISTICS 4.4: N_ct against
incumbents). Which texts are chosen is decided in `convergence_sample`, who is new in `clock`.

With K the inner products of the sums of the vectors of the authors of a cell and z = 1 for newcomers, the sum over
pairs of a newcomer's and an incumbent's text is z'K(1 − z), that over incumbents' texts by different authors
(1 − z)'(K − diag K)(1 − z): a draw of the null costs two small products, and no vector is read again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.resampling import Null, stream
from pipeline.inference.result import FEW_CLUSTERS, Fit, wald
from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import Choice, Embedding, PeriodTexts, period_texts
from pipeline.language.similarity import Floats, Ints, group_sums
from pipeline.language.slopes import MIN_COMMUNITIES, Panel, refusal, slope_permutation, slope_t_test

NULL = "shuffled_tenure"
MEASURE = "newcomer_gap"


@dataclass(frozen=True, slots=True)
class TenureCell:
    """Authors of one community and period.

    Attributes
    ----------
    community
        Run and community, joined by a line break.
    start
        First instant of the period.
    authors
        Names of the authors, A of them.
    products
        Shape (A, A): inner products of the sums of the vectors of the authors.
    texts
        Shape (A,): texts of each.
    is_new
        Shape (A,).
    """

    community: str
    start: datetime
    authors: tuple[str, ...]
    products: Floats
    texts: Ints
    is_new: np.typing.NDArray[np.bool_]

    @property
    def is_usable(self) -> bool:
        """True when there is a newcomer and a pair of incumbents."""
        return bool(self.is_new.any()) and int((~self.is_new).sum()) >= 2

    def gaps(self, is_new: np.typing.NDArray[np.bool_]) -> Floats:
        """Return N − I of each dealing of who is new, `is_new` of shape (draws, A); shape (draws,)."""
        new, old = is_new.astype(np.float64), (~is_new).astype(np.float64)
        texts = self.texts.astype(np.float64)
        towards = ((new @ self.products) * old).sum(axis=1) / ((new @ texts) * (old @ texts))
        apart = self.products - np.diag(np.diag(self.products))
        pairs = np.square(old @ texts) - old @ np.square(texts)
        return np.asarray(towards - ((old @ apart) * old).sum(axis=1) / pairs, dtype=np.float64)

    def without(self, kept: np.typing.NDArray[np.bool_]) -> TenureCell:
        """Return the cell with some of its authors only."""
        names = tuple(name for name, is_kept in zip(self.authors, kept, strict=True) if is_kept)
        products = self.products[np.ix_(kept, kept)]
        return replace(self, authors=names, products=products, texts=self.texts[kept], is_new=self.is_new[kept])


def tenure_cells(con: duckdb.DuckDBPyConnection, embedding: Embedding, clock: Clock, seed: int) -> list[TenureCell]:
    """Return the cells that hold newcomers and incumbents, in the order of period, run and community."""
    choice = Choice(embedding, clock, seed, has_communities=True, by_tenure=True)
    return [cell for part in period_texts(con, choice) for cell in _cells(part) if cell.is_usable]


def _cells(part: PeriodTexts) -> Iterator[TenureCell]:
    names = part.cells.select(pl.concat_str("run_id", pl.lit("\n"), "community_id")).to_series()
    for code, community in enumerate(names):
        own = np.flatnonzero(part.cell == code)
        _, first, inverse = np.unique(part.author[own], return_index=True, return_inverse=True)
        sums = group_sums(part.vectors[own], inverse.astype(np.int64))
        authors = tuple(part.names.gather(own[first]).to_list())
        texts = np.bincount(inverse).astype(np.int64)
        yield TenureCell(community, part.start, authors, sums @ sums.T, texts, part.is_newcomer[own[first]])


def dealt(cell: TenureCell, draws: int, rng: np.random.Generator) -> np.typing.NDArray[np.bool_]:
    """Deal out who is new among the authors of a cell, shape (draws, A)."""
    order = np.argsort(rng.random((draws, cell.is_new.size)), axis=1)
    return np.asarray(cell.is_new[order], dtype=np.bool_)


def once_each(cells: Sequence[TenureCell], seed: int) -> list[TenureCell]:
    """Keep each author in one cell only, chosen by hash, and the cells that are still usable.

    An author is much the same in all of its periods. Were it in several cells, dealings of them would not be
    independent of one another, and a test that takes them so rejects too often.
    """
    chosen: dict[str, tuple[str, int]] = {}
    for place, cell in enumerate(cells):
        for name in cell.authors:
            mark = hashlib.sha256(f"{seed}:{name}:{cell.community}:{cell.start}".encode()).hexdigest()
            if name not in chosen or mark < chosen[name][0]:
                chosen[name] = (mark, place)
    found = []
    for place, cell in enumerate(cells):
        kept = np.array([chosen[name][1] == place for name in cell.authors], dtype=np.bool_)
        found.append(cell.without(kept))
    return [cell for cell in found if cell.is_usable]


def level_permutation(cells: Sequence[TenureCell], ci_level: float, n_draws: int, rng: np.random.Generator) -> Fit:
    """Test the mean gap over cells by dealing out anew who is new among the authors of each cell.

    Parameters
    ----------
    cells
        Cells without a common author (`once_each`).
    ci_level, n_draws, rng
        Level of the interval (by shifting the null), draws and their generator.
    """
    communities = len({cell.community for cell in cells})
    base = Fit(n_obs=len(cells), n_clusters=communities, n_agents=sum(len(cell.authors) for cell in cells))
    if not cells:
        return replace(base, warnings=("few_agents",))
    observed = float(np.mean([cell.gaps(cell.is_new[None, :])[0] for cell in cells]))
    null = np.mean([cell.gaps(dealt(cell, n_draws, rng)) for cell in cells], axis=0)
    if np.ptp(null) < 1e-12:  # up to rounding, all dealings are the same
        return replace(base, warnings=("no_variation",))
    centre = float(null.mean())
    extreme = int((np.abs(null - centre) >= abs(observed - centre) - 1e-12).sum())
    low, high = np.quantile(null - centre, [0.5 - ci_level / 2, 0.5 + ci_level / 2])
    return replace(
        base,
        estimate=observed,
        std_error=float(null.std(ddof=1)),
        p_value=(1 + extreme) / (n_draws + 1),
        conf_low=observed - float(high),
        conf_high=observed - float(low),
        null_mean=centre,
        null_sd=float(null.std(ddof=1)),
        n_perm=n_draws,
        sampling="each author in one cell only, chosen by hash",
    )


def placebo_cells(cells: Sequence[TenureCell], seed: int) -> list[TenureCell]:
    """Deal out once, by a seeded stream, who is new in each cell."""
    rng = stream(seed, "newcomer_placebo")
    return [replace(cell, is_new=dealt(cell, 1, rng)[0]) for cell in cells]


def level_t_test(cells: Sequence[TenureCell], ci_level: float) -> Fit:
    """Test the mean over communities of the mean gap of each, by a one-sample t-test."""
    by_community: dict[str, list[float]] = {}
    for cell in cells:
        by_community.setdefault(cell.community, []).append(float(cell.gaps(cell.is_new[None, :])[0]))
    means = np.array([np.mean(values) for values in by_community.values()])
    base = Fit(n_obs=len(cells), n_clusters=int(means.size))
    if means.size < MIN_COMMUNITIES or not means.std() > 0:
        return replace(base, warnings=("few_clusters",) if means.size < MIN_COMMUNITIES else ("no_variation",))
    error = float(means.std(ddof=1) / np.sqrt(means.size))
    test = wald(float(means.mean()), error, ci_level, means.size - 1)
    return replace(
        base,
        estimate=float(means.mean()),
        std_error=error,
        statistic=test.statistic,
        df=float(means.size - 1),
        p_value=test.p_value,
        conf_low=test.low,
        conf_high=test.high,
        warnings=("few_clusters",) if means.size < FEW_CLUSTERS else (),
    )


def gap_panel(cells: Sequence[TenureCell], clock: Clock) -> Panel:
    """Return N − I by community and period."""
    values = np.array([cell.gaps(cell.is_new[None, :])[0] for cell in cells], dtype=np.float64)
    codes = np.unique([cell.community for cell in cells], return_inverse=True)[1].astype(np.int64)
    first = min((cell.start for cell in cells), default=None)
    since = [round((cell.start - first) / clock.length) for cell in cells] if first is not None else []
    return Panel(values, codes, np.array(since, dtype=np.int64))


def trend(cells: Sequence[TenureCell], clock: Clock, ci_level: float, n_draws: int, seed: int) -> dict[str, Fit]:
    """Test the trend of the gap: the t-test of the slopes of communities, and periods permuted within each."""
    if not cells:
        fit = Fit(n_obs=0, n_clusters=0, warnings=("few_agents",))
        return {"slope_t_test": fit, "slope_permutation": fit}
    panel = gap_panel(cells, clock)
    if words := refusal(panel.long_enough()):
        fit = Fit(n_obs=len(cells), n_clusters=panel.n_communities, warnings=words)
        return {"slope_t_test": fit, "slope_permutation": fit}
    rng = stream(seed, "newcomer_slope_permutation")
    shuffled = slope_permutation(panel, ci_level, n_draws=n_draws, rng=rng)
    return {"slope_t_test": slope_t_test(panel, ci_level), "slope_permutation": shuffled}


def period_nulls(cells: Sequence[TenureCell], draws: int, seed: int) -> Iterator[tuple[datetime, Floats, Null]]:
    """Yield per period the gaps of its communities, and their mean where who is new is dealt out anew."""
    for start in sorted({cell.start for cell in cells}):
        own = [cell for cell in cells if cell.start == start]
        values = np.array([cell.gaps(cell.is_new[None, :])[0] for cell in own], dtype=np.float64)
        rng = stream(seed, f"{MEASURE}/{start}")
        null = np.mean([cell.gaps(dealt(cell, draws, rng)) for cell in own], axis=0)
        far = int((np.abs(null - null.mean()) >= abs(values.mean() - null.mean()) - 1e-12).sum())
        p_value = (1 + far) / (draws + 1)
        yield start, values, Null(f"{NULL}({draws})", float(null.mean()), float(null.std(ddof=1)), p_value)
