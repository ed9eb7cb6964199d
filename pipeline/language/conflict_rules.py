"""The offline classifier of conflict and emotion: rules over the counts of the cards ``hostility`` and ``emotion``.

What belongs here: the rule, once, on columns. The words are in ``lexicons/``, the codebook that says what the labels
mean in docs/codebook-conflict-emotion.md, and how often the rule is right in `labelled`. The numbers below were tuned
on the half of the labelled messages that `labelled` does not report on.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from pipeline.lexicon import Card, Engine, count_tokens

CONFLICT, EMOTION = "conflict", "emotion"
CARDS = {CONFLICT: "hostility", EMOTION: "emotion"}
"""The lexicon card that each scheme is read from."""
LABELS = {
    CONFLICT: ("no", "yes"),
    EMOTION: ("none", "affection", "joy", "sadness", "fear", "surprise", "anger"),
}
"""Labels of each scheme. The first is the default, which is not stored; of two emotions with as many entries the one
that stands first here is taken."""

RULES_VERSION = 1
"""Raise it when the rule gives other labels for the same counts."""

INSULT_WEIGHT, ATTACK_WEIGHT, BLAME_WEIGHT = 3, 3, 1
CONFLICT_LEAST, CONFLICT_TOKENS = 2, 150
"""Weight that makes a conflict, and tokens for which one more is asked: long texts hold any word once."""
EMOTION_LEAST, EMOTION_TOKENS = 1, 120

_PARTS = ("insult", "attack", "blame")


def label_texts(texts: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Label texts from their lexicon scores.

    Parameters
    ----------
    texts
        Columns text_hash and n_tokens.
    scores
        Columns text_hash, lexicon, category and count, as in ``feature.lexicon_score``; other lexicons are ignored.

    Returns
    -------
    polars.DataFrame
        text_hash, conflict and emotion, one row per text in the order of `texts`.
    """
    emotions = LABELS[EMOTION][1:]
    wanted = {
        **{f"{CONFLICT}_{name}": (CARDS[CONFLICT], name) for name in _PARTS},
        **{f"{EMOTION}_{name}": (CARDS[EMOTION], name) for name in emotions},
    }
    counts = scores.group_by("text_hash").agg(
        pl.col("count").filter((pl.col("lexicon") == lexicon) & (pl.col("category") == name)).sum().alias(column)
        for column, (lexicon, name) in wanted.items()
    )
    joined = texts.select("text_hash", "n_tokens").join(counts, on="text_hash", how="left", maintain_order="left")
    found = joined.with_columns(pl.col(list(wanted)).fill_null(0))
    weight = (
        INSULT_WEIGHT * pl.col("conflict_insult")
        + ATTACK_WEIGHT * pl.col("conflict_attack")
        + BLAME_WEIGHT * pl.col("conflict_blame")
    )
    is_conflict = weight >= CONFLICT_LEAST + pl.col("n_tokens") // CONFLICT_TOKENS
    most = pl.max_horizontal(f"{EMOTION}_{name}" for name in emotions)
    emotion = pl.lit("none")
    for name in reversed(emotions):
        emotion = pl.when(pl.col(f"{EMOTION}_{name}") == most).then(pl.lit(name)).otherwise(emotion)
    is_felt = most >= EMOTION_LEAST + pl.col("n_tokens") // EMOTION_TOKENS
    return found.select(
        "text_hash",
        conflict=pl.when(is_conflict).then(pl.lit("yes")).otherwise(pl.lit("no")),
        # Who attacks is angry, whatever words of joy the mockery is dressed in.
        emotion=pl.when(is_conflict).then(pl.lit("anger")).when(is_felt).then(emotion).otherwise(pl.lit("none")),
    )


class LexiconClassifier:
    """The rule as a `pipeline.language.classifier.Classifier`: texts in, labels out.

    Parameters
    ----------
    scheme
        ``conflict`` or ``emotion``.
    cards
        All cards of ``lexicons/``; the two that the rule reads are picked.
    """

    def __init__(self, scheme: str, cards: Sequence[Card]) -> None:
        chosen = [card for card in cards if card.id in CARDS.values()]
        self.scheme = scheme
        self.version = lexicon_version(chosen)
        self._engine = Engine(chosen)

    def label(self, texts: Sequence[str]) -> list[str]:
        """Return the label of each text."""
        frame = pl.DataFrame({"text_hash": [f"{i:012d}" for i in range(len(texts))], "text": list(texts)})
        counted = frame.with_columns(n_tokens=count_tokens(pl.col("text")))
        found: list[str] = label_texts(counted, self._engine.score(counted))[self.scheme].to_list()
        return found


def lexicon_version(cards: Sequence[Card]) -> str:
    """Return the version string of the rule with these cards."""
    versions = "+".join(f"{card.id}-{card.version}" for card in sorted(cards, key=lambda card: card.id))
    return f"lexicon rules {RULES_VERSION} ({versions})"
