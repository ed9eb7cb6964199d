"""Which slices are compared: those listed in comparison.toml, else every pair that makes sense.

``comparison.toml`` lies in the home of the project and is optional::

    with_defaults = false      # true adds the default pairs to those listed

    [[pair]]
    a = "my-runs/all"          # corpus, slash, slice
    b = "moltbook/all"         # the observed slice stands second: floor, z and percentile refer to b

A slice is one of the corpus's own (``all``, ``without_duplicates``, ``without_token_mint``, those of corpus.toml) or,
where a corpus holds runs of several scenarios or models, ``runs-<scenario>-<model>``: such runs are never pooled.

Default pairs: every simulation against every platform or human corpus, demo corpora among themselves only, and every
demo corpus against every other. A demo corpus in the layout of a platform stands for the platform that it imitates.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from pipeline.inference.slices import BUILT_IN_SLICES, SliceRule

FILE = "comparison.toml"
DEMO = "demo-"
SIMULATION = "simulation"
OBSERVED_RUN = "observed"


class PairsError(ValueError):
    """comparison.toml does not say what is expected; the message names the entry and what to do."""


@dataclass(frozen=True, slots=True)
class Side:
    """A slice of a corpus.

    Attributes
    ----------
    corpus_id, slice_id, kind
        Corpus, slice, and what the corpus is: platform, simulation or human.
    rule
        Filter and window of the slice.
    runs
        The runs that belong to it; ``None`` for all.
    is_mixed
        True when it would pool runs of several scenarios or models.
    """

    corpus_id: str
    slice_id: str
    kind: str
    rule: SliceRule
    runs: tuple[str, ...] | None = None
    is_mixed: bool = False

    @property
    def name(self) -> str:
        """Corpus and slice as the table writes them."""
        return f"{self.corpus_id}/{self.slice_id}"


class Pair(NamedTuple):
    """Two slices; b is the one that the other is judged by."""

    a: Side
    b: Side


class Listed(NamedTuple):
    """What comparison.toml says, as far as it can be checked without the corpora."""

    pairs: tuple[tuple[str, str], ...] = ()
    with_defaults: bool = True


def read_listed(home: Path) -> Listed:
    """Read comparison.toml of a project; without the file, the default pairs are compared.

    Raises
    ------
    PairsError
        When the file is no TOML, holds unknown keys, an entry without two slices, or a pair twice.
    """
    path = home / FILE
    if not path.is_file():
        return Listed()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PairsError(f"{FILE} cannot be read as TOML: {error}") from error
    if unknown := sorted(set(content) - {"pair", "with_defaults"}):
        raise PairsError(f"{FILE}: keys {unknown} are not known; expected with_defaults and [[pair]] entries")
    with_defaults, entries = content.get("with_defaults", False), content.get("pair", [])
    if not isinstance(with_defaults, bool) or not isinstance(entries, list):
        raise PairsError(f"{FILE}: with_defaults has to be true or false, and pairs are written as [[pair]] entries")
    pairs: list[tuple[str, str]] = []
    for number, entry in enumerate(entries, 1):
        pair = _entry(entry, number)
        if pair in pairs or pair[::-1] in pairs:
            raise PairsError(f"{FILE}, pair {number}: {pair[0]} and {pair[1]} are there twice; remove one entry")
        pairs.append(pair)
    return Listed(tuple(pairs), with_defaults)


def _entry(entry: Any, number: int) -> tuple[str, str]:
    where = f"{FILE}, pair {number}"
    if not isinstance(entry, Mapping) or set(entry) != {"a", "b"}:
        raise PairsError(f'{where}: expected exactly a = "corpus/slice" and b = "corpus/slice"')
    for value in entry.values():
        if not isinstance(value, str) or not all(value.partition("/")):
            raise PairsError(f'{where}: {value!r} is not "corpus/slice", such as "moltbook/all"')
    if entry["a"] == entry["b"]:
        raise PairsError(f"{where}: {entry['a']} is compared with itself; name two slices")
    return entry["a"], entry["b"]


def load_pairs(con: duckdb.DuckDBPyConnection, listed: Listed) -> list[Pair]:
    """Return the pairs to compare.

    Parameters
    ----------
    con
        Connection with views ``corpus``, ``slice`` and ``run`` over all corpora.
    listed
        What comparison.toml says.

    Raises
    ------
    PairsError
        When a listed corpus or slice is not there; the message lists those that are.
    """
    sides = _known_sides(con)
    chosen = [Pair(_find(sides, a), _find(sides, b)) for a, b in listed.pairs]
    names = {frozenset((pair.a.name, pair.b.name)) for pair in chosen}
    defaults = _defaults(sides) if listed.with_defaults else []
    return [*chosen, *(pair for pair in defaults if frozenset((pair.a.name, pair.b.name)) not in names)]


def _known_sides(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Side]]:
    """Return the slices of each corpus by name."""
    kinds = dict(con.sql("SELECT corpus_id, kind FROM corpus ORDER BY corpus_id").fetchall())
    rules: dict[str, list[SliceRule]] = {corpus_id: list(BUILT_IN_SLICES) for corpus_id in kinds}
    built_in = {rule.slice_id for rule in BUILT_IN_SLICES}
    query = 'SELECT corpus_id, slice_id, "filter", start_at, end_at FROM slice ORDER BY corpus_id, slice_id'
    for corpus_id, slice_id, *rest in con.sql(query).fetchall():
        if corpus_id in rules and slice_id not in built_in:
            rules[corpus_id].append(SliceRule(slice_id, rest[0] or "none", rest[1], rest[2]))
    groups = _run_groups(con)
    sides: dict[str, dict[str, Side]] = {}
    for corpus_id, kind in kinds.items():
        own = groups.get(corpus_id, {})
        if corpus_id.startswith(DEMO) and list(own.values()) == [[OBSERVED_RUN]]:
            kind = "platform"
        is_mixed = len(own) > 1
        found = [Side(corpus_id, rule.slice_id, kind, rule, is_mixed=is_mixed) for rule in rules[corpus_id]]
        if is_mixed:
            found += [Side(corpus_id, name, kind, SliceRule(name), tuple(runs)) for name, runs in own.items()]
        sides[corpus_id] = {side.slice_id: side for side in found}
    return sides


def _run_groups(con: duckdb.DuckDBPyConnection) -> dict[str, dict[str, list[str]]]:
    """Return the runs of each scenario and model of each corpus, by the name of the group."""
    query = "SELECT corpus_id, scenario, model, run_id FROM run ORDER BY corpus_id, scenario, model, run_id"
    groups: dict[str, dict[str, list[str]]] = {}
    names: dict[tuple[str, str | None, str | None], str] = {}
    for corpus_id, scenario, model, run_id in con.sql(query).fetchall():
        own = groups.setdefault(corpus_id, {})
        key = (corpus_id, scenario, model)
        if key not in names:
            base = _slug((scenario, model))
            names[key] = base if base not in own else f"{base}-{len(own) + 1}"
        own.setdefault(names[key], []).append(run_id)
    return groups


def _slug(parts: Iterable[str | None]) -> str:
    words = (re.sub(r"[^a-z0-9.]+", "-", part.lower()).strip("-")[:40] for part in parts if part)
    return "-".join(["runs", *(word for word in words if word)])


def _find(sides: Mapping[str, Mapping[str, Side]], name: str) -> Side:
    corpus_id, _, slice_id = name.partition("/")
    if corpus_id not in sides:
        known = ", ".join(sides) or "none"
        raise PairsError(f"{FILE}: there is no corpus {corpus_id!r} in the warehouse; there are: {known}")
    if slice_id not in sides[corpus_id]:
        known = ", ".join(sides[corpus_id])
        raise PairsError(f"{FILE}: corpus {corpus_id!r} has no slice {slice_id!r}; it has: {known}")
    return sides[corpus_id][slice_id]


def _defaults(sides: Mapping[str, Mapping[str, Side]]) -> list[Pair]:
    whole = [side for own in sides.values() for side in _whole(own)]
    simulated = [side for side in whole if side.kind == SIMULATION]
    observed = [side for side in whole if side.kind != SIMULATION]
    pairs = [Pair(a, b) for a in simulated for b in observed if _is_demo(a) == _is_demo(b)]
    pairs += [Pair(a, b) for a, b in combinations(observed, 2) if _is_demo(a) and _is_demo(b)]
    return [*pairs, *(Pair(a, b) for a, b in combinations(simulated, 2) if _is_demo(a) and _is_demo(b))]


def _whole(own: Mapping[str, Side]) -> list[Side]:
    """Return slice ``all`` of a corpus, or its groups of runs where those must not be pooled."""
    return [side for side in own.values() if side.runs is not None] or [own["all"]]


def _is_demo(side: Side) -> bool:
    return side.corpus_id.startswith(DEMO)
