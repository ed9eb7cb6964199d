"""Specifications of the drift of topics, read from the grid that was fixed beforehand.

What belongs here: the vocabulary of choices and the loader. What a choice means is in `topic_drift`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Any

from pipeline.inference.grid_entries import made, read_entries
from pipeline.inference.specification import ROLES, SLICES

TOPICS = ("chosen", "half", "double")
OUTCOMES = ("topic", "hash")


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicSpecification:
    """One specification; the fields are those of ``inference/grid/topics.toml``. `role` is no part of its identity."""

    role: str
    slice: str = "all"
    topics: str = "chosen"
    outcome: str = "topic"

    @property
    def formula(self) -> str:
        """The choices in one line, in a fixed order."""
        return f"{self.outcome} ~ day | {self.topics} | {self.slice}"

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the choices."""
        return hashlib.sha256(f"topics\n{self.formula}".encode()).hexdigest()[:12]

    def number(self, chosen: int) -> int:
        """Return the number of topics where the corpus has `chosen`; at least two."""
        return {"chosen": chosen, "half": max(2, chosen // 2), "double": 2 * chosen}[self.topics]


@cache
def load_topic_grid() -> tuple[TopicSpecification, ...]:
    """Read and check the registered grid.

    Raises
    ------
    ValueError
        When an entry is not valid or stands twice; the sentence says which.
    """
    return read_entries("grid/topics.toml", _specification)[0]


def _specification(raw: dict[str, Any], where: str) -> TopicSpecification:
    choices = {"role": ROLES, "slice": SLICES, "topics": TOPICS, "outcome": OUTCOMES}
    return made(TopicSpecification, raw, where, choices)
