"""Attribution of texts to authors across periods, a check that personas persist.

What belongs here: the choice of texts, the attribution, and its rows of ``analysis.measure``. An author is told from
texts of other periods than the one that is judged, by the nearest centroid in cosine: of character n-grams (2 to 4,
within words), which hold topic as well as style, and of function words and punctuation alone, which hold style. Goyal
et al. (arXiv 2603.16128) print .896 on Moltbook and .458 on Reddit; their features and sets of authors are not known
here (evidence S).

Copies, templates and the author's own name are taken out before: a text that is posted again, or signed, tells its
author without any style. The null deals authors out anew among the texts of a period.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import polars as pl
from scipy import sparse

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, IntArray, Interval, stream
from pipeline.activity.row import CENSUS, Sampling, row
from pipeline.coordination.nulls import against
from pipeline.inference.intervals import wilson
from pipeline.language.clock import Clock
from pipeline.language.statements import shuffled
from pipeline.schema import Measure

FAMILY = "authorship"
MOST_AUTHORS, MOST_TEXTS = 50, 16
"""Authors, by hash, and texts of each, dealt evenly over its periods."""
LEAST_AUTHORS = 5
LEAST_PERIODS, LEAST_IN_PERIOD = 2, 4
"""Periods that an author needs, and texts in each of them."""
LEAST_TOKENS = 20
LONGEST = 1_000
"""Characters of a text that are read."""
NULL = "authors_shuffled_within_period"
NGRAMS, FUNCTION_WORDS, AUTHORS = (
    "author_attribution_accuracy",
    "author_attribution_function_words",
    "author_attribution_authors",
)

_TEXTS = """
WITH template_text AS (SELECT DISTINCT text_hash FROM template),
once AS (
    SELECT m.run_id || chr(10) || m.agent_id AS author, m.agent_id, m.message_id, m.text_hash, {start} AS period_start,
           left(t.text, {longest}) AS text
    FROM message AS m
    JOIN text AS t ON t.text_hash = m.text_hash AND t.n_tokens >= {tokens} AND t.copies = 1
    WHERE m.agent_id IS NOT NULL AND m.kind <> 'repost' AND {timed}
      AND m.text_hash NOT IN (SELECT text_hash FROM template_text)
),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY author, period_start ORDER BY sha256($salt || message_id)) AS place,
           count(*) OVER (PARTITION BY author, period_start) AS n
    FROM once
),
dealt AS (
    SELECT *, row_number() OVER (PARTITION BY author ORDER BY place, period_start) AS turn
    FROM ranked WHERE n >= {least}
),
able AS (
    SELECT author FROM dealt GROUP BY author HAVING count(DISTINCT period_start) >= {periods}
    ORDER BY sha256($salt || author), author LIMIT {authors}
)
SELECT d.author, d.period_start, d.text, a.name
FROM dealt AS d JOIN able AS b ON b.author = d.author
LEFT JOIN (SELECT agent_id, min(name) AS name FROM agent GROUP BY agent_id) AS a
    ON a.agent_id = d.agent_id
WHERE d.turn <= {most} ORDER BY d.author, d.message_id
"""


@dataclass(frozen=True, slots=True)
class Texts:
    """The chosen texts.

    Attributes
    ----------
    author, period
        Codes, shape (n,).
    text
        The texts without the name of their author.
    """

    author: IntArray
    period: IntArray
    text: list[str]


def read_texts(con: duckdb.DuckDBPyConnection, clock: Clock, seed: int) -> Texts:
    """Choose the texts of authors that write in several periods; the clock must have a period."""
    query = _TEXTS.format(
        start=clock.start_sql("m"), timed=clock.is_timed_sql("m"), longest=LONGEST, tokens=LEAST_TOKENS,
        least=LEAST_IN_PERIOD, periods=LEAST_PERIODS, authors=MOST_AUTHORS, most=MOST_TEXTS,
    )  # fmt: skip
    found = con.sql(query, params={"salt": f"{seed}:authorship:"}).pl()
    texts = [without_name(text, name) for text, name in found.select("text", "name").iter_rows()]
    period = found["period_start"].cast(pl.Datetime("us")).dt.epoch("us").to_numpy()
    codes = np.unique(period, return_inverse=True)[1].astype(np.int64)
    return Texts(found["author"].rle_id().to_numpy().astype(np.int64), codes, texts)


def without_name(text: str, name: str | None) -> str:
    """Return a text, in lower case, without the name of its author."""
    lower = text.lower()
    return lower.replace(name.lower(), " ") if name and len(name) >= 3 else lower


def likeness(texts: list[str], *, is_style: bool) -> FloatArray:
    """Return the inner products of the tf-idf vectors of texts, shape (n, n).

    Parameters
    ----------
    texts
        The texts.
    is_style
        True reads function words and punctuation, False character n-grams.
    """
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, HashingVectorizer, TfidfTransformer, TfidfVectorizer

    if is_style:
        marks = [*".,;:!?-—()\"'*#", "\n"]
        model = TfidfVectorizer(
            vocabulary=sorted(ENGLISH_STOP_WORDS | set(marks)),
            token_pattern=r"[a-z']+|[^\w ]|\n",  # noqa: S106 - no password
            sublinear_tf=True,
        )  # fmt: skip
        vectors = model.fit_transform(texts)
    else:
        counts = HashingVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), n_features=1 << 16, alternate_sign=False, norm=None
        ).transform(texts)
        vectors = TfidfTransformer(sublinear_tf=True).fit_transform(counts)
    product = sparse.csr_array(vectors) @ sparse.csr_array(vectors).T
    return np.asarray(product.todense(), dtype=np.float64)


def attributed(products: FloatArray, author: IntArray, held_out: IntArray) -> IntArray:
    """Return the author that each text is attributed to, from the texts of other periods.

    Parameters
    ----------
    products
        Shape (n, n): inner products of the texts.
    author
        Shape (n,): codes of the authors that teach.
    held_out
        Shape (n,): period of each text; one after another is left out.

    Returns
    -------
    numpy.ndarray
        Shape (n,): the author with the nearest centroid in cosine; the smallest code where several are as near.
    """
    size = int(author.max(initial=0)) + 1
    member = np.zeros((author.size, size))
    member[np.arange(author.size), author] = 1.0
    inner = products @ member
    whole = (member * inner).sum(axis=0)
    found = np.zeros(author.size, dtype=np.int64)
    for out in np.unique(held_out):
        judged = np.flatnonzero(held_out == out)
        own, towards_all = member[judged], inner[judged]
        block = products[np.ix_(judged, judged)] @ own
        # What the period that is left out adds to the centroids is taken off again.
        square = whole - 2 * (own * towards_all).sum(axis=0) + (own * block).sum(axis=0)
        taught = square > 1e-9  # rounding of an author without other texts
        cosine = (towards_all - block) / np.sqrt(np.where(taught, square, 1.0))
        found[judged] = np.where(taught, cosine, -1.0).argmax(axis=1)
    return found


def authorship_measures(
    con: duckdb.DuckDBPyConnection, clock: Clock, sampling: Sampling, words: list[str]
) -> list[Measure]:
    """Return how often texts are attributed to their author, by two kinds of features, and among how many authors.

    Parameters
    ----------
    con
        Connection with the views ``message``, ``text``, ``template`` and ``agent`` of one corpus.
    clock
        Periods that are left out; without a period all rows are null.
    sampling
        Seed, draws and level.
    words
        Warnings that all rows carry.
    """
    if clock.period is None:
        return list(_nothing(0, [*words, clock.refusal or ""], sampling))
    texts = read_texts(con, clock, sampling.seed)
    authors = int(texts.author.max(initial=-1)) + 1
    if authors < LEAST_AUTHORS:
        return list(_nothing(authors, [*words, "few_agents"], sampling))
    rows = [_authors(authors, len(texts.text), words, sampling)]
    for name, is_style in ((NGRAMS, False), (FUNCTION_WORDS, True)):
        products = likeness(texts.text, is_style=is_style)
        rows.append(_accuracy(name, products, texts, sampling, words))
    return rows


def _accuracy(name: str, products: FloatArray, texts: Texts, sampling: Sampling, words: list[str]) -> Measure:
    def hits(author: IntArray) -> int:
        return int((attributed(products, author, texts.period) == author).sum())

    found, n, rng = hits(texts.author), len(texts.text), stream(sampling.seed, name)
    draws = np.array([hits(texts.author[shuffled(texts.period, rng)]) / n for _ in range(sampling.null_draws // 4)])
    low, high = wilson(found, n, sampling.level)
    return row(
        FAMILY, name, found / n, n, "texts", level=sampling.level, interval=Interval(low, high, "wilson"),
        null=against(NULL, found / n, draws), warnings=[*words, "independence_assumed", "composition_sensitive"],
    )  # fmt: skip


def _nothing(n: int, words: list[str], sampling: Sampling) -> Iterator[Measure]:
    for name in (NGRAMS, FUNCTION_WORDS):
        yield row(FAMILY, name, None, 0, "texts", level=sampling.level, interval=NO_INTERVAL, warnings=words)
    yield _authors(n, 0, words, sampling)


def _authors(authors: int, texts: int, words: list[str], sampling: Sampling) -> Measure:
    """Return how many authors were asked about: a count, which nothing was sampled for."""
    return row(FAMILY, AUTHORS, float(authors), texts, "texts", level=sampling.level, interval=CENSUS, warnings=words)
