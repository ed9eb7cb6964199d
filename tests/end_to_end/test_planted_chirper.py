"""A simulated follower network through the pipeline: planted homophily is found, and none where none is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from whole_runs import Stored, project

from pipeline.network.homophily_rows import Place, mixing_rows
from pipeline.network.mixing import categorical_mixing, numeric_mixing
from pipeline.network.snapshots import Snapshot
from pipeline.simulation import Chirper, ChirperTruth, generate_chirper, write_chirper_live
from pipeline.simulation.chirper import draw_chirpers
from pipeline.simulation.chirper_ties import draw_ties
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.embedding import EMBEDDING_STEPS
from pipeline.steps.feature import FEATURE_STEPS
from pipeline.steps.gender import GENDER_SCORE_STEPS
from pipeline.steps.homophily import HOMOPHILY_STEPS

CORPUS = "planted-chirper"
_IN_ORDER = (*CORPUS_STEPS, *FEATURE_STEPS, *EMBEDDING_STEPS[:1], *GENDER_SCORE_STEPS, *HOMOPHILY_STEPS)
STEPS = tuple(step for step in _IN_ORDER if step.key != "feature/reply_class")
TABLES = ("agent", "agent_snapshot", "message", "reaction", "tie_event", "tie", "agent_week", "measure", "quarantine")
# With nothing planted the z of a week is standard normal, beyond 2 with probability .05. Scores are written anew every
# week: were weeks independent, three or more of twelve would be beyond with probability .02. Language and ties hardly
# change between weeks, so that twelve weeks of them are about one test: each stays below 3, with probability .997.
MOST_CHANCE_WEEKS = 2
LARGE_Z = 3.0


class Found(Stored):
    """What the pipeline stored of one simulated network."""

    def __init__(self, truth: ChirperTruth, root: Path) -> None:
        settings = project(root)
        self.corpus: Chirper = generate_chirper(truth)
        write_chirper_live(self.corpus, settings.data / CORPUS)
        super().__init__(settings, CORPUS, STEPS, TABLES)

    def measures(self, measure_id: str, period: str, network: str = "follow") -> pl.DataFrame:
        found = self.con.sql(
            "SELECT * FROM measure WHERE measure_id = ? AND period = ? AND unit = 'network' AND unit_id = ? "
            "ORDER BY period_start, null_model",
            params=[measure_id, period, network],
        )
        return found.pl()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return Found(ChirperTruth(), tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="module")
def nothing(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return Found(ChirperTruth.null(likes_per_chirp=0.1), tmp_path_factory.mktemp("nothing"))


def z_scores(frame: pl.DataFrame, null_model: str) -> np.ndarray:
    rows = frame.filter(pl.col("null_model") == null_model)
    return ((rows["value"] - rows["null_mean"]) / rows["null_sd"]).to_numpy()


def test_every_record_arrives_and_one_cut_line_is_set_aside(planted: Found) -> None:
    assert [check.message for check in planted.checks if not check.passed] == []
    real, agents = planted.corpus.realised, planted.corpus.agents
    assert planted.one("SELECT count(*) FROM agent") == agents.height
    assert planted.one("SELECT count(*) FROM message") == real.n_chirps
    assert planted.one("SELECT count(*) FROM message WHERE parent_id IS NOT NULL") == real.n_replies
    reactions = dict(planted.con.sql("SELECT type, count(*) FROM reaction GROUP BY type").fetchall())
    assert (reactions["like"], reactions["dislike"]) == (real.n_likes, real.n_dislikes)
    assert planted.one("SELECT count(*) FROM quarantine") == planted.corpus.truth.n_truncated
    handles = {row["name"] for row in planted.rows("SELECT name FROM agent")}
    assert handles == set(agents["username"])


def test_ties_stand_when_the_crawls_say_so(planted: Found) -> None:
    """At every crawl the intervals that hold it are the ties that it shows."""
    truth, snapshots = planted.corpus.truth, planted.corpus.ties.snapshots
    agents = planted.corpus.agents["agent_id"]
    for week in range(truth.n_weeks):
        shown = snapshots.filter(pl.col("week") == week)
        expected = set(zip(agents.gather(shown["source"]), agents.gather(shown["target"]), strict=True))
        standing = "relation = 'follow' AND coalesce(start_at, ?) <= ? AND (end_at IS NULL OR end_at > ?)"
        at = truth.crawl_time(week)
        query = f"SELECT source_id, target_id FROM tie WHERE {standing}"
        assert set(planted.con.execute(query, [at, at, at]).fetchall()) == expected, week


def test_weekly_airs_shares_are_what_was_written(planted: Found) -> None:
    chirps = planted.corpus.chirps
    expected = {
        (planted.corpus.agents["agent_id"][row["author"]], planted.corpus.truth.week_start(row["week"]).date()): (
            row["share"],
            row["n"],
        )
        for row in chirps.group_by("author", "week")
        .agg(pl.col("is_airs").mean().alias("share"), pl.len().alias("n"))
        .iter_rows(named=True)
    }
    found = {
        (row["agent_id"], row["week_start"]): (row["value"], row["n_messages"])
        for row in planted.rows("SELECT * FROM agent_week WHERE variable = 'airs_share'")
    }
    assert found == expected


def test_colemans_index_is_in_its_interval(planted: Found) -> None:
    (row, *_) = planted.measures("coleman_lang", "all").to_dicts()
    assert row["ci_low"] < planted.corpus.truth.language_homophily < row["ci_high"]
    assert row["ci_low"] > 0
    weekly = planted.measures("coleman_lang", "week").filter(pl.col("value").is_not_null())
    assert weekly["period_start"].n_unique() == planted.corpus.truth.n_weeks
    assert min(z_scores(weekly, "label_permutation")) > LARGE_Z
    assert min(z_scores(weekly, "stub_permutation")) > LARGE_Z
    assert min(z_scores(planted.measures("ei_lang", "week"), "label_permutation") * -1) > LARGE_Z


def test_weekly_assortativity_of_airs_is_found_in_most_weeks(planted: Found) -> None:
    for null_model in ("label_permutation", "stub_permutation"):
        z = z_scores(planted.measures("assortativity_airs_share", "week"), null_model)
        assert len(z) == planted.corpus.truth.n_weeks
        assert sum(z > LARGE_Z) >= 10
        assert min(z) > 0
        assert min(z_scores(planted.measures("excess_similarity_airs_share", "week"), null_model)) > 0


def test_a_score_that_means_nothing_is_not_assorted(planted: Found) -> None:
    """The hash of an agent does not change between weeks: twelve weeks are about one test."""
    for null_model in ("label_permutation", "stub_permutation"):
        z = z_scores(planted.measures("assortativity_gender_placebo", "week"), null_model)
        assert len(z) == planted.corpus.truth.n_weeks
        assert max(abs(z)) < LARGE_Z


@pytest.mark.parametrize("null_model", ["label_permutation", "stub_permutation"])
def test_nothing_is_found_where_nothing_is(nothing: Found, null_model: str) -> None:
    assert nothing.corpus.truth.language_homophily == nothing.corpus.truth.airs_homophily == 0.0
    for measure_id in ("assortativity_airs_share", "coleman_lang", "assortativity_lang"):
        (row, *_) = nothing.measures(measure_id, "all").to_dicts()
        assert row["ci_low"] < 0 < row["ci_high"]
        z = z_scores(nothing.measures(measure_id, "week").filter(pl.col("value").is_not_null()), null_model)
        assert len(z) == nothing.corpus.truth.n_weeks
        assert max(map(abs, z)) < LARGE_Z
        if measure_id == "assortativity_airs_share":
            assert sum(abs(z) > 2.0) <= MOST_CHANCE_WEEKS


def test_replies_carry_no_planted_homophily_beside_ties_that_do(planted: Found) -> None:
    """Whom a chirp answers is drawn without regard to language and propensity: a control inside the planted corpus."""
    for measure_id in ("coleman_lang", "assortativity_airs_share"):
        (row, *_) = planted.measures(measure_id, "all", "reply_any").to_dicts()
        assert row["ci_low"] < 0 < row["ci_high"]
        assert abs(row["value"] - row["null_mean"]) < LARGE_Z * row["null_sd"]


@pytest.mark.slow
@pytest.mark.parametrize(("homophily", "strength"), [(0.4, 1.0), (0.0, 0.0)])
def test_error_rates_over_networks(homophily: float, strength: float) -> None:
    """Of 100 networks the interval holds the planted h in 89 or more, and without any both nulls reject in 11 or fewer.

    The binomial 99 % regions of a 95 % interval and a 5 % test (STATISTICS.md 2.7).
    """
    covered, z = [], []
    for seed in range(100):
        truth = ChirperTruth(
            n_agents=200, n_weeks=4, seed=seed, language_homophily=homophily, airs_homophily=strength
        )  # fmt: skip
        rng = np.random.default_rng(seed)
        agents = draw_chirpers(truth, rng)
        ties = draw_ties(truth, agents, rng).snapshots.filter(week=3)
        source, target = ties["source"].to_numpy(), ties["target"].to_numpy()
        pairs = set(zip(source, target, strict=True))
        network = Snapshot(source, target, np.array([(b, a) in pairs for a, b in zip(source, target, strict=True)]))
        place = Place("network", "follow", "all")
        coleman = categorical_mixing(network, agents["group"].to_numpy())["coleman"]
        similar = numeric_mixing(network, agents["propensity"].to_numpy())["assortativity"]
        rows = [row for mixing in (coleman, similar) for row in mixing_rows("any", mixing, place, 0.95)]
        covered.append(rows[0].ci_low < homophily < rows[0].ci_high)
        z.append([abs(row.value - row.null_mean) / row.null_sd for row in rows])
    rejected = (np.array(z) > 1.96).sum(axis=0)
    assert sum(covered) >= 89
    assert all(rejected <= 11) if homophily == 0.0 else all(rejected == 100)
