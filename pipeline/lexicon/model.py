"""What a lexicon card says, as frozen data: entries, categories, levels, modifiers, and the card itself.

What belongs here: only that. How a card file is read is in `card.py`, how files of other tools become cards in
`foreign/`, how texts are scored in `engine.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

ANY_LANGUAGE = "any"


@dataclass(frozen=True, slots=True)
class Entry:
    r"""One entry of a category.

    Parameters
    ----------
    pattern
        The entry as a Python regular expression.
    literals
        What it denotes, in the order in which a backtracking matcher tries them; empty for an `expression`.
    boundary
        ``word``: ``\b`` on both sides, as `re` defines it on `str`; ``token``: neither side goes on in the same token
        (``can`` is not found in ``can't``, and ``:)`` is found wherever no letter touches it); ``none``: matches
        anywhere.
    weight
        What one count adds to ``weight_sum``.
    is_open
        The entry ends in ``\w*``: whatever follows the literal in its word belongs to the match.
    expression
        For an entry that is no finite list: the regular expression as polars reads it, boundaries included.
    """

    pattern: str
    literals: tuple[str, ...]
    boundary: str = "word"
    weight: float = 1.0
    is_open: bool = False
    expression: str | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """A named, ordered list of entries."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """A bucket of the total count: values up to and including `at_most`; the last level has no upper bound."""

    name: str
    at_most: int | None


@dataclass(frozen=True, slots=True)
class Example:
    """An assertion of a card: the scores that one text must get."""

    text: str
    counts: Mapping[str, int]
    why: str


@dataclass(frozen=True, slots=True)
class Modifiers:
    """Words before a match that change it.

    Parameters
    ----------
    entries
        The words; the weight of a booster is what it adds to the size of a weight.
    scope
        A modifier reaches this many tokens to its right.
    factor
        Negation only: what the weight of a match is multiplied by; None takes the match out.
    """

    entries: tuple[Entry, ...]
    scope: int
    factor: float | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One lexicon.

    Parameters
    ----------
    id, title, version, source, licence, language, evidence
        Identification and provenance; `evidence` is a tag of METHODS.md (Q, CODE, FIG, S, I, A). `language` holds
        codes of ISO 639, with commas between them, or ``any``.
    text
        ``raw``: texts as they are, lower-cased; ``normalised``: by the rules of `pipeline.lexicon.normalise` first.
    counting
        ``presence``: an entry counts once per text; ``occurrence``: every non-overlapping match counts.
    cap
        Upper bound of the count of the total category, or None.
    total
        Name of the category that sums the others, or None when the card has no total.
    default
        Class of a text in which no category is present, or None when the card does not classify.
    categories
        In the order of precedence of a card that classifies.
    levels
        Ordered buckets of the total count; may be empty.
    examples
        Texts with the counts they must get.
    overlap
        ``each``: every entry is looked for on its own, so a word may feed several; ``longest``: of the matches of the
        card that overlap, the leftmost counts, of those that start together the longest, and all with the same span.
    other_languages
        ``skip``: texts known to be of another language are not scored; ``score``: they are, as a published rule did.
    negation, boosters
        Modifiers, or None.
    """

    id: str
    title: str
    version: str
    source: str
    licence: str
    language: str
    evidence: str
    text: str
    counting: str
    cap: int | None
    total: str | None
    default: str | None
    categories: tuple[Category, ...]
    levels: tuple[Level, ...] = ()
    examples: tuple[Example, ...] = ()
    overlap: str = "each"
    other_languages: str = "skip"
    negation: Modifiers | None = None
    boosters: Modifiers | None = None

    @property
    def languages(self) -> frozenset[str] | None:
        """The languages of the card; None when it is for any."""
        codes = frozenset(code.strip() for code in self.language.split(","))
        return None if ANY_LANGUAGE in codes else codes

    @property
    def scored_languages(self) -> frozenset[str] | None:
        """The languages whose texts are scored; None when all are."""
        return None if self.other_languages == "score" else self.languages

    @property
    def is_weighted(self) -> bool:
        """True when some entry weighs other than one."""
        return any(entry.weight != 1 for category in self.categories for entry in category.entries)
