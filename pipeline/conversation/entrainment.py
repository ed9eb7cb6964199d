"""Lexical entrainment: whether two agents share more words from turn to turn (METHODS 6 row 8, analogue).

What belongs here: replies to replies between two agents in a thread, in their order. What is shared is the overlap of
the content words of a reply with those of the reply it answers, |A ∩ B|/√(|A||B|) (Ochiai's coefficient, the cosine of
sets), which does not grow with length alone. Answers to posts are left out: posts are longer, and always come first.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from scipy import sparse

from pipeline.activity.resampling import Null, stream
from pipeline.activity.row import Sampling
from pipeline.conversation.rows import Contrast, Question, codes, ints, share_row
from pipeline.conversation.turns import REPLY, TURN, Turns
from pipeline.conversation.within import centred, dealer, informative
from pipeline.coordination.nulls import affordable, against
from pipeline.inference.result import Floats, Ints
from pipeline.language.clock import Clock
from pipeline.schema import Estimate, Measure

MOST_DYADS = 5_000
"""Dyads in a thread, chosen by hash."""
LAST_TURN = 10
"""Turns of a dyad in a thread that are looked at."""
MOST_COMMON = 0.05
"""Words in more than this share of the texts are no content words."""
LONGEST = 10_000
"""Characters of a text that are read."""
_WORD = r"\p{L}{4,}"

_PAIR = f"""
WITH turn AS (
    SELECT r.id, r.parent, r.author, r.partner, r.thread, LEAST(r.author, r.partner) AS one,
           GREATEST(r.author, r.partner) AS other, t.message_id,
           ROW_NUMBER() OVER (
               PARTITION BY r.thread, LEAST(r.author, r.partner), GREATEST(r.author, r.partner) ORDER BY r.moment, r.id
           ) - 1 AS place
    FROM {REPLY} AS r JOIN {TURN} AS t ON t.id = r.id WHERE NOT r.is_to_post AND r.moment IS NOT NULL
),
dyad AS (
    SELECT thread, one, other, MIN(message_id) AS name FROM turn GROUP BY thread, one, other HAVING count(*) > 1
),
chosen AS (SELECT thread, one, other FROM dyad ORDER BY sha256($salt || name), name LIMIT $most)
SELECT t.id, t.parent, t.author, t.partner, t.thread, t.one, t.other, t.place
FROM turn AS t JOIN chosen AS c ON c.thread = t.thread AND c.one = t.one AND c.other = t.other
WHERE t.place < {LAST_TURN} ORDER BY t.id
"""
_WORDS = f"""
WITH root AS (SELECT thread, MIN(id) AS id FROM {TURN} WHERE parent IS NULL AND kind = 'post' GROUP BY thread),
used AS (
    SELECT id FROM entrainment_pair UNION SELECT parent FROM entrainment_pair
    UNION SELECT r.id FROM root AS r JOIN entrainment_pair AS p ON p.thread = r.thread
),
word AS (
    SELECT DISTINCT u.id, unnest(regexp_extract_all(lower(left(x.text, {LONGEST})), '{_WORD}')) AS term
    FROM used AS u JOIN {TURN} AS t ON t.id = u.id JOIN text AS x ON x.text_hash = t.text_hash
),
content AS (
    SELECT term, row_number() OVER (ORDER BY term) - 1 AS code FROM word GROUP BY term
    HAVING count(*) > 1 AND count(*) <= greatest($common * (SELECT count(*) FROM used), 2)
)
SELECT w.id, c.code FROM word AS w JOIN content AS c ON c.term = w.term ORDER BY w.id, c.code
"""
_ROOTS = f"SELECT thread, MIN(id) AS id FROM {TURN} WHERE parent IS NULL AND kind = 'post' GROUP BY thread"

GROWTH = Question(
    "entrainment_grows", "change of the overlap of content words of a reply with the reply it answers, per turn of a "
    "dyad in a thread", "overlap of content words", "turn", "dyad in a thread", "dyad",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """Content words of texts.

    Attributes
    ----------
    ids
        Numbers of the messages, ascending, shape (n,).
    has
        0 or 1, shape (n, terms).
    """

    ids: Ints
    has: sparse.csr_matrix

    def rows(self, ids: Ints) -> sparse.csr_matrix:
        """Return the rows of some messages; zero for a message without content words."""
        if not self.ids.size:
            return sparse.csr_matrix((ids.size, self.has.shape[1]))
        at = np.minimum(np.searchsorted(self.ids, ids), self.ids.size - 1)
        return sparse.diags((self.ids[at] == ids).astype(np.float64)) @ self.has[at]


def overlaps(a: sparse.csr_matrix, b: sparse.csr_matrix) -> Floats:
    """Return |A ∩ B|/√(|A||B|) of each pair of rows, shape (n,); zero where a side is empty."""
    shared = np.asarray(a.multiply(b).sum(axis=1), dtype=np.float64).ravel()
    size = np.sqrt(np.asarray(a.sum(axis=1)).ravel() * np.asarray(b.sum(axis=1)).ravel())
    out: Floats = np.divide(shared, size, out=np.zeros_like(shared), where=size > 0)
    return out


def at_equal_length(value: Floats, sizes: Floats, place: Ints, stratum: Ints) -> Floats:
    """Return the overlaps less what the lengths of both texts tell of them within strata, shape (n,).

    Parameters
    ----------
    value, place, stratum
        Overlap, turn and dyad in a thread of each pair, shape (n,).
    sizes
        Logarithms of the numbers of content words, shape (n, 2).

    Returns
    -------
    ndarray
        The slope of it on the turn is that of a regression on turn and sizes with an effect of each stratum. Its error
        takes the slopes of the sizes as known.
    """
    if not value.size:
        return value
    x = np.column_stack([centred(column, stratum) for column in (place, *sizes.T)])
    slopes = np.linalg.lstsq(x, centred(value, stratum), rcond=None)[0]
    out: Floats = value - sizes @ slopes[1:]
    return out


def entrainment_rows(
    con: duckdb.DuckDBPyConnection, turns: Turns, clock: Clock, sampling: Sampling, n_draws: int
) -> tuple[list[Measure], list[Estimate]]:
    """Compute the overlap of words within dyads and its growth from turn to turn.

    Parameters
    ----------
    con
        Connection with the tables of `make_turns` and view ``text`` of one corpus.
    turns, clock
        What there is, and the window of the corpus.
    sampling
        Seed, draws and level.
    n_draws
        Dealings of the permutation of the slope.

    Returns
    -------
    tuple of list
        Measure ``entrainment_overlap`` (null: answered replies dealt anew within threads, those by the author itself
        left out and threads weighing as observed); estimates of `GROWTH`: with all content words, at equal length, and
        without words of the post.
    """
    pairs, words, roots = _read(con, sampling.seed)
    late = turns.words_of_order
    said, answered = words.rows(ints(pairs, "id")), words.rows(ints(pairs, "parent"))
    value = overlaps(said, answered)
    dyad, turn = codes(pairs, "one", "other"), codes(pairs, "thread", "one", "other")
    place = ints(pairs, "place")
    null = _others(pairs, said, answered, sampling)
    measures = [
        share_row(
            "entrainment_overlap",
            value,
            dyad,
            "replies",
            sampling,
            words=late,
            null=null,
            units="dyads",
            is_share=False,
        )
    ]
    rest = words.rows(roots)
    own, theirs = said - said.multiply(rest), answered - answered.multiply(rest)
    found = informative(value, place, turn, dyad)
    apart = informative(overlaps(own.tocsr(), theirs.tocsr()), place, turn, dyad)
    sizes = np.log1p(np.column_stack([np.asarray(side.sum(axis=1)).ravel() for side in (said, answered)]))
    level = informative(at_equal_length(value, sizes, place, turn), place, turn, dyad)
    estimates = [
        *Contrast(GROWTH, found, words=(*late, "length_entangled"))(sampling, clock, n_draws),
        *Contrast(GROWTH, level, variant="at_equal_length", words=late)(sampling, clock, n_draws),
        *Contrast(GROWTH, apart, variant="words_not_of_the_post", words=(*late, "length_entangled"))(
            sampling, clock, n_draws
        ),
    ]
    return measures, estimates


def _read(con: duckdb.DuckDBPyConnection, seed: int) -> tuple[pl.DataFrame, Words, Ints]:
    """Return the pairs, the words of their texts and posts, and the post of each pair (0 where there is none)."""
    pairs = con.sql(_PAIR, params={"salt": f"{seed}:entrainment:", "most": MOST_DYADS}).pl()
    con.register("entrainment_pair", pairs.to_arrow())
    held = con.sql(_WORDS, params={"common": MOST_COMMON}).pl()
    con.unregister("entrainment_pair")
    roots = con.sql(_ROOTS).pl().rename({"id": "root"})
    root = pairs.join(roots, on="thread", how="left", maintain_order="left")["root"].fill_null(0).to_numpy()
    ids, row = np.unique(ints(held, "id"), return_inverse=True)
    code = ints(held, "code")
    shape = (ids.size, int(code.max(initial=-1)) + 1)
    has = sparse.csr_matrix((np.ones(code.size), (row, code)), shape=shape)
    return pairs, Words(ids.astype(np.int64), has), root.astype(np.int64)


def _others(
    pairs: pl.DataFrame, said: sparse.csr_matrix, answered: sparse.csr_matrix, sampling: Sampling
) -> Null | None:
    """Set the mean overlap beside that with replies of the thread dealt anew; own words are nobody's entrainment."""
    if not pairs.height:
        return None
    author, partner, thread = ints(pairs, "author"), ints(pairs, "partner"), codes(pairs, "thread")
    places, deal = np.arange(pairs.height), dealer(thread)
    rng = stream(sampling.seed, "conversation/entrainment")
    held = overlaps(said, answered)
    size = np.bincount(thread)
    standing = np.bincount(thread, weights=held) / size
    null = []
    for _ in range(affordable(sampling.null_draws, 10 * max(int(said.nnz + answered.nnz), 1))):
        drawn = deal(places, rng)
        kept = np.flatnonzero(partner[drawn] != author)
        total = np.bincount(thread[kept], weights=overlaps(said[kept], answered[drawn[kept]]), minlength=size.size)
        n = np.bincount(thread[kept], minlength=size.size)
        # A thread weighs as observed whatever was left out of it; one of which nothing is left stands as it is.
        null.append(float((size * np.divide(total, n, out=standing.copy(), where=n > 0)).sum() / size.sum()))
    return against("answered_replies_dealt_in_threads", float(held.mean()), np.array(null))
