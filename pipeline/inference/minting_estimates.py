"""Tests of family token_mint: whether protocol posts draw corrections and invaded communities complain.

What belongs here: the tests of the grid (`minting_grid`) and their rows; its shares are in `minting_shares`.

Replies under protocol posts are set against replies under other posts of the same community, never of others: what a
community says anyway is no complaint. The unit that is dealt out is an author in a community with all of its protocol
posts, or all of its others, since replies to one author's posts hang together. Invaded communities are set against
others at the same moment, since a platform that turns against minting turns everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl

from pipeline.activity.resampling import stream
from pipeline.activity.row import Sampling
from pipeline.inference.beside import beside_placebos
from pipeline.inference.contingency import chi_square, cochran_mantel_haenszel, stratum_tables, two_by_two
from pipeline.inference.minting import FAMILY, shared_communities
from pipeline.inference.minting_frames import LEAST_MINTS, Minting, invaded_communities, windows
from pipeline.inference.minting_grid import COMPLAIN, DRAW, USUAL, MintSpecification, load_minting_grid
from pipeline.inference.minting_shares import share_estimates
from pipeline.inference.multiplicity import adjust
from pipeline.inference.permutation import permute_posts
from pipeline.inference.result import FEW_CLUSTERS, Fit, Floats, Ints, wald
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, join_warnings

LEAST_MESSAGES = 20
"""Messages that a community needs on each side of a moment."""
LEAST_COMMUNITIES = 5
"""Communities that each side of a comparison, or a t-test, needs."""
LEAST_REPLIES = 5
"""Replies of each kind that a community needs to be a pair."""
_LENGTHS = 4

_ESTIMANDS = {
    "paired_t_test": "corrective share of replies under protocol posts less that under others, mean over communities",
    "before_after_permutation": "change of the share of complaints at the third protocol post of a community, less "
    "that of communities without, at the same moment",
    "label_permutation": "share of complaints in invaded communities less that in others, mean over communities",
    "before_after_t_test": "change of the share of complaints at the third protocol post, nothing subtracted",
}
_ODDS = "log odds ratio of a corrective reply under a protocol post, within communities"


def minting_estimates(minting: Minting, clock: Clock, sampling: Sampling, *, n_draws: int = 1000) -> list[Estimate]:
    """Run every specification of the grid and adjust the p-values.

    Parameters
    ----------
    minting
        What was read.
    clock
        The window of the corpus.
    sampling
        Seed and level.
    n_draws
        Draws of the permutations.

    Returns
    -------
    list of Estimate
        One row per specification; null with the reason in `warnings` where the data do not allow the test.
    """
    level, seed = sampling.level, sampling.seed
    rows = []
    for spec in load_minting_grid():
        rng = stream(seed, spec.spec_id)
        if spec.hypothesis == DRAW:
            fit = _corrections(spec, minting.replies, level, n_draws, rng)
        else:
            fit = _complaints(spec, minting, clock, level, n_draws, rng)
        rows.append(_row(spec, fit, level, clock, seed))
    keys = [(row.hypothesis_id, row.outcome) for row in rows]
    must_be_empty = [row.role in ("placebo", "negative_control") for row in rows]
    return adjust([*beside_placebos(rows, keys, must_be_empty, level), *share_estimates(minting, sampling)])


# Replies


def _corrections(
    spec: MintSpecification, replies: pl.DataFrame, level: float, n_draws: int, rng: np.random.Generator
) -> Fit:
    exposure = "hash_binary" if spec.sample == "hash" else "post_is_mint"
    replies = replies.filter("is_first_copy") if spec.copies == "first_only" else replies
    if spec.outcome == "unwanted":
        replies = replies.with_columns(is_corrective=pl.col("is_unwanted"))
    kept = shared_communities(replies)
    if spec.sample == "first_replies":
        kept = kept.unique(["agent", "community"], keep="first", maintain_order=True)
        kept = shared_communities(kept)
    base = Fit(
        n_obs=kept.height, n_agents=kept["agent"].n_unique(), n_events=int(kept["is_corrective"].sum() or 0),
        n_clusters=kept["community"].n_unique(),
    )  # fmt: skip
    if not kept.height:
        return replace(base, warnings=("few_replies", "no_variation"))
    kept = kept.with_columns(x=pl.col(exposure))
    if spec.estimator == "paired_t_test":
        return _paired(kept, level, base)
    tests: dict[str, Callable[[], Fit]] = {
        "chi2_naive": lambda: chi_square(two_by_two(_ints(kept, "x"), _ints(kept, "is_corrective")), level),
        "cmh": lambda: _cmh(kept, level),
        "permutation_posts": lambda: _permuted(kept, ["post"], [], level, n_draws, rng),
        "permutation_authors": lambda: _permuted(
            kept, ["post_author", "community", "x"], ["length"] if spec.sample == "by_length" else [], level, n_draws,
            rng,
        ),
    }  # fmt: skip
    fit = tests[spec.estimator]()
    few = ("few_events",) if (base.n_events or 0) < 10 else ()
    return replace(
        fit, n_obs=base.n_obs, n_agents=base.n_agents, n_events=base.n_events, warnings=(*fit.warnings, *few)
    )


def _ints(frame: pl.DataFrame, name: str) -> Ints:
    return frame[name].to_numpy().astype(np.int64)


def _permuted(
    kept: pl.DataFrame, unit: list[str], extra: list[str], level: float, n_draws: int, rng: np.random.Generator
) -> Fit:
    """Deal out which units are protocol posts within communities (and classes of length)."""
    if extra:
        lengths = pl.col("post_length").qcut(_LENGTHS, allow_duplicates=True).to_physical()
        kept = kept.with_columns(length=lengths.cast(pl.Int64))
    units = (
        kept.group_by([*unit, *extra]).agg(
            pl.col("x", "community").first(), n=pl.len(), k=pl.col("is_corrective").sum()
        )
        if "x" not in unit
        else kept.group_by([*unit, *extra]).agg(n=pl.len(), k=pl.col("is_corrective").sum())
    ).sort([*unit, *extra])
    strata = units.select(pl.struct(["community", *extra]).rank("dense").cast(pl.Int64) - 1).to_series()
    fit = permute_posts(
        _ints(units, "x"), _ints(units, "n"), _ints(units, "k"), strata=strata.to_numpy().astype(np.int64),
        n_draws=n_draws, ci_level=level, rng=rng,
    )  # fmt: skip
    if fit.estimate is not None and not (fit.null_sd or 0) > 1e-12:  # no stratum holds both kinds
        return Fit(n_clusters=fit.n_clusters, warnings=("no_variation",))
    return fit


def _cmh(kept: pl.DataFrame, level: float) -> Fit:
    """One row per post: has it any corrective reply, by community."""
    posts = kept.group_by("post").agg(pl.col("x", "community").first(), any=pl.col("is_corrective").max()).sort("post")
    codes = np.unique(_ints(posts, "community"), return_inverse=True)[1].astype(np.int64)
    return cochran_mantel_haenszel(stratum_tables(_ints(posts, "x"), _ints(posts, "any"), codes), level)


def _paired(kept: pl.DataFrame, level: float, base: Fit) -> Fit:
    rates = (
        kept.group_by("community", "x").agg(rate=pl.col("is_corrective").mean(), n=pl.len())
        .filter(pl.col("n") >= LEAST_REPLIES)
        .pivot("x", index="community", values="rate").drop_nulls().sort("community")
    )  # fmt: skip
    if not {"0", "1"} <= set(rates.columns):
        return replace(base, n_clusters=0, warnings=("few_clusters",))
    return t_test((rates["1"] - rates["0"]).to_numpy(), level, base)


def t_test(values: Floats, level: float, base: Fit) -> Fit:
    """Return the one-sample t-test of zero of one value per community; null for fewer than `LEAST_COMMUNITIES`."""
    base = replace(base, n_clusters=int(values.size))
    if values.size < LEAST_COMMUNITIES or not np.ptp(values) > 0:
        word = "few_clusters" if values.size < LEAST_COMMUNITIES else "no_variation"
        return replace(base, warnings=(word,))
    error = float(values.std(ddof=1) / np.sqrt(values.size))
    test = wald(float(values.mean()), error, level, values.size - 1)
    return replace(
        base, estimate=float(values.mean()), std_error=error, statistic=test.statistic, df=float(values.size - 1),
        p_value=test.p_value, conf_low=test.low, conf_high=test.high,
        warnings=("few_clusters",) if values.size < FEW_CLUSTERS else (),
    )  # fmt: skip


# Complaints


def _complaints(
    spec: MintSpecification, minting: Minting, clock: Clock, level: float, n_draws: int, rng: np.random.Generator
) -> Fit:
    messages = minting.messages.with_columns(is_complaint=pl.col(spec.definition))
    messages = messages.filter("is_first_copy") if spec.copies == "first_only" else messages
    invaded = minting.invaded if spec.threshold == LEAST_MINTS else invaded_communities(minting.posts, spec.threshold)
    if spec.estimator == "label_permutation":
        return _levels(messages, invaded, spec.unit, level, n_draws, rng)
    if clock.period is None or clock.first_at is None or clock.last_at is None:
        return Fit(n_obs=0, n_clusters=0, warnings=(clock.refusal or "no_times",))
    # A community that was invaded nobody knows when is neither an event nor one without.
    known = invaded.filter(pl.col("invaded_at").is_not_null() | ~pl.col("is_invaded"))
    table = known.sort("invaded_at", "community", nulls_last=True)
    moments = table["invaded_at"].drop_nulls().to_list()
    reach = min(timedelta(days=spec.reach_days), (clock.last_at - clock.first_at) / 4).total_seconds()
    if spec.sample == "moved_earlier":  # what was before has nothing to complain about yet
        moments = [moment - timedelta(seconds=reach) for moment in moments]
    found = windows(messages, table["community"].to_list(), moments, reach)
    enough = (found.before >= LEAST_MESSAGES) & (found.after >= LEAST_MESSAGES)
    with np.errstate(invalid="ignore", divide="ignore"):
        change = found.complaints_after / found.after - found.complaints_before / found.before
    return event_test(np.where(enough, change, np.nan), spec.estimator, level, n_draws, rng)


def event_test(change: Floats, estimator: str, level: float, n_draws: int, rng: np.random.Generator) -> Fit:
    """Test the change at the moments of invaded communities against that of the others at the same moments.

    Parameters
    ----------
    change
        Shape (communities, moments): change of the share at each moment; moment i is that of community i, the
        communities behind the last moment were not invaded; not-a-number where a community says too little.
    estimator
        ``before_after_permutation`` deals the moments out anew among all communities; ``before_after_t_test`` looks at
        the invaded ones alone.
    level, n_draws, rng
        Level of the interval, draws and their generator.
    """
    communities, moments = change.shape
    own = change[np.arange(moments), np.arange(moments)] if moments else np.zeros(0)
    usable = np.isfinite(own)
    base = Fit(n_obs=int(usable.sum()), n_clusters=int(usable.sum()))
    if estimator == "before_after_t_test":
        return t_test(own[usable], level, base)
    others = np.isfinite(change[moments:]).any(axis=1).sum()
    if usable.sum() < LEAST_COMMUNITIES or others < LEAST_COMMUNITIES:
        return replace(base, warnings=("few_clusters",))
    observed = _difference(change, np.arange(moments))
    null = np.array([_difference(change, rng.permutation(communities)[:moments]) for _ in range(n_draws)])
    return _against(observed, null[np.isfinite(null)], level, base)


def _difference(change: Floats, chosen: Ints) -> float:
    """Mean over moments of the change of the chosen community less the mean of those never chosen."""
    rest = np.ones(len(change), dtype=np.bool_)
    rest[chosen] = False
    own = change[chosen, np.arange(chosen.size)]
    finite = np.isfinite(change[rest])
    count = finite.sum(axis=0)
    control = np.where(finite, change[rest], 0.0).sum(axis=0) / np.where(count > 0, count, np.nan)
    apart = (own - control)[np.isfinite(own - control)]
    return float(apart.mean()) if apart.size else float("nan")


def _against(observed: float, null: Floats, level: float, base: Fit) -> Fit:
    if null.size < 2 or not np.isfinite(observed):
        return replace(base, warnings=("few_clusters",))
    if np.ptp(null) == 0:
        return replace(base, warnings=("no_variation", "few_events"))
    extreme = int((np.abs(null - null.mean()) >= abs(observed - null.mean()) - 1e-12).sum())
    low, high = np.quantile(null - null.mean(), [0.5 - level / 2, 0.5 + level / 2])
    return replace(
        base, estimate=observed, std_error=float(null.std(ddof=1)), p_value=(1 + extreme) / (null.size + 1),
        conf_low=observed - float(high), conf_high=observed - float(low), null_mean=float(null.mean()),
        null_sd=float(null.std(ddof=1)), n_perm=int(null.size),
        warnings=("few_clusters",) if (base.n_clusters or 0) < FEW_CLUSTERS else (),
    )  # fmt: skip


def _levels(
    messages: pl.DataFrame, invaded: pl.DataFrame, unit: str, level: float, n_draws: int, rng: np.random.Generator
) -> Fit:
    named = messages.drop_nulls("community")
    if unit == "author":  # one row per author of a community, who has complained or has not
        named = named.group_by("community", "author").agg(pl.col("is_complaint").any())
    rates = (
        named.group_by("community")
        .agg(rate=pl.col("is_complaint").mean(), n=pl.len()).filter(pl.col("n") >= 2 * LEAST_MESSAGES)
        .join(invaded.select("community", "is_invaded"), on="community")
        .sort("community")
    )  # fmt: skip
    value, label = rates["rate"].to_numpy(), rates["is_invaded"].to_numpy()
    base = Fit(n_obs=int(rates["n"].sum() or 0), n_clusters=rates.height)
    if label.sum() < LEAST_COMMUNITIES or (~label).sum() < LEAST_COMMUNITIES:
        return replace(base, warnings=("few_clusters",))
    order = np.argsort(rng.random((n_draws, label.size)), axis=1)[:, : int(label.sum())]
    some = value[order].mean(axis=1)
    null = some - (value.sum() - some * label.sum()) / (~label).sum()
    return _against(float(value[label].mean() - value[~label].mean()), null, level, base)


def _row(spec: MintSpecification, fit: Fit, level: float, clock: Clock, seed: int) -> Estimate:
    outcome = "corrective_reply" if spec.hypothesis == DRAW else "complaint"
    outcome = "unwanted_reply" if spec.outcome == "unwanted" else outcome
    outcome += "" if spec.definition == USUAL else f"_{spec.definition}"
    extra = ("not_evidence",) if spec.role == "naive" else ()
    within = {"permutation_authors": " | community", "permutation_posts": " | community", "cmh": " | community"}
    exposure = "1[hash(post) is even]" if spec.sample == "hash" else "1[protocol post]"
    strata = " x length" if spec.sample == "by_length" else ""
    model = f"{outcome} ~ 1 + {exposure}{within.get(spec.estimator, '')}{strata}"
    if spec.hypothesis == COMPLAIN:
        model = f"{outcome} ~ 1 + 1[invaded]" + ("" if spec.estimator == "label_permutation" else " x 1[after]")
    model = "; ".join([model, *_choices(spec)])
    sampling = f"{fit.n_perm} dealings, seed {seed}" if fit.n_perm else None
    if spec.sample not in ("all", "hash", "by_length"):
        sampling = "; ".join(part for part in (spec.sample.replace("_", " "), sampling) if part)
    return Estimate(
        spec_id=spec.spec_id, family=FAMILY, hypothesis_id=spec.hypothesis, role=spec.role,
        estimand=_ESTIMANDS.get(spec.estimator, _ODDS), model=model, estimator=spec.estimator, outcome=outcome,
        term=exposure if spec.hypothesis == DRAW else "invaded", estimate=fit.estimate, std_error=fit.std_error,
        statistic=fit.statistic, df=fit.df, p_value=fit.p_value, conf_low=fit.conf_low, conf_high=fit.conf_high,
        conf_level=None if fit.conf_low is None else level, n_obs=fit.n_obs, n_agents=fit.n_agents,
        n_clusters=fit.n_clusters, n_events=fit.n_events,
        cluster="community" if spec.hypothesis == COMPLAIN else "post author",
        sampling=sampling, window_start=clock.first_at, window_end=clock.last_at, null_mean=fit.null_mean,
        null_sd=fit.null_sd, n_perm=fit.n_perm, warnings=join_warnings([*fit.warnings, *extra]),
    )  # fmt: skip


def _choices(spec: MintSpecification) -> list[str]:
    """Say in what a specification differs from the usual choices that its formula does not name."""
    said = []
    if spec.threshold != LEAST_MINTS:
        said.append(f"invaded by {spec.threshold} protocol posts")
    if spec.copies == "first_only":
        said.append("first message of each text")
    if spec.unit == "author":
        said.append("authors")
    if spec.reach_days != MintSpecification("", "", "", "").reach_days:
        said.append(f"at most {spec.reach_days} days")
    return said
