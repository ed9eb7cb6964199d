"""Work on a second cursor of the connection of an ingestion, beside what the first one does."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import duckdb

SCHEMA = "merging"
"""Where the tables are that cursors share; before the views of a session, which have some of their names."""


def find_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Let a cursor find the tables of `SCHEMA` by their names alone."""
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"SET search_path = '{SCHEMA},main'")


class Beside:
    """Runs `work` on a cursor of its own in a thread of its own; close it before the connection.

    Parameters
    ----------
    con
        The connection of the ingestion.
    work
        What to do with a cursor.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        self._cursor = con.cursor()
        self._pool = ThreadPoolExecutor(1)
        self._done = self._pool.submit(self._run, work)

    def result(self) -> None:
        """Wait until it is done; what it raised is raised here."""
        self._done.result()

    def close(self) -> None:
        """End it where it is not done, whatever becomes of it; return when nothing of it runs any more."""
        while not self._done.done():  # between two statements there is nothing to interrupt
            self._cursor.interrupt()
            wait([self._done], timeout=0.1)
        self._pool.shutdown()
        self._cursor.close()

    def _run(self, work: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        find_tables(self._cursor)
        work(self._cursor)
