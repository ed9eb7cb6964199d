"""Rows of family lexicon: values by hand, intervals against a bootstrap over agents, languages left out."""

import duckdb
import numpy as np
import polars as pl
import pytest
from lexicon_helpers import MINIMAL, frame_of

from pipeline.lexicon import Engine, card_by_id, load_cards, measures
from pipeline.lexicon.card import parse_card
from pipeline.lexicon.measures import lexicon_measures, ratio_interval
from pipeline.published.load import load_measure_dictionary

CLOSE = 0.15  # of the width: a percentile bootstrap of 4,000 draws and a linearisation differ by less


@pytest.mark.parametrize("most", [0, 3_000_000])
def test_values_are_those_counted_by_hand(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same whether scores are read by category or at once."""
    monkeypatch.setattr(measures, "MOST_AT_ONCE", most)
    texts = ["no no yes", "yes", "", "no", "nein no"]
    frame = frame_of(texts).with_columns(language=pl.Series(["en", "en", None, "und", "de"]))
    entries = [{"pattern": "no", "weight": 2}]
    card = parse_card({**MINIMAL, "counting": "occurrence", "categories": [{"name": "a", "entries": entries}]})
    held = [(0, "x"), (0, "y"), (1, "x"), (2, "x"), (3, None), (4, "y")]
    message = pl.DataFrame(
        {"message_id": [str(n) for n in range(6)], "agent_id": [agent for _, agent in held],
         "text_hash": [f"{at:08d}" for at, _ in held]}
    )  # fmt: skip
    with duckdb.connect() as con:
        con.register("message", message.to_arrow())
        con.register("text", frame.to_arrow())
        con.register("lexicon_score", Engine([card]).score(frame).to_arrow())
        rows = lexicon_measures(con, [card])
    values = {row.measure_id: (row.value, row.n, row.n_unit) for row in rows}
    assert values == {
        "lexicon_message_share": (pytest.approx(3 / 5), 5, "messages"),
        "lexicon_text_share": (pytest.approx(2 / 4), 4, "texts"),
        "lexicon_token_share": (pytest.approx((2 / 3 + 2 / 3 + 0 + 1) / 4), 4, "messages"),
        "lexicon_weight_mean": (pytest.approx((4 + 4 + 2) / 5), 5, "messages"),
    }
    assert all(row.unit_id == "mini/a" and "language_unsupported" in (row.warnings or "") for row in rows)
    assert set(values) <= set(load_measure_dictionary()["measure_id"])


def test_interval_is_that_of_a_bootstrap_over_agents() -> None:
    rng = np.random.default_rng(5)
    below = rng.poisson(6, 400) + 1.0
    above = rng.binomial(below.astype(int), rng.beta(1, 5, 400)).astype(float)
    found = ratio_interval(above, below, level=0.95, is_share=True)
    drawn = rng.integers(0, 400, (4000, 400))
    low, high = np.quantile(above[drawn].sum(1) / below[drawn].sum(1), [0.025, 0.975])
    assert found.low is not None
    assert found.high is not None
    assert abs(found.low - low) < CLOSE * (high - low)
    assert abs(found.high - high) < CLOSE * (high - low)


def test_coverage_where_the_share_is_known() -> None:
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(400):
        below = rng.poisson(5, 150) + 1.0
        above = rng.binomial(below.astype(int), rng.beta(2, 8, 150)).astype(float)
        found = ratio_interval(above, below, level=0.95, is_share=True)
        hits += found.low is not None and found.high is not None and found.low < 0.2 < found.high
    assert 0.92 <= hits / 400 <= 0.98  # 95 % give or take 2.7 standard errors of 400 runs


def test_the_self_disclosing_ratio_is_the_mean_over_agents() -> None:
    """By loops over the agents; those without a name are no agents, and texts that are not scored are left out."""
    rng = np.random.default_rng(2)
    texts = ["i feel fine", "the door", "i feel it, i feel", "ich fühle", ""]
    languages = ["en", "en", "en", "de", None]
    frame = frame_of(texts).with_columns(language=pl.Series(languages))
    card = parse_card({
        **MINIMAL, "id": "self_disclosure", "language": "en", "total": "total",
        "categories": [{"name": "a", "entries": ["i feel"]}],
    })  # fmt: skip
    held = [(int(rng.integers(5)), f"u{rng.integers(40)}" if rng.random() > 0.1 else None) for _ in range(500)]
    message = pl.DataFrame(
        {"message_id": [str(n) for n in range(500)], "agent_id": [agent for _, agent in held],
         "text_hash": [f"{at:08d}" for at, _ in held]}
    )  # fmt: skip
    with duckdb.connect() as con:
        con.register("message", message.to_arrow())
        con.register("text", frame.to_arrow())
        con.register("lexicon_score", Engine([card]).score(frame).to_arrow())
        (found,) = (r for r in lexicon_measures(con, [card]) if r.measure_id == "self_disclosing_ratio_mean")
    own: dict[str, list[bool]] = {}
    codes = card.scored_languages
    for at, agent in held:
        is_scored = codes is None or (languages[at] or "und") in {*codes, "und"}
        if agent is not None and is_scored:
            own.setdefault(agent, []).append(texts[at].startswith("i feel"))
    shares = np.array([np.mean(hits) for hits in own.values()])
    assert (found.value, found.n, found.unit) == (pytest.approx(shares.mean()), len(shares), "corpus")
    reach = 2.0244 * shares.std(ddof=1) / np.sqrt(len(shares))  # t of 38 or 39 degrees of freedom
    assert found.ci_high is not None
    assert found.ci_high - shares.mean() == pytest.approx(reach, rel=1e-3)
    assert "self_disclosing_ratio_mean" in set(load_measure_dictionary()["measure_id"])


def test_the_interval_of_a_share_stays_between_0_and_1():
    card = parse_card({
        **MINIMAL, "id": "self_disclosure", "language": "en", "total": "total",
        "categories": [{"name": "a", "entries": ["i feel"]}],
    })  # fmt: skip
    for rare, usual, end in (("i feel so", "nothing here", "ci_low"), ("nothing here", "i feel so", "ci_high")):
        frame = frame_of([rare, usual]).with_columns(language=pl.lit("en"))
        message = pl.DataFrame({
            "message_id": [str(n) for n in range(40)], "agent_id": [f"u{n}" for n in range(40)],
            "text_hash": [f"{int(n > 0):08d}" for n in range(40)],
        })  # fmt: skip
        with duckdb.connect() as con:
            con.register("message", message.to_arrow())
            con.register("text", frame.to_arrow())
            con.register("lexicon_score", Engine([card]).score(frame).to_arrow())
            (found,) = (r for r in lexicon_measures(con, [card]) if r.measure_id == "self_disclosing_ratio_mean")
        # One of 40: .025 with a t-interval of .05 on either side.
        assert getattr(found, end) == (0.0 if end == "ci_low" else 1.0)
        assert found.value == pytest.approx(1 / 40 if end == "ci_low" else 39 / 40)


def rows_of(texts: list[str], held: list[tuple[int, str | None]], card_id: str) -> dict[str, object]:
    """Return the rows of the corpus of a card of the project, by name."""
    card = card_by_id(load_cards(), card_id)
    frame = frame_of(texts).with_columns(language=pl.lit("en"))
    message = pl.DataFrame(
        {"message_id": [str(n) for n in range(len(held))], "agent_id": [agent for _, agent in held],
         "text_hash": [f"{at:08d}" for at, _ in held]}
    )  # fmt: skip
    with duckdb.connect() as con:
        con.register("message", message.to_arrow())
        con.register("text", frame.to_arrow())
        con.register("lexicon_score", Engine([card]).score(frame).to_arrow())
        return {row.measure_id: row for row in lexicon_measures(con, [card]) if row.unit == "corpus"}


def test_messages_are_sorted_by_their_sum_of_weights() -> None:
    texts = ["great, wonderful", "terrible and horrible", "the door", "good but bad", "not good"]
    held = [(n % 5, f"u{n % 25}") for n in range(100)] + [(0, None)] * 20
    rows = rows_of(texts, held, "sentiment")
    shares = {name: rows[f"sentiment_{name}_share"] for name in ("positive", "neutral", "negative")}
    assert sum(row.value for row in shares.values()) == pytest.approx(1)
    assert shares["positive"].value == pytest.approx(40 / 120)
    # "good but bad" is 1.9 - 2.5 = -0.6, of which -0.6/sqrt(0.36 + 15) = -.15; "not good" is 1.9 times -0.74.
    assert shares["negative"].value == pytest.approx(60 / 120)
    assert shares["neutral"].value == pytest.approx(20 / 120)
    assert {row.n for row in shares.values()} == {120}
    assert "null_authors" in shares["positive"].warnings


def test_credentials_are_counted_with_their_copies() -> None:
    texts = ["key: sk-ant-abcdefghijklmnop1234 and AKIAABCDEFGHIJKLMNOP", "a hf_" + "a" * 34, "no password here"]
    rows = rows_of(texts, [(0, "a"), (0, "b"), (1, None), (2, "c")], "injection")
    assert (rows["credential_leaks"].value, rows["credential_leaks"].n) == (5.0, 4)
    assert rows["credential_leaks"].ci_method == "census"
    assert rows_of(texts, [(2, "c")], "injection")["credential_leaks"].value == 0.0
