"""The errors of the store, each a sentence for the person who reads the page."""

from __future__ import annotations


class WarehouseError(RuntimeError):
    """Something about the store that the user can act on."""


class SchemaMismatch(WarehouseError):  # noqa: N818  the name that others import
    """Rows do not fit the description of their table; the last good state stays."""


class UnknownCorpusError(WarehouseError):
    """No corpus of that name is in the store."""


class CatalogueMissingError(WarehouseError, FileNotFoundError):
    """There is no catalogue yet."""
