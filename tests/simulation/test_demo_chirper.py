"""Simulated follower networks, read back with json and networkx alone: what is planted is in the files.

The networks here are those of `ChirperTruth()` with homophily only, and of its null; the demo, whose ties and texts
shape each other, is in test_demo_coevolution.py.
"""

from __future__ import annotations

import functools
import hashlib
import json
import math
import re
import tomllib
from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from test_planted_labels import airs_hits

from pipeline.simulation import Chirper, ChirperTruth, generate_chirper, pools, write_demo_chirper
from pipeline.simulation.chirper import draw_chirpers
from pipeline.simulation.chirper_ties import coleman, draw_ties

SMALL = ChirperTruth(n_agents=60, n_weeks=3, likes_per_chirp=0.3)
FOUR_SIGMA = 4.0  # one false alarm in 16,000 for a fixed seed that somebody changes
KINDS = ("chirpers", "chirps", "activity", "relationships")
KEYS = {
    "chirpers": {"id", "username", "name", "bio", "createdAt", "followers", "following", "lang", "crawledAt"},
    "chirps": {"id", "chirper", "content", "createdAt", "lang", "replyTo", "crawledAt"},
    "activity": {"id", "activity", "from", "to", "createdAt"},
    "relationships": {"from", "to", "crawledAt"},
}
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PERMUTATIONS = 100  # the null's spread to within 7 %

Json = dict[str, Any]


class Dump:
    """The files of a demo, parsed line by line."""

    def __init__(self, folder: Path) -> None:
        self.crawls = sorted(path for path in folder.iterdir() if path.is_dir())
        self.broken = 0
        self.lines = {kind: [self._read(crawl / f"{kind}.jsonl") for crawl in self.crawls] for kind in KINDS}
        self.lang = {row["id"]: row["lang"] for row in self.lines["chirpers"][-1]}

    def _read(self, path: Path) -> list[Json]:
        rows = []
        for line in path.read_text(encoding="utf-8").split("\n"):
            try:
                rows += [json.loads(line)] if line else []
            except ValueError:
                self.broken += 1
        return rows

    @functools.cache  # noqa: B019 - two dumps live as long as the module
    def ties(self, week: int) -> nx.DiGraph:
        graph = nx.DiGraph([(row["from"]["id"], row["to"]["id"]) for row in self.lines["relationships"][week]])
        nx.set_node_attributes(graph, self.lang, "lang")
        return graph

    @functools.cache  # noqa: B019
    def airs_shares(self, week: int) -> dict[str, float]:
        labels = defaultdict(list)
        for row in self.lines["chirps"][week]:
            labels[row["chirper"]["id"]].append(bool(airs_hits("\n" + row["content"])))
        return {agent: float(np.mean(found)) for agent, found in labels.items()}


@pytest.fixture(scope="module")
def corpus() -> Chirper:
    return generate_chirper(ChirperTruth())


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("data")
    for name, truth in (("planted", ChirperTruth()), ("nothing", ChirperTruth.null())):
        assert write_demo_chirper(root / name, truth)
    return {name: root / name for name in ("planted", "nothing")}


@pytest.fixture(scope="module")
def planted(folders: dict[str, Path]) -> Dump:
    return Dump(folders["planted"])


@pytest.fixture(scope="module")
def nothing(folders: dict[str, Path]) -> Dump:
    return Dump(folders["nothing"])


def coleman_of(graph: nx.DiGraph, sizes: Counter[str]) -> tuple[float, float, float]:
    """Return Coleman's index from networkx's mixing matrix, its sd at h = 0, and its sd at h = .4."""
    mixing = nx.attribute_mixing_dict(graph, "lang")
    total = sum(sizes.values())
    inside = expected = 0.0
    variance = dict.fromkeys((0.0, 0.4), 0.0)
    for lang, row in mixing.items():
        sent, share = sum(row.values()), (sizes[lang] - 1) / (total - 1)
        inside += row.get(lang, 0)
        expected += sent * share
        for h in variance:
            stay = h + (1 - h) * share
            variance[h] += sent * stay * (1 - stay)
    room = graph.number_of_edges() - expected
    return (inside - expected) / room, math.sqrt(variance[0.0]) / room, math.sqrt(variance[0.4]) / room


def weekly_z(dump: Dump, week: int) -> float:
    """Numeric assortativity of the week's AIRS shares, against shares permuted over the agents that have one."""
    shares = dump.airs_shares(week)
    graph = dump.ties(week).subgraph(shares).copy()
    values, agents = np.array(list(shares.values())), list(shares)
    place = {agent: number for number, agent in enumerate(agents)}
    ends = np.array([(place[a], place[b]) for a, b in graph.edges])
    rng = np.random.default_rng(week)
    null = []
    for _ in range(PERMUTATIONS):
        shuffled = rng.permutation(values)
        null.append(np.corrcoef(shuffled[ends[:, 0]], shuffled[ends[:, 1]])[0, 1])
    nx.set_node_attributes(graph, shares, "airs")
    observed = np.corrcoef(values[ends[:, 0]], values[ends[:, 1]])[0, 1]
    if week == 0:
        found = nx.numeric_assortativity_coefficient(graph, "airs")
        assert observed == pytest.approx(found, abs=1e-9)  # the same sums in another order
    return float((observed - np.mean(null)) / np.std(null))


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_layout_is_that_of_the_live_api(planted: Dump, folders: dict[str, Path]) -> None:
    assert len(planted.crawls) == 12
    for crawl in planted.crawls:
        assert datetime.strptime(crawl.name, "crawl-%Y-%m-%d").weekday() == 6
        assert {path.name for path in crawl.iterdir()} == {f"{kind}.jsonl" for kind in KINDS}
    for kind, crawls in planted.lines.items():
        for row in (row for rows in crawls for row in rows):
            assert row.keys() - {"chirpId"} == KEYS[kind]
            assert all(TIMESTAMP.fullmatch(row[key]) for key in ("createdAt", "crawledAt") if key in row)
            assert all(row[key].keys() == {"id", "username"} for key in ("from", "to", "chirper") if key in row)
    card = tomllib.loads((folders["planted"] / "corpus.toml").read_text(encoding="utf-8"))
    assert (card["kind"], card["licence"]) == ("simulation", "CC0-1.0")


def test_a_crawl_shows_only_its_own_week(planted: Dump) -> None:
    start = "2025-01-06"
    for number, crawl in enumerate(planted.crawls):
        end = crawl.name.removeprefix("crawl-")
        for kind in ("chirps", "activity"):
            times = [row["createdAt"] for row in planted.lines[kind][number]]
            assert times == sorted(times)
            assert start <= times[0] < times[-1] < f"{end}T20:00:00.000Z"
        assert {row["crawledAt"] for row in planted.lines["relationships"][number]} == {f"{end}T20:00:00.000Z"}
        start = end


def test_counts_are_what_was_realised(planted: Dump, corpus: Chirper) -> None:
    realised = corpus.realised
    assert tuple(len(rows) for rows in planted.lines["relationships"]) == realised.n_ties
    assert 4000 <= realised.n_ties[-1] <= 6000
    assert 6000 <= realised.n_chirps <= 8000
    chirps = [row for rows in planted.lines["chirps"] for row in rows]
    assert len(chirps) == len({row["id"] for row in chirps}) == realised.n_chirps
    assert sum(row["replyTo"] is not None for row in chirps) == realised.n_replies
    n_airs = sum(bool(airs_hits("\n" + row["content"])) for row in chirps)
    assert n_airs == round(realised.airs_share * realised.n_chirps)
    copies = Counter(row["content"] for row in chirps)
    assert sum(n for n in copies.values() if n > 1) == round(realised.duplicate_share * realised.n_chirps)
    done = Counter(row["activity"] for rows in planted.lines["activity"] for row in rows)
    expected = (realised.n_likes, realised.n_dislikes, realised.n_mentions)
    assert (done["like"], done["dislike"], done["mention"]) == expected
    assert planted.broken == corpus.truth.n_truncated == 1
    assert Counter(planted.lang.values()) == {"en": 200, "de": 120, "es": 80}


def test_references_resolve(planted: Dump) -> None:
    authors: dict[str, str] = {}
    for week, rows in enumerate(planted.lines["chirps"]):
        known = {row["id"]: row for row in planted.lines["chirpers"][week]}
        authors |= {row["id"]: row["chirper"]["id"] for row in rows}
        assert all(row["replyTo"] is None or authors[row["replyTo"]] != row["chirper"]["id"] for row in rows)
        assert all(row["lang"] == known[row["chirper"]["id"]]["lang"] for row in rows)
        assert all(row["createdAt"] >= known[row["chirper"]["id"]]["createdAt"] for row in rows)
        for row in planted.lines["activity"][week]:
            assert {row["from"]["id"], row["to"]["id"]} <= known.keys()
            assert row["from"]["id"] != row["to"]["id"]
            if row["activity"] in ("like", "dislike"):
                assert authors[row["chirpId"]] == row["to"]["id"]
        degrees = planted.ties(week)
        for key, row in known.items():
            wanted = (degrees.in_degree(key), degrees.out_degree(key)) if key in degrees else (0, 0)
            assert (row["followers"], row["following"]) == wanted


def test_most_changes_of_ties_are_in_the_log(planted: Dump, corpus: Chirper) -> None:
    changed = logged = dropped = 0
    for week in range(1, 12):
        before, after = (set(planted.ties(number).edges) for number in (week - 1, week))
        rows = planted.lines["activity"][week]
        events = {
            verb: {(row["from"]["id"], row["to"]["id"]) for row in rows if row["activity"] == verb}
            for verb in ("follow", "unfollow")
        }
        assert events["follow"] <= after - before
        assert events["unfollow"] <= before - after
        changed += len(before ^ after)
        logged += len(events["follow"]) + len(events["unfollow"])
        dropped += len(before - after)
    share = corpus.truth.logged_share
    assert dropped == corpus.realised.n_dropped > 0
    assert abs(logged / changed - share) < FOUR_SIGMA * math.sqrt(share * (1 - share) / changed)


def test_colemans_index_is_the_planted_one(planted: Dump, nothing: Dump, corpus: Chirper) -> None:
    sizes = Counter(planted.lang.values())
    found, at_zero, error = coleman_of(planted.ties(11), sizes)
    assert abs(found - corpus.truth.language_homophily) < FOUR_SIGMA * error
    assert found > FOUR_SIGMA * at_zero  # the tolerance tells the planted value from none
    assert found == pytest.approx(corpus.realised.coleman[-1], abs=1e-12)
    found, at_zero, _ = coleman_of(nothing.ties(11), Counter(nothing.lang.values()))
    assert abs(found) < FOUR_SIGMA * at_zero


def test_weekly_airs_shares_are_assortative_only_where_planted(planted: Dump, nothing: Dump) -> None:
    assert min(weekly_z(planted, week) for week in range(12)) > FOUR_SIGMA
    # Twelve weeks of one network: each below four sd, and their mean, whose sd is at most one, below three.
    control = [weekly_z(nothing, week) for week in range(12)]
    assert max(map(abs, control)) < FOUR_SIGMA
    assert abs(np.mean(control)) < 3.0


@pytest.mark.parametrize("homophily", [0.0, 0.3, 0.8])
def test_the_expectation_of_colemans_index_is_the_parameter(homophily: float) -> None:
    """Over seeds: no bias from drops, late agents, popularity or numeric homophily, and the sd announced."""
    found = []
    for seed in range(12):
        truth = ChirperTruth(n_agents=200, n_weeks=6, seed=seed, language_homophily=homophily, airs_homophily=2.0)
        rng = np.random.default_rng(seed)
        agents = draw_chirpers(truth, rng)
        ties = draw_ties(truth, agents, rng).snapshots.filter(week=5)
        group = agents["group"].to_numpy()
        found.append(coleman(ties["source"].to_numpy(), ties["target"].to_numpy(), group))
    error = np.std(found, ddof=1) / math.sqrt(len(found))
    assert error < 0.01
    assert abs(np.mean(found) - homophily) < FOUR_SIGMA * error


def test_hostile_texts_and_odd_handles_are_there(planted: Dump) -> None:
    texts = [row["content"] for rows in planted.lines["chirps"] for row in rows]
    bios = [row["bio"] for row in planted.lines["chirpers"][-1]]
    for _, payload in pools.HOSTILE:
        assert any(text.endswith(payload) for text in texts)
        assert payload in bios
    handles = [row["username"] for row in planted.lines["chirpers"][-1]]
    assert set(pools.ODD_HANDLES) <= set(handles)
    assert len({handle.casefold() for handle in handles}) == len(handles) == 400
    names = Counter(row["name"] for row in planted.lines["chirpers"][-1])
    assert max(names.values()) > 1  # display names do not identify


def test_equal_truths_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert write_demo_chirper(tmp_path / name, SMALL)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert not write_demo_chirper(tmp_path / "one", SMALL)
    write_demo_chirper(tmp_path / "two", ChirperTruth(n_agents=60, n_weeks=3, likes_per_chirp=0.3, seed=1))
    assert digests(tmp_path / "one") != digests(tmp_path / "two")


def test_the_smallest_network_is_written_and_foreign_files_are_kept(tmp_path: Path) -> None:
    assert write_demo_chirper(tmp_path / "least", ChirperTruth(n_agents=20, n_weeks=1))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "mine.json").write_text("{}", encoding="utf-8")
    with pytest.raises(FileExistsError, match="did not write"):
        write_demo_chirper(tmp_path / "mine", SMALL)


@pytest.mark.parametrize(
    "changes",
    [
        {"language_homophily": 1.5},
        {"airs_homophily": -1.0},
        {"languages": ("en", "xx", "de")},
        {"start": datetime(2025, 1, 7)},
        {"n_agents": 3},
    ],
)
def test_impossible_truths_are_refused(changes: Json) -> None:
    with pytest.raises(ValueError, match="ChirperTruth"):
        ChirperTruth(**changes)
