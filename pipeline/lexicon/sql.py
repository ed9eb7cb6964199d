"""SQL over lexicon scores, generated from the cards.

What belongs here: statements that turn scores into classes and levels. The order of classes and the bounds
of levels are data of the cards; names in the statements come from cards, whose reader admits only
lower-case identifiers.
"""

from __future__ import annotations

from pipeline.lexicon.load import LEXICON_FOLDER, card_by_id, load_cards
from pipeline.lexicon.model import Card


def reply_class_sql(card: Card | None = None) -> str:
    """Return the SELECT that classifies every comment: first category present, in the order of the card.

    Parameters
    ----------
    card
        A card with a `default` class; the shipped card ``reply`` when None.

    Returns
    -------
    str
        A query over the views message and lexicon_score with the columns message_id and class, one row per
        comment, sorted by message_id. A comment without score, or without text, gets the default class. Source:
        code release of arXiv 2604.06199 (METHODS.md 1.4).

    Raises
    ------
    ValueError
        When the card has no default class.
    """
    card = card or card_by_id(load_cards(LEXICON_FOLDER), "reply")
    if card.default is None:
        raise ValueError(f"lexicon card {card.id!r} does not classify: give it a default class")
    ranked = list(enumerate(category.name for category in card.categories))
    to_rank = " ".join(f"WHEN '{name}' THEN {rank}" for rank, name in ranked)
    to_name = " ".join(f"WHEN {rank} THEN '{name}'" for rank, name in ranked)
    return f"""
WITH first_category AS (
    SELECT text_hash, MIN(CASE category {to_rank} END) AS category_rank
    FROM lexicon_score
    WHERE lexicon = '{card.id}' AND "count" > 0
    GROUP BY text_hash
)
SELECT
    m.message_id AS message_id,
    CASE f.category_rank {to_name} ELSE '{card.default}' END AS class
FROM message AS m
LEFT JOIN first_category AS f ON f.text_hash = m.text_hash
WHERE m.kind = 'comment'
ORDER BY m.message_id
"""


def level_case_sql(card: Card, count: str) -> str:
    """Return the CASE expression that puts a total count into the levels of the card.

    Source of the levels of ``airs``: code release of arXiv 2604.06199 (METHODS.md 1.3).

    Parameters
    ----------
    card
        A card with levels.
    count
        SQL expression of the total count of a text, zero where there is no score; never null.

    Raises
    ------
    ValueError
        When the card has no levels.
    """
    if not card.levels:
        raise ValueError(f"lexicon card {card.id!r} has no levels")
    *bounded, last = card.levels
    cases = " ".join(f"WHEN {count} <= {level.at_most} THEN '{level.name}'" for level in bounded)
    return f"CASE {cases} ELSE '{last.name}' END" if bounded else f"'{last.name}'"
