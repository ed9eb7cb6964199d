"""corpus.toml: what it may say, and that every error names the file, the key and what was expected."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from pipeline.ingest.config import CorpusConfigError, check_corpus_id, load_config

ERRORS = {
    "title = 5": ("title", "a string"),
    'kind = "forum"': ("kind", "one of platform, simulation, human"),
    'clock = "sundial"': ("clock", "time, step"),
    'privacy = "none"': ("privacy", "one of pseudonymise, keep"),
    'private = "keep"': ("unknown key private", "the keys are"),
    "minimum_rows = { messages = 1 }": ("minimum_rows", "messages"),
    "[[slices]]\nslice_id = 'x'\nstart = 2026-02-02\nend = 2026-02-01": ("slices", "before the end"),
    'format = "csv"': ("format", "moltbook_api"),
    "format = [1]": ("format", "a string or a list of strings"),
    "exclude = 1": ("exclude", "a string or a list of strings"),
    "minimum_rows = 5": ("minimum_rows", "{ message = 1000 }"),
    "minimum_rows = { message = -1 }": ("minimum_rows", "not negative"),
    "slices = 1": ("slices", "[[slices]] tables"),
    "[[slices]]\nslice_id = 'All!'": ("slices", "lower-case"),
    "[[slices]]\nslice_id = 'all'": ("slices", "taken"),
    "[[slices]]\nslice_id = 'x'\nstart = '2026-01-01'": ("slices", "without quotes"),
    "[[slices]]\nslice_id = 'x'\nfilter = 'odd'": ("slices", "filter"),
    "[[slices]]\nslice_id = 'x'\nbegin = 1": ("slices", "begin"),
    "titel = 'x'": ("titel", "the keys are title"),
    "title = ": ("corpus.toml", "not valid TOML"),
    "[[slices]]\nslice_id = 'x'\nstart = 2026-02-30": ("line 3", "'start'", "a day of the calendar", "2026-02-30"),
    "[[slices]]\nslice_id = 'x'\nend = 2026-02-30T10:00:00Z": (
        "line 3",
        "'end'",
        "a day of the calendar",
        "2026-02-30",
    ),
    "title = 'x'\nlicence = 1979-05-27T00:32:00+24:00": ("corpus.toml", "correct the file"),
    "title = 'x'\nlicence = " + "9" * 5000: ("a value cannot be read", "correct the file"),
    "[[slices]]\nslice_id = 'x'\n[[slices]]\ntitle = 'y'": ("slices", "slice number 2", "lower-case"),
    "slices = [1]": ("slices", "slice number 1", "lower-case"),
    "[[slices]]\nslice_id = 'first'\nend = 5": ("slices", "slice first", "without quotes"),
    "[[slices]]\nslice_id = 'first'\nfilter = 3": ("slices", "slice first", "filter to be one of"),
}


@pytest.mark.parametrize("text", ERRORS)
def test_errors_say_where_and_what(tmp_path: Path, text: str) -> None:
    (tmp_path / "corpus.toml").write_text(text)
    with pytest.raises(CorpusConfigError) as caught:
        load_config(tmp_path, "some-corpus", ("moltbook_api", "moltbook_observatory"))
    sentence = str(caught.value)
    assert "corpus.toml of corpus some-corpus" in sentence
    for part in ERRORS[text]:
        assert part in sentence


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "corpus.toml").write_bytes(b"title = '\xff'")
    with pytest.raises(CorpusConfigError, match="not valid TOML"):
        load_config(tmp_path, "some-corpus")


@pytest.mark.parametrize("corpus_id", ["", "A", "a_b", "-a", "a" * 64, "a/b", "..", "a\n"])
def test_ids_that_cannot_name_a_corpus(corpus_id: str) -> None:
    with pytest.raises(CorpusConfigError, match="rename the folder"):
        check_corpus_id(corpus_id)


def test_everything_it_may_say(tmp_path: Path) -> None:
    (tmp_path / "corpus.toml").write_text("""
        title = "T"
        kind = "human"
        format = "moltbook_api"
        licence = "MIT"
        exclude = ["a/*"]
        minimum_rows = { message = 3 }
        [[slices]]
        slice_id = "first_days"
        title = "First"
        start = 2026-01-27
        end = 2026-01-31T07:00:00+05:30
    """)
    config = load_config(tmp_path, "c", ("moltbook_api",))
    assert (config.title, config.kind, config.formats, config.exclude) == ("T", "human", ("moltbook_api",), ("a/*",))
    last = config.all_slices()[-1]
    assert (last.start_at, last.end_at) == (datetime(2026, 1, 27), datetime(2026, 1, 31, 1, 30))
    assert config.all_slices()[0].slice_id == "all"
