"""Ethogram: measures of agent societies, from dumps to a tidy analysis layer in DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

__all__ = ["connect"]


def connect(*, read_only: bool = True) -> duckdb.DuckDBPyConnection:
    """Open the catalogue of the project from any directory.

    Parameters
    ----------
    read_only
        Keep this true for queries: any number of readers go together with a running pipeline. False is for
        writing tables into the schema ``scratch``, which is carried over when the catalogue is rebuilt.

    Raises
    ------
    FileNotFoundError
        When there is no catalogue yet.
    """
    from pipeline.warehouse.connect import connect as _connect

    return _connect(read_only=read_only)
