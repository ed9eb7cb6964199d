"""Lexicons: cards, the token rule, and one automaton that scores texts by all of them.

What belongs here: parse, compile and score word lists, and the SQL that their cards define. The package
knows neither corpora nor Dagster; columns of texts come in, columns of scores go out.
"""

from pipeline.lexicon.card import fingerprint
from pipeline.lexicon.engine import SCORE_SCHEMA, Engine
from pipeline.lexicon.load import LEXICON_FOLDER, Stamp, card_by_id, cards_with_lists, load_cards, stamp
from pipeline.lexicon.model import Card
from pipeline.lexicon.sql import level_case_sql, reply_class_sql
from pipeline.lexicon.tokens import TOKEN_PATTERN, count_tokens

__all__ = [
    "LEXICON_FOLDER",
    "SCORE_SCHEMA",
    "TOKEN_PATTERN",
    "Card",
    "Engine",
    "Stamp",
    "card_by_id",
    "cards_with_lists",
    "count_tokens",
    "fingerprint",
    "level_case_sql",
    "load_cards",
    "reply_class_sql",
    "stamp",
]
