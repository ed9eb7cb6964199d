"""The step of layer ``corpus``: ingestion, which writes all of its tables at once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from pipeline.ingest import ingest, load_config, scan
from pipeline.ingest.expectations import excesses, shortfalls
from pipeline.ingest.formats import FORMATS
from pipeline.ingest.kept import Kept
from pipeline.ingest.recognise import NOT_BY_NAME
from pipeline.steps.step import Check, Progress, Step, StepContext
from pipeline.warehouse import Data, Derived, Later, Query, Rows, Warehouse, fingerprint, redact
from pipeline.warehouse.files import temporary_folder

LIBRARIES = ("duckdb", "polars", "pyarrow", "zstandard")
INGESTION_TABLES = (
    "corpus", "run", "slice", "source_file", "quarantine", "agent", "agent_snapshot", "community",
    "community_snapshot", "membership_event", "message", "message_snapshot", "tie_event", "reaction", "exposure",
    "label",
    "collection_gap",
)  # fmt: skip


def _prepare(warehouse: Warehouse, corpus_id: str) -> tuple[Mapping[str, object], Any]:
    folder = warehouse.settings.data / corpus_id
    config = load_config(folder, corpus_id, tuple(FORMATS))
    root = warehouse.settings.warehouse
    found = scan(folder.resolve(), config, lambda: temporary_folder(root / ".steps", root))
    if not any(file.status == "read" for file in found.files):
        # What looks like data says more than a read-me.
        told = sorted(found.files, key=lambda file: file.reason == NOT_BY_NAME)[:3]
        why = "; ".join(f"{file.path}: {file.reason}" for file in told) or "it holds no files"
        mapping = (
            f"fill in [[records]] of data/{corpus_id}/corpus.toml, which maps nothing yet (docs/unknown-layouts.md)"
            if (folder / "corpus.toml").exists() and not config.records
            else f"let `make inspect PATH=data/{corpus_id}` write a mapping for a layout that no format knows"
        )
        raise FileNotFoundError(
            f"data/{corpus_id} holds no file that a format reads ({why}); put the dump there, {mapping}, or remove "
            f"what is stored of it with `make forget CORPUS={corpus_id}`"
        )
    state = {"scan": found, "config": config}
    # Privacy is a matter of what is passed on; the list of the erased is not written down a second time.
    settings = {key: str(value) for key, value in asdict(config).items() if key not in ("privacy", "erase")}
    settings["erase"] = config.erase.digest()
    return {"files": found.digest(), "corpus": settings, "formats": list(found.formats)}, state


def _compute(context: StepContext) -> Mapping[str, Data]:
    found, config = context.state["scan"], context.state["config"]
    total = sum(file.size for file in found.files if file.status == "read")
    staging = context.folder / "staging"
    staging.mkdir()
    # What follows from a file follows from these; of corpus.toml only its rules for records, since `Scan` has the rest.
    code = fingerprint(config={"records": str(config.records)}, modules=("pipeline.ingest",), libraries=LIBRARIES)
    kept = Kept(context.warehouse.layout.staged(context.corpus_id), code, context.settings.kept_bytes)
    reading = _Reading(total, kept, context.progress)
    result = ingest(
        found, config, context.con, staging, redact=redact, cleanup=context.cleanup, progress=reading, kept=kept
    )
    # No table holds more than what was read, and only messages may hold nearly all of it.
    most = reading.done + kept.reused_bytes

    def other(name: str) -> Rows:
        if name in result.frames:
            return result.frames[name]
        return Query(context.con, f"SELECT * FROM {result.queries[name]} AS t", about_bytes=most // 3)

    # Messages come first: they are written and verified while all the rest is merged.
    message, states = (
        Query(context.con, f"SELECT * FROM {result.messages[name]} AS t", about_bytes=about)
        for name, about in (("message", most), ("message_snapshot", most // 3))
    )
    return {
        "message": message,
        "message_snapshot": Derived("message", result.states_of, states),
        **{name: Later(partial(other, name)) for name in result.others},
    }


class _Reading:
    """Turns bytes read into a sentence with a rate and an estimate."""

    def __init__(self, total: int, kept: Kept, progress: Progress) -> None:
        self.total, self.kept, self.progress = total, kept, progress
        self.done, self.started = 0, time.monotonic()

    def __call__(self, n_bytes: int) -> None:
        self.done += n_bytes
        rate = self.done / max(time.monotonic() - self.started, 1e-9)
        known = self.kept.skipped_bytes
        total = self.total - known
        left = max(total - self.done, 0) / max(rate, 1.0)  # compressed files count as they lie there
        before = f" ({known / 1e6:.0f} MB were read before)" if known else ""
        self.progress(
            f"read {self.done / 1e6:.0f} of {total / 1e6:.0f} MB{before}, {rate / 1e6:.0f} MB/s, "
            f"about {left:.0f} s left"
        )


# Rows with state are the records of messages, agents, communities, events, labels and runs; each has exactly one first
# observation. Ends of ties that crawls no longer show, members that communities name, and runs that have no record of
# their own (they have no clock) are derived.
_ACCOUNTING = """
SELECT (SELECT count(*) FROM source_file WHERE rows_read <> new + revised + repeated + quarantined) AS unbalanced,
       (SELECT coalesce(sum(new), 0) FROM source_file) AS new,
       (SELECT count(*) FROM message) + (SELECT count(*) FROM agent WHERE has_profile)
         + (SELECT count(*) FROM community WHERE has_profile)
         + (SELECT count(*) FROM tie_event WHERE NOT (coalesce(origin, '') = 'snapshot' AND action = 'remove'))
         + (SELECT count(*) FROM reaction) + (SELECT count(*) FROM exposure) + (SELECT count(*) FROM label)
         + (SELECT count(*) FROM membership_event WHERE coalesce(origin, '') NOT IN ('created_by', 'moderators'))
         + (SELECT count(*) FROM run WHERE run_id <> 'observed' AND clock IS NOT NULL) AS kept,
       (SELECT coalesce(sum(quarantined), 0) FROM source_file) AS quarantined,
       (SELECT count(*) FROM quarantine) AS set_aside
"""


def _checks(context: StepContext) -> list[Check]:
    unbalanced, new, kept, quarantined, set_aside = context.con.sql(_ACCOUNTING).fetchall()[0]
    is_exact = unbalanced == 0 and new == kept and quarantined == set_aside
    account = (
        f"{new} records are new and {kept} are in the tables; {quarantined} are quarantined and {set_aside} are "
        f"listed; {unbalanced} files do not add up"
    )
    expected = load_config(context.settings.data / context.corpus_id, context.corpus_id).expectations
    stored = {name: context.warehouse.manifest(name, context.corpus_id) for name in INGESTION_TABLES}
    rows = {name: manifest.rows for name, manifest in stored.items() if manifest is not None}
    short, more = shortfalls(context.con, expected, rows), excesses(expected, rows)
    return [
        Check("row_accounting", is_exact, account),
        Check("expectations", not short, "; ".join(short) or "what corpus.toml expects is there"),
        Check("expected_at_most", not more, "; ".join(more) or "no table is larger than expected", is_warning=True),
    ]


CORPUS_STEPS = (
    Step(
        key="corpus/ingestion",
        tables=INGESTION_TABLES,
        reads=(),
        compute=_compute,
        modules=(
            "pipeline.steps.corpus",
            "pipeline.ingest",
            "pipeline.warehouse.redact",
            "pipeline.warehouse.redact_patterns",
        ),
        libraries=LIBRARIES,
        prepare=_prepare,
        checks=_checks,
        description="Reads the dump: messages, agents, communities and events; every row accounted for.",
    ),
)
