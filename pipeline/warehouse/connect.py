"""Opening the catalogue for queries."""

from __future__ import annotations

import duckdb

from pipeline.settings import Settings
from pipeline.warehouse.errors import CatalogueMissingError
from pipeline.warehouse.layout import Layout


def connect(*, read_only: bool = True, settings: Settings | None = None) -> duckdb.DuckDBPyConnection:
    """Open the catalogue of the project from any directory.

    Parameters
    ----------
    read_only
        True for queries. False is for writing into the schema ``scratch``, and keeps others from opening the file.
    settings
        The settings; those of the environment when omitted.

    Raises
    ------
    CatalogueMissingError
        When there is no catalogue yet.
    """
    path = Layout((settings or Settings.load()).warehouse).catalogue
    if not path.is_file():
        raise CatalogueMissingError(f"there is no catalogue at {path} yet: run `make demo`, or `make run CORPUS=<id>`")
    con = duckdb.connect(str(path), read_only=read_only)
    con.execute("SET TimeZone = 'UTC'")
    return con
