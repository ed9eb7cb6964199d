"""Slices of one language: which there are, and that measures on them see that language and nothing else."""

from __future__ import annotations

import polars as pl
import pytest
from convergence_corpora import messages_of, on_frames

from pipeline.activity.repetition import text_measures
from pipeline.activity.row import Sampling
from pipeline.inference.slices import SliceRule
from pipeline.ingest.config import LANGUAGE_FILTER
from pipeline.language.language_slices import in_language, language_slices, of_languages


def languages(**texts):
    """Return a connection on a corpus with so many distinct texts of each language."""
    codes = [code for code, n in texts.items() for _ in range(n)]
    rows, text = messages_of([f"text {i}" for i in range(len(codes))])
    known = pl.DataFrame({"text_hash": rows["text_hash"], "language": codes})
    return on_frames(rows, text.with_columns(n_tokens=pl.lit(2)).join(known, on="text_hash"))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ({"en": 5000, "de": 199}, []),
        ({"en": 5000, "de": 200}, ["de"]),
        ({"en": 1000, "de": 300}, ["en", "de"]),
        ({"en": 100, "zh": 500}, ["zh"]),
        ({"en": 500, "de": 201, "es": 202, "zh": 203, "ja": 204, "und": 900}, ["en", "ja", "zh", "es"]),
        ({"de": 201, "es": 201, "zh": 201, "ja": 201}, ["de", "es", "ja"]),
    ],
)
def test_the_three_largest_besides_english_and_english_where_languages_mix(texts, expected):
    found = language_slices(languages(**texts))
    assert found["slice_id"].to_list() == [f"language-{code}" for code in expected]
    assert all(LANGUAGE_FILTER.match(rule) for rule in found["filter"])


def test_a_corpus_without_texts_has_no_slices_of_languages():
    assert language_slices(on_frames()).is_empty()


def test_only_whole_languages_are_computed_on():
    rules = [SliceRule("all"), SliceRule("language-de", "language:de"), SliceRule("without_duplicates")]
    assert [rule.slice_id for rule in of_languages(rules)] == ["language-de"]


def corpus():
    """Two German and three English messages: an English comment under a German post, and a German text twice."""
    rows, text = messages_of(
        ["Guten Tag", "Guten Tag", "Good day", "Good night", "Nice"],
        kind=["post", "post", "post", "post", "comment"], root_id=["p0", "p1", "p2", "p3", "p0"],
    )  # fmt: skip
    german = pl.col("text").str.starts_with("Guten")
    return rows, text.with_columns(
        n_tokens=pl.lit(2), language=pl.when(german).then(pl.lit("de")).otherwise(pl.lit("en"))
    )


def test_views_show_one_language_and_then_everything_again():
    con = on_frames(*corpus())
    con.execute("CREATE TABLE interaction AS SELECT message_id, 'reply_any' AS rule FROM message")

    def seen():
        return [con.sql(f"SELECT count(*) FROM {name}").fetchall()[0][0] for name in ("message", "text", "interaction")]

    rule = SliceRule("language-de", "language:de")
    with in_language(con, rule):
        assert seen() == [2, 1, 2]
        rows = {row.measure_id: row for row in text_measures(con, Sampling(seed=1, bootstrap_draws=20))}
        assert (rows["duplicate_share"].value, rows["duplicate_share"].n) == (0.5, 2)
    with in_language(con, rule, "thread"):  # the English comment belongs to a German thread
        assert seen() == [3, 2, 3]
    with in_language(con, SliceRule("x", "language:x'; DROP TABLE text; --")):
        assert seen() == [0, 0, 0]
    assert seen() == [5, 4, 5]
    with pytest.raises(ZeroDivisionError), in_language(con, rule):
        raise ZeroDivisionError
    assert seen() == [5, 4, 5]
    with pytest.raises(ValueError, match="scope"), in_language(con, rule, "corpus"):
        pass
