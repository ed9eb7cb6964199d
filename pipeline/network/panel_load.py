"""Co-evolution panels of a corpus: each network of ties or interactions with each weekly score of its agents.

What belongs here: reading panels, and saying why one cannot be read. What does not: estimators.

Weeks are windows of `WEEK_HOURS` hours; interactions can be read in shorter windows, for corpora of some days.
The first window of a panel is the first in which ties are known and somebody has a score: its ties are the state
from which the rest departs, not events. The last is the last in which somebody has a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import duckdb
import numpy as np
import polars as pl

from pipeline.network.clock import REFUSING, WEEK_HOURS, clock_words, message_clock_sql, pooled_words, window_start
from pipeline.network.interactions import RULES
from pipeline.network.panel import FloatArray, IntArray, Panel
from pipeline.network.snapshots import EVER, NEVER, TieNetwork, load_interactions, load_nodes, load_ties, node_numbers
from pipeline.network.ties import RELATIONS, tie_event_counts, tie_words
from pipeline.network.traits import COUNTED, TRAITS, VARIABLES, agent_window_sql, trait_sql

UNHALVED = ("activity", "gender_placebo")
"""Scores that are no mean over messages: halves of the messages are no two measurements of them."""
GROUP_SHARE = 0.5
"""Share of the agents that must be in a known group of a trait for it to be the groups of a panel."""


@dataclass(frozen=True, slots=True)
class LoadedPanel:
    """A panel of a corpus, or why there is none.

    Attributes
    ----------
    network, variable
        Relation or rule of interaction, and score.
    hours
        Length of the windows that stand for weeks.
    panel
        The panel, scores as they are (not standardised); None where `warnings` hold a word of
        `pipeline.network.clock.REFUSING`, or ``no_ties`` or ``no_agent_scores``.
    nodes
        Agent ids in the order of the rows.
    trait
        What the groups are (a name of `TRAITS`), empty where no trait is known of enough agents.
    n_ties
        Distinct ties of any time.
    warnings
        Words of the dictionary of warnings.
    """

    network: str
    variable: str
    hours: int
    panel: Panel | None
    nodes: pl.Series
    trait: str
    n_ties: int
    warnings: tuple[str, ...]

    @property
    def is_derived(self) -> bool:
        """Whether the ties are interactions, so that estimates are exploratory."""
        return self.network in RULES

    def window_start(self, column: int) -> datetime:
        """Return the first instant of the window of a column."""
        first = 0 if self.panel is None else self.panel.first_week
        return window_start(first + column, self.hours)


class PanelReader:
    """Reads the panels of one corpus, each source once.

    Parameters
    ----------
    con
        Connection with views ``agent``, ``message``, ``text``, ``lexicon_score``, ``gender_score``,
        ``interaction`` and ``tie_event`` of one corpus.
    hours
        Length of the windows that stand for weeks. Relations are known by the week only, so that shorter windows
        hold interactions only.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, hours: int = WEEK_HOURS) -> None:
        self._con = con
        self._hours = hours
        self._networks: dict[str, tuple[TieNetwork, tuple[str, ...]]] = {}

    @cached_property
    def nodes(self) -> pl.Series:
        """Agent ids in the order of their node numbers."""
        return load_nodes(self._con)

    def networks(self) -> list[str]:
        """Return the names of the networks to read: ``follow`` always by the week, others where they have ties."""
        names = []
        if self._hours == WEEK_HOURS:
            names = [name for name in RELATIONS if name == "follow" or tie_event_counts(self._con, name).events]
        return [*names, *(rule for rule in RULES if self._network(rule)[0].n_ties)]

    def variables(self) -> list[str]:
        """Return the names of the scores that the corpus has, `VARIABLES` first."""
        found = set(self._scores[0]["variable"].unique())
        return [*(name for name in VARIABLES if name in found), *sorted(found - set(VARIABLES))]

    def panel(self, network: str, variable: str) -> LoadedPanel:
        """Read one panel.

        Parameters
        ----------
        network
            A relation of ``tie_event`` or a rule of ``interaction``.
        variable
            A score of ``agent_week``.
        """
        ties, words = self._network(network)
        words = tuple(dict.fromkeys((*words, *self._message_words)))
        frames = [frame.filter(pl.col("variable") == variable) for frame in self._scores]
        span = _span(ties, frames[0])
        if any(word in REFUSING for word in words):
            span = None
        elif not len(ties.weekly.source):
            span, words = None, (*words, "no_ties")
        elif span is None:
            words = (*words, "no_agent_scores")
        trait, group = self._groups
        panel = None if span is None else self._panel(ties, frames, variable, span, group)
        return LoadedPanel(network, variable, self._hours, panel, self.nodes, trait, ties.n_ties, words)

    def _panel(
        self, ties: TieNetwork, frames: list[pl.DataFrame], variable: str, span: tuple[int, int], group: IntArray
    ) -> Panel:
        whole, *halves = (self._matrix(frame, span, "value") for frame in frames)
        return Panel(
            ties=ties.weekly,
            scores=whole,
            first_week=span[0],
            group=group,
            halves=None if variable in UNHALVED else np.stack(halves),
            weight=self._matrix(frames[0], span, "n_messages"),
        )

    def _matrix(self, frame: pl.DataFrame, span: tuple[int, int], column: str) -> FloatArray:
        """Spread rows over (agents, windows); not-a-number where there is no row."""
        window = frame["window_number"].to_numpy()
        kept = (window >= span[0]) & (window <= span[1])
        values = np.full((len(self.nodes), span[1] - span[0] + 1), np.nan)
        values[node_numbers(frame["agent_id"], self.nodes)[kept], window[kept] - span[0]] = frame[column].to_numpy()[
            kept
        ]
        return values

    def _network(self, name: str) -> tuple[TieNetwork, tuple[str, ...]]:
        if name not in self._networks:
            self._networks[name] = self._interactions(name) if name in RULES else self._relation(name)
        return self._networks[name]

    def _interactions(self, rule: str) -> tuple[TieNetwork, tuple[str, ...]]:
        return load_interactions(self._con, rule, self.nodes, self._hours), ("derived_ties", *self._message_words)

    def _relation(self, relation: str) -> tuple[TieNetwork, tuple[str, ...]]:
        counts = tie_event_counts(self._con, relation)
        network = load_ties(self._con, relation, self.nodes)
        return network, tie_words(counts, network.unknown_starts)

    @cached_property
    def _message_words(self) -> tuple[str, ...]:
        counts = self._con.sql(message_clock_sql(COUNTED, self._hours)).fetchall()[0]
        return (*clock_words(*(int(count) for count in counts)), *pooled_words(self._con))

    @cached_property
    def _scores(self) -> list[pl.DataFrame]:
        """Scores by agent and window: from all messages, and from each half of them."""
        order = "ORDER BY variable, window_number, agent_id"
        return [self._con.sql(f"FROM ({agent_window_sql(self._hours, half)}) {order}").pl() for half in (None, 0, 1)]

    @cached_property
    def _groups(self) -> tuple[str, IntArray]:
        """Groups of the trait that is known of most agents, communities before languages where they tie."""
        found: Mapping[str, IntArray] = {trait: self._trait(trait) for trait in reversed(TRAITS)}
        trait = max(found, key=lambda name: int((found[name] >= 0).sum()))
        is_known = np.count_nonzero(found[trait] >= 0) >= GROUP_SHARE * max(len(self.nodes), 1)
        return (trait, found[trait]) if is_known else ("", np.full(len(self.nodes), -1, dtype=np.int64))

    def _trait(self, trait: str) -> IntArray:
        frame = self._con.sql(trait_sql(trait)).pl()
        groups = np.full(len(self.nodes), -1, dtype=np.int64)
        groups[node_numbers(frame["agent_id"], self.nodes)] = node_numbers(
            frame["value"], frame["value"].unique().sort()
        )
        return groups


def _span(ties: TieNetwork, scores: pl.DataFrame) -> tuple[int, int] | None:
    """Return the first and last window of a panel, or None where ties and scores do not meet."""
    bounds = np.concatenate([ties.weekly.start, ties.weekly.end]).astype(np.int64)
    bounds = bounds[(bounds > EVER) & (bounds < NEVER)]
    if not len(bounds) or not scores.height:
        return None
    windows = scores["window_number"].to_numpy()
    first, last = max(int(bounds.min()), int(windows.min())), int(windows.max())
    return (first, last) if first < last else None
