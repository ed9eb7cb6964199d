"""Records, replies and times that a corpus.toml describes otherwise than files have them: set aside, with a reason."""

from __future__ import annotations

from datetime import datetime

import pytest
from ingest_helpers import Corpus, Row


def test_documents_and_records_that_nothing_takes_are_set_aside(corpus: Corpus) -> None:
    corpus.write(
        "corpus.toml",
        """
[[records]]
files = "*.jsonl"
path = "items[*]"
kind = "post"
replies = "sub[*]"
fields = { id = "id", content = "t" }

[[records]]
files = "*.jsonl"
path = "user"
kind = "agent"
fields = { id = "id", name = "name" }
""",
    )
    corpus.lines("a.jsonl", [
        {"items": [{"id": 1, "t": "x", "sub": [{"t": "no id", "sub": [{"id": 9}]}, "text", {"id": 2}]}]},
        {"user": {"id": 5, "name": "five"}},
        {"error": "rate limit"},
        {"items": {"id": 3}},
        {"items": []},
        [1, 2],
    ])  # fmt: skip
    tables = corpus.read()
    assert sorted(tables.messages) == ["1", "2"]
    assert "5" in tables.agents
    assert sorted(tables.reasons()) == ["missing_id", "not_an_object"] + ["not_mapped"] * 4
    details = " | ".join(tables.quarantine["detail"])
    assert "it answers a record that was set aside" in details
    assert "expected a list at items, found a JSON object" in details
    assert "path = items[*]" in details
    assert tables.account() == (9, 3, 0, 0, 6)


def test_replies_below_the_limit_of_levels_are_set_aside(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.formats.mapped.MOST_LEVELS", 3)
    record: Row = {"id": 5}
    for number in (4, 3, 2, 1):
        record = {"id": number, "below": [record]}
    corpus.write("a.json", record)
    corpus.write("corpus.toml", '[[records]]\nfiles="*"\nkind="post"\nreplies="below[*]"\nfields={id="id"}')
    tables = corpus.read()
    assert sorted(tables.messages) == ["1", "2", "3"]
    assert tables.reasons() == ["too_large"]
    assert tables.account() == (4, 3, 0, 0, 1)


ODD_TIMES = """
[[records]]
files = "{unit}.csv"
kind = "post"
[records.fields]
id = "n"
created_at = {{ from = "at", time = "{unit}" }}
"""


def test_numbers_that_are_no_times_are_set_aside(corpus: Corpus) -> None:
    units = ("s", "ms", "us", "ns", "%Y")
    corpus.write("corpus.toml", "".join(ODD_TIMES.format(unit=unit) for unit in units))
    for unit in units:
        odd = ("9" * 25, "9" * 29, "1e30", "-1e20", "inf", "0032")
        good = "2026" if unit == "%Y" else "1769767200" + {"s": "", "ms": "000", "us": "0" * 6, "ns": "0" * 9}[unit]
        rows = "".join(f"{unit}-{number},{at}\n" for number, at in enumerate((good, *odd)))
        corpus.write(f"{unit}.csv", "n,at\n" + rows)
    tables = corpus.read()
    for unit in units:
        first = tables.messages[f"{unit}-0"]["created_at"]
        assert first == (datetime(2026, 1, 1) if unit == "%Y" else datetime(2026, 1, 30, 10)), unit
    read = [row for row in tables.messages.values() if row["created_at"] is None]
    assert read == []  # a time that cannot be told is never a null without a word
    assert set(tables.reasons()) == {"unreadable_field"}
