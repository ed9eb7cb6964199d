"""Words before a match that change it: negation and boosters, within a scope of tokens.

What belongs here: the distance in tokens between a modifier and a match, and what follows for its weight. The scope
counts tokens to the right of the last token of the modifier, and ends with the text, not with the sentence.
"""

from __future__ import annotations

import numpy as np

from pipeline.lexicon.boundary import Bytes, Positions, tokens_in
from pipeline.lexicon.matches import Matches
from pipeline.lexicon.plan import BOOSTER, COUNTED, NEGATION, Floats, Ints, Plan


def modify(matches: Matches, plan: Plan, buffer: Bytes, offsets: Positions) -> tuple[Matches, Floats]:
    """Return the matches that count, without the modifiers and without what negation takes out, and their weights.

    A booster adds its weight to the size of the weight of the match, whatever its sign; then negation multiplies it.
    Several boosters add up; several negations are one.
    """
    role = plan.entry_role[matches.entry]
    counted = matches[role == COUNTED]
    weight = plan.entry_weight[counted.entry]
    if not (role != COUNTED).any():
        return counted, weight
    modifiers = matches[role != COUNTED]
    card = plan.entry_card[counted.entry]
    can_change = (plan.scopes[NEGATION][card] > 0) | (plan.scopes[BOOSTER][card] > 0)
    target = np.flatnonzero(can_change & np.isin(counted.row, modifiers.row))
    numbers = _Numbers(buffer, offsets, np.unique(counted.row[target]), _gap(plan))
    modifiers = modifiers[np.isin(modifiers.row, numbers.rows)]
    first = numbers.before(counted.row[target], counted.start[target])
    last = numbers.before(modifiers.row, modifiers.end) - 1
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


def _gap(plan: Plan) -> int:
    return int(max(scopes.max() for scopes in plan.scopes.values())) + 1


class _Numbers:
    """Tokens of some texts, numbered so that no scope reaches from one text into the next."""

    def __init__(self, buffer: Bytes, offsets: Positions, rows: Ints, gap: int) -> None:
        self.rows, self._gap = rows, gap
        _, self._tokens = tokens_in(buffer, offsets[rows], offsets[rows + 1])

    def before(self, row: Ints, position: Positions) -> Ints:
        """Return the number of the first token that starts at or after a position of a text."""
        return np.searchsorted(self._tokens, position) + self._gap * np.searchsorted(self.rows, row)


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
