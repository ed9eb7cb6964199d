"""The simulated forum as a whole: from a planted truth to a corpus, in memory.

Layout on disk is not known here; see `moltbook_v1`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.random import Generator

from pipeline.simulation.people import draw_agents, draw_communities
from pipeline.simulation.posts import draw_posts
from pipeline.simulation.threads import draw_comments
from pipeline.simulation.truth import ForumTruth

STREAMS = ("agents", "communities", "posts", "threads", "classes", "comments", "irregularities")


@dataclass(frozen=True)
class RowAccount:
    """Rows that a correct ingestion reports: ``rows_read = new + revised + repeated + quarantined``."""

    rows_read: int = 0
    new: int = 0
    revised: int = 0
    repeated: int = 0
    quarantined: int = 0

    def __add__(self, other: RowAccount) -> RowAccount:
        """Add two accounts count by count."""
        return RowAccount(
            self.rows_read + other.rows_read,
            self.new + other.new,
            self.revised + other.revised,
            self.repeated + other.repeated,
            self.quarantined + other.quarantined,
        )


@dataclass(frozen=True)
class Irregularities:
    """What is wrong with the dump, on purpose.

    ``revised_posts`` and ``repeated_posts`` are ids of posts with a second file under ``posts/``, downloaded
    an hour later, with `SCORE_CHANGE` more upvotes and unchanged; ``null_author_comments`` and
    ``empty_comment_files`` are ids too; the others are numbers of unreadable files.
    """

    revised_posts: tuple[str, ...]
    repeated_posts: tuple[str, ...]
    null_author_comments: tuple[str, ...]
    empty_comment_files: tuple[str, ...]
    n_truncated: int
    n_html: int


@dataclass(frozen=True)
class Corpus:
    """A simulated forum with its latent labels.

    Attributes
    ----------
    truth : ForumTruth
        What was planted.
    agents, communities, posts, comments : DataFrame
        One row per entity, columns as in `people`, `posts` and `threads`; ``posts.comment_count`` counts
        the comments below each post, and ``comments.agent_id`` is null where the dump shows no author.
    irregularities : Irregularities
        What the dump holds beside the clean rows.
    expected : dict of RowAccount
        What row accounting must report for ``post``, ``comment``, ``agent``, ``community`` (one row per file
        under ``agents/`` and ``submolts/``), ``unreadable`` (one row per file that is no JSON) and ``all``.
    """

    truth: ForumTruth
    agents: pl.DataFrame
    communities: pl.DataFrame
    posts: pl.DataFrame
    comments: pl.DataFrame
    irregularities: Irregularities
    expected: dict[str, RowAccount]


def generate(truth: ForumTruth) -> Corpus:
    """Generate a corpus with `truth` planted.

    Every part has its own random stream, spawned from ``truth.seed``: equal truths give equal corpora, and a
    change of one parameter leaves the streams of the other parts as they were.

    Parameters
    ----------
    truth : ForumTruth
        What to plant.
    """
    seeds = np.random.SeedSequence(truth.seed).spawn(len(STREAMS))
    streams = {name: np.random.default_rng(seed) for name, seed in zip(STREAMS, seeds, strict=True)}
    agents = draw_agents(truth, streams["agents"])
    communities = draw_communities(truth, agents, streams["communities"])
    posts = draw_posts(truth, agents, communities, streams["posts"])
    comments = draw_comments(truth, agents, posts, streams)
    counts = comments.group_by("root_id").agg(pl.len().cast(pl.Int64).alias("comment_count"))
    posts = posts.join(
        counts, left_on="message_id", right_on="root_id", how="left", maintain_order="left"
    ).with_columns(pl.col("comment_count").fill_null(0))
    irregular = draw_irregularities(truth, posts, comments, streams["irregularities"])
    hidden = pl.col("message_id").is_in(irregular.null_author_comments)
    comments = comments.with_columns(pl.when(~hidden).then(pl.col("agent_id")).alias("agent_id"))
    expected = expect_rows(truth, posts, comments.height, irregular)
    return Corpus(truth, agents, communities, posts, comments, irregular, expected)


def draw_irregularities(
    truth: ForumTruth, posts: pl.DataFrame, comments: pl.DataFrame, rng: Generator
) -> Irregularities:
    """Choose the posts and comments with irregularities, each post at most once.

    Raises
    ------
    ValueError
        If fewer posts have comments than the irregularities need.
    """
    commented = posts.filter(pl.col("comment_count") > 0)["message_id"]
    needed = truth.n_revised + truth.n_repeated + truth.n_null_authors + truth.n_empty_comment_files
    if needed > commented.len():
        message = (
            f"{needed} irregularities need as many posts with comments, {commented.len()} have any; "
            "raise n_posts or comments_per_post, or plant fewer."
        )
        raise ValueError(message)
    chosen = commented.gather(rng.choice(commented.len(), needed, replace=False)).to_list()
    ends = np.cumsum([truth.n_revised, truth.n_repeated, truth.n_null_authors])
    revised, repeated, silent, empty = (
        chosen[start:end] for start, end in zip([0, *ends], [*ends, needed], strict=True)
    )
    # The last comment of a thread: no reply of it was planted as a back-reply to the hidden author.
    last = comments.filter(pl.col("root_id").is_in(silent)).group_by("root_id", maintain_order=True).last()
    return Irregularities(
        tuple(revised),
        tuple(repeated),
        tuple(last["message_id"]),
        tuple(empty),
        truth.n_truncated,
        truth.n_html,
    )


def expect_rows(
    truth: ForumTruth, posts: pl.DataFrame, n_comments: int, irregular: Irregularities
) -> dict[str, RowAccount]:
    """Count the rows that a correct ingestion of the written dump reports, per kind and for ``all``."""
    again = (*irregular.revised_posts, *irregular.repeated_posts)
    below = int(posts.filter(pl.col("message_id").is_in(again))["comment_count"].sum())
    revised, repeated = len(irregular.revised_posts), len(irregular.repeated_posts)
    unreadable = irregular.n_truncated + irregular.n_html
    kinds = {
        "post": RowAccount(truth.n_posts + revised + repeated, truth.n_posts, revised, repeated),
        "comment": RowAccount(n_comments + below, n_comments, 0, below),
        "agent": RowAccount(truth.n_agents, truth.n_agents),
        "community": RowAccount(truth.n_communities, truth.n_communities),
        "unreadable": RowAccount(unreadable, quarantined=unreadable),
    }
    return {**kinds, "all": sum(kinds.values(), RowAccount())}
