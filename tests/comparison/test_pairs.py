"""Which slices are compared: the file, its errors, and the default pairs."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_societies import Society, connect

from pipeline.comparison.pairs import Listed, PairsError, load_pairs, read_listed

SMALL = Society(n_messages=60, n_agents=10)
SIMULATED = Society(n_messages=60, n_agents=10, kind="simulation")


def written(folder: Path, text: str) -> Path:
    (folder / "comparison.toml").write_text(text, encoding="utf-8")
    return folder


def test_without_a_file_the_defaults_are_compared(tmp_path: Path) -> None:
    assert read_listed(tmp_path) == Listed((), with_defaults=True)


def test_a_file_replaces_the_defaults_unless_it_keeps_them(tmp_path: Path) -> None:
    entry = '[[pair]]\na = "b/all"\nb = "a/without_duplicates"\n'
    listed = read_listed(written(tmp_path, entry))
    assert listed == Listed((("b/all", "a/without_duplicates"),), with_defaults=False)
    con = connect({"a": SMALL, "b": SIMULATED})
    assert [(p.a.name, p.b.name) for p in load_pairs(con, listed)] == [("b/all", "a/without_duplicates")]
    both = load_pairs(con, read_listed(written(tmp_path, "with_defaults = true\n" + entry)))
    assert [(p.a.name, p.b.name) for p in both] == [("b/all", "a/without_duplicates"), ("b/all", "a/all")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[pair", "cannot be read as TOML"),
        ('pairs = ["a"]', r"keys \['pairs'\] are not known"),
        ('[[pair]]\na = "x/all"', "pair 1: expected exactly a = "),
        ('[[pair]]\na = "x"\nb = "y/all"', "'x' is not \"corpus/slice\""),
        ('[[pair]]\na = "x/all"\nb = "x/all"', "compared with itself"),
        ('[[pair]]\na = "x/all"\nb = "y/all"\n[[pair]]\na = "y/all"\nb = "x/all"', "pair 2: .* are there twice"),
        ("with_defaults = 1", "has to be true or false"),
    ],
)
def test_errors_name_the_entry_and_what_was_expected(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(PairsError, match=sentence):
        read_listed(written(tmp_path, text))


def test_unknown_corpora_and_slices_are_named_with_those_that_are_there() -> None:
    con = connect({"a": SMALL, "b": SMALL})
    with pytest.raises(PairsError, match="no corpus 'c' in the warehouse; there are: a, b"):
        load_pairs(con, Listed((("a/all", "c/all"),), with_defaults=False))
    with pytest.raises(PairsError, match="no slice 'week-1'; it has: all, without_duplicates, without_token_mint"):
        load_pairs(con, Listed((("a/week-1", "b/all"),), with_defaults=False))


def test_default_pairs_set_simulations_against_observed_corpora_and_keep_demos_apart() -> None:
    con = connect({"demo-x": SIMULATED, "demo-y": SMALL, "human": SMALL, "moltbook": SMALL, "sim": SIMULATED})
    names = [(pair.a.name, pair.b.name) for pair in load_pairs(con, Listed())]
    assert names == [("demo-x/all", "demo-y/all"), ("sim/all", "human/all"), ("sim/all", "moltbook/all")]
