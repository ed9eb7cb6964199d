"""The command line behind the Makefile: run, demo, dev, inspect, share, forget, summary and tables.

A verb imports what it needs, so that help and mistakes are told at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from pipeline.running import CONSOLE, materialise, materialise_side_by_side, prepare_home, settings_of_a_run, shares
from pipeline.settings import PRIVACY, Settings

if TYPE_CHECKING:
    from pipeline.warehouse import Warehouse

CONCURRENT_RUNS = 2
MOST_PORT = 65535


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__.partition("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True)
    run = verbs.add_parser("run", help="materialise everything for one corpus, print a summary")
    run.add_argument("corpus")
    verbs.add_parser("demo", help="make the demo corpora, materialise them, print a summary")
    dev = verbs.add_parser("dev", help="start dagster dev with a persistent home")
    dev.add_argument("--port", default=os.environ.get("ETHOGRAM_PORT", "").strip() or "3000")
    share = verbs.add_parser("share", help="write one DuckDB file to pass on")
    share.add_argument("--out", default="share/ethogram-share.duckdb")
    share.add_argument("--corpus", action="append", default=None)
    share.add_argument(
        "--privacy", choices=PRIVACY, help="for all corpora, whatever their corpus.toml says; pseudonymise by default"
    )
    forget = verbs.add_parser("forget", help="remove all of a corpus from the warehouse")
    forget.add_argument("corpus")
    forget.add_argument("--dump", action="store_true", help="also remove the folder under data/")
    report = verbs.add_parser("report", help="write the HTML pages of all corpora, or of one")
    report.add_argument("corpus", nargs="?")
    summary = verbs.add_parser("summary", help="print the headline measures of a corpus")
    summary.add_argument("corpus")
    look = verbs.add_parser("inspect", help="look at files of any layout, write a first corpus.toml for them")
    look.add_argument("path")
    look.add_argument("--out", help="where the corpus.toml goes; beside the files without it")
    words = verbs.add_parser("lexicon", help="tell how a word list is read, and which lines are not")
    words.add_argument("path")
    docs = verbs.add_parser("docs", help="write the generated documents, or check that they are current")
    docs.add_argument("--check", action="store_true")
    validate = verbs.add_parser(
        "validate", help="validate the estimators on simulated worlds, write docs/validation.md"
    )
    validate.add_argument("--runs", type=int, help="at most so many runs of each scenario; all by default")
    validate.add_argument("--scenario", action="append", default=[], help="a scenario of the design; all by default")
    validate.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    validate.add_argument("--out", help="where the page goes; docs/validation.md without it")
    options = parser.parse_args(arguments)
    from pipeline.warehouse.errors import WarehouseError

    try:
        return _VERBS[options.verb](options)
    except (WarehouseError, FileNotFoundError, ValueError) as error:
        CONSOLE.print(f"error: {error}", style="red", markup=False, soft_wrap=True)
        return 1


def _run(options: argparse.Namespace) -> int:
    from pipeline.report.summary import print_summary

    if status := materialise(options.corpus):
        return status
    print_summary(options.corpus, Settings.load())
    Console(highlight=False, markup=False).print(f"Pages:    make report CORPUS={options.corpus}", soft_wrap=True)
    return 0


def _demo(_: argparse.Namespace) -> int:
    from pipeline.report.summary import print_summary
    from pipeline.simulation import DEMOS, write_demos
    from pipeline.steps.publication import is_up_to_date
    from pipeline.warehouse import Warehouse

    settings = settings_of_a_run()
    with CONSOLE.status("writing the demo corpora"):
        written = write_demos(settings.data)
    for corpus_id, is_new in written.items():
        CONSOLE.print(f"data/{corpus_id} is {'written' if is_new else 'there already'}")
    stale = [corpus_id for corpus_id in DEMOS if not is_up_to_date(Warehouse(settings), corpus_id)]
    for corpus_id in DEMOS:
        if corpus_id not in stale:
            CONSOLE.print(f"{corpus_id}: nothing has changed since it was published")
    if status := materialise_side_by_side(stale):
        return status
    for corpus_id in DEMOS:
        print_summary(corpus_id, settings)
    return _write_reports(None)


def _dev(options: argparse.Namespace) -> int:
    from pipeline.assets.instance import open_instance

    port = checked_port(options.port)
    settings = settings_of_a_run()
    home = prepare_home(settings)
    with open_instance(home):
        pass  # makes the databases of a new home before two processes could try to at once
    environment = {**os.environ, "DAGSTER_HOME": str(home), **shares(CONCURRENT_RUNS)}
    command = [sys.executable, "-m", "dagster", "dev", "-m", "pipeline.definitions", "-p", str(port)]
    sys.stdout.flush()
    os.chdir(settings.home)
    os.execve(sys.executable, command, environment)  # noqa: S606 - our own interpreter and arguments


def checked_port(text: str) -> int:
    """Return the port of ``dagster dev``.

    Raises
    ------
    ValueError
        When it is no number of a port.
    """
    if not (text.isascii() and text.isdecimal() and len(text) <= len(str(MOST_PORT)) and 1 <= int(text) <= MOST_PORT):
        raise ValueError(f"ETHOGRAM_PORT (or --port) is {text!r}: expected a whole number from 1 to {MOST_PORT}")
    return int(text)


def _share(options: argparse.Namespace) -> int:
    from pipeline.warehouse import Warehouse

    settings = Settings.load()
    out = Path(options.out)
    out = out if out.is_absolute() else settings.home / out
    out.parent.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(settings)
    _require_erased(warehouse, options.corpus)
    privacy = {corpus: options.privacy or _privacy(settings, corpus) for corpus in warehouse.known_corpora()}
    path = warehouse.share(out, options.corpus, privacy)
    kept = sorted(c for c, choice in privacy.items() if choice == "keep" and c in (options.corpus or privacy))
    CONSOLE.print(
        f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB), credentials redacted; "
        + (f"personal data are kept of {', '.join(kept)}" if kept else "agents, owners and addresses are pseudonyms")
    )
    return 0


def _require_erased(warehouse: Warehouse, corpora: list[str] | None) -> None:
    """Raise when a corpus that would be shared was read before data/erase.toml said what it says now."""
    from pipeline.ingest.erase_list import load_erase_list
    from pipeline.warehouse import WarehouseError

    listed = load_erase_list(warehouse.settings.data).digest() or None
    stale = []
    for corpus_id in corpora or warehouse.known_corpora():
        with warehouse.session(corpus_id, []) as con:
            if any(row[0] != listed for row in con.sql("SELECT erase_list FROM corpus").fetchall()):
                stale.append(corpus_id)
    if stale:
        commands = ", ".join(f"make run CORPUS={corpus_id}" for corpus_id in stale)
        raise WarehouseError(
            f"data/erase.toml has changed since {', '.join(stale)} {'was' if len(stale) == 1 else 'were'} read, and a "
            f"shared file would hold what it lists; run {commands} first"
        )


def _privacy(settings: Settings, corpus_id: str) -> str:
    """Return what corpus.toml says, or the default when the folder is gone."""
    from pipeline.ingest.config import load_config
    from pipeline.ingest.formats import FORMATS

    return load_config(settings.data / corpus_id, corpus_id, tuple(FORMATS)).privacy


def _forget(options: argparse.Namespace) -> int:
    from pipeline.headless import forget_history
    from pipeline.report.html import write_comparison_page
    from pipeline.steps.publication import refresh_across
    from pipeline.warehouse import PROJECT, Warehouse

    warehouse = Warehouse(Settings.load())
    comparison = warehouse.layout.report(PROJECT)
    had_comparison = comparison.is_file()
    gone = warehouse.forget(options.corpus, dump=options.dump)
    refresh_across(warehouse)
    if had_comparison and warehouse.known_corpora():
        CONSOLE.print(
            f"wrote {write_comparison_page(warehouse, comparison)} of the corpora that remain", soft_wrap=True
        )
    n_runs = forget_history(options.corpus, prepare_home(Settings.load()))
    CONSOLE.print(f"removed {n_runs} runs of it from the history of Dagster, with their previews")
    CONSOLE.print(f"forgot {gone.corpus_id}: {gone.parts} parts, {gone.bytes / 1e6:.1f} MB")
    for path in gone.remaining:
        CONSOLE.print(f"still on disk: {path}")
    return 0


def _summary(options: argparse.Namespace) -> int:
    from pipeline.report.summary import print_summary

    print_summary(options.corpus, Settings.load())
    return 0


def _report(options: argparse.Namespace) -> int:
    return _write_reports([options.corpus] if options.corpus else None)


def _write_reports(corpora: list[str] | None) -> int:
    from pipeline.report.html import write_reports

    for path in write_reports(Settings.load(), corpora):
        CONSOLE.print(f"wrote {path}", soft_wrap=True)
    return 0


def _inspect(options: argparse.Namespace) -> int:
    from pipeline.inspection import inspect_path
    from pipeline.inspection.draft import draft, maps_nothing, write_draft
    from pipeline.inspection.escape import shown
    from pipeline.inspection.report import report_lines

    target = Path(options.path)
    found = inspect_path(target)
    out = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    for line in report_lines(found):
        out.print(line)
    text = draft(found, found.folder.resolve().name)
    if text is None:
        out.print("\nno layout that has to be mapped: no corpus.toml was written")
        return 0
    path = write_draft(text, found.folder, Path(options.out) if options.out else None)
    to_do = (
        "no field was plain enough to map anything yet. Fill in the entries that say DECIDE and take their # away"
        if maps_nothing(text)
        else "read it"
    )
    out.print(f"\nwrote {shown(str(path))}: {to_do}, then make run CORPUS=<the folder under data/>")
    return 0


def _docs(options: argparse.Namespace) -> int:
    from pipeline.report.documents import stale_documents, write_documents

    docs = Settings.load().home / "docs"
    if not options.check:
        for path in write_documents(docs):
            CONSOLE.print(f"wrote {path.name}")
        return 0
    if stale := stale_documents(docs):
        CONSOLE.print(f"not current: {', '.join(stale)}; run `make docs`")
        return 1
    CONSOLE.print("the generated documents are current")
    return 0


def _lexicon(options: argparse.Namespace) -> int:
    from pipeline.lexicon.foreign import STATUSES
    from pipeline.lexicon.load import bare_card

    card, found = bare_card(Path(options.path))
    out = Console(highlight=False, markup=False, soft_wrap=True)
    out.print(f"{found.name}: {found.title}; {', '.join(f'{found.count(s)} {s}' for s in STATUSES)} lines")
    if found.encoding_note:
        out.print(found.encoding_note)
    for line in found.lines:
        if line.reason:
            out.print(f"line {line.number} {line.status}: {line.reason}")
    for category in card.categories:
        out.print(f"category {category.name}: {len(category.entries)} entries")
    return 0


def _validate(options: argparse.Namespace) -> int:
    import datetime

    from pipeline.validation.page import failures, validation_page
    from pipeline.validation.run import code_digest, run_missing
    from pipeline.validation.scenarios import load_design

    home, design = Settings.load().home, load_design()
    draws = run_missing(
        design, home / "validation", most_runs=options.runs, scenarios=options.scenario, processes=options.processes,
        progress=lambda words: CONSOLE.print(words, soft_wrap=True),
    )  # fmt: skip
    out = Path(options.out) if options.out else home / "docs" / "validation.md"
    today = datetime.datetime.now(datetime.UTC).date()
    out.write_text(validation_page(design, draws, today, code_digest()), encoding="utf-8")
    for words in failures(design, draws):
        CONSOLE.print(f"outside: {words}", soft_wrap=True)
    CONSOLE.print(f"wrote {out}")
    return 0


_VERBS = {
    "validate": _validate,
    "run": _run,
    "demo": _demo,
    "dev": _dev,
    "share": _share,
    "forget": _forget,
    "report": _report,
    "summary": _summary,
    "docs": _docs,
    "inspect": _inspect,
    "lexicon": _lexicon,
}
