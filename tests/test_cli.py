"""The command line: what each verb does, and what it says when it cannot."""

import json
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pytest

from pipeline.cli import checked_port, main
from pipeline.running import materialise_side_by_side, shares
from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.steps.publication import publish
from pipeline.warehouse import Warehouse


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Path]:
    """Point the command line to an empty project."""
    folders = {"data": tmp_path / "data", "warehouse": tmp_path / "warehouse"}
    folders["data"].mkdir()
    monkeypatch.setenv("ETHOGRAM_DATA", str(folders["data"]))
    monkeypatch.setenv("ETHOGRAM_WAREHOUSE", str(folders["warehouse"]))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    for name in ("BOOTSTRAP", "PERMUTATION", "NULL"):
        monkeypatch.setenv(f"ETHOGRAM_{name}_DRAWS", "20")
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
    said = capsys.readouterr()
    assert "1 posts, 0 comments" in said.out
    assert "make report CORPUS=tiny" in said.out
    assert main(["summary", "tiny"]) == 0
    said = capsys.readouterr()
    assert "1 posts, 0 comments" in said.out
    assert "sk-ant" not in said.out + said.err

    out = project["warehouse"].parent / "shared.duckdb"
    erase = project["data"] / "erase.toml"
    erase.write_text('agents = ["somebody"]')
    assert main(["share", "--out", str(out)]) != 0
    assert "data/erase.toml has changed since" in "".join(capsys.readouterr())
    assert not out.exists()
    erase.unlink()
    assert main(["share", "--out", str(out)]) == 0
    with duckdb.connect(str(out), read_only=True) as con:
        (text,) = con.sql("SELECT content FROM corpus.message").fetchall()[0]
        assert "[redacted:" in text
        owners = con.sql("SELECT owner_handle, owner_bio FROM corpus.agent WHERE owner_handle IS NOT NULL").fetchall()
        assert len(owners) == 1
        assert owners[0][0].startswith("owner_")
        assert owners[0][1] is None
    raw = out.read_bytes()
    assert b"a_human" not in raw
    assert b"sk-ant-api03" not in raw

    assert main(["forget", "tiny"]) == 0
    with duckdb.connect(str(project["warehouse"] / "ethogram.duckdb"), read_only=True) as con:
        assert con.sql("SELECT count(*) FROM corpus.message").fetchall() == [(0,)]
    assert not list(project["warehouse"].glob("*/*/corpus_id=tiny"))
    assert (project["data"] / "tiny" / "p1.json").exists()


def test_a_dump_that_lies_beside_the_folders_is_told(
    project: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (project["data"] / "loose.zip").write_bytes(b"PK")
    assert main(["run", "loose"]) == 1
    (project["data"] / "loose.zip").unlink()
    assert "data/loose.zip is a file: make the folder and move it in" in " ".join(capsys.readouterr().err.split())


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


@pytest.mark.slow
def test_corpora_side_by_side_are_all_published_and_named(
    project: Mapping[str, Path], capfd: pytest.CaptureFixture[str]
) -> None:
    for corpus_id in ("first", "second"):
        write_post(project["data"] / corpus_id)
    assert materialise_side_by_side(["first", "second"]) == 0
    said = capfd.readouterr().err
    for corpus_id in ("first", "second"):
        assert f" {corpus_id}: corpus/ingestion is written" in said
    with duckdb.connect(str(project["warehouse"] / "ethogram.duckdb"), read_only=True) as con:
        found = con.sql("SELECT corpus_id, count(*) FROM corpus.message GROUP BY corpus_id ORDER BY corpus_id")
        assert found.fetchall() == [("first", 1), ("second", 1)]
    write_post(project["data"] / "third")
    (project["data"] / "third" / "corpus.toml").write_text('format = "csv"')
    with pytest.raises(ValueError, match=r"corpus\.toml of corpus third"):
        materialise_side_by_side(["first", "third"])


def test_the_comparison_page_is_written_again_from_what_is_left(
    project: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    store = Warehouse(Settings.load())
    for corpus_id in ("kept", "gone"):
        write_post(project["data"] / corpus_id)
        for step in STEPS.values():
            run_step(step, store, corpus_id)
        publish(store, corpus_id)
    page = project["warehouse"] / "reports" / "_comparison.html"
    assert main(["report"]) == 0
    assert "gone" in page.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["forget", "gone"]) == 0
    assert "of the corpora that remain" in capsys.readouterr().err
    text = page.read_text(encoding="utf-8")
    assert "kept" in text
    assert "gone" not in text
    page.unlink()
    assert main(["forget", "kept"]) == 0
    assert not page.exists()  # nobody had asked for one, and nothing is left to compare


@pytest.mark.parametrize("verb", [["run", "tiny"], ["demo"], ["dev"]])
def test_a_teacher_that_is_not_there_is_told_before_any_work(
    project: Mapping[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    verb: list[str],
) -> None:
    write_post(project["data"] / "tiny")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ETHOGRAM_TEACHER", "no/such")
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("dagster dev was started"))
    assert main(verb) == 1
    said = capsys.readouterr().err
    assert "ETHOGRAM_TEACHER is 'no/such': there is no such folder; expected one with model.safetensors" in said
    assert "ETHOGRAM_TEACHER=none does without" in said
    assert not project["warehouse"].exists()
    assert [path.name for path in project["data"].iterdir()] == ["tiny"]


def test_an_error_in_corpus_toml_is_told_before_dagster_starts(
    project: Mapping[str, Path], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_post(project["data"] / "tiny")
    (project["data"] / "tiny" / "corpus.toml").write_text('format = "csv"')
    assert main(["run", "tiny"]) == 1
    assert capsys.readouterr().err.startswith("error: corpus.toml of corpus tiny: key 'format': expected one of ")
    assert not (tmp_path / "home").exists()


def test_an_empty_folder_is_told_without_the_name_of_a_class(
    project: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (project["data"] / "empty").mkdir()
    assert main(["run", "empty"]) == 1
    said = capsys.readouterr().err
    assert "corpus__ingestion: data/empty holds no file that a format reads" in said
    assert "let `make inspect PATH=data/empty` write a mapping" in said
    (project["data"] / "empty" / "corpus.toml").write_text('title = "as `make inspect` left it"')
    with pytest.raises(FileNotFoundError, match=r"fill in \[\[records\]\] of data/empty/corpus.toml"):
        run_step(STEPS["corpus/ingestion"], Warehouse(Settings.load()), "empty")


@pytest.mark.parametrize("port", ["abc", "0", "65536", "-1", "30 00", "9" * 5000])
def test_a_port_is_a_number_of_a_port(
    project: Mapping[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    monkeypatch.setenv("ETHOGRAM_PORT", port)
    monkeypatch.setattr("os.execve", lambda *_: pytest.fail("dagster dev was started"))
    assert main(["dev"]) == 1
    assert f"ETHOGRAM_PORT (or --port) is '{port}': expected a whole number from 1 to 65535" in capsys.readouterr().err
    assert (checked_port("1"), checked_port("65535")) == (1, 65535)
