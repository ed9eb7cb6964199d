"""Words before a match that change it: negation and boosters, within a scope of tokens.

What belongs here: the distance in tokens between a modifier and a match, and what follows for its weight. The scope
counts tokens to the right of the last token of the modifier, and ends with the text, not with the sentence.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.lexicon.boundary import Positions
from pipeline.lexicon.matches import Matches
from pipeline.lexicon.plan import BOOSTER, COUNTED, NEGATION, Flags, Floats, Ints, Plan


def modify(matches: Matches, plan: Plan, read_tokens: Callable[[], Positions], n_bytes: int) -> tuple[Matches, Floats]:
    """Return the matches that count, without the modifiers and without what negation takes out, and their weights.

    `read_tokens` gives the positions at which the tokens of the slice start. A booster adds its weight to the
    size of the weight of the match, whatever its sign; then negation multiplies it.
    Several boosters add up; several negations are one.
    """
    role = plan.entry_role[matches.entry]
    counted = matches[role == COUNTED]
    weight = plan.entry_weight[counted.entry]
    if not (role != COUNTED).any():
        return counted, weight
    modifiers = matches[role != COUNTED]
    card = plan.entry_card[counted.entry]
    gap, tokens = _gap(plan), read_tokens()
    last = np.searchsorted(tokens, modifiers.end) - 1
    target = np.flatnonzero(_is_reached(tokens, last, gap, n_bytes)[counted.start])
    last += gap * modifiers.row
    first = np.searchsorted(tokens, counted.start[target]) + gap * counted.row[target]
    for role_ in (BOOSTER, NEGATION):
        chosen = plan.entry_role[modifiers.entry] == role_
        owner, found = _pairs(plan, role_, card[target], first, modifiers[chosen], last[chosen])
        if role_ == BOOSTER:
            added = np.bincount(owner, weights=plan.entry_weight[found], minlength=len(target))
            weight[target] += np.sign(weight[target]) * added
    negated = target[np.unique(owner)]
    factor = plan.factors[card[negated]]
    weight[negated] *= np.where(np.isnan(factor), 0, factor)
    kept = np.ones(len(weight), dtype=np.bool_)
    kept[negated[np.isnan(factor)]] = False
    return counted[kept], weight[kept]


def _is_reached(tokens: Positions, last: Ints, scope: int, n_bytes: int) -> Flags:
    """Tell of each byte whether something that starts there may lie within so many tokens behind a modifier.

    `last` is the last token of each modifier. Texts are not told apart here.
    """
    reached = np.zeros(n_bytes, dtype=np.bool_)
    bounds = np.append(tokens, n_bytes - 1)
    start, end = bounds[last], bounds[np.minimum(last + scope, len(tokens))] + 1
    order = np.argsort(start, kind="stable")
    start, end = start[order], np.maximum.accumulate(end[order])
    begin = np.maximum(start, np.append(0, end[:-1]))
    size = np.maximum(end - begin, 0)
    reached[np.arange(int(size.sum())) + np.repeat(begin - (np.cumsum(size) - size), size)] = True
    return reached


def _gap(plan: Plan) -> int:
    """Return what the numbers of tokens jump by from one text to the next, so that no scope reaches across."""
    return int(max(scopes.max() for scopes in plan.scopes.values())) + 1


def _pairs(plan: Plan, role: int, card: Ints, first: Ints, modifiers: Matches, last: Ints) -> tuple[Ints, Ints]:
    """Return index of the match and entry of the modifier, for every pair within the scope of the card."""
    span = int(max(first.max(initial=0), last.max(initial=0))) + 2
    key = plan.entry_card[modifiers.entry] * span + last + 1
    order = np.lexsort((modifiers.entry, key))
    key, entry = key[order], modifiers.entry[order]
    scope = np.minimum(plan.scopes[role][card], first + 1)
    low = np.searchsorted(key, card * span + first + 1 - scope)
    high = np.maximum(np.searchsorted(key, card * span + first + 1), low)
    high = np.where(scope > 0, high, low)
    owner = np.repeat(np.arange(len(first)), high - low)
    within = np.arange(len(owner)) - np.repeat(np.cumsum(high - low) - (high - low), high - low)
    return owner, entry[low[owner] + within]
