"""The demo follower network, whose ties and texts shape each other, read back with json and re alone."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from linearmodels.iv import IV2SLS
from test_planted_labels import airs_hits

from pipeline.simulation import Chirper, ChirperTruth, generate_chirper, pools, write_demo_chirper
from pipeline.simulation.coevolution import FIRST_WEEK

FOUR_SE = 4.0  # one false alarm in 16,000 for a fixed seed that somebody changes
# The rule of the project's tokens for texts without combining marks, typed again: runs of word characters, apostrophes
# inside.
TOKEN = re.compile(r"\w+(?:['’]\w+)*")
WEEKS = 52

Json = dict[str, Any]


def _read(folder: Path, kind: str) -> list[list[Json]]:
    """Lines of every crawl; a line that was cut in the middle is passed by."""
    crawls = []
    for crawl in sorted(path for path in folder.iterdir() if path.is_dir()):
        rows = []
        for line in (crawl / f"{kind}.jsonl").read_text(encoding="utf-8").split("\n"):
            try:
                rows += [json.loads(line)] if line else []
            except ValueError:
                continue
        crawls.append(rows)
    return crawls


class Read:
    """Weekly scores and ties of a dump: the mean of log(1 + tokens) of chirps, and the follows that crawls show."""

    def __init__(self, folder: Path) -> None:
        self.chirps, self.people = _read(folder, "chirps"), _read(folder, "chirpers")
        self.log = _read(folder, "activity")
        place = {row["id"]: number for number, row in enumerate(self.people[-1])}
        n = len(place)
        self.tied = np.zeros((WEEKS, n, n), dtype=bool)
        for week, rows in enumerate(_read(folder, "relationships")):
            for row in rows:
                self.tied[week, place[row["from"]["id"]], place[row["to"]["id"]]] = True
        self.score = np.full((n, WEEKS), np.nan)
        self.lang = np.array([row["lang"] for row in self.people[-1]])
        airs = defaultdict(list)
        for week, rows in enumerate(self.chirps):
            lengths = defaultdict(list)
            for row in rows:
                agent = place[row["chirper"]["id"]]
                lengths[agent].append(math.log1p(len(TOKEN.findall(row["content"]))))
                airs[agent].append(bool(airs_hits("\n" + row["content"])))
            for agent, found in lengths.items():
                self.score[agent, week] = np.mean(found)
        self.airs = np.array([np.mean(airs[agent]) for agent in range(n)])

    def assortativity(self, value: np.ndarray, week: int) -> tuple[float, float]:
        """Return the correlation of a value over the ties of a week, and its standard deviation under permutation."""
        source, target = np.nonzero(self.tied[week] & np.isfinite(value) & np.isfinite(value)[:, None])
        rng = np.random.default_rng(week)
        known = np.flatnonzero(np.isfinite(value))
        null = []
        for _ in range(60):
            shuffled = value.copy()
            shuffled[known] = rng.permutation(value[known])
            null.append(np.corrcoef(shuffled[source], shuffled[target])[0, 1])
        return float(np.corrcoef(value[source], value[target])[0, 1]), float(np.std(null))


@pytest.fixture(scope="module")
def corpus() -> Chirper:
    return generate_chirper(ChirperTruth.coevolving())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    assert write_demo_chirper(root / "demo")
    return root / "demo"


@pytest.fixture(scope="module")
def dump(folder: Path) -> Read:
    return Read(folder)


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Read:
    root = tmp_path_factory.mktemp("data")
    process = {"beta_s": 0.0, "beta_i": 0.0, "b_com": 0.0, "b_trait": 0.0}
    assert write_demo_chirper(root / "nothing", ChirperTruth.coevolving(process))
    return Read(root / "nothing")


def test_size_is_that_of_the_documents(dump: Read, corpus: Chirper) -> None:
    assert len(dump.chirps) == WEEKS
    assert len(dump.people[-1]) == 150
    assert Counter(dump.lang.tolist()) == {"en": 75, "de": 45, "es": 30}
    assert sum(map(len, dump.chirps)) == corpus.realised.n_chirps == pytest.approx(7500, abs=300)
    assert sum(map(len, dump.log)) == corpus.activity.height
    assert dump.tied.sum(axis=(1, 2)).tolist() == list(corpus.realised.n_ties)
    assert math.isnan(corpus.realised.coleman_new_sd)


def test_what_every_demo_holds_is_there(dump: Read, corpus: Chirper) -> None:
    texts = [row["content"] for rows in dump.chirps for row in rows]
    bios = [row["bio"] for row in dump.people[-1]]
    for _, payload in pools.HOSTILE:
        assert any(text.endswith(payload) for text in texts)
        assert payload in bios
    assert set(pools.ODD_HANDLES) <= {row["username"] for row in dump.people[-1]}
    copies = Counter(texts)
    repeated = sum(n for n in copies.values() if n > 1)
    assert repeated == round(corpus.realised.duplicate_share * len(texts)) > 0.05 * len(texts)
    found = np.mean([bool(airs_hits("\n" + text)) for text in texts])
    assert found == pytest.approx(corpus.realised.airs_share, abs=1e-12)


def test_lengths_of_chirps_carry_the_score(dump: Read, corpus: Chirper) -> None:
    truth, world = corpus.truth, corpus.world
    assert world is not None
    planted = world.panel.scores
    assert np.array_equal(np.isfinite(planted), np.isfinite(dump.score))  # an agent writes where it has a score
    known = np.isfinite(planted)
    slope, level = np.polyfit(planted[known], dump.score[known], 1)
    assert slope == pytest.approx(truth.length_slope, rel=0.03)  # emoji and hostile texts are few
    assert level == pytest.approx(truth.length_mean, abs=0.02)
    reliability = np.corrcoef(planted[known], dump.score[known])[0, 1] ** 2
    assert 0.97 < reliability < 0.99


def test_crawls_show_the_ties_of_the_world(dump: Read, corpus: Chirper) -> None:
    world = corpus.world
    assert world is not None
    agents = corpus.agents["agent_id"].to_list()
    place = {row["id"]: number for number, row in enumerate(dump.people[-1])}
    order = np.array([place[agent] for agent in agents])
    for week in (0, 1, 30, WEEKS - 1):
        ties = world.ties.at(FIRST_WEEK + week)
        shown = np.zeros_like(dump.tied[week])
        shown[order[ties.source], order[ties.target]] = True
        assert np.array_equal(shown, dump.tied[week])
    follows = [
        (week, row["createdAt"], place[row["from"]["id"]], place[row["to"]["id"]])
        for week, rows in enumerate(dump.log) for row in rows if row["activity"] == "follow"
    ]  # fmt: skip
    assert len(follows) == pytest.approx(0.8 * len(world.formed.ego), rel=0.05)
    rank = {
        key: number
        for number, key in enumerate(zip(world.formed.week.tolist(), order[world.formed.ego].tolist(),
                                         order[world.formed.alter].tolist(), strict=True))
    }  # fmt: skip
    last: dict[tuple[int, int], int] = {}
    for week, _, ego, alter in sorted(follows):
        number = rank[FIRST_WEEK + week, ego, alter]
        assert number > last.get((week, ego), -1)  # times are in the order in which the ego chose
        last[week, ego] = number


def test_homophily_is_there_where_it_is_planted(dump: Read, nothing: Read) -> None:
    """Of scores, of the share of AIRS chirps, and of languages; and of none of them in the null."""
    for read, is_planted in ((dump, True), (nothing, False)):
        inside = (read.lang[:, None] == read.lang)[read.tied[-1]].mean()
        expected = sum((np.mean(read.lang == code)) ** 2 for code in set(read.lang.tolist()))
        error = math.sqrt(expected * (1 - expected) / read.tied[-1].sum())
        assert ((inside - expected) > FOUR_SE * error) == is_planted
        found, sd = read.assortativity(read.airs, WEEKS - 1)
        assert (found > FOUR_SE * sd) == is_planted
        z = []
        for week in range(0, WEEKS, 4):
            value, sd = read.assortativity(read.score[:, week], week)
            z.append(value / sd)
        assert (np.mean(z) > 2.0) == is_planted


def test_influence_is_found_in_what_is_read(dump: Read, nothing: Read, corpus: Chirper) -> None:
    """Forward orthogonal deviations with lagged levels (Arellano & Bover 1995), estimated by linearmodels."""
    process = corpus.truth.coevolution
    assert process is not None
    for read, planted in ((dump, process.beta_i), (nothing, 0.0)):
        found, error = _influence(read)
        assert abs(found - planted) < FOUR_SE * error
        assert 0.01 < error < 0.04  # so that what is planted is six standard errors from none


def _influence(read: Read) -> tuple[float, float]:
    y = read.score
    seen = np.isfinite(y)
    heard = np.einsum("tij,jt->it", read.tied, seen.astype(float))
    total = np.einsum("tij,jt->it", read.tied, np.where(seen, y, 0.0))
    gap = np.where(heard > 0, total / np.maximum(heard, 1) - y, 0.0)
    fit = seen[:, 1:] & seen[:, :-1]
    values = [np.where(fit, part, np.nan) for part in (y[:, 1:], gap[:, :-1], y[:, :-1])]
    values = [part - np.nanmean(part, axis=0) for part in values]
    ahead = np.cumsum(fit[:, ::-1], axis=1)[:, ::-1] - fit
    kept = fit & (ahead > 0)
    turned = []
    for part in values:
        filled = np.where(fit, part, 0.0)
        future = np.cumsum(filled[:, ::-1], axis=1)[:, ::-1] - filled
        forward = np.where(kept, np.sqrt(ahead / (ahead + 1)) * (part - future / np.maximum(ahead, 1)), np.nan)
        turned.append((forward[:, :-1] - np.nanmean(forward[:, :-1], axis=0))[kept[:, :-1]])
    agent = np.nonzero(kept)[0]
    instruments = np.column_stack([part[kept] for part in values[1:]])
    model = IV2SLS(turned[0], None, np.column_stack(turned[1:]), instruments)
    result = model.fit(cov_type="clustered", clusters=agent)
    return float(result.params.iloc[0]), float(result.std_errors.iloc[0])


def test_truths_of_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="as many agents"):
        ChirperTruth.coevolving({"n_weeks": 12})
    with pytest.raises(ValueError, match="could not be made distinct"):
        generate_chirper(ChirperTruth.coevolving(length_mean=1.0, n_agents=80, length_sd=0.0))
