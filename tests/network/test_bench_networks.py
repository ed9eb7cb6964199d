"""The benchmark of networks on small worlds: that it measures what it says, and fails when it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import bench_networks, network_parts, network_worlds
from benchmarks.bench_networks import Measured, verdict
from pipeline.network.snapshots import EVER, NEVER

AGENTS, WEEKS = 300, 20  # as few as have a rolling window of influence, which is 16 weeks


@pytest.fixture(scope="module")
def world() -> network_worlds.World:
    return network_worlds.drawn(AGENTS, WEEKS)


def test_a_world_has_what_the_benchmark_says(world: network_worlds.World) -> None:
    silent = 1 - np.isfinite(world.scores).mean()
    # 6,000 agent-weeks: a share of .01 has an error of .0013.
    assert silent == pytest.approx(network_worlds.SILENT, abs=5 * 0.0013)
    assert world.halves.shape == (2, AGENTS, WEEKS)
    starts = world.start[world.start != EVER]
    assert starts.min() >= world.first_week
    assert (world.end[world.end != NEVER] <= world.first_week + WEEKS).all()


def test_files_give_the_same_world_back(world: network_worlds.World, tmp_path: Path) -> None:
    network_worlds.save(AGENTS, WEEKS, tmp_path)
    again = network_worlds.load(tmp_path)
    for name in network_worlds.ARRAYS:
        np.testing.assert_array_equal(getattr(again, name), getattr(world, name))
    assert network_worlds.said_of(tmp_path, AGENTS, WEEKS) is not None
    assert network_worlds.said_of(tmp_path, AGENTS + 1, WEEKS) is None


def test_degrees_do_not_depend_on_the_number_of_agents() -> None:
    small, large = (network_worlds.planted(agents, 52) for agents in (35_000, 70_000))
    assert large == small.but(n_agents=70_000)


@pytest.mark.parametrize("part", network_parts.PARTS)
def test_each_part_measures_what_it_says(part: str, world: network_worlds.World) -> None:
    said = " ".join(network_parts.PARTS[part](world))
    expected = {
        "assortativity": f"{4 * WEEKS} of them by week",
        "draws": "199 draws of both nulls in 3 weeks",
        "selection": "planted",
        "exposures": "rows of exposure_week",
        "influence": "planted",
    }
    assert expected[part] in said


def test_draws_that_do_not_agree_are_a_failure(world: network_worlds.World, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = network_parts.drawn_nulls
    monkeypatch.setattr(
        network_parts, "drawn_nulls", lambda *given: {name: 1.5 * values for name, values in drawn(*given).items()}
    )
    with pytest.raises(AssertionError, match="standard deviations at most"):
        network_parts.draws(world)


FAST = Measured(seconds=100.0, processor=100.0, gib=1.0, said=("rows",))


@pytest.mark.parametrize(
    ("less", "more", "word"),
    [
        (FAST, replace(FAST, processor=229.0, seconds=300.0), ""),  # something else ran meanwhile
        (FAST, replace(FAST, processor=231.0), "times the cost"),
        (replace(FAST, seconds=400.0), replace(FAST, seconds=721.0), "more than 720"),
        (FAST, replace(FAST, gib=8.1), "more than 8"),
        (FAST, replace(FAST, failed="no row"), "no row"),
    ],
)
def test_bounds_are_judged(less: Measured, more: Measured, word: str) -> None:
    missed = verdict({"selection": (less, more)})
    assert len(missed) == bool(word)
    assert word in " ".join(missed)


def test_clocks_add_up_over_parts_and_peaks_do_not() -> None:
    long, short = (FAST, replace(FAST, processor=150.0)), (replace(FAST, processor=1.0), replace(FAST, processor=3.0))
    assert verdict({"selection": long, "exposures": short}) == []  # 153 over 101
    whole = bench_networks.total([FAST, replace(FAST, gib=3.0)])
    assert (whole.seconds, whole.processor, whole.gib) == (200.0, 200.0, 3.0)


def test_the_exit_status_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for agents in (60, 120):
        network_worlds.save(agents, 4, tmp_path / f"{agents}x4")
    given = ["--agents", "120", "--weeks", "4", "--folder", str(tmp_path), "--parts", "exposures"]
    assert bench_networks.main(given, lambda *_: FAST) == 0
    assert bench_networks.main(given, lambda *_: replace(FAST, gib=9.0)) == 1
    assert bench_networks.in_own_process("exposures", tmp_path / "60x4").said[0].endswith("ties and weeks")
    assert "kept from before" in capsys.readouterr().out
