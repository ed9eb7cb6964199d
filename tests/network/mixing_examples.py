"""Networks, statistics by definition and permutation draws for the tests of homophily."""

from __future__ import annotations

import numpy as np

from pipeline.network.mixing import categorical_mixing, numeric_mixing
from pipeline.network.snapshots import tie_intervals


def snapshot(source, target, nodes):
    """Return distinct ties without self-ties as a `Snapshot`."""
    keys = np.unique((source * nodes + target)[source != target])
    now = np.zeros(len(keys), dtype=np.int64)
    return tie_intervals(keys // nodes, keys % nodes, now, now + 1, nodes).at(0)


def graphs():
    """Return networks of different kinds by name, with their number of nodes."""
    rng = np.random.default_rng(12)
    n = 120
    even = rng.integers(0, n, size=(2, 700))
    hubs = (n * rng.random((2, 700)) ** 3).astype(np.int64)
    mutual = np.concatenate([even[:, :300], even[::-1, :300]], axis=1)
    star = np.stack([np.arange(1, n), np.zeros(n - 1, dtype=np.int64)])
    mostly_star = np.concatenate([star, even[:, :150]], axis=1)
    return {
        name: (snapshot(*ties, n), n)
        for name, ties in {"even": even, "hubs": hubs, "mutual": mutual, "star": mostly_star}.items()
    }


def statistics(source, target, y, g):
    """Return all statistics by their definitions, brute force where that is simplest."""
    n, m = len(y), len(source)
    tied = np.zeros(n, dtype=bool)
    tied[source] = tied[target] = True
    assert tied.all(), "the examples have no isolated node, so that the population is everybody"
    gmd = np.abs(y[:, None] - y).sum() / (n * (n - 1))
    mixing = np.zeros((g.max() + 1, g.max() + 1))
    np.add.at(mixing, (g[source], g[target]), 1 / m)
    chance = (mixing.sum(axis=0) * mixing.sum(axis=1)).sum()
    share = (np.bincount(g) - 1) / (n - 1)
    out = mixing.sum(axis=1) * m
    inside = np.diag(mixing) * m

    def coleman(m_gg, expected, above):
        return (m_gg - expected) / (above if m_gg >= expected else expected)

    found = {
        "assortativity": np.corrcoef(y[source], y[target])[0, 1],
        "excess_similarity": gmd - np.abs(y[source] - y[target]).mean(),
        "ei": 1 - 2 * np.trace(mixing),
        "newman": (np.trace(mixing) - chance) / (1 - chance),
        "coleman": coleman(inside.sum(), out @ share, out @ (1 - share)),
    }
    for k in range(len(share)):
        found[f"coleman/{k}"] = coleman(inside[k], out[k] * share[k], out[k] * (1 - share[k]))
    return found


def ours(network, y, g):
    """Return our statistics under the same names."""
    numeric, grouped = numeric_mixing(network, y), categorical_mixing(network, g, 3)
    return {**numeric, **{"newman" if k == "assortativity" else k: v for k, v in grouped.items()}}
