"""The databases of Dagster's home while a run of this process writes to them.

What belongs here: what makes the many small commits of a run cheap. Dagster stores each event in a connection of its
own, several per step: opening and closing costs more than what is written, since a database in WAL mode is
synchronised to disk at each commit and folded together when its last connection closes.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Engine, event


@contextlib.contextmanager
def cheap_commits(home: Path) -> Iterator[None]:
    """Keep the databases below a Dagster home open, and let the system choose when commits reach the disk.

    A process that is killed loses nothing. Power that fails loses the last events of a run, and the databases stay
    whole (``synchronous = NORMAL`` in WAL mode); tables of the warehouse are written elsewhere, and synchronised.

    Parameters
    ----------
    home
        The Dagster home; databases elsewhere are left alone.
    """
    kept: dict[str, sqlite3.Connection] = {}

    def settle(connection: sqlite3.Connection, _: object) -> None:
        path = connection.execute("PRAGMA database_list").fetchone()[2]
        if not path or not Path(path).is_relative_to(home.resolve()):
            return
        connection.execute("PRAGMA synchronous = NORMAL")
        if path not in kept:
            kept[path] = sqlite3.connect(path, check_same_thread=False)
        # Each time: a database that is made meanwhile becomes one in WAL mode only after its first connection.
        kept[path].execute("SELECT count(*) FROM sqlite_master").fetchone()

    event.listen(Engine, "connect", settle)
    try:
        yield
    finally:
        event.remove(Engine, "connect", settle)
        for connection in kept.values():
            connection.close()
