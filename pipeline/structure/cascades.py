"""The shape of threads: size, depth, breadth and structural virality of trees.

What belongs here: statistics of each tree as arrays over threads. A thread is a post and the messages whose chain of
parents leads to it; messages that hang on something missing are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipeline.network.edges import IntArray
from pipeline.structure.degrees import FloatArray

NONE = -1


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees of messages.

    Attributes
    ----------
    parent
        Place of the parent of each message, `NONE` for roots, shape (messages,).
    tree
        Number of the tree of each message, 0 to trees - 1, shape (messages,).
    depth
        Depth of each message, 0 for roots, shape (messages,).
    author
        Number of the author, `NONE` when not known, shape (messages,).
    n_trees
        Number of trees.
    """

    parent: IntArray
    tree: IntArray
    depth: IntArray
    author: IntArray
    n_trees: int


@dataclass(frozen=True, slots=True)
class Shapes:
    """One number per tree; messages under the root are called answers.

    Attributes
    ----------
    answers, deepest, widest, direct
        Answers; largest depth; most messages on one level; answers to the root itself.
    answered
        Answers that were answered.
    distance
        Structural virality: mean distance over pairs of messages, not-a-number for a root alone.
    """

    answers: IntArray
    deepest: IntArray
    widest: IntArray
    direct: IntArray
    answered: IntArray
    distance: FloatArray


def shapes(forest: Forest) -> Shapes:
    """Describe every tree.

    Notes
    -----
    The sum of the distances over pairs (Wiener's index) is ``Σ s (n − s)`` over the messages under the root, s the size
    of the subtree of each and n that of the tree: every pair uses each tie on its path once (Mohar & Pisanski 1988).
    Structural virality is that sum over ``n (n − 1)/2`` (Goel, Anderson, Hofman & Watts 2016, Manag. Sci. 62, 180).
    Subtrees are summed level by level from the deepest up.
    """
    trees, below = forest.n_trees, forest.depth > 0
    size = np.bincount(forest.tree, minlength=trees)
    subtree = subtree_sizes(forest)
    sums = np.zeros(trees)
    np.add.at(sums, forest.tree[below], (subtree[below] * (size[forest.tree[below]] - subtree[below])).astype(float))
    pairs = size * (size - 1) / 2
    deepest = np.zeros(trees, dtype=np.int64)
    np.maximum.at(deepest, forest.tree, forest.depth)
    levels = int(forest.depth.max(initial=0)) + 1
    cells, copies = np.unique(forest.tree[below] * levels + forest.depth[below], return_counts=True)
    widest = np.zeros(trees, dtype=np.int64)
    np.maximum.at(widest, cells // levels, copies)
    children = np.bincount(forest.parent[below], minlength=len(forest.parent))
    return Shapes(
        answers=size - 1,
        deepest=deepest,
        widest=widest,
        direct=np.bincount(forest.tree[forest.depth == 1], minlength=trees),
        answered=np.bincount(forest.tree[below & (children > 0)], minlength=trees),
        distance=np.divide(sums, pairs, out=np.full(trees, np.nan), where=pairs > 0),
    )


def subtree_sizes(forest: Forest) -> IntArray:
    """Return how many messages hang on each, itself counted, shape (messages,)."""
    subtree = np.ones(len(forest.parent), dtype=np.int64)
    order = np.argsort(forest.depth, kind="stable")
    limits = np.searchsorted(forest.depth[order], np.arange(int(forest.depth.max(initial=0)) + 2))
    for level in range(len(limits) - 2, 0, -1):
        here = order[limits[level] : limits[level + 1]]
        np.add.at(subtree, forest.parent[here], subtree[here])
    return subtree


def thread_classes(found: Shapes) -> IntArray:
    """Sort threads into Holtz's shapes (arXiv 2602.10131), asked in this order.

    Returns
    -------
    ndarray
        0 minimal: fewer than 5 answers; 1 wide: depth at most 2 and half of them direct; 2 deep: depth at least 4 and
        less than .3 direct; 3 branching: at least .2 of the answers answered; 4 sparse: the rest. Shape (threads,).
    """
    n = found.answers
    tests = [
        n < 5,
        (found.deepest <= 2) & (found.direct >= 0.5 * n),
        (found.deepest >= 4) & (found.direct < 0.3 * n),
        found.answered >= 0.2 * n,
    ]
    return np.select(tests, range(4), default=4).astype(np.int64)


def reentry(forest: Forest) -> tuple[IntArray, IntArray]:
    """Count the answers by agents who wrote in the thread before.

    Returns
    -------
    tuple of ndarray
        Per tree: answers whose author has an earlier message in the thread (its post counts), and answers with a known
        author. Messages stand in the order of time within a tree.
    """
    known = forest.author != NONE
    authors = int(forest.author.max(initial=0)) + 1
    keys = forest.tree[known] * authors + forest.author[known]
    order = np.argsort(keys, kind="stable")
    again = np.zeros(len(keys), dtype=np.bool_)
    again[order[1:]] = keys[order][1:] == keys[order][:-1]
    answer = forest.depth[known] > 0
    trees = forest.tree[known]
    back = np.bincount(trees[again & answer], minlength=forest.n_trees)
    return back, np.bincount(trees[answer], minlength=forest.n_trees)


def replied_back(forest: Forest) -> tuple[IntArray, IntArray]:
    """Count who answers whom within a thread, and how often the answer is returned there.

    Returns
    -------
    tuple of ndarray
        Per tree: ordered pairs of different agents of which the second answers the first later in the same thread, and
        all ordered pairs (answerer, answered). A pair counts once per thread.
    """
    below = np.flatnonzero(forest.depth > 0)
    ego, alter = forest.author[below], forest.author[forest.parent[below]]
    kept = (ego != NONE) & (alter != NONE) & (ego != alter)
    below, ego, alter = below[kept], ego[kept], alter[kept]
    if len(below) == 0:
        none = np.zeros(forest.n_trees, dtype=np.int64)
        return none, none
    authors = int(forest.author.max(initial=0)) + 1
    pair, thread = ego * authors + alter, forest.tree[below]
    order = np.lexsort((below, pair, thread))
    first = np.ones(len(order), dtype=np.bool_)
    first[1:] = (thread[order][1:] != thread[order][:-1]) | (pair[order][1:] != pair[order][:-1])
    begins = order[first]
    opened = begins  # place of the first answer of each pair
    ends = order[np.append(np.flatnonzero(first)[1:], len(order)) - 1]  # and of the last
    names, code = np.unique(np.concatenate([pair[begins], alter[begins] * authors + ego[begins]]), return_inverse=True)
    base = len(names)
    forward, backward = (thread[begins] * base + part for part in np.split(code, 2))
    by_name = np.argsort(forward, kind="stable")
    place = np.minimum(np.searchsorted(forward[by_name], backward), len(begins) - 1)
    mate = by_name[place]
    returned = (forward[mate] == backward) & (below[ends[mate]] > below[opened])
    trees = thread[begins]
    return (
        np.bincount(trees[returned], minlength=forest.n_trees),
        np.bincount(trees, minlength=forest.n_trees),
    )


def branching(forest: Forest, level: int) -> tuple[IntArray, IntArray]:
    """Return per tree the answers to messages of one depth, and the messages of that depth."""
    answers = np.bincount(forest.tree[forest.depth == level + 1], minlength=forest.n_trees)
    return answers, np.bincount(forest.tree[forest.depth == level], minlength=forest.n_trees)
