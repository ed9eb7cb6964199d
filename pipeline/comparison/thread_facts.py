"""The stylised facts of ties, threads and texts: reciprocity, depth of comments, repeated texts."""

from __future__ import annotations

import numpy as np

from pipeline.activity.resampling import FloatArray, IntArray
from pipeline.comparison.fact import GROUPS, NAN, Count, Fact
from pipeline.comparison.resample import share_draws, weighted_totals
from pipeline.comparison.sample import BoolArray, Sample
from pipeline.network.edges import directed_ties
from pipeline.network.structure import reciprocated


class Reciprocity(Fact):
    """Share of ties (rule ``reply_any``) that are answered; matched on agents, whose ties among themselves are kept.

    Ties are not additive over agents or threads, and drawing either with replacement loses ties; the interval is a
    delete-a-group jackknife over threads and over agents, whichever is wider.
    """

    measure_id = "reciprocity_reply_any"
    clusters = "threads"
    needs = "with a tie"
    events = "pairs of agents who answer each other"
    parts_per_event = 2
    words = ("derived_ties",)

    def value(self, sample: Sample) -> float:
        """Share of answered ties."""
        part, whole = self.count(sample)
        return part / whole if whole else NAN

    def count(self, sample: Sample) -> Count:
        """Answered ties and ties."""
        source, target, nodes = _ties(sample)
        return Count(int(reciprocated(source, target, nodes).sum()), len(source))

    def draws(self, sample: Sample, *, draws: int, rng: np.random.Generator) -> FloatArray:
        """Jackknife errors on the logarithm, turned into draws."""
        events = sample.take(_is_event(sample))
        if len(events) == 0:
            return np.zeros(0)
        key, inverse = np.unique(_keys(events), return_inverse=True)
        nodes = _nodes(events)
        back = np.searchsorted(key, (key % nodes) * nodes + key // nodes)
        back = np.minimum(back, key.size - 1)
        answer = np.where(key[back] == (key % nodes) * nodes + key // nodes, back, -1)
        group = events.thread_hash & 255
        low, high = np.full(key.size, 256), np.full(key.size, -1)
        np.minimum.at(low, inverse, group)
        np.maximum.at(high, inverse, group)
        only = np.where(low == high, low, -1)
        by_thread = _left_out((only, np.full(key.size, -1)), answer, np.unique(group))
        first = np.zeros(key.size, dtype=np.int64)
        second = np.zeros(key.size, dtype=np.int64)
        first[inverse], second[inverse] = events.agent_hash & 255, events.target_hash & 255
        by_agent = _left_out((first, second), answer, np.unique(np.concatenate([first, second])))
        return share_draws(self.value(sample), (by_thread, by_agent), draws=draws, rng=rng)

    def baseline(self, sample: Sample, rng: np.random.Generator) -> float:
        """Targets of ties permuted."""
        source, target, nodes = _ties(sample)
        mixed, other = directed_ties(source, rng.permutation(target), nodes)
        return float(reciprocated(mixed, other, nodes).mean()) if mixed.size else NAN

    def n_clusters(self, sample: Sample) -> int:
        """Return the number of threads with an answer to another agent."""
        return len(np.unique(sample.thread_hash[_is_event(sample)]))

    def without(self, sample: Sample, group: int) -> Sample:
        """Return the ties without those of a group of agents."""
        is_kept = (sample.agent_hash % GROUPS != group) & (sample.target_hash % GROUPS != group)
        return sample.take(_is_event(sample) & is_kept)

    def _units(self, sample: Sample) -> IntArray:
        chosen = _is_event(sample)
        return np.unique(np.concatenate([sample.agent_hash[chosen], sample.target_hash[chosen]]))

    def _keep(self, sample: Sample, below: int) -> Sample:
        return sample.take(_is_event(sample) & (sample.agent_hash < below) & (sample.target_hash < below))


def _left_out(groups: tuple[IntArray, IntArray], answer: IntArray, labels: IntArray) -> FloatArray:
    """Reciprocity without each group: a tie goes when either of its two groups (−1: none) is left out."""
    first, second = groups
    is_pair = answer >= 0
    partner = np.where(is_pair, answer, 0)
    gone = np.zeros((2, 256))
    columns = [first, np.where(second == first, -1, second)]
    for column in columns:
        gone[0] += np.bincount(column[column >= 0], minlength=256)
    # Of an answered tie the two groups are the same set for agents; for threads each direction has its own.
    other = np.where(first[partner] == first, -1, first[partner])
    other = np.where(other == second, -1, other)
    for column in [*columns, other]:
        gone[1] += np.bincount(column[is_pair & (column >= 0)], minlength=256)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((is_pair.sum() - gone[1]) / (answer.size - gone[0]))[labels]


def _is_event(sample: Sample) -> BoolArray:
    return np.asarray((sample.agent >= 0) & (sample.target >= 0) & (sample.agent != sample.target), dtype=np.bool_)


def _nodes(sample: Sample) -> int:
    return int(max(sample.agent.max(), sample.target.max())) + 1 if len(sample) else 1


def _keys(events: Sample) -> IntArray:
    return events.agent * _nodes(events) + events.target


def _ties(sample: Sample) -> tuple[IntArray, IntArray, int]:
    events = sample.take(_is_event(sample))
    source, target = directed_ties(events.agent, events.target, _nodes(events))
    return source, target, _nodes(events)


class CommentDepth(Fact):
    """Mean depth of comments; matched on threads, threads are drawn; baseline: parents at random in the thread."""

    measure_id = "comment_depth_mean"
    unit = "threads"
    clusters = "threads"
    needs = "with a comment of known depth"

    def value(self, sample: Sample) -> float:
        """Mean depth."""
        depth = sample.depth[_has_depth(sample)]
        return float(depth.mean()) if depth.size else NAN

    def draws(self, sample: Sample, *, draws: int, rng: np.random.Generator) -> FloatArray:
        """Threads drawn with replacement."""
        chosen = _has_depth(sample)
        _, code = np.unique(sample.thread[chosen], return_inverse=True)
        totals = np.stack([np.bincount(code, sample.depth[chosen]), np.bincount(code)], axis=1)
        rows, copies = np.unique(totals, axis=0, return_counts=True)
        sums = np.concatenate([w @ rows for w in weighted_totals(copies, draws=draws, rng=rng)])
        return np.asarray(np.log(sums[:, 0] / sums[:, 1]), dtype=np.float64)

    def baseline(self, sample: Sample, rng: np.random.Generator) -> float:
        """Return the expected mean depth when each comment answers any earlier message of its thread."""
        del rng
        _, sizes = np.unique(sample.thread[_has_depth(sample)], return_counts=True)
        if sizes.size == 0:
            return NAN
        harmonic = np.cumsum(1 / np.arange(1, sizes.max() + 1))
        return float(np.cumsum(harmonic)[sizes - 1].sum() / sizes.sum())

    def n_clusters(self, sample: Sample) -> int:
        """Return the number of threads with a comment of known depth."""
        return self.size(sample)

    def without(self, sample: Sample, group: int) -> Sample:
        """Return the comments without those of a group of threads."""
        return sample.take(_has_depth(sample) & (sample.thread_hash % GROUPS != group))

    def _units(self, sample: Sample) -> IntArray:
        return np.unique(sample.thread_hash[_has_depth(sample)])

    def _keep(self, sample: Sample, below: int) -> Sample:
        return sample.take(_has_depth(sample) & (sample.thread_hash < below))


def _has_depth(sample: Sample) -> BoolArray:
    return np.asarray(sample.is_comment & ~np.isnan(sample.depth), dtype=np.bool_)


class DuplicateShare(Fact):
    """One minus distinct texts per message; matched on messages; without random baseline: random texts never repeat."""

    measure_id = "duplicate_share"
    unit = "messages"
    clusters = "agents"
    needs = "of any kind"
    events = "repetitions of a text"
    least = 30

    def value(self, sample: Sample) -> float:
        """Share of messages that repeat a text."""
        part, whole = self.count(sample)
        return part / whole if whole else NAN

    def count(self, sample: Sample) -> Count:
        """Messages beyond the first of their text, and messages."""
        texts = sample.text[sample.text >= 0]
        return Count(len(texts) - len(np.unique(texts)), len(texts))

    def draws(self, sample: Sample, *, draws: int, rng: np.random.Generator) -> FloatArray:
        """Delete-a-group jackknife over authors, turned into draws; drawing authors would make copies."""
        sample = sample.take(sample.text >= 0)
        if len(sample) == 0:
            return np.zeros(0)
        group = sample.agent_hash & 255
        text = np.unique(sample.text, return_inverse=True)[1]
        low, high = np.full(text.max() + 1, 256), np.full(text.max() + 1, -1)
        np.minimum.at(low, text, group)
        np.maximum.at(high, text, group)
        rest = len(sample) - np.bincount(group, minlength=256)
        left = low.size - np.bincount(low[low == high], minlength=256)
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = (1 - left / rest)[np.unique(group)]
        return share_draws(self.value(sample), (shares,), draws=draws, rng=rng)

    def _units(self, sample: Sample) -> IntArray:
        return np.sort(sample.message_hash[sample.text >= 0])

    def _keep(self, sample: Sample, below: int) -> Sample:
        return sample.take(sample.message_hash < below)
