"""Homophily of a corpus: do agents tie themselves to their like, per week and over the whole span.

What belongs here: which statistic is computed on which network with which scores, and when weekly values are
refused. Nothing here says why tied agents are alike: selection, influence and common surroundings all make them so.

Weekly values need times known to the week for at least half of the ties and, for weekly scores, of the messages.
Values of the whole span (period ``all``) set the ties that stand at the end, or all interactions, beside scores
over all messages; they need no times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import polars as pl

from pipeline.network.clock import REFUSING, WEEKLY_SHARE, clock_words, pooled_words
from pipeline.network.homophily_rows import MIN_TIES, Place, count_row, mixing_rows, refusal, without_empty_series
from pipeline.network.interactions import RULES
from pipeline.network.lopsided import known_ends, lopsided_groups, lopsided_scores
from pipeline.network.mixing import categorical_mixing, numeric_mixing
from pipeline.network.permutation_moments import FloatArray, IntArray
from pipeline.network.snapshots import (
    EVER,
    NEVER,
    Snapshot,
    TieNetwork,
    load_interactions,
    load_nodes,
    load_ties,
    node_numbers,
    week_numbers,
    week_start,
)
from pipeline.network.ties import RELATIONS, TieEventCounts, tie_event_counts, tie_words
from pipeline.network.traits import MESSAGE_CLOCK, TRAITS, VARIABLES, agent_score_sql, trait_sql
from pipeline.schema import Measure

LARGEST_GROUPS = 10
NUMERIC = ("assortativity", "excess_similarity")
CATEGORICAL = ("ei", "assortativity", "coleman")


@dataclass(frozen=True, slots=True)
class Trait:
    """A grouping of the agents: group number of each node (−1 unknown) and the names of the groups."""

    groups: IntArray
    names: Sequence[str]


@dataclass(frozen=True, slots=True)
class WeeklyScore:
    """A score of agents by week, sorted by week: node, week and value of each row."""

    node: IntArray
    week: IntArray
    value: FloatArray

    def at(self, week: int, nodes: int) -> FloatArray:
        """Return the score of each node in a week, not-a-number where it has none."""
        first, last = np.searchsorted(self.week, [week, week + 1])
        scores = np.full(nodes, np.nan)
        scores[self.node[first:last]] = self.value[first:last]
        return scores


@dataclass(frozen=True, slots=True)
class Agents:
    """All that is known of the agents, in the order of node numbers."""

    nodes: int
    weekly: Mapping[str, WeeklyScore]
    whole: Mapping[str, FloatArray]
    traits: Mapping[str, Trait]


def homophily_measures(
    con: duckdb.DuckDBPyConnection, *, level: float = 0.95, progress: Callable[[str], None] = lambda _: None
) -> list[Measure]:
    """Compute the homophily of a corpus on each of its networks.

    Parameters
    ----------
    con
        Connection with views ``agent``, ``message``, ``text``, ``lexicon_score``, ``gender_score``, ``interaction``,
        ``tie_event`` and ``agent_week`` of one corpus.
    level
        Level of the intervals.
    progress
        Receives short sentences.

    Returns
    -------
    list of Measure
        Per network (unit_id) and week, and for the whole span: assortativity and excess similarity of each score
        of `VARIABLES`, and of a model, if any; E-I, assortativity and Coleman's index of each trait of `TRAITS`,
        Coleman's also of the largest groups (unit ``group``, unit_id network/group). One row per null model. What
        the times or the number of ties do not allow is one null row per measure.
    """
    nodes = load_nodes(con)
    agents = load_agents(con, nodes)
    messages, timed, known, stepped = con.sql(MESSAGE_CLOCK).fetchall()[0]
    clock = clock_words(messages, timed, known, stepped)
    pooled = pooled_words(con)
    rows = [count_row("messages_known_to_week", known, messages, "messages", Place("corpus", "corpus", "all"))]
    for relation in RELATIONS:
        counts = tie_event_counts(con, relation)
        if relation == "follow" or counts.events:
            network = load_ties(con, relation, nodes)
            words = (*pooled, *tie_words(counts, network.unknown_starts))
            rows += _tie_event_rows(relation, counts)
            rows += network_rows(network, agents, words, clock, level, progress)
    for rule in RULES:
        network = load_interactions(con, rule, nodes)
        rows += network_rows(network, agents, (*pooled, "derived_ties", *clock), clock, level, progress)
    return rows


def _tie_event_rows(relation: str, counts: TieEventCounts) -> list[Measure]:
    place = Place("network", relation, "all")
    return [
        count_row("tie_events_to_self", counts.to_self, counts.events, "tie events", place),
        count_row("tie_events_dangling", counts.dangling, counts.events, "tie events", place),
    ]


def load_agents(con: duckdb.DuckDBPyConnection, nodes: pl.Series) -> Agents:
    """Read scores and traits of all agents, in the order of `nodes`."""
    weekly = con.sql("SELECT agent_id, week_start, variable, value FROM agent_week ORDER BY week_start, agent_id").pl()
    whole = con.sql(agent_score_sql()).pl()
    names = (*VARIABLES, *sorted(set(whole["variable"]) - set(VARIABLES)))
    return Agents(
        nodes=len(nodes),
        weekly={name: _weekly(weekly.filter(pl.col("variable") == name), nodes) for name in names},
        whole={name: _whole(whole.filter(pl.col("variable") == name), nodes) for name in names},
        traits={name: _trait(con.sql(trait_sql(name)).pl(), nodes) for name in TRAITS},
    )


def _weekly(frame: pl.DataFrame, nodes: pl.Series) -> WeeklyScore:
    week = week_numbers(frame["week_start"], EVER)
    return WeeklyScore(node_numbers(frame["agent_id"], nodes), week, frame["value"].to_numpy())


def _whole(frame: pl.DataFrame, nodes: pl.Series) -> FloatArray:
    scores = np.full(len(nodes), np.nan)
    scores[node_numbers(frame["agent_id"], nodes)] = frame["value"].to_numpy()
    return scores


def _trait(frame: pl.DataFrame, nodes: pl.Series) -> Trait:
    names = frame["value"].unique().sort()
    groups = np.full(len(nodes), -1, dtype=np.int64)
    groups[node_numbers(frame["agent_id"], nodes)] = node_numbers(frame["value"], names)
    return Trait(groups, names.to_list())


def network_rows(
    network: TieNetwork,
    agents: Agents,
    words: Sequence[str],
    score_words: Sequence[str],
    level: float,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Measure]:
    """Return the rows of one network, of the whole span and by week.

    Parameters
    ----------
    network, agents
        The ties and what is known of the agents.
    words
        Warnings that hold for the ties.
    score_words
        Warnings that hold for weekly scores.
    level, progress
        As for `homophily_measures`.
    """
    standing = [word for word in words if word not in (*REFUSING, "coarse_times_dropped", "unknown_tie_start")]
    whole = Place("network", network.rule, "all", words=tuple(standing))
    rows = [
        count_row("ties_whole_span", network.whole.n_pairs, network.n_ties, "ties of any time", whole),
        count_row("ties_known_to_week", network.timed, network.n_intervals, "spells of ties", whole),
    ]
    snapshot = network.whole.at(0)
    for variable in agents.whole:
        rows += _numeric_rows(snapshot, agents.whole[variable], variable, whole, level)
    for trait in TRAITS:
        rows += _categorical_rows(snapshot, agents.traits[trait], trait, whole, level)
    return [*rows, *_weekly_rows(network, agents, words, score_words, level, progress)]


def _weekly_rows(
    network: TieNetwork,
    agents: Agents,
    words: Sequence[str],
    score_words: Sequence[str],
    level: float,
    progress: Callable[[str], None],
) -> list[Measure]:
    weeks, found, rows = _weeks(network, agents), [], []
    by_score, few = (*words, *score_words), network.weekly.n_pairs < MIN_TIES
    refused = {True: few or _is_refusing(by_score), False: few or _is_refusing(words)}
    if refused[True]:
        rows += _refusals(_numeric_ids(agents), network, _full_weeks(network, weeks, agents, None), by_score)
    for trait in TRAITS if refused[False] else ():
        rows += _refusals(_categorical_ids(trait), network, _full_weeks(network, weeks, agents, trait), words)
    for week in [] if all(refused.values()) else weeks:
        snapshot, start = network.weekly.at(week), week_start(week)
        place = Place("network", network.rule, "week", start, tuple(words))
        if not refused[True]:
            scored = Place("network", network.rule, "week", start, by_score)
            for variable in agents.weekly:
                scores = agents.weekly[variable].at(week, agents.nodes)
                found += _numeric_rows(snapshot, scores, variable, scored, level)
        if not refused[False]:
            for trait in TRAITS:
                found += _categorical_rows(snapshot, agents.traits[trait], trait, place, level)
        progress(f"homophily of {network.rule}: week of {start:%Y-%m-%d}, {len(snapshot.source)} ties")
    return [*rows, *without_empty_series(found)]


def _is_refusing(words: Sequence[str]) -> bool:
    return any(word in REFUSING for word in words)


def _refusals(ids: Sequence[str], network: TieNetwork, full_weeks: float, words: Sequence[str]) -> list[Measure]:
    """Return one null row per measure; too few are ties that would have filled less than half of the weeks."""
    few = ["few_ties"] if full_weeks < WEEKLY_SHARE else []
    place = Place("network", network.rule, "week")
    return [refusal(measure_id, place, network.weekly.n_pairs, [*words, *few]) for measure_id in ids]


def _full_weeks(network: TieNetwork, weeks: Sequence[int], agents: Agents, trait: str | None) -> float:
    """Return the share of weeks with enough ties whose ends both have a score (or the trait)."""
    full = 0
    for week in weeks:
        known = agents.traits[trait].groups >= 0 if trait else np.isfinite(_a_score(agents, week))
        ties = network.weekly.at(week)
        full += int(np.count_nonzero(known[ties.source] & known[ties.target])) >= MIN_TIES
    return full / len(weeks) if weeks else 0.0


def _a_score(agents: Agents, week: int) -> FloatArray:
    """Return one of the scores of a week that every agent has that wrote."""
    return agents.weekly[VARIABLES[0]].at(week, agents.nodes)


def _weeks(network: TieNetwork, agents: Agents) -> list[int]:
    """Return the weeks in which somebody wrote or, for relations, a tie began or ended."""
    seen = [score.week for score in agents.weekly.values()]
    if network.rule not in RULES:
        seen += [network.weekly.start.astype(np.int64), network.weekly.end.astype(np.int64)]
    weeks = np.unique(np.concatenate(seen))
    return [int(week) for week in weeks if EVER < week < NEVER]


def _numeric_ids(agents: Agents) -> list[str]:
    return [f"{statistic}_{variable}" for variable in agents.weekly for statistic in NUMERIC]


def _categorical_ids(trait: str) -> list[str]:
    return [f"{statistic}_{trait}" for statistic in CATEGORICAL]


def _numeric_rows(snapshot: Snapshot, scores: FloatArray, variable: str, place: Place, level: float) -> list[Measure]:
    mixed = numeric_mixing(snapshot, scores)
    if mixed[NUMERIC[0]].ties >= MIN_TIES:
        place = replace(place, words=(*place.words, *lopsided_scores(snapshot, scores)))
    return [row for name in NUMERIC for row in mixing_rows(f"{name}_{variable}", mixed[name], place, level)]


def _categorical_rows(snapshot: Snapshot, trait: Trait, name: str, place: Place, level: float) -> list[Measure]:
    rows: list[Measure] = []
    ends = known_ends(snapshot, trait.groups >= 0)
    for key, mixing in categorical_mixing(snapshot, trait.groups, LARGEST_GROUPS).items():
        statistic, _, group = key.partition("/")
        there = place
        if mixing.ties >= MIN_TIES:
            lopsided = lopsided_groups(snapshot, trait.groups, int(group) if group else None, ends)
            there = replace(place, words=(*place.words, *lopsided))
        if not group:
            rows += mixing_rows(f"{statistic}_{name}", mixing, there, level)
        elif mixing.ties >= MIN_TIES:
            unit_id = f"{place.unit_id}/{trait.names[int(group)]}"
            member = Place("group", unit_id, place.period, place.start, there.words)
            rows += mixing_rows(f"{statistic}_{name}", mixing, member, level)
    return rows
