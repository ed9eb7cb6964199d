"""What corpus.toml expects: each kind of shortfall is a blocking check with a sentence, too much only warns."""

import json
from pathlib import Path

import pytest
from ingest_helpers import post

from pipeline.settings import Settings
from pipeline.steps.corpus import CORPUS_STEPS
from pipeline.steps.publication import failed_checks
from pipeline.steps.step import Check, run_step
from pipeline.warehouse import Warehouse


def checks(base: Path, said: str) -> dict[str, Check]:
    """Ingest three posts of 30 January, one of them without author, with these lines of corpus.toml."""
    folder = base / "data" / "some"
    folder.mkdir(parents=True)
    posts = [post(1), post(2, author=None), post(3)]
    (folder / "posts.json").write_text(json.dumps({"success": True, "posts": posts}))
    (folder / "corpus.toml").write_text(said)
    store = Warehouse(
        Settings.load({"ETHOGRAM_HOME": str(base), "ETHOGRAM_DATA": str(base / "data"),
                       "ETHOGRAM_WAREHOUSE": str(base / "warehouse")})
    )  # fmt: skip
    outcome = run_step(CORPUS_STEPS[0], store, "some")
    found = {check.name: check for check in outcome.checks}
    blocking = failed_checks(store, "some")
    assert bool(blocking) == (not found["expectations"].passed)
    return found


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("minimum_rows = { message = 4 }", "message has 3 rows, corpus.toml expects at least 4"),
        ("minimum_rows = { reaction = 1 }", "reaction has 0 rows, corpus.toml expects at least 1"),
        (
            "minimum_fill = { 'message.agent_id' = 0.9 }",
            "message.agent_id is filled in 2 of 3 rows (66.7%), corpus.toml expects at least 90.0%",
        ),
        ("first_at_after = 2026-01-31", "the first message is of 2026-01-30 10:00:00.123456 UTC"),
        ("last_at_before = 2026-01-30T10:00:00Z", "the last message is of 2026-01-30 10:00:00.123456 UTC"),
    ],
)
def test_shortfalls_are_fatal_and_say_what_was_found(tmp_path: Path, said: str, sentence: str) -> None:
    check = checks(tmp_path, said)["expectations"]
    assert not check.passed
    assert sentence in check.message
    assert "corpus.toml expects" in check.message


def test_too_many_rows_only_warn(tmp_path: Path) -> None:
    found = checks(tmp_path, "maximum_rows = { message = 2 }")
    assert found["expectations"].passed
    warning = found["expected_at_most"]
    assert (warning.passed, warning.is_warning) == (False, True)
    assert warning.message == "message has 3 rows, corpus.toml expects at most 2"


def test_what_is_as_expected_passes(tmp_path: Path) -> None:
    said = """
        minimum_rows = { message = 3, agent = 1 }
        maximum_rows = { message = 3 }
        minimum_fill = { "message.agent_id" = 0.6, "message.title" = 1.0, "reaction.type" = 1.0 }
        first_at_after = 2026-01-30
        last_at_before = 2026-01-31
    """
    assert all(check.passed for check in checks(tmp_path, said).values())
