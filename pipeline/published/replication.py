"""Our numbers beside printed ones, and why they differ.

What belongs here: joining ``analysis.measure`` (and of ``analysis.estimate`` what `printed_estimates` names) to
``analysis.published`` and writing the cause of the gap. A printed value that rests on a secondary summary or on
inference is said to, in the cause and in the warnings. A printed number of the corpus's platform that nothing of ours
stands beside, in any corpus, has a row as well, without a value and with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from pipeline.published.load import (
    EVIDENCE,
    PublishedRow,
    coverage_note,
    end_of,
    has_counterpart,
    published_rows,
    start_of,
)
from pipeline.published.printed_estimates import as_measures
from pipeline.schema import TABLES, join_warnings

SAME_END = timedelta(hours=1)  # windows that end within an hour of each other count as the same
SAME_START = timedelta(days=1)  # printed starts are days
WEAK_EVIDENCE = ("S", "I", "A")
_NOTHING: dict[str, object] = {
    "slice_id": "all", "value": None, "ci_low": None, "ci_high": None, "n": None, "n_unit": None
}  # fmt: skip


def replication(
    measures: pl.DataFrame,
    published: pl.DataFrame,
    *,
    estimates: pl.DataFrame | None = None,
    corpus_id: str | None = None,
    platform: str | None = None,
    first_at: datetime | None = None,
    last_at: datetime | None = None,
) -> pl.DataFrame:
    """Set the measures of one corpus beside the printed numbers of the same names.

    Parameters
    ----------
    measures
        Rows of ``analysis.measure`` of one corpus; those of slice ``all`` for the whole corpus are used, and those of
        one of its networks under the name of the measure and the network, as ``path_length_reply_any``. A printed
        number whose row in published.toml names a measure and a unit (``ours``) is set beside that row.
    published
        Rows of ``analysis.published``, as `pipeline.published.load.load_published` gives them.
    estimates
        Rows of ``analysis.estimate`` of the same corpus, for printed numbers that are not measures.
    corpus_id, platform
        The corpus and its platform ("moltbook", "chirper.ai", a simulator), where known.
    first_at, last_at
        First and last message of the corpus (UTC), where it has a clock.

    Returns
    -------
    polars.DataFrame
        The columns of ``analysis.replication`` (without ``corpus_id``): for each printed number whose
        measure the corpus has, both values, their difference and ratio, whether definition and window are
        known to be the same, and the cause of the gap in words; and for each printed number of the platform that no
        measure of ours stands beside, a row without a value whose cause says why. Sorted by paper, measure and window.
    """
    is_whole = (pl.col("slice_id") == "all") & (pl.col("unit") == "corpus") & pl.col("period").is_null()
    by_name = {row["measure_id"]: row for row in measures.filter(is_whole).iter_rows(named=True)}
    is_network = (pl.col("slice_id") == "all") & (pl.col("unit") == "network") & pl.col("period").is_null()
    for row in measures.filter(is_network).iter_rows(named=True):
        by_name.setdefault(f"{row['measure_id']}_{row['unit_id']}", row)
    if estimates is not None:
        by_name |= as_measures(estimates)
    known = {(row.paper, row.measure_id, row.window): row for row in published_rows()}
    by_unit = _by_unit(measures, {row.ours for row in published_rows() if row.ours})
    records = []
    for printed in published.iter_rows(named=True):
        detail = known.get((printed["paper"], printed["measure_id"], printed["window"]))
        mine, linked = by_name.get(printed["measure_id"]), None
        if mine is None and detail is not None and detail.ours:
            mine = by_unit.get(detail.ours)
            linked = "ours is {} of {}".format(*detail.ours.split("@", 1))
        if mine is None:
            if detail is not None and platform == detail.platform and not has_counterpart(detail):
                records.append(_alone(printed, detail))
            continue
        is_same_window, window_cause = _window(detail, platform, first_at, last_at)
        causes = [linked, window_cause, coverage_note(corpus_id), _definition(detail)]
        records.append({**_numbers(printed, mine), **_words(printed, mine, causes), "is_same_window": is_same_window})
        records[-1]["is_same_definition"] = detail.is_same_definition if detail else None
    schema = {k: v for k, v in TABLES["replication"].polars_schema.items() if k != "corpus_id"}
    return pl.DataFrame(records, schema=schema, strict=False).sort("paper", "measure_id", "window")


def _by_unit(measures: pl.DataFrame, wanted: set[str]) -> dict[str, dict[str, object]]:
    """Return the rows of the whole corpus that published.toml names by measure and unit."""
    named = measures.filter((pl.col("slice_id") == "all") & pl.col("period").is_null()).with_columns(
        named=pl.concat_str("measure_id", pl.lit("@"), "unit_id")
    )
    found = named.filter(pl.col("named").is_in(sorted(wanted)))
    return {str(row["named"]): row for row in found.iter_rows(named=True)}


def _alone(printed: dict[str, object], detail: PublishedRow) -> dict[str, object]:
    """Return the row of a printed number that no measure of ours stands beside."""
    words = _words(printed, {"value": 0, "warnings": None}, ["nothing of ours stands beside it", detail.cause])
    return {**_numbers(printed, _NOTHING), **words, "is_same_window": None, "is_same_definition": None}


def _numbers(printed: dict[str, object], mine: dict[str, object]) -> dict[str, object]:
    value, target = _number(mine["value"]), _number(printed["value"])
    return {
        "paper": printed["paper"],
        "measure_id": printed["measure_id"],
        "slice_id": mine["slice_id"],
        "value": value,
        "ci_low": mine["ci_low"],
        "ci_high": mine["ci_high"],
        "published_value": target,
        "published_low": printed["ci_low"],
        "published_high": printed["ci_high"],
        "difference": None if value is None or target is None else value - target,
        "ratio": None if value is None or not target else value / target,
        "window": printed["window"],
        "n": mine["n"],
        "n_unit": mine["n_unit"],
    }


def _words(printed: dict[str, object], mine: dict[str, object], causes: Sequence[str | None]) -> dict[str, object]:
    evidence = str(printed["evidence"])
    parts = [
        None if mine["value"] is not None else f"not computed here ({mine['warnings'] or 'no reason given'})",
        *causes,
        str(printed["note"]) if printed["note"] else None,
        f"the printed value is {EVIDENCE[evidence]}" if evidence in WEAK_EVIDENCE else None,
    ]
    words = str(mine["warnings"] or "").split(",")
    words += ["definition_inferred"] if evidence in ("S", "I") else []
    return {
        "evidence": evidence,
        "cause": "; ".join(part for part in parts if part) or "nothing is known to differ",
        "warnings": join_warnings(words),
    }


def society(kind: str, system: str | None) -> str | None:
    """Return what a corpus is of, to be held against the platform of a study: a simulation is of none."""
    return {"simulation": "a simulation", "human": "people"}.get(kind, system.lower() if system else None)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _definition(detail: PublishedRow | None) -> str | None:
    if detail is None:
        return None
    if detail.is_same_definition is True:
        return f"same definition: {detail.cause}" if detail.cause else "same definition"
    start = "other definition" if detail.is_same_definition is False else "definition not known to be the same"
    return f"{start}: {detail.cause}" if detail.cause else start


def _window(
    detail: PublishedRow | None, platform: str | None, first_at: datetime | None, last_at: datetime | None
) -> tuple[bool | None, str | None]:
    """Whether the corpus covers the study's window and ends with it, and in words what differs."""
    if detail is None:
        return None, None
    if platform and platform != detail.platform:
        return False, f"another society: the study is of {detail.platform}, the corpus of {platform}"
    start, end = start_of(detail.window_start), end_of(detail.window_end)
    if end is None or last_at is None or first_at is None:
        return None, "the window of the study is not printed" if end is None else "the corpus has no clock"
    # A printed date leaves open at which hour the window ends, so any hour of it is the same.
    reach = timedelta(days=1) if not isinstance(detail.window_end, datetime) else SAME_END
    gap = last_at - end
    if gap < -reach:
        return False, f"the corpus ends {_span(-gap)} before the window of the study"
    if gap > SAME_END:
        return False, f"the corpus ends {_span(gap)} after the window of the study"
    if start is not None and abs(first_at - start) > SAME_START:
        return False, "the corpus does not start with the window of the study"
    return (None if start is None else True), None


def _span(gap: timedelta) -> str:
    hours = gap / timedelta(hours=1)
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.0f} days"
