"""What a person wants to see of a stored table: row count, schema, preview, and one useful plot."""

import base64

import dagster as dg
import polars as pl

from pipeline.report.html.markup import visible
from pipeline.schema import PRIVATE_ROLES, TABLES, Table
from pipeline.steps import Outcome
from pipeline.warehouse import Warehouse, redact
from pipeline.warehouse.files import remove_stale, temporary_folder

PREVIEW_ROWS = 5
PREVIEW_CHARS = 60
HASH_DIGITS = 10

_SIMPLE_TYPES = {"BIGINT": "int", "INTEGER": "int", "DOUBLE": "float", "BOOLEAN": "bool"}


def table_metadata(store: Warehouse, outcome: Outcome, table: str) -> dict[str, dg.MetadataValue]:
    """Return the metadata of one table that a step wrote.

    Parameters
    ----------
    store
        The warehouse.
    outcome
        What became of the step.
    table
        Name of the table.
    """
    manifest = outcome.manifests[table]
    entry = TABLES[table]
    target = outcome.step.target(outcome.corpus_id)
    rows = store.read(table, target, outcome.step.family)
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(manifest.rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(column_schema(entry)),
        "preview": preview(entry, rows),
        "seconds": dg.MetadataValue.float(round(outcome.seconds, 3)),
        "was_current": dg.MetadataValue.bool(outcome.is_skipped),
        "fingerprint": dg.MetadataValue.text(outcome.fingerprint),
        "table_hash": dg.MetadataValue.text(manifest.table_hash),
    }
    png = figure(store, outcome, table, rows)
    metadata["plot"] = dg.MetadataValue.md(f"![plot]({_data_uri(png)})")
    return metadata


def figure(store: Warehouse, outcome: Outcome, table: str, rows: pl.LazyFrame) -> bytes:
    """Return the picture of a table, drawn anew unless there is one of these very rows.

    The name carries the beginning of the table's hash, so a run that was killed before it drew does not leave an
    old picture beside new rows.
    """
    family = outcome.step.family
    stem = f"{table}-{family}" if family else table
    folder = store.layout.figures(outcome.step.target(outcome.corpus_id))
    path = folder / f"{stem}.{outcome.manifests[table].table_hash[:HASH_DIGITS]}.png"
    if path.exists():
        png = path.read_bytes()
    else:
        from pipeline.report.plots import plot_table  # matplotlib takes a second to import

        folder.mkdir(parents=True, exist_ok=True)
        png = plot_table(table, family, rows)
        with temporary_folder(folder, store.layout.root) as temporary:
            (temporary / path.name).write_bytes(png)
            (temporary / path.name).replace(path)
    for old in folder.glob(f"{stem}.*.png"):
        if old != path:
            old.unlink(missing_ok=True)
    remove_stale(folder, store.layout.root)
    return png


def column_schema(table: Table) -> dg.TableSchema:
    """Return the description of the columns as Dagster shows it."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=_SIMPLE_TYPES.get(column.type, "string"),
                description=column.comment,
                constraints=dg.TableColumnConstraints(nullable=not column.required),
            )
            for column in table.all_columns
        ]
    )


def preview(table: Table, rows: pl.LazyFrame) -> dg.MetadataValue:
    """Return the first rows as a table: personal columns left out, texts cut and redacted, nothing rendered."""
    shown = [column.name for column in table.columns if column.personal not in PRIVATE_ROLES][:14]
    head = rows.select(shown).head(PREVIEW_ROWS).collect()
    records = [dg.TableRecord({name: _cell(value) for name, value in row.items()}) for row in head.to_dicts()]
    schema = dg.TableSchema(columns=[dg.TableColumn(name=name, type="string") for name in shown])
    return dg.MetadataValue.table(records=records, schema=schema)


def _cell(value: object) -> str:
    if value is None:
        return ""
    text = redact(str(value)[:400]) if isinstance(value, str) else str(value)
    text = visible(text)
    return text if len(text) <= PREVIEW_CHARS else text[: PREVIEW_CHARS - 1] + "…"


def _data_uri(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
