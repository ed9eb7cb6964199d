"""A slice as arrays, and the ways to cut it: by run, into windows, at a point in time.

What belongs here: reading messages of a slice in the order of the clock, and choosing rows. What is computed on them is
in `pipeline.comparison.facts`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import duckdb
import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipeline.activity.resampling import FloatArray, IntArray
from pipeline.comparison.pairs import Side
from pipeline.inference.slices import LANGUAGE

BoolArray = NDArray[np.bool_]

MOST_WINDOWS = 30
_HASH = "left(sha256(concat(CAST(? AS VARCHAR), '/', {key})), 15)"

# The order of the clock: time, then step, then id; a message without either stands last. Copies are counted in each
# run on its own: runs that start from the same texts do not copy each other.
_MESSAGES = f"""
WITH mint AS (
    SELECT DISTINCT text_hash FROM lexicon_score WHERE corpus_id = ? AND lexicon = 'token_mint'
),
reply AS (
    SELECT message_id, min(target_id) AS target_id FROM interaction
    WHERE corpus_id = ? AND rule = 'reply_any' GROUP BY message_id
),
flagged AS (
    SELECT m.*, t.text_hash IS NOT NULL AS is_mint,
           row_number() OVER (
               PARTITION BY m.run_id, m.text_hash ORDER BY m.created_at NULLS LAST, m.message_id
           ) AS copy
    FROM message AS m LEFT JOIN mint AS t ON t.text_hash = m.text_hash
    WHERE m.corpus_id = ?
)
SELECT f.run_id, f.agent_id, r.target_id, coalesce(f.root_id, f.message_id) AS thread_id, f.depth,
       CASE WHEN f.kind <> 'repost' THEN f.text_hash END AS text_hash,
       f.kind IN ('post', 'comment') AS is_activity, f.kind = 'comment' AS is_comment,
       epoch_us(f.created_at) AS at, f.at_precision IS NULL OR f.at_precision IN ('us', 'ms', 's') AS is_fine, f.step,
       {_HASH.format(key="f.message_id")} AS message_hash,
       {_HASH.format(key="coalesce(f.agent_id, f.message_id)")} AS agent_hash,
       {_HASH.format(key="coalesce(r.target_id, f.message_id)")} AS target_hash,
       {_HASH.format(key="coalesce(f.root_id, f.message_id)")} AS thread_hash
FROM flagged AS f LEFT JOIN reply AS r ON r.message_id = f.message_id
WHERE (? <> 'without_duplicates' OR f.copy = 1) AND (? <> 'without_token_mint' OR NOT f.is_mint) {{language}}
  AND (CAST(? AS TIMESTAMP) IS NULL OR f.created_at >= ?) AND (CAST(? AS TIMESTAMP) IS NULL OR f.created_at < ?)
ORDER BY f.created_at NULLS LAST, f.step NULLS LAST, f.message_id
"""
_IN_LANGUAGE = "AND f.text_hash IN (SELECT text_hash FROM text WHERE corpus_id = ? AND language = ?)"


@dataclass(frozen=True, slots=True)
class Sample:
    """Messages in the order of the clock; every array has shape (messages,).

    Attributes
    ----------
    run
        Number of the run.
    agent, target
        Numbers of the author and of the agent answered under rule ``reply_any``; −1 where there is none.
    thread, text
        Numbers of the thread and of the text; −1 for a repost, which has no text of its own.
    depth
        Depth; not-a-number where a parent is missing.
    is_activity, is_comment, is_fine
        Post or comment; comment; time known finer than a minute.
    at, step
        Microseconds and steps; not-a-number where there are none.
    message_hash, agent_hash, target_hash, thread_hash
        Uniform whole numbers below 2**60 from SHA-256 of seed and id: the same on every machine.
    run_names
        Name of each run by its number.
    """

    run: IntArray
    agent: IntArray
    target: IntArray
    thread: IntArray
    text: IntArray
    depth: FloatArray
    is_activity: BoolArray
    is_comment: BoolArray
    is_fine: BoolArray
    at: FloatArray
    step: FloatArray
    message_hash: IntArray
    agent_hash: IntArray
    target_hash: IntArray
    thread_hash: IntArray
    run_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of messages."""
        return len(self.run)

    def take(self, chosen: IntArray | BoolArray) -> Sample:
        """Return the chosen messages, in the order given."""
        arrays = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "run_names"}
        return replace(self, **{name: array[chosen] for name, array in arrays.items()})

    def runs(self) -> list[Sample]:
        """Return the messages of each run."""
        return [self.take(self.run == number) for number in np.unique(self.run)]

    def has_order(self) -> bool:
        """Tell whether all messages have a time, or all have a step."""
        return len(self) > 0 and not (bool(np.isnan(self.at).any()) and bool(np.isnan(self.step).any()))

    def windows(self, size: int, most: int = MOST_WINDOWS) -> list[Sample]:
        """Return windows of `size` consecutive messages that do not overlap, at most `most`, evenly spread.

        Windows have equal numbers of messages, not equal lengths in time, so that they are matched on size. Empty
        where messages have no order.
        """
        count = min(len(self) // size, most) if size > 0 and self.has_order() else 0
        slack = len(self) - count * size
        starts = [number * size + (slack * number) // max(count - 1, 1) for number in range(count)]
        return [self.take(np.arange(start, start + size)) for start in starts]

    def halves(self, shares: tuple[float, ...] = (0.4, 0.45, 0.5, 0.55, 0.6)) -> list[tuple[Sample, Sample]]:
        """Return the messages before and after each of several points in time, near the middle."""
        if not self.has_order():
            return []
        cuts = [round(share * len(self)) for share in shares]
        return [(self.take(np.arange(cut)), self.take(np.arange(cut, len(self)))) for cut in cuts]


def load_sample(con: duckdb.DuckDBPyConnection, side: Side, seed: int) -> Sample:
    """Read a slice.

    Parameters
    ----------
    con
        Connection with views ``message``, ``interaction``, ``lexicon_score`` and ``text`` over all corpora.
    side
        The slice.
    seed
        Seed of the hashes by which corpora are brought to one size.
    """
    rule = side.rule
    window = [rule.start_at, rule.start_at, rule.end_at, rule.end_at]
    params: list[object] = [*[side.corpus_id] * 3, *[str(seed)] * 4, rule.filter, rule.filter]
    is_language = rule.filter.startswith(LANGUAGE)
    params += [side.corpus_id, rule.filter.removeprefix(LANGUAGE)] if is_language else []
    query = _MESSAGES.format(language=_IN_LANGUAGE if is_language else "")
    frame = con.sql(query, params=[*params, *window]).pl()
    if side.runs is not None:
        frame = frame.filter(pl.col("run_id").is_in(list(side.runs)))
    agents = pl.concat([frame["agent_id"], frame["target_id"]])
    codes = _codes(agents)

    def hashed(name: str) -> IntArray:
        return np.asarray(frame[name].str.to_integer(base=16).to_numpy(), dtype=np.int64)

    def number(name: str) -> FloatArray:
        return np.asarray(frame[name].cast(pl.Float64).fill_null(float("nan")).to_numpy(), dtype=np.float64)

    def flag(name: str) -> BoolArray:
        return np.asarray(frame[name].fill_null(False).to_numpy(), dtype=np.bool_)

    return Sample(
        run=_codes(frame["run_id"]),
        agent=codes[: frame.height],
        target=codes[frame.height :],
        thread=_codes(frame["thread_id"]),
        text=_codes(frame["text_hash"]),
        depth=number("depth"),
        is_activity=flag("is_activity"),
        is_comment=flag("is_comment"),
        is_fine=flag("is_fine"),
        at=number("at"),
        step=number("step"),
        message_hash=hashed("message_hash"),
        agent_hash=hashed("agent_hash"),
        target_hash=hashed("target_hash"),
        thread_hash=hashed("thread_hash"),
        run_names=tuple(frame["run_id"].drop_nulls().unique().sort()),
    )


def _codes(names: pl.Series) -> IntArray:
    """Return numbers of names by their order; −1 for null."""
    ranks = names.rank("dense").cast(pl.Int64) - 1
    return ranks.fill_null(-1).to_numpy().astype(np.int64)
