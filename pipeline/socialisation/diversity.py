"""Lexical diversity on samples of a fixed size, against shuffled tokens and shuffled authors.

What belongs here: from the groups of `samples` to rows of ``analysis.measure``. A value is the mean over groups of
authors, each with as many tokens and texts, with a t-interval over groups. Shuffled tokens keep the frequencies of
types and the lengths of texts, and lose which words come together.
"""

from __future__ import annotations

from functools import partial

import duckdb
import numpy as np
from scipy import stats

from pipeline.activity.resampling import NO_INTERVAL, FloatArray, Interval, stream
from pipeline.activity.row import Sampling, row
from pipeline.coordination.nulls import against
from pipeline.schema import Measure
from pipeline.socialisation.lexis import distinct_n, heaps_beta, mattr, previous, zipf_mle
from pipeline.socialisation.overlap import mean_jaccard, self_bleu
from pipeline.socialisation.samples import TEXTS, TEXTS_PER_AGENT, Tokens, read_agents, read_groups
from pipeline.socialisation.vocabulary import FAMILY

SHUFFLED_TOKENS, SHUFFLED_AUTHORS = "shuffled_tokens", "shuffled_authors"
OF_STREAM = ("zipf_exponent_mle", "heaps_beta", "mattr_50", "distinct_1", "distinct_2", "distinct_3")
OF_TEXTS = ("self_bleu_4", "jaccard_mean")
_UNMOVED = ("zipf_exponent_mle", "distinct_1")
"""What shuffled tokens cannot move."""
MIN_AGENTS = 10


def diversity_measures(con: duckdb.DuckDBPyConnection, sampling: Sampling, words: list[str]) -> list[Measure]:
    """Compute the diversity of words and the likeness of texts.

    Parameters
    ----------
    con
        Connection with the views ``message`` and ``text`` of one corpus.
    sampling
        Seed, draws and level; `clustering_draws` are the draws of shuffled tokens.
    words
        Warnings about the corpus.

    Returns
    -------
    list of Measure
        The names of `OF_STREAM` and `OF_TEXTS`, and ``self_bleu_4_agent``, of texts of one agent against shuffled
        authors. Null with ``few_texts`` where there is no sample of the fixed size.
    """
    groups = read_groups(con, sampling.seed)
    emit = partial(row, FAMILY, level=sampling.level)
    if groups.texts is None:
        rows = [emit(name, None, 0, "tokens", warnings=[*words, "few_texts"]) for name in (*OF_STREAM, *OF_TEXTS)]
        return [*rows, _within_agents(con, sampling, words)]
    values = np.column_stack([_of_streams(groups.streams), _of_texts(groups.texts)])
    rng = stream(sampling.seed, "shuffled_tokens")
    draws = np.stack([_drawn(groups.streams, groups.texts, rng) for _ in range(sampling.clustering_draws)])
    tokens, texts = sum(len(s.token) for s in groups.streams), groups.texts.n_texts
    rows = []
    for place, name in enumerate((*OF_STREAM, *OF_TEXTS)):
        mean = float(values[:, place].mean())
        null = None if name in _UNMOVED else against(SHUFFLED_TOKENS, mean, draws[:, place])
        size = (tokens, "tokens") if name in OF_STREAM else (texts, "texts")
        spread = t_interval(values[:, place], sampling.level, "random_groups_of_authors")
        few = ["few_texts"] if len(values) == 1 else []
        rows.append(emit(name, mean, *size, interval=spread, null=null, warnings=[*words, *few]))
    return [*rows, _within_agents(con, sampling, words)]


def t_interval(values: FloatArray, level: float, method: str) -> Interval:
    """Return the t-interval of the mean of independent values, shape (n,); none with fewer than two."""
    if len(values) < 2:
        return NO_INTERVAL
    reach = float(stats.t.ppf((1 + level) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(float(values.mean()) - reach, float(values.mean()) + reach, method)


def _of_streams(streams: tuple[Tokens, ...]) -> FloatArray:
    """Return the values of `OF_STREAM` of each group, shape (groups, 6)."""
    result = []
    for part in streams:
        before = previous(part.token)
        counts = np.unique(part.token, return_counts=True)[1].astype(np.int64)
        shares = [distinct_n(part.token, part.text, n) for n in (1, 2, 3)]
        result.append([zipf_mle(counts), heaps_beta(before), mattr(before), *shares])
    return np.array(result)


def _of_texts(texts: Tokens) -> FloatArray:
    """Return the values of `OF_TEXTS` of each group, shape (groups, 2)."""
    return np.column_stack([self_bleu(texts.token, texts.text, TEXTS), mean_jaccard(texts.token, texts.text, TEXTS)])


def _drawn(streams: tuple[Tokens, ...], texts: Tokens, rng: np.random.Generator) -> FloatArray:
    """Return the mean over groups of all values with the tokens of each group shuffled."""
    first = []
    for part in streams:
        token = rng.permutation(part.token)
        before = previous(token)
        shares = [distinct_n(token, part.text, n) for n in (2, 3)]
        first.append([np.nan, heaps_beta(before), mattr(before), np.nan, *shares])
    group = texts.text // TEXTS
    token = texts.token[np.argsort(group + rng.random(len(group)))]
    second = _of_texts(Tokens(token, texts.text, texts.n_texts))
    return np.concatenate([np.array(first).mean(axis=0), second.mean(axis=0)])


def _within_agents(con: duckdb.DuckDBPyConnection, sampling: Sampling, words: list[str]) -> Measure:
    """Self-BLEU of ten texts of one agent, mean over agents, against texts dealt anew among the agents."""
    name, found = "self_bleu_4_agent", read_agents(con, sampling.seed)
    agents = found.n_texts // TEXTS_PER_AGENT
    if agents < MIN_AGENTS:
        return row(FAMILY, name, None, agents, "agents", level=sampling.level, warnings=[*words, "few_agents"])
    values = self_bleu(found.token, found.text, TEXTS_PER_AGENT)
    rng, draws = stream(sampling.seed, name), []
    for _ in range(sampling.null_draws // 2):
        number = rng.permutation(found.n_texts)[found.text]
        order = np.argsort(number, kind="stable")
        draws.append(float(self_bleu(found.token[order], number[order], TEXTS_PER_AGENT).mean()))
    null = against(SHUFFLED_AUTHORS, float(values.mean()), np.array(draws))
    spread = t_interval(values, sampling.level, "t_agents")
    return row(FAMILY, name, float(values.mean()), agents, "agents", level=sampling.level, interval=spread, null=null,
               warnings=words)  # fmt: skip
