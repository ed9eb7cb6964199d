"""Ten-line references of the gender measures, in plain Python: from messages and counts, without the package."""

from __future__ import annotations

from collections import defaultdict


def weekly_scores(messages, counts):
    """Return {(agent, week): score}: messages are (agent, week, text), counts {text: (feminine, masculine)}."""
    sums = defaultdict(lambda: [0, 0])
    for agent, week, text in messages:
        feminine, masculine = counts.get(text, (0, 0))
        sums[agent, week][0] += feminine - masculine
        sums[agent, week][1] += feminine + masculine
    return {key: top / bottom for key, (top, bottom) in sums.items() if bottom}


def intraclass_correlation(scores):
    """Return ICC(1) of {agent: [scores]} by one-way analysis of variance with unequal group sizes."""
    groups = list(scores.values())
    n, k = sum(map(len, groups)), len(groups)
    grand = sum(map(sum, groups)) / n
    means = [sum(g) / len(g) for g in groups]
    within = sum((y - m) ** 2 for g, m in zip(groups, means, strict=True) for y in g) / (n - k)
    between = sum(len(g) * (m - grand) ** 2 for g, m in zip(groups, means, strict=True)) / (k - 1)
    size = (n - sum(len(g) ** 2 for g in groups) / n) / (k - 1)
    component = (between - within) / size
    return component / (component + within)
