"""The databases of a Dagster home while a run writes: what cheap commits change, and what they leave."""

import sqlite3
from pathlib import Path

from sqlalchemy import NullPool, create_engine, text

from pipeline.assets.event_log import cheap_commits

NORMAL, FULL = 1, 2  # values of PRAGMA synchronous


def _database(folder: Path) -> str:
    folder.mkdir()
    with sqlite3.connect(folder / "events.db") as made:
        made.execute("PRAGMA journal_mode = WAL")
        made.execute("CREATE TABLE event (name TEXT)")
    made.close()
    return f"sqlite:///{folder / 'events.db'}"


def _store(url: str, name: str) -> int:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text("INSERT INTO event VALUES (:name)"), {"name": name})
        return int(connection.execute(text("PRAGMA synchronous")).scalar_one())


def test_commits_to_the_home_are_cheap_and_those_elsewhere_are_not(tmp_path: Path) -> None:
    home, other = _database(tmp_path / "home"), _database(tmp_path / "other")
    with cheap_commits(tmp_path / "home"):
        assert (_store(home, "first"), _store(other, "first")) == (NORMAL, FULL)
        assert (tmp_path / "home" / "events.db-wal").stat().st_size > 0  # kept open: not folded together at each close
        assert not (tmp_path / "other" / "events.db-wal").exists()
    assert not (tmp_path / "home" / "events.db-wal").exists()
    assert _store(home, "second") == FULL


def test_another_process_sees_each_event_at_once(tmp_path: Path) -> None:
    home = _database(tmp_path / "home")
    with cheap_commits(tmp_path / "home"):
        _store(home, "first")
        with sqlite3.connect(tmp_path / "home" / "events.db") as reader:
            assert reader.execute("SELECT name FROM event").fetchall() == [("first",)]
        reader.close()


def test_a_database_that_is_made_meanwhile_is_kept_open_too(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    url = f"sqlite:///{tmp_path / 'home' / 'run.db'}"
    with cheap_commits(tmp_path / "home"):
        with create_engine(url, poolclass=NullPool).begin() as made:  # as Dagster makes the one of a run
            made.execute(text("CREATE TABLE event (name TEXT)"))
        with create_engine(url, poolclass=NullPool).connect() as made:
            made.execute(text("PRAGMA journal_mode = WAL"))
        _store(url, "first")
        assert (tmp_path / "home" / "run.db-wal").stat().st_size > 0
    assert not (tmp_path / "home" / "run.db-wal").exists()
