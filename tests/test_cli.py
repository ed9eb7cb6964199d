"""The command line: what each verb does, and what it says when it cannot."""

import json
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from pipeline.cli import main, shares


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Path]:
    """Point the command line to an empty project."""
    folders = {"data": tmp_path / "data", "warehouse": tmp_path / "warehouse"}
    folders["data"].mkdir()
    monkeypatch.setenv("ETHOGRAM_DATA", str(folders["data"]))
    monkeypatch.setenv("ETHOGRAM_WAREHOUSE", str(folders["warehouse"]))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    return folders


def write_post(folder: Path) -> None:
    """Write one post with a planted key and an owner, as the API gives it."""
    folder.mkdir()
    owner = {"x_handle": "a_human", "x_name": "A Human", "x_bio": "lives somewhere"}
    post = {
        "id": "p1",
        "title": "my key",
        "content": "use sk-ant-api03-" + "A1b2" * 12 + " to try it",
        "created_at": "2026-01-30T10:00:00.5+00:00",
        "upvotes": 3,
        "downvotes": 1,
        "author": {"id": "a1", "name": "agent_one", "karma": 5, "owner": owner},
        "submolt": {"id": "s1", "name": "general", "display_name": "General"},
    }
    (folder / "p1.json").write_text(json.dumps({"success": True, "post": post, "comments": []}), encoding="utf-8")


def test_run_summary_share_and_forget(project: Mapping[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    write_post(project["data"] / "tiny")
    assert main(["run", "tiny"]) == 0
    assert main(["summary", "tiny"]) == 0
    said = capsys.readouterr()
    assert "1 posts, 0 comments" in said.out
    assert "sk-ant" not in said.out + said.err

    out = project["warehouse"].parent / "shared.duckdb"
    assert main(["share", "--out", str(out)]) == 0
    with duckdb.connect(str(out), read_only=True) as con:
        (text,) = con.sql("SELECT content FROM corpus.message").fetchall()[0]
        assert "[redacted:" in text
        columns = {row[0] for row in con.sql("DESCRIBE corpus.agent").fetchall()}
        assert not columns & {"owner_handle", "owner_name", "owner_bio"}
    raw = out.read_bytes()
    assert b"a_human" not in raw
    assert b"sk-ant-api03" not in raw

    assert main(["forget", "tiny"]) == 0
    with duckdb.connect(str(project["warehouse"] / "ethogram.duckdb"), read_only=True) as con:
        assert con.sql("SELECT count(*) FROM corpus.message").fetchall() == [(0,)]
    assert not list(project["warehouse"].glob("*/*/corpus_id=tiny"))
    assert (project["data"] / "tiny" / "p1.json").exists()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["run", "absent"], "there is no folder data/absent"),
        (["summary", "absent"], "make demo"),
        (["forget", "absent"], "absent"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    project: Mapping[str, Path], capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    assert main(arguments) == 1
    said = capsys.readouterr().err
    assert expected in " ".join(said.split())
    assert "Traceback" not in said


def test_a_bad_name_is_refused(project: Mapping[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    (project["data"] / "Bad Name").mkdir()
    assert main(["run", "Bad Name"]) == 1
    assert "lower-case letters" in " ".join(capsys.readouterr().err.split())


def test_concurrent_runs_share_threads_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ETHOGRAM_THREADS", raising=False)
    monkeypatch.delenv("ETHOGRAM_MEMORY", raising=False)
    one, two = shares(1), shares(2)
    assert int(two["ETHOGRAM_THREADS"]) >= 1
    assert int(one["ETHOGRAM_MEMORY"].removesuffix("GB")) >= 2 * int(two["ETHOGRAM_MEMORY"].removesuffix("GB")) - 1
    monkeypatch.setenv("ETHOGRAM_THREADS", "7")
    assert shares(2)["ETHOGRAM_THREADS"] == "7"
