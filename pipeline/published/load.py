"""Read published.toml and the dictionaries into the frames of ``analysis.published`` and ``measure_dictionary``.

What belongs here: reading and checking the two data files. Numbers and texts belong in the files.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from importlib.resources import files
from typing import Any

import polars as pl

from pipeline.schema import TABLES, join_warnings

EVIDENCE = {
    "Q": "read in the paper",
    "CODE": "read in the authors' code",
    "FIG": "read off a published figure",
    "S": "only in a secondary summary",
    "I": "an inference, not printed",
    "A": "abstract or excerpt only",
}
RELATIONS = ("replicates", "adapts", "analogue")

_STUDY_FIELDS = {"paper", "authors", "title", "platform", "window", "window_start", "window_end", "evidence"}
_ROW_FIELDS = {"measure_id", "title", "value", "low", "high", "evidence", "is_same_definition", "cause", "note", "ours"}


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One printed number with what is needed to set ours beside it.

    Attributes
    ----------
    paper, measure_id, title, value, ci_low, ci_high, window, evidence, note
        As in ``analysis.published``.
    platform
        Platform of the study.
    window_start, window_end
        Ends of the window as printed, a date or a time; ``None`` when not printed.
    is_same_definition
        Whether the definition equals ours; ``None`` when it is not known.
    cause
        What differs from ours besides the window; where nothing of ours stands beside it, why.
    ours
        Where ours has another name: measure and unit of ``analysis.measure``, as
        ``lexicon_message_share@crypto/total``.
    """

    paper: str
    measure_id: str
    title: str
    value: float
    ci_low: float | None
    ci_high: float | None
    window: str
    evidence: str
    note: str | None
    platform: str
    window_start: datetime | date | None
    window_end: datetime | date | None
    is_same_definition: bool | None
    cause: str | None
    ours: str | None = None


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(files("pipeline.published").joinpath(name).read_text(encoding="utf-8"))


@cache
def published_rows() -> tuple[PublishedRow, ...]:
    """Return all rows of published.toml.

    Raises
    ------
    ValueError
        When a field is not known, an evidence tag is not one of `EVIDENCE`, or a paper has a measure twice
        for one window; the message says which.
    """
    rows: list[PublishedRow] = []
    for study in _read("published.toml")["study"]:
        if unknown := set(study) - _STUDY_FIELDS - {"rows", "note"}:
            raise ValueError(f"published.toml, {study.get('paper')}: fields {sorted(unknown)} are not known")
        rows += [_row(study, record) for record in study["rows"]]
    seen: set[tuple[str, str, str]] = set()
    for row in rows:
        key = (row.paper, row.measure_id, row.window)
        if key in seen:
            raise ValueError(f"published.toml: {key} is there twice; tell the rows apart by measure or window")
        seen.add(key)
    return tuple(rows)


def _row(study: dict[str, Any], record: dict[str, Any]) -> PublishedRow:
    where = f"published.toml, {study['paper']}, {record.get('measure_id')}"
    if unknown := set(record) - _ROW_FIELDS:
        raise ValueError(f"{where}: fields {sorted(unknown)} are not known")
    evidence = record.get("evidence", study["evidence"])
    if evidence not in EVIDENCE:
        raise ValueError(f"{where}: evidence {evidence!r} is not one of {sorted(EVIDENCE)}")
    notes = [note for note in (record.get("note"), study.get("note")) if note]
    return PublishedRow(
        paper=study["paper"],
        measure_id=record["measure_id"],
        title=record["title"],
        value=float(record["value"]),
        ci_low=record.get("low"),
        ci_high=record.get("high"),
        window=study["window"],
        evidence=evidence,
        note="; ".join(notes) or None,
        platform=study["platform"],
        window_start=study.get("window_start"),
        window_end=study.get("window_end"),
        is_same_definition=record.get("is_same_definition"),
        cause=record.get("cause"),
        ours=record.get("ours"),
    )


def load_published() -> pl.DataFrame:
    """Return the printed numbers with the columns of ``analysis.published`` (without ``corpus_id``)."""
    schema = _schema("published")
    records = [{name: getattr(row, name) for name in schema} for row in published_rows()]
    return pl.DataFrame(records, schema=schema).sort("paper", "measure_id", "window", nulls_last=False)


def load_measure_dictionary() -> pl.DataFrame:
    """Return what each measure is, with the columns of ``analysis.measure_dictionary`` (without ``corpus_id``).

    Raises
    ------
    ValueError
        When a relation or a warning is not of its vocabulary.
    """
    schema = _schema("measure_dictionary")
    records = []
    for record in [entry for name in _dictionaries() for entry in _read(name)["measure"]]:
        if unknown := set(record) - set(schema):
            raise ValueError(f"dictionary, {record['measure_id']}: fields {sorted(unknown)} are not known")
        if record["relation"] not in RELATIONS:
            raise ValueError(f"dictionary, {record['measure_id']}: relation is not one of {RELATIONS}")
        warnings = join_warnings(record.get("warnings", "").split(","))
        records.append({**{name: record.get(name) for name in schema}, "warnings": warnings})
    return pl.DataFrame(records, schema=schema).sort("measure_id")


@cache
def _measured() -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the names of the measures, and how names begin that are a measure and one of its networks."""
    frame = load_measure_dictionary()
    of_networks = frame.filter(pl.col("tie_rule").str.contains("unit_id|network_nodes"))["measure_id"]
    return frozenset(frame["measure_id"]), tuple(f"{name}_" for name in of_networks)


def has_counterpart(row: PublishedRow) -> bool:
    """Tell whether any measure of ours is set beside a printed number, computed for a given corpus or not."""
    names, of_networks = _measured()
    return row.ours is not None or row.measure_id in names or row.measure_id.startswith(of_networks)


def _dictionaries() -> list[str]:
    """Return the names of the files that say what measures are, by family."""
    return sorted(path.name for path in files("pipeline.published").iterdir() if path.name.startswith("dictionary"))


@cache
def _coverage() -> dict[str, Any]:
    found: dict[str, Any] = _read("published.toml")["coverage"]
    return found


def coverage_note(corpus_id: str | None) -> str | None:
    """Return what is known about how much of its window a public dump holds, by corpus id."""
    note = _coverage().get(corpus_id) if corpus_id else None
    return str(note) if note else None


def end_of(moment: datetime | date | None) -> datetime | None:
    """Return the last instant of a printed end of a window: a date lasts to its midnight."""
    if moment is None or isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time.max)


def start_of(moment: datetime | date | None) -> datetime | None:
    """Return the first instant of a printed start of a window."""
    if moment is None or isinstance(moment, datetime):
        return moment
    return datetime.combine(moment, time.min)


def _schema(table: str) -> dict[str, pl.DataType]:
    return {name: kind for name, kind in TABLES[table].polars_schema.items() if name != "corpus_id"}
