"""The short summary of a corpus: what was read, the headline measures with intervals, where the database is."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
from rich.console import Console

from pipeline.settings import Settings
from pipeline.warehouse import redact
from pipeline.warehouse.connect import connect

HEADLINES = (
    "airs_positive_share", "reply_enforce_share", "activity_gini", "activity_tail_exponent", "reciprocity_reply_any",
    "reciprocity_comment_post_author", "degree_assortativity_reply_any", "comment_depth_mean", "replied_comment_share",
    "duplicate_share", "first_comment_minutes_median",
)  # fmt: skip

_READ = """
SELECT c.title, c.n_files, c.rows_read, c.first_at, c.last_at, c.warnings,
       (SELECT count(*) FROM corpus.message m WHERE m.corpus_id = c.corpus_id AND m.kind = 'post') AS posts,
       (SELECT count(*) FROM corpus.message m WHERE m.corpus_id = c.corpus_id AND m.kind = 'comment') AS comments,
       (SELECT count(*) FROM corpus.agent a WHERE a.corpus_id = c.corpus_id) AS agents,
       (SELECT count(*) FROM corpus.community o WHERE o.corpus_id = c.corpus_id) AS communities
FROM corpus.corpus c WHERE c.corpus_id = $corpus_id
"""
_ACCOUNT = """
SELECT sum(new), sum(revised), sum(repeated), sum(quarantined) FROM corpus.source_file WHERE corpus_id = $corpus_id
"""
_MEASURES = """
SELECT measure_id, value, ci_low, ci_high, null_mean, n, n_unit, warnings FROM analysis.measure
WHERE corpus_id = $corpus_id AND slice_id = 'all' AND unit = 'corpus' AND period IS NULL
"""
_PRIMARY = """
SELECT role, estimator, model, estimate, conf_low, conf_high, p_adj, n_obs, warnings FROM analysis.estimate
WHERE corpus_id = $corpus_id AND family = 'enforcement' AND slice_id = 'all'
  AND (role = 'primary' OR estimator = 'woolf_2x2')
ORDER BY CASE role WHEN 'primary' THEN 0 WHEN 'robustness' THEN 1 ELSE 2 END, estimator, model
"""


_LIKENESS = """
SELECT measure_id, value, ci_low, ci_high, null_mean, n, n_unit, warnings FROM analysis.measure
WHERE corpus_id = $corpus_id AND family = 'homophily' AND unit = 'network' AND unit_id = 'follow' AND period = 'all'
  AND null_model = 'label_permutation' AND value IS NOT NULL
  AND measure_id IN ('coleman_lang', 'assortativity_lang', 'assortativity_airs_share', 'excess_similarity_airs_share')
ORDER BY measure_id
"""
_SLOPES = """
SELECT role, estimator, model, estimate, conf_low, conf_high, p_value, n_obs, warnings FROM analysis.estimate
WHERE corpus_id = $corpus_id AND family = 'convergence' AND role IN ('primary', 'placebo') AND estimate IS NOT NULL
ORDER BY CASE role WHEN 'primary' THEN 0 ELSE 1 END, spec_id
"""


def print_summary(corpus_id: str, settings: Settings, console: Console | None = None) -> None:
    """Print what was read and found of one corpus.

    Raises
    ------
    ValueError
        When the corpus is not in the catalogue.
    """
    out = console or Console(highlight=False)
    with connect(settings=settings) as con:
        bound = {"corpus_id": corpus_id}
        read = con.sql(_READ, params=bound).fetchall()
        if not read:
            raise ValueError(f"corpus {corpus_id} is not in the catalogue; run `make run CORPUS={corpus_id}`")
        _print_read(out, con, corpus_id, read[0])
        _print_measures(out, "measure", HEADLINES, con.sql(_MEASURES, params=bound).fetchall())
        if likeness := con.sql(_LIKENESS, params=bound).fetchall():
            _print_measures(out, "\nalong follow ties", [str(row[0]) for row in likeness], likeness)
        _print_estimates(out, "enforcement (log odds; delta_airs: AIRS)", con.sql(_PRIMARY, params=bound).fetchall())
        out.print("  negative controls use an exposure that nobody can see: expect 0\n", markup=False)
        if slopes := con.sql(_SLOPES, params=bound).fetchall():
            _print_estimates(out, "convergence (per period)", slopes)
    out.print(f"Database: {settings.warehouse / 'ethogram.duckdb'}", soft_wrap=True)
    out.print("  Python: import pipeline; con = pipeline.connect()", markup=False)
    out.print("  SQL:    SELECT * FROM analysis.measure WHERE corpus_id = '" + corpus_id + "'", markup=False)


def _print_read(out: Console, con: duckdb.DuckDBPyConnection, corpus_id: str, row: tuple[object, ...]) -> None:
    title, files, rows, first, last, warnings, posts, comments, agents, communities = row
    new, revised, repeated, quarantined = con.sql(_ACCOUNT, params={"corpus_id": corpus_id}).fetchall()[0]
    out.print(f"\n{redact(str(title))[:80]} ({corpus_id})", markup=False, style="bold")
    out.print(
        f"  {files:,} files, {rows:,} records: {new:,} new, {revised:,} revised, {repeated:,} repeated, "
        f"{quarantined:,} quarantined",
        markup=False,
    )
    out.print(f"  {posts:,} posts, {comments:,} comments, {agents:,} agents, {communities:,} communities", markup=False)
    out.print(f"  {first} to {last} UTC" + (f"; warnings: {warnings}" if warnings else ""), markup=False)


def _print_measures(out: Console, title: str, names: Sequence[str], rows: list[tuple[object, ...]]) -> None:
    found = {str(row[0]): row for row in rows}
    _line(out, title, "value", "95 % interval", "null", "n", "warnings", style="bold")
    for name in names:
        if name in found:
            _, value, low, high, null, n, unit, warnings = found[name]
            _line(
                out,
                name,
                _number(value),
                _interval(low, high),
                _number(null),
                f"{n:,} {unit}",
                str(warnings or ""),
            )


def _print_estimates(out: Console, title: str, rows: list[tuple[object, ...]]) -> None:
    _line(out, f"\n{title}", "value", "95 % interval", "p adj.", "n", "warnings", style="bold")
    for role, estimator, model, estimate, low, high, p_adj, n, warnings in rows:
        out.print(f"  {role}: {estimator}, {model}", markup=False, soft_wrap=True)
        count = f"{n:,} rows" if n is not None else ""
        _line(out, "", _number(estimate), _interval(low, high), _p(p_adj), count, str(warnings or ""))


def _line(out: Console, name: str, *cells: str, style: str = "") -> None:
    value, interval, null, n, warnings = cells
    text = f"  {name:<32}{value:>8}  {interval:>18}  {null:>7}  {n:>16}  {warnings}"
    out.print(text.replace("  \n", "\n  ", 1).rstrip(), markup=False, soft_wrap=True, style=style)


def _number(value: object) -> str:
    return f"{value:.3f}" if isinstance(value, float) else ("" if value is None else str(value))


def _p(value: object) -> str:
    return "<0.001" if isinstance(value, float) and value < 0.001 else _number(value)


def _interval(low: object, high: object) -> str:
    return f"{_number(low)} to {_number(high)}" if low is not None and high is not None else ""
