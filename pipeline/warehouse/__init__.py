"""The store: immutable Parquet parts, manifests, fingerprints, and the DuckDB catalogue that users open.

The layer knows the schema and the settings, and nobody else. `Warehouse` is the door; the modules behind
it: ``layout`` (names and paths), ``files`` and ``locks`` (atomic files, who waits for whom), ``parts``,
``casting`` and ``digest`` (writing and verifying rows), ``manifest``, ``fingerprint``, ``session`` (DuckDB
connections), ``publish``, ``catalogue`` and ``scratch`` (what users see), ``redact``, ``redact_patterns`` and
``clean`` (credentials), ``pseudonyms``, ``mentions`` and ``share`` (files to pass on).
"""

from pipeline.warehouse.catalogue import Build
from pipeline.warehouse.errors import CatalogueMissingError, SchemaMismatch, UnknownCorpusError, WarehouseError
from pipeline.warehouse.fingerprint import fingerprint
from pipeline.warehouse.layout import PROJECT, Layout, check_corpus_id
from pipeline.warehouse.manifest import Manifest, Part
from pipeline.warehouse.redact import redact, redact_sql
from pipeline.warehouse.sources import Data, Derived, Later, Query, Rows, Staged
from pipeline.warehouse.store import Forgotten, Warehouse

__all__ = [
    "PROJECT",
    "Build",
    "CatalogueMissingError",
    "Data",
    "Derived",
    "Forgotten",
    "Later",
    "Layout",
    "Manifest",
    "Part",
    "Query",
    "Rows",
    "SchemaMismatch",
    "Staged",
    "UnknownCorpusError",
    "Warehouse",
    "WarehouseError",
    "check_corpus_id",
    "fingerprint",
    "redact",
    "redact_sql",
]
