"""Work on a second cursor of the connection of an ingestion, beside what the first one does."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import duckdb

SCHEMA = "merging"
"""Where the tables are that cursors share; before the views of a session, which have some of their names."""


def find_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Let a cursor find the tables of `SCHEMA` by their names alone."""
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"SET search_path = '{SCHEMA},main'")


class Beside:
    """Runs `work` on a cursor of its own in a thread of its own.

    Parameters
    ----------
    con
        The connection of the ingestion.
    work
        What to do with a cursor.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, work: Callable[[duckdb.DuckDBPyConnection], None]) -> None:
        cursor = con.cursor()

        def run() -> None:
            with cursor:
                find_tables(cursor)
                work(cursor)

        with_one = ThreadPoolExecutor(1)
        self._done = with_one.submit(run)
        with_one.shutdown(wait=False)

    def wait(self) -> None:
        """Wait until it is done, well or not."""
        self._done.exception()

    def result(self) -> None:
        """Wait until it is done; what it raised is raised here."""
        self._done.result()
