"""The grid of specifications of socialisation: choices, their identity, and the condition that drops repeated texts.

What belongs here: reading ``inference/grid/socialisation.toml``. What does not: the statistics (`grid_values`) and
their rows (`grid_estimates`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any

import duckdb

from pipeline.inference.grid_entries import made, read_entries
from pipeline.inference.specification import ROLES

FILE = "grid/socialisation.toml"
PHRASES, AGENTS, VOTES = "phrases_turn_over", "agents_stay_themselves", "votes_move_next_post"
CORRECTIONS, COHORTS = "corrections_are_taken_up", "later_cohorts_know_more"
HYPOTHESES = (PHRASES, AGENTS, VOTES, CORRECTIONS, COHORTS)
OUTCOMES = {
    PHRASES: ("born", "gone"),
    AGENTS: ("similarity",),
    VOTES: ("similarity",),
    CORRECTIONS: ("uptake", "returns"),
    COHORTS: ("types", "new_types"),
}
ALLOWED = {
    "role": ROLES,
    "hypothesis": HYPOTHESES,
    "outcome": tuple({outcome for outcomes in OUTCOMES.values() for outcome in outcomes}),
    "copies": ("own_once", "kept", "first_only"),
    "null": ("shuffled", "within_agents"),
    "kind": ("all", "post", "comment"),
    "stratum": ("", "period", "community"),
}

_FIRST = """
CREATE OR REPLACE TEMP TABLE socialisation_first AS
SELECT message_id FROM (
    SELECT message_id, row_number() OVER (PARTITION BY text_hash ORDER BY created_at NULLS LAST, message_id) AS i
    FROM message WHERE kind <> 'repost'
) AS copies WHERE i = 1
"""
ONLY_FIRST = "AND m.message_id IN (SELECT message_id FROM socialisation_first)"


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialSpecification:
    """One specification; the fields are those of the grid, zero or empty where the choice is that of the measure."""

    role: str
    hypothesis: str
    outcome: str = "similarity"
    copies: str = "own_once"
    longest: int = 0
    least: int = 0
    null: str = "shuffled"
    kind: str = "all"
    most: int = 0
    stratum: str = ""
    window: int = 0
    extreme: float = 0.0
    is_raw: bool = False
    place: int = 1
    tokens: int = 0
    is_dealt: bool = False
    is_before: bool = False
    by_hash: bool = False

    @property
    def formula(self) -> str:
        """The choices that are not those of the measure, in a fixed order."""
        named = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("role", "hypothesis", "outcome")}
        default = {f.name: f.default for f in fields(self)}
        said = [_NAMES[name].format(value) for name, value in named.items() if value != default[name]]
        return ", ".join([self.outcome, *said]).replace("_", " ")

    @property
    def spec_id(self) -> str:
        """Twelve hex digits of the SHA-256 of the choices."""
        return hashlib.sha256(f"socialisation\n{self.hypothesis}\n{self.formula}".encode()).hexdigest()[:12]

    @property
    def only(self) -> str:
        """The condition on messages that the choice of copies makes."""
        return ONLY_FIRST if self.copies == "first_only" else ""


_NAMES = {
    "copies": "copies {}", "longest": "n-grams up to {}", "least": "at least {}", "null": "null {}", "kind": "{}s only",
    "most": "first {}", "stratum": "within {}", "window": "window {}", "extreme": "extreme {:g}",
    "is_raw": "nothing held constant", "place": "message {} after", "tokens": "{} tokens", "is_dealt": "dealt anew",
    "is_before": "message before the reply", "by_hash": "by a hash",
}  # fmt: skip


@cache
def load_social_grid() -> tuple[tuple[SocialSpecification, ...], Mapping[str, int]]:
    """Return the specifications and the settings: draws of the null of primary rows, and of the others.

    Raises
    ------
    ValueError
        When an entry is not valid or stands twice; the sentence says which.
    """
    found, settings = read_entries(FILE, _specification, primaries=len(HYPOTHESES))
    return found, settings


def grid_text() -> str:
    """Return the text of the file, which decides the rows."""
    return files("pipeline.inference").joinpath(FILE).read_text(encoding="utf-8")


def _specification(raw: dict[str, Any], where: str) -> SocialSpecification:
    spec = made(SocialSpecification, raw, where, ALLOWED)
    if spec.outcome not in OUTCOMES[spec.hypothesis]:
        raise ValueError(f"{where}: outcome {spec.outcome!r} is not one of {list(OUTCOMES[spec.hypothesis])}")
    return spec


@contextmanager
def first_copies(con: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Make the table that `ONLY_FIRST` reads, and take it away afterwards."""
    con.execute(_FIRST)
    try:
        yield
    finally:
        con.execute("DROP TABLE IF EXISTS socialisation_first")
