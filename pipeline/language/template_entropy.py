"""How many templates a community writes to: the entropy of templates on samples of a fixed size, and its null.

What belongs here: counts of templates by community, period and author, the expected entropy of a sample of m posts,
and the null in which authors are dealt out anew among communities. Rows are in `norm_trends`.

The entropy of the templates of n posts grows with n, so every cell is brought to m posts: not by drawing some, but by
the mean over all samples of m posts, which the hypergeometric law gives exactly (rarefaction, Hurlbert 1971, applied to
Shannon's entropy). A text without a template is a template of its own. The value is divided by log m: 1 where no two
posts share a template, 0 where all do.

An author counts in the community where it posts most: an author's texts hang together, and its parts in several
communities would not be exchangeable with those of others.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from scipy.special import gammaln

from pipeline.language.clock import Clock
from pipeline.language.convergence_sample import KINDS
from pipeline.language.similarity import Floats, Ints
from pipeline.language.templates import NOT_BLANK

POSTS = 20
"""Posts of a sample of a community and period."""
CORPUS_POSTS = 100
"""Posts of a sample of a period of the whole corpus."""


@dataclass(frozen=True, slots=True)
class Counts:
    """Posts by author, period and template; all codes from 0.

    Attributes
    ----------
    author, period, template, posts
        Shape (n,).
    home
        Shape (authors,): code of the community where an author posts most.
    run
        Shape (authors,): code of the run of an author.
    communities
        Frame with run_id and community_id, in the order of the codes.
    periods
        First instants of the periods.
    names
        Names of the authors.
    """

    author: Ints
    period: Ints
    template: Ints
    posts: Ints
    home: Ints
    run: Ints
    communities: pl.DataFrame
    periods: pl.Series
    names: pl.Series


def template_counts(con: duckdb.DuckDBPyConnection, clock: Clock, *, has_communities: bool) -> Counts:
    """Count posts of each author by period and template, in its home community.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text`` and ``template`` of one corpus.
    clock
        The period of the corpus; must have one.
    has_communities
        False takes a run as one community.
    """
    kinds = ", ".join(f"'{kind}'" for kind in KINDS)
    community = "m.community_id" if has_communities else "'corpus'"
    frame = con.sql(
        f"""
        WITH known AS (SELECT DISTINCT text_hash, template_id FROM template)
        SELECT m.run_id, {community} AS community_id, {clock.start_sql("m")} AS period_start,
               m.run_id || chr(10) || COALESCE('0:' || m.agent_id, '1:' || m.message_id) AS author,
               COALESCE(k.template_id, m.text_hash) AS template, CAST(count(*) AS BIGINT) AS posts
        FROM message AS m
        JOIN text AS t ON t.text_hash = m.text_hash AND regexp_matches(t.text, '{NOT_BLANK}')
        LEFT JOIN known AS k ON k.text_hash = m.text_hash
        WHERE m.kind IN ({kinds}) AND {community} IS NOT NULL AND {clock.is_timed_sql("m")}
        GROUP BY ALL ORDER BY ALL
        """
    ).pl()
    by_home = frame.group_by("author", "run_id", "community_id").agg(pl.col("posts").sum())
    ordered = by_home.sort("author", "posts", "community_id", descending=[False, True, False])
    homes = ordered.unique("author", keep="first", maintain_order=True).select("author", "run_id", "community_id")
    kept = frame.join(homes, on=["author", "run_id", "community_id"], how="semi", maintain_order="left")
    communities = homes.select("run_id", "community_id").unique().sort("run_id", "community_id")
    home = homes.join(
        communities.with_row_index("home"), on=["run_id", "community_id"], how="left", maintain_order="left"
    )
    periods = kept["period_start"].unique().sort()
    return Counts(
        author=_codes(kept["author"]),
        period=_codes(kept["period_start"]),
        template=_codes(kept["template"]),
        posts=kept["posts"].to_numpy().astype(np.int64),
        home=home["home"].to_numpy().astype(np.int64),
        run=_codes(homes["run_id"]),
        communities=communities,
        periods=periods,
        names=homes["author"],
    )


def _codes(values: pl.Series) -> Ints:
    return np.asarray(values.rank("dense").to_numpy().astype(np.int64) - 1)


def expected_entropy(cell: Ints, template: Ints, posts: Ints | Floats, size: int, m: int) -> Floats:
    """Return the expected entropy of the templates of m posts of each cell, as a share of log m.

    Parameters
    ----------
    cell, template, posts
        Shape (n,): codes of cells and templates, and posts; rows may repeat a template.
    size
        Number of cells.
    m
        Posts of a sample; at least 2.

    Returns
    -------
    numpy.ndarray
        Shape (size,): −Σ_k Σ_j P(j of the posts of template k in a sample) (j/m) log(j/m) / log m; not-a-number for
        cells with fewer than m posts.
    """
    total = np.bincount(cell, weights=posts, minlength=size)
    width = int(template.max(initial=0)) + 1
    key, inverse = np.unique(cell * width + template, return_inverse=True)
    held = np.bincount(inverse, weights=posts).astype(np.int64) if key.size else np.zeros(0, dtype=np.int64)
    own = (key // width).astype(np.int64)
    enough = total[own] >= m
    own, held = own[enough], held[enough]
    n = total[own].astype(np.int64)
    # Most templates are single texts, so distinct pairs of n and c are few.
    widest = int(held.max(initial=0)) + 1
    pairs, place = np.unique(n * widest + held, return_inverse=True)
    terms = _entropy_terms(pairs // widest, pairs % widest, m)
    value = np.bincount(own, weights=terms[place], minlength=size) / np.log(m)
    return np.where(total >= m, value, np.nan)


def _entropy_terms(n: Ints, c: Ints, m: int) -> Floats:
    """Return −Σ_j P(j) (j/m) log(j/m), j hypergeometric: m drawn from n of which c; shape (pairs,)."""
    j = np.arange(1, m + 1, dtype=np.float64)[None, :]
    big, some = n.astype(np.float64)[:, None], c.astype(np.float64)[:, None]
    possible = (j <= some) & (m - j <= big - some)
    inside = np.where(possible, j, 1.0)
    rest = np.where(possible, big - some - m + inside, 1.0)
    with np.errstate(invalid="ignore"):
        log_p = (
            _log_choose(some, np.minimum(inside, some))
            + gammaln(np.where(possible, big - some, 1.0) + 1)
            - gammaln(m - inside + 1)
            - gammaln(rest + 1)
            - _log_choose(big, np.full_like(big, m))
        )
    weight = -(j / m) * np.log(j / m)
    return np.asarray((np.where(possible, np.exp(log_p), 0.0) * weight).sum(axis=1), dtype=np.float64)


def _log_choose(n: Floats, k: Floats) -> Floats:
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1), dtype=np.float64)


def cell_entropy(counts: Counts, home: Ints) -> Floats:
    """Return the entropies of the cells when authors live in these communities, shape (communities, periods)."""
    shape = (counts.communities.height, len(counts.periods))
    cell = home[counts.author] * shape[1] + counts.period
    found = expected_entropy(cell, counts.template, counts.posts, shape[0] * shape[1], POSTS)
    return found.reshape(shape)


def dealt_homes(counts: Counts, rng: np.random.Generator) -> Ints:
    """Deal the home communities out anew among the authors of each run, each with all of its posts."""
    plain = np.argsort(counts.run, kind="stable")
    shuffled = np.lexsort((rng.random(counts.run.size), counts.run))
    home = np.empty_like(counts.home)
    home[plain] = counts.home[shuffled]
    return home


def corpus_entropy(counts: Counts, kept: np.typing.NDArray[np.bool_] | None = None) -> Floats:
    """Return the entropy of each period of the whole corpus, of the authors kept; shape (periods,)."""
    rows = slice(None) if kept is None else kept[counts.author]
    size = len(counts.periods)
    return expected_entropy(counts.period[rows], counts.template[rows], counts.posts[rows], size, CORPUS_POSTS)
