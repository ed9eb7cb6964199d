"""Threads and waiting times as arrays, from views ``message`` and ``agent``.

What belongs here: reading. What is computed of them is in `pipeline.structure.cascades` and in
`pipeline.structure.hazard`.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl

from pipeline.activity.gaps import Gaps
from pipeline.network.edges import IntArray
from pipeline.structure.cascades import NONE, Forest
from pipeline.structure.hazard import Waits

HOUR = 3_600_000_000
_MICROSECOND = 1e-6 / 3_600
"""The shortest wait that a model sees, in hours: a microsecond."""
_FINE = "('us', 'ms', 's')"

# A message hangs on its thread when every parent is there; depth is null otherwise.
_MESSAGES = f"""
SELECT m.message_id, m.parent_id, coalesce(m.root_id, m.message_id) AS root_id, m.depth, m.agent_id, m.kind,
       m.upvotes, m.text_hash, CAST(a.is_claimed AS BIGINT) AS claim,
       CASE WHEN coalesce(m.at_precision, 'us') IN {_FINE} THEN epoch_us(m.created_at) END AS at
FROM message AS m JOIN message AS r ON r.message_id = coalesce(m.root_id, m.message_id)
LEFT JOIN agent AS a ON a.agent_id = m.agent_id
WHERE r.kind = 'post' AND r.depth = 0 AND m.depth IS NOT NULL AND (m.kind = 'comment' OR m.message_id = r.message_id)
ORDER BY root_id, m.created_at NULLS FIRST, m.step NULLS FIRST, m.depth, m.message_id
"""


@dataclass(frozen=True, slots=True)
class Threads:
    """Threads, their messages in the order of threads and time.

    Attributes
    ----------
    forest
        The trees.
    at
        Time of each message in microseconds since 1970, `NONE` where not known to the second, shape (messages,).
    root
        Place of the root of each thread, shape (threads,).
    cluster
        Author of the post of each thread, a number of its own where there is none, shape (threads,).
    upvotes
        Upvotes of each post, not-a-number where there are none, shape (threads,).
    text
        Number of the text of each message, shape (messages,).
    claim
        1 where a human has claimed the account of the author, 0 where none has, `NONE` where the dump does not say,
        shape (messages,).
    """

    forest: Forest
    at: IntArray
    root: IntArray
    cluster: IntArray
    upvotes: np.ndarray
    text: IntArray
    claim: IntArray


def load_threads(con: duckdb.DuckDBPyConnection) -> Threads:
    """Read the threads of a corpus: every post, and the comments whose chain of parents leads to it."""
    frame = con.sql(_MESSAGES).pl()
    places = frame.select("message_id").with_row_index("place")
    parents = frame.select("parent_id").join(
        places, left_on="parent_id", right_on="message_id", how="left", maintain_order="left"
    )
    depth = frame["depth"].to_numpy().astype(np.int64)
    parent = parents["place"].cast(pl.Int64).fill_null(NONE).to_numpy()
    parent = np.where(depth == 0, NONE, parent)
    tree = frame["root_id"].rle_id().cast(pl.Int64).to_numpy()
    author = frame["agent_id"].rank("dense").cast(pl.Int64).fill_null(0).to_numpy() - 1
    lost = (depth > 0) & (parent == NONE)
    if lost.any():
        raise ValueError(f"{int(lost.sum())} messages have a depth but no parent in their thread")
    root = np.flatnonzero(depth == 0)
    owner = author[root]
    cluster = np.where(owner == NONE, author.max(initial=0) + 1 + np.arange(len(root)), owner)
    return Threads(
        forest=Forest(parent, tree, depth, author, len(root)),
        at=frame["at"].fill_null(NONE).to_numpy().astype(np.int64),
        root=root,
        cluster=cluster,
        upvotes=frame["upvotes"].cast(pl.Float64).fill_null(np.nan).to_numpy()[root],
        text=frame["text_hash"].rank("dense").cast(pl.Int64).fill_null(0).to_numpy(),
        claim=frame["claim"].fill_null(NONE).to_numpy().astype(np.int64),
    )


def load_waits(threads: Threads, gaps: Gaps) -> tuple[Waits, int]:
    """Return how long each comment waited for its first answer.

    Parameters
    ----------
    threads
        The threads.
    gaps
        Interruptions of the collection of comments: a wait ends with the first gap after its start, unanswered.

    Returns
    -------
    tuple of Waits and int
        Comments with a time to the second, watched until the last message of the corpus; and how many comments with an
        answer are left out because a time is missing or an answer is dated before them.
    """
    forest, at = threads.forest, threads.at
    none = np.zeros(0, dtype=np.int64)
    if not len(at):
        return Waits(none.astype(float), none.astype(bool), none, none), 0
    never = np.iinfo(np.int64).max
    first = np.full(len(at), never, dtype=np.int64)
    answers = np.flatnonzero((forest.depth > 1) & (at != NONE))
    np.minimum.at(first, forest.parent[answers], at[answers])
    comments = np.flatnonzero((forest.depth > 0) & (at != NONE))
    begins, found = at[comments], first[comments]
    end = np.full(len(comments), int(at.max()), dtype=np.int64)
    for _, start, _ in gaps.rows:
        edge = int(np.datetime64(start, "us").astype(np.int64))
        end = np.where(begins < edge, np.minimum(end, edge), end)
    odd = found < begins
    kept = ~odd & (end >= begins)
    begins, found, end = begins[kept], found[kept], end[kept]
    answered = found <= end
    time = np.maximum((np.where(answered, found, end) - begins) / HOUR, _MICROSECOND)
    children = np.bincount(forest.parent[forest.depth > 1], minlength=len(at))
    untimed = int(((children > 0) & (first == never) & (forest.depth > 0)).sum())
    return Waits(time, answered, forest.tree[comments][kept], threads.claim[comments][kept]), int(odd.sum()) + untimed
