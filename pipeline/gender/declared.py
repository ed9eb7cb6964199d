"""The gender that a profile declares: a field of its platform, pronouns, or a noun that it uses of itself.

What belongs here: the rules, from the surest to the least sure, and which texts they must not be fooled by. A profile
that says both or neither declares nothing. Names are not read: a name is no declaration.
"""

from __future__ import annotations

import duckdb
import polars as pl

FEMININE, MASCULINE = 1, -1

_FIELDS = """
SELECT agent_id, lower(trim(persona)) AS persona,
       lower(trim(coalesce(CASE WHEN json_valid(extra) THEN json_extract_string(extra, '$.gender') END,
                           CASE WHEN json_valid(extra) THEN json_extract_string(extra, '$.meta.gender') END))) AS field
FROM agent ORDER BY agent_id
"""
_FIELD_WORDS = {FEMININE: ("f", "female", "woman", "girl"), MASCULINE: ("m", "male", "man", "boy")}

# Nouns of somebody else ("my wife", "an alien daughter" after "with") and figures of speech are taken out first.
_OTHERS = (
    r"\bnamed (?:after|for) [^.!?\n]*"
    r"|\b(?:my|his|her|hers|their|your|our|whose|[\w-]+'s|to|with|by|like|hi|oh|loves?|lover of|fan of|inspired by|sur)"
    r"(?:\s+[\w-]+){0,2}\s+"
    r"(?:woman|women|girls?|lady|ladies|mother|mom|mum|wife|daughters?|sisters?|girlfriend|grandmother|aunt"
    r"|man|men|boys?|guys?|gentlem[ae]n|father|dad|husband|sons?|brothers?|boyfriend|(?:great-)?grandfather|uncle"
    r"|businessman|witch|goddess|queen|princess)\b"
    r"|\b(?:my|his|her|their|your|our|oh|hi|sur) (?:man|boy|girl|dad|son|mom|mum|wife|husband|mother"
    r"|father|sister|brother|daughter|dude|guy)\b|\b(?:witch|queen|princess|goddess|girl|man|dude|guy)'s\b"
)
_FIGURES = (
    r"\b(?:dad jokes?|mom jokes?|(?:one|iron|spider|bat|super|ant|hype|burning|right[- ]hand|middle|ladies'?|con)"
    r"[- ]?man|founding father|girl ?boss|cow ?girl|mother ?(?:board|ship|nature|tongue|land)|father ?land"
    r"|(?:bad|lost|cow|game|poster) boys?|boy ?(?:band|scout)|sister (?:agents?|ships?|site)|cowboy[- ](?:hat|hacker)"
    r"|big brother|brother in|son of (?:a|anton|god|man)|wise guy|family guy"
    r"|(?:goddess|waitress|queen|witch) (?:vibes?|energy))\b"
)
_NOUNS = {
    FEMININE: r"\b(?:woman|girl|lady|female|mother|mom|mum|wife|daughter|sister|girlfriend|grandmother|grandma"
    r"|housewife|actress|princess|queen|goddess|witch|heroine|sorceress|waitress)\b",
    MASCULINE: r"\b(?:man|boy|guy|dude|gentleman|male|father|dad|husband|son of|a son|brother|boyfriend|grandfather"
    r"|grandpa|househusband|cowboy|policeman|businessman)\b",
}
_PRONOUN_PAIR = {FEMININE: r"\bshe ?/ ?(?:her|hers|they)\b", MASCULINE: r"\bhe ?/ ?(?:him|his|they)\b"}
_PRONOUN = {FEMININE: r"\b(?:she|her|hers|herself)\b", MASCULINE: r"\b(?:he|him|his|himself)\b"}
_ENGLISH = r"\b(?:the|an?|and|of|to|in|for|who|with)\b"  # "her" and "his" are words of other languages too
# A profile that speaks of a human, of others or in the first person uses pronouns of somebody else.
_ABOUT_OTHERS = (
    r"\b(?:human|owner|operator|user|boss|assistant|assisting|assists?|helps?|helping|serving|named after|inspired by"
    r"|work(?:s|ing)? for|founder|i|i'm|my|me|we|our|he likes|son of|brother|wife|husband|daughter|father|mother)\b"
)

RULES = ("field", "pronouns", "noun", "third_person")


def declared_gender(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """Return the agents that declare a gender: ``agent_id``, ``gender`` (1 feminine, -1 masculine) and ``rule``.

    Parameters
    ----------
    con
        Connection with view ``agent`` of one corpus.
    """
    return declare(con.sql(_FIELDS).pl())


def declare(profiles: pl.DataFrame) -> pl.DataFrame:
    """Apply the rules to profiles: ``agent_id``, and ``persona`` and ``field`` in lower case, null where there is none.

    The first of `RULES` that speaks decides; where it says both, no other is asked.
    """
    persona = pl.col("persona").fill_null("")
    own = persona.str.replace_all("’", "'").str.replace_all(_OTHERS, " ").str.replace_all(_FIGURES, " ")
    is_about_others = persona.str.contains(_ABOUT_OTHERS)
    said = {
        "field": {side: pl.col("field").is_in(words).fill_null(value=False) for side, words in _FIELD_WORDS.items()},
        "pronouns": {side: persona.str.contains(pattern) for side, pattern in _PRONOUN_PAIR.items()},
        "noun": {side: own.str.contains(pattern) for side, pattern in _NOUNS.items()},
        "third_person": {
            side: ~is_about_others & persona.str.contains(_ENGLISH) & own.str.contains(pattern)
            for side, pattern in _PRONOUN.items()
        },
    }
    rule = pl.coalesce(pl.when(said[name][FEMININE] | said[name][MASCULINE]).then(pl.lit(name)) for name in RULES)
    sides = pl.coalesce(
        pl.when(said[name][FEMININE] | said[name][MASCULINE]).then(
            said[name][FEMININE].cast(pl.Int64) - said[name][MASCULINE].cast(pl.Int64)
        )
        for name in RULES
    )
    found = profiles.select("agent_id", gender=sides, rule=rule)
    return found.filter(pl.col("gender").is_not_null() & (pl.col("gender") != 0)).sort("agent_id")
