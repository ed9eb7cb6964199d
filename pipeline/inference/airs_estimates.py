"""Every specification of the share of posts with action-inducing language: rows of ``analysis.estimate``, family airs.

What belongs here: which patterns are in the title and in the content of a post, which posts a specification keeps, and
the share with its interval. The grid is in `airs_grid`; the measures by slice and day are in `airs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from scipy import stats

from pipeline.activity.resampling import FloatArray, cluster_bootstrap, stream
from pipeline.activity.row import Sampling
from pipeline.inference.airs_grid import COIN, RANDOM, AirsSpecification, load_airs_grid
from pipeline.inference.enforcement_frames import posts_sql
from pipeline.inference.intervals import wilson
from pipeline.inference.result import FEWEST_BOOTSTRAP_UNITS
from pipeline.language.covered import coverage
from pipeline.lexicon import Card, Engine
from pipeline.schema import Estimate, join_warnings

FAMILY = "airs"
HYPOTHESIS = "posts_invite_action"
FEW_POSTS = 30
PARTS = ("any", "action", "sensitive")
_CATEGORIES = {"total": "any", "action": "action", "sensitive": "sensitive"}
_BATCH_ROWS = 50_000
_EVEN = "('0', '2', '4', '6', '8', 'a', 'c', 'e')"

# Only texts with a pattern can have one in their title or their content: both end at a boundary of words.
_TITLED = """
SELECT m.text_hash, min(coalesce(m.title, '')) AS title, min(coalesce(m.content, '')) AS content
FROM message AS m
JOIN (SELECT DISTINCT text_hash FROM lexicon_score WHERE lexicon = 'airs') AS s ON s.text_hash = m.text_hash
WHERE m.kind = 'post' GROUP BY m.text_hash ORDER BY m.text_hash
"""
_POSTS = f"""
SELECT p.*, m.text_hash, SUBSTR(SHA256('airs control:' || m.text_hash), 1, 1) IN {_EVEN} AS coin,
       SHA256('airs placebo:' || p.message_id) AS place
FROM ({posts_sql()}) AS p JOIN message AS m ON m.message_id = p.message_id ORDER BY p.message_id
"""


def airs_estimates(
    con: duckdb.DuckDBPyConnection, card: Card, sampling: Sampling, *, threads: int = 1
) -> list[Estimate]:
    """Compute every specification of the grid.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``lexicon_score`` of one corpus.
    card
        The lexicon card ``airs``: titles and contents are scored by it on their own.
    sampling
        Seed, draws and level.
    threads
        Of the scoring; results do not depend on it.

    Returns
    -------
    list of Estimate
        One row per specification, in the order of the grid: a share between 0 and 1 with the percentile bootstrap over
        authors. A row without authors enough for that has no interval and says so. Placebos stand beside the share
        of what they dropped from, negative controls beside one half, with p; a share by itself has none.
    """
    posts = read_airs_posts(con, card, threads)
    return [_row(spec, posts, sampling) for spec in load_airs_grid()]


def read_airs_posts(con: duckdb.DuckDBPyConnection, card: Card, threads: int = 1) -> pl.DataFrame:
    """Return one row per post: author (code), language, is_mint, is_first_copy, place, and a flag per part and text.

    The flags are named as ``any_content``; `coin` is a flag of the text that has nothing to do with what it says.
    """
    posts: pl.DataFrame = con.sql(_POSTS).pl()
    known, unknown = pl.concat_str([pl.lit("0:"), "agent_id"]), pl.concat_str([pl.lit("1:"), "message_id"])
    posts = posts.with_columns(
        author=pl.coalesce(known, unknown).rank("dense").cast(pl.Int64) - 1,
        any_title_and_content=pl.col("airs") > 0,
        action_title_and_content=pl.col("airs_action") > 0,
        sensitive_title_and_content=pl.col("airs_sensitive") > 0,
    )
    scored = list(_scored(con, Engine([card], threads=threads)))
    names = [f"{part}_{text}" for text in ("title", "content") for part in PARTS]
    empty = pl.DataFrame(schema={"text_hash": pl.String, **dict.fromkeys(names, pl.Boolean)})
    parts = pl.concat([empty, *(frame.select(empty.columns) for frame in scored)])
    return posts.join(parts, on="text_hash", how="left").with_columns(pl.col(names).fill_null(False)).sort("message_id")


def _scored(con: duckdb.DuckDBPyConnection, engine: Engine) -> Iterator[pl.DataFrame]:
    """Yield the flags of titles and contents, batch by batch."""
    for batch in con.sql(_TITLED).to_arrow_reader(_BATCH_ROWS):
        texts = pl.DataFrame(batch)
        found = texts.select("text_hash")
        for text in ("title", "content"):
            counts = engine.score(texts.select("text_hash", text=text, n_tokens=pl.lit(1, pl.Int64)))
            for category, part in _CATEGORIES.items():
                hits = counts.filter((pl.col("category") == category) & (pl.col("count") > 0))["text_hash"]
                found = found.with_columns(pl.col("text_hash").is_in(hits.implode()).alias(f"{part}_{text}"))
        yield found


def chosen(spec: AirsSpecification, posts: pl.DataFrame) -> pl.DataFrame:
    """Return the posts that a specification keeps, with `hit`: the flag that it counts."""
    kept = posts.filter(pl.col("language") == spec.language) if spec.language != "all" else posts
    for choice, drops in ((spec.copies, ~pl.col("is_first_copy")), (spec.token_mint, pl.col("is_mint"))):
        if choice == RANDOM:
            number = int(kept.select(drops.sum()).item())
            kept = kept.sort("place").tail(kept.height - number).sort("message_id")
        elif choice != "kept":
            kept = kept.filter(~drops)
    return kept.with_columns(hit=pl.col("coin") if spec.part == COIN else pl.col(f"{spec.part}_{spec.text}"))


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of posts, or the mean over authors of theirs."""

    value: float
    error: float | None
    low: float | None
    high: float | None
    authors: int
    warnings: tuple[str, ...] = ()


def _share(kept: pl.DataFrame, spec: AirsSpecification, sampling: Sampling) -> _Share:
    totals = kept.group_by("author").agg(k=pl.col("hit").sum().cast(pl.Int64), n=pl.len().cast(pl.Int64)).sort("author")
    k, n = (totals[name].to_numpy().astype(np.float64) for name in ("k", "n"))
    authors = len(n)
    if spec.unit == "author":
        k, n = k / n, np.ones(authors)
    value = float(k.sum() / n.sum())
    if authors < FEWEST_BOOTSTRAP_UNITS:
        return _Share(value, None, None, None, authors, ("few_agents",))
    # Of a ratio of sums over authors (Cochran 1977, 6.4).
    error = float(np.sqrt(np.square(k - value * n).sum() * authors / (authors - 1)) / n.sum())
    if error == 0:  # all or none: drawing authors again shows no others
        low, high = wilson(authors if value == 1 else 0, authors, sampling.level)
        return _Share(value, None, low, high, authors, ("no_variation",))
    found = cluster_bootstrap(
        np.column_stack([k, n]), _ratio, draws=sampling.bootstrap_draws,
        rng=stream(sampling.seed, f"airs/{spec.spec_id}"), level=sampling.level, method="cluster_bootstrap_agents",
    )  # fmt: skip
    return _Share(value, error, found.low, found.high, authors)


def _ratio(sums: FloatArray) -> FloatArray:
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def _row(spec: AirsSpecification, posts: pl.DataFrame, sampling: Sampling) -> Estimate:
    kept = chosen(spec, posts)
    words = ["composition_sensitive"] if spec.part != COIN else []
    words += ["few_posts"] if kept.height < FEW_POSTS else []
    words += coverage(kept["language"]).words if spec.part != COIN else []
    found = _share(kept, spec, sampling) if kept.height else None
    statistic, p_value, null_mean, null_sd = _against(spec, posts, kept, found)
    share = "share of posts" if spec.unit == "post" else "share of an author's posts, mean over authors,"
    holds = "that a coin tossed by a hash of the text chose" if spec.part == COIN else _HOLDS[spec.part]
    return Estimate(
        spec_id=spec.spec_id, family=FAMILY, hypothesis_id=HYPOTHESIS, role=spec.role, estimand=f"{share} {holds}",
        model=spec.formula, estimator="share_of_posts" if spec.unit == "post" else "mean_over_authors",
        outcome="coin" if spec.part == COIN else f"airs_{spec.part}", term="share",
        estimate=found.value if found else None, std_error=found.error if found else None,
        conf_low=found.low if found else None, conf_high=found.high if found else None,
        conf_level=sampling.level if found and found.low is not None else None, statistic=statistic, p_value=p_value,
        null_mean=null_mean, null_sd=null_sd, n_obs=kept.height, n_agents=found.authors if found else 0,
        n_clusters=found.authors if found else 0, n_events=int(kept["hit"].sum() or 0), cluster="author",
        sampling="all posts" if RANDOM not in (spec.copies, spec.token_mint) else "posts dropped by a hash of their id",
        warnings=join_warnings([*words, *(found.warnings if found else ())]),
    )  # fmt: skip


_HOLDS = {
    "any": "with an action-inducing or sensitive pattern (AIRS above 0)",
    "action": "with an action-inducing pattern",
    "sensitive": "with a sensitive pattern",
}
_Test = tuple[float | None, float | None, float | None, float | None]


def _against(spec: AirsSpecification, posts: pl.DataFrame, kept: pl.DataFrame, found: _Share | None) -> _Test:
    """Return statistic, p, mean and standard deviation of the null of a placebo or a negative control."""
    if found is None or (RANDOM not in (spec.copies, spec.token_mint) and spec.part != COIN):
        return None, None, None, None
    law: Callable[[float], float] = lambda z: float(2 * stats.norm.sf(abs(z)))  # noqa: E731
    if spec.part == COIN:
        mean, error = 0.5, found.error
        law = lambda z: float(2 * stats.t.sf(abs(z), found.authors - 1))  # noqa: E731
    else:  # a simple random sample of all posts, without replacement
        whole = posts.select(pl.col(f"{spec.part}_{spec.text}").mean()).item()
        n, left = posts.height, kept.height
        mean, error = whole, float(np.sqrt(whole * (1 - whole) * (n - left) / (left * max(n - 1, 1))))
    if not error:
        return None, None, mean, None
    z = (found.value - mean) / error
    return z, law(z), mean, error
