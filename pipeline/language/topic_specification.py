"""Specifications of the drift of topics, read from the grid that was fixed beforehand.

What belongs here: the vocabulary of choices and the loader. What a choice means is in `topic_drift`.
"""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

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
    name = "grid/topics.toml"
    document = tomllib.loads(files("pipeline.inference").joinpath(name).read_text(encoding="utf-8"))
    found = tuple(_specification(entry, f"{name}, spec {i}") for i, entry in enumerate(document["spec"], 1))
    ids = [spec.spec_id for spec in found]
    if repeated := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"{name}: the same specification twice, ids {repeated}; remove one of each")
    if [spec.role for spec in found].count("primary") != 1 or found[0].role != "primary":
        raise ValueError(f"{name}: the first specification, and no other, must have the role primary")
    return found


def _specification(raw: dict[str, Any], where: str) -> TopicSpecification:
    known = {f.name for f in fields(TopicSpecification)}
    if unknown := sorted(set(raw) - known):
        raise ValueError(f"{where}: unknown keys {unknown}; allowed are {sorted(known)}")
    spec = TopicSpecification(**raw)
    for key, value, choices in (
        ("role", spec.role, ROLES),
        ("slice", spec.slice, SLICES),
        ("topics", spec.topics, TOPICS),
        ("outcome", spec.outcome, OUTCOMES),
    ):
        if value not in choices:
            raise ValueError(f"{where}: {key} {value!r} is not one of {sorted(choices)}")
    return spec
