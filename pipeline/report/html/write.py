"""Writing the pages: which sections, into which files, whole or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from pipeline.report.html import (
    comparison_sections,
    conduct_sections,
    contagion_section,
    conversation_section,
    coordination_section,
    corpus_sections,
    decomposition_section,
    gender_section,
    influence_section,
    language_section,
    lexicon_section,
    norm_sections,
    persona_section,
    result_sections,
    selection_section,
    socialisation_section,
    society_sections,
    structure_section,
    topic_section,
    transfer_section,
)
from pipeline.report.html.markup import Html, corpus_label, join, tag
from pipeline.report.html.numbers import number
from pipeline.report.html.page import Column, Section, document, more, table
from pipeline.report.html.source import Source
from pipeline.settings import Settings
from pipeline.warehouse import Warehouse
from pipeline.warehouse.connect import connect
from pipeline.warehouse.files import sync, temporary_folder
from pipeline.warehouse.layout import PROJECT, Layout, check_corpus_id

_PARTS = """
SELECT "table", family, rows, substr(table_hash, 1, 12) AS hash FROM meta.part
WHERE corpus_id = $corpus_id ORDER BY "table", family
"""
_CORPORA = "SELECT corpus_id FROM corpus.corpus ORDER BY corpus_id"


def write_report(store: Settings | Warehouse, corpus_id: str, out: Path) -> Path:
    """Write the page of one corpus.

    Parameters
    ----------
    store
        The settings or the warehouse; its catalogue is what is read.
    corpus_id
        The corpus.
    out
        The file; an old one is replaced as a whole.

    Raises
    ------
    CatalogueMissingError
        When there is no catalogue yet.
    ValueError
        When the corpus is not in it.
    """
    check_corpus_id(corpus_id)
    settings = _settings(store)
    with connect(settings=settings) as con:
        return _write(out, report_page(con, corpus_id), settings)


def write_comparison_page(store: Settings | Warehouse, out: Path) -> Path:
    """Write the page that sets the corpora of the catalogue side by side.

    Parameters
    ----------
    store
        The settings or the warehouse; its catalogue is what is read.
    out
        The file; an old one is replaced as a whole.
    """
    settings = _settings(store)
    with connect(settings=settings) as con:
        return _write(out, comparison_page(con), settings)


def write_reports(
    store: Settings | Warehouse, corpora: Sequence[str] | None = None, folder: Path | None = None
) -> list[Path]:
    """Write ``<corpus_id>.html`` for each corpus and ``_comparison.html``.

    Parameters
    ----------
    store
        The settings or the warehouse.
    corpora
        The corpora; all of the catalogue when omitted.
    folder
        Where the pages go; ``reports`` in the warehouse when omitted.

    Returns
    -------
    list of Path
        The pages, the comparison last.
    """
    settings = _settings(store)
    layout = Layout(settings.warehouse)
    target = folder or layout.reports
    if corpora is None:
        with connect(settings=settings) as con:
            corpora = [row[0] for row in con.sql(_CORPORA).fetchall()]
    paths = [write_report(settings, corpus_id, target / layout.report(corpus_id).name) for corpus_id in corpora]
    return [*paths, write_comparison_page(settings, target / layout.report(PROJECT).name)]


def report_page(con: duckdb.DuckDBPyConnection, corpus_id: str) -> str:
    """Return the page of one corpus."""
    source = Source(con, corpus_id)
    title, header = corpus_sections.header(source)
    by_language = language_section.languages(source)
    sections: list[Section] = [
        result_sections.headlines(source),
        corpus_sections.accounting(source),
        corpus_sections.activity(source),
        result_sections.airs(source),
        result_sections.enforcement(source),
        lexicon_section.lexicons(source),
        contagion_section.contagion(source),
        result_sections.network(source),
        structure_section.structure(source),
        society_sections.convergence(source),
        norm_sections.norms(source),
        conduct_sections.token_mint(source),
        conversation_section.conversation(source),
        topic_section.topics(source),
        *([by_language] if by_language else []),
        society_sections.homophily(source),
        selection_section.selection(source),
        influence_section.influence(source),
        decomposition_section.decomposition(source),
        gender_section.gender(source),
        coordination_section.coordination(source),
        persona_section.persona(source),
        socialisation_section.socialisation(source),
        conduct_sections.self_statements(source),
        transfer_section.transfer(source),
        society_sections.replication(source),
    ]
    return document(f"{corpus_label(title, 80)} · Ethogram", header, _with_glossary(source, sections), _footer(source))


def comparison_page(con: duckdb.DuckDBPyConnection) -> str:
    """Return the page of comparisons."""
    source = Source(con, "*")
    header = join((
        tag("p", "Ethogram · all corpora", class_="kicker"),
        tag("h1", "Observed and simulated societies, side by side"),
    ))  # fmt: skip
    sections = [comparison_sections.corpora(source), *comparison_sections.comparisons(source)]
    return document("Comparison · Ethogram", header, _with_glossary(source, sections), _footer(source))


def _with_glossary(source: Source, sections: list[Section]) -> list[Section]:
    glossary = source.glossary.section()
    return [*sections, glossary] if glossary else sections


def _footer(source: Source) -> Html:
    parts = source.rows(_PARTS)
    columns = (Column("Table"), Column("Family"), Column("Rows", "n"), Column("Hash of the rows"))
    cells = [[r["table"], r["family"], number(r["rows"]), tag("code", r["hash"])] for r in parts]
    lead = tag("p", "Every number on this page is a row of the tables in ", tag("code", "ethogram.duckdb"),
               ", or a count of their rows. The page holds no script and asks nothing of the network.")  # fmt: skip
    return join((lead, more("Made from", table("Parts of the catalogue", columns, cells)) if parts else Html("")))


def _settings(store: Settings | Warehouse) -> Settings:
    return store.settings if isinstance(store, Warehouse) else store


def _write(out: Path, text: str, settings: Settings) -> Path:
    out.parent.mkdir(parents=True, exist_ok=True)
    with temporary_folder(out.parent, settings.warehouse) as folder:
        written = folder / "page.html"
        written.write_text(text, encoding="utf-8")
        sync(written)
        written.replace(out)
    return out
