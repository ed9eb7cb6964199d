"""JSON that strict parsers refuse: escapes, NaN in every case, control characters, duplicate keys."""

from __future__ import annotations

import json

import duckdb
import pytest
from ingest_helpers import POST_ID, Corpus, detail, flat, post

from pipeline.ingest import sqltools as q
from pipeline.ingest.repair import Rejected, Repaired, repair_document

ONE = POST_ID.format(1)


ESCAPES = (
    (r"cut \ud83e", "cut \ufffd", "replacement_character,surrogate_repaired"),
    (r"low \udd9e first", "low \ufffd first", "replacement_character,surrogate_repaired"),
    (r"two \ud83e\ud83e\udd9e", "two \ufffd\U0001f99e", "replacement_character,surrogate_repaired"),
    (r"slash \\\ud83e", "slash \\\ufffd", "replacement_character,surrogate_repaired"),
    (r"slashes \\\\ud83e", "slashes \\\\ud83e", None),
    (r"nul \u0000 end", "nul \ufffd end", "nul_removed,replacement_character"),
    (r"text \\u0000 end", "text \\u0000 end", None),
    (r"whole \ud83e\udd9e", "whole \U0001f99e", None),
)


def test_escapes(corpus: Corpus) -> None:
    lines = [json.dumps(flat(99))]
    for number, (escaped, _, _) in enumerate(ESCAPES):
        corpus.write(f"{number}.json", json.dumps(detail(number, content="MARK")).replace("MARK", escaped))
        lines.append(json.dumps(flat(number, content="MARK")).replace("MARK", escaped))
    corpus.write("b.jsonl", "\n".join(lines))
    found = corpus.read().messages
    assert found[flat(99)["id"]]["flags"] is None
    for number, (_, text, flags) in enumerate(ESCAPES):
        for row in (found[POST_ID.format(number)], found[flat(number)["id"]]):
            assert (row["content"], row["flags"]) == (text, flags)


def test_numbers_that_strict_json_does_not_know(corpus: Corpus) -> None:
    body = json.dumps(detail(1, upvotes="MARK", hot_score="MARK", other={"x": "MARK"}, content="NaN")).replace(
        '"MARK"', "NaN"
    )
    corpus.write("a.json", body)
    corpus.lines(
        "b.jsonl", [flat(1), {**flat(2), "score": float("inf"), "hot_score": float("-inf"), "content": "Infinity"}]
    )
    tables = corpus.read()
    row = tables.messages[ONE]
    assert (row["upvotes"], row["content"]) == (None, "NaN")
    for found in tables.messages.values():
        if found["extra"]:
            json.loads(found["extra"], parse_constant=lambda word: pytest.fail(word))
    assert tables.messages[flat(2)["id"]]["content"] == "Infinity"


@pytest.mark.parametrize("word", ["nan", "-nan", "NAN", "inf", "-Inf", "INF", "infinity", "-INFINITY"])
def test_such_numbers_in_any_case(corpus: Corpus, word: str) -> None:
    text = f'the {word} \\", [{word}, {word}]'
    rows = [post(1, content=text, upvotes="MARK", other=["MARK"]), flat(1, content=text, score="MARK", other="MARK")]
    corpus.write("a.json", json.dumps({"posts": rows[:1]}).replace('"MARK"', word))
    corpus.write("b.jsonl", json.dumps(rows[1]).replace('"MARK"', word))
    tables = corpus.read()
    assert tables.reasons() == []
    assert len(tables.messages) == 2
    for found in tables.messages.values():
        assert found["content"] == text
        assert (found["upvotes"] is None) == (found["kind"] == "post")
        json.loads(found["extra"] or "{}", parse_constant=lambda word: pytest.fail(word))


@pytest.mark.parametrize("way", ["NaN", "nan", "NAN", "Inf", "inf", "INF", "Infinity", "-Infinity", "-inf"])
def test_such_a_number_is_told_from_strict_json(way: str) -> None:
    def is_strict(doc: str) -> object:
        return duckdb.execute(f"SELECT {q.NO_FORBIDDEN_VALUE} FROM (SELECT ? AS doc)", [doc]).fetchall()[0][0]

    assert not is_strict(f'{{"a": {way}}}')
    assert is_strict(f'{{"a": "{way}"}}')


def test_repair_leaves_words_inside_strings_and_other_words() -> None:
    assert repair_document(r'{"a": inf, "b": "nan, \" inf", "c": [-NAN]}') == Repaired(
        r'{"a": null, "b": "nan, \" inf", "c": [null]}'
    )
    assert isinstance(cut := repair_document('{"a": "nan, inf'), Rejected)
    assert (cut.reason, cut.excerpt) == ("truncated_json", '{"a": "nan, inf')
    assert isinstance(repair_document('{"a": nano}'), Rejected)


def test_raw_control_characters_in_a_string(corpus: Corpus) -> None:
    corpus.write("a.json", json.dumps(detail(1, content="MARK")).replace("MARK", "a\tb\nc"))
    assert corpus.read().messages[ONE]["content"] == "a\tb\nc"


def test_duplicate_keys_and_huge_numbers(corpus: Corpus) -> None:
    line = (
        json.dumps(flat(1))[:-1]
        + ', "content": "second", "upvotes": 99999999999999999999999, "x": 1e999, "score": 1e400}'
    )
    corpus.write("a.jsonl", line + "\n" + json.dumps(flat(2)) + "\n")
    tables = corpus.read()
    assert tables.account() == (2, 2, 0, 0, 0)
    assert tables.messages[flat(1)["id"]]["content"] in ("Flat 1", "second")
