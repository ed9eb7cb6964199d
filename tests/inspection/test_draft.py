"""What a first `corpus.toml` says where inspection cannot tell what records are."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "ingest"))

from ingest_helpers import Corpus

from pipeline.cli import main
from pipeline.inspection import inspect_path
from pipeline.inspection.draft import draft


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


def test_what_is_unclear_is_left_to_a_person(corpus: Corpus) -> None:
    corpus.write("numbers.json", {"a": [{"x": n, "y": n * 2} for n in range(9)], "b": [1, 2]})
    found = inspect_path(corpus.folder)
    text = draft(found, "t") or ""
    assert "DECIDE: say what its records are" in text
    assert tomllib.loads(text) == {"title": "t"}
    uncommented = "\n".join(line[2:] if line.startswith("# [") or " = " in line else line for line in text.splitlines())
    assert 'path = "a[*]"' in uncommented


def test_an_empty_draft_says_so_and_holds_what_fields_may_be(
    corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"k": f"{n}", "sent": f"2026-01-{n + 1:02d} 10:00:00", "w": "so " * (1 + n % 3)} for n in range(9)]
    corpus.write("rooms.json", {"all": rows})
    assert main(["inspect", str(corpus.folder)]) == 0
    said, text = capsys.readouterr().out, (corpus.folder / "corpus.toml").read_text()
    assert "records" not in tomllib.loads(text)
    assert "no field was plain enough to map anything yet" in said
    assert '# content = "w"  # perhaps: the longest texts' in text
    assert '# created_at = "sent"  # perhaps: times from 2026-01-01' in text
    entry = text[text.index("# [[records]]") :]
    filled = tomllib.loads("\n".join(line.removeprefix("# ") for line in entry.splitlines()))
    assert filled["records"][0]["path"] == "all[*]"
