"""Runs that the command line starts: their settings, their Dagster home, several corpora side by side.

What belongs here: what stands between a verb and `pipeline.headless`. What a verb says does not.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console

from pipeline.settings import Settings

CONSOLE = Console(stderr=True, highlight=False, markup=False)


def settings_of_a_run() -> Settings:
    """Return the settings, after the teacher that they name has been looked for.

    Raises
    ------
    ValueError
        When a setting does not hold what is expected, or the teacher is not where it says.
    """
    settings = Settings.load()
    if settings.teacher is not None:
        from pipeline.language.teacher import check_named

        check_named(settings.teacher, os.environ.get("ETHOGRAM_TEACHER", "").strip())
    return settings


def materialise(corpus_id: str) -> int:
    """Materialise all assets of one corpus in this process, recorded in the persistent Dagster home."""
    from pipeline.ingest.config import check_corpus_id, load_config
    from pipeline.ingest.formats import FORMATS

    settings = settings_of_a_run()
    check_corpus_id(corpus_id)
    folder = settings.data / corpus_id
    if not folder.is_dir():
        there = sorted(settings.data.iterdir()) if settings.data.is_dir() else []
        known = [path.name for path in there if path.is_dir()]
        loose = [path.name for path in there if path.is_file() and path.name.startswith(f"{corpus_id}.")]
        raise FileNotFoundError(
            f"there is no folder data/{corpus_id}; put the dump files there"
            + (f" (data/{loose[0]} is a file: make the folder and move it in)" if loose else "")
            + (f" (folders that exist: {', '.join(known)})" if known else "")
        )
    load_config(folder, corpus_id, tuple(FORMATS))  # an error in corpus.toml is told before Dagster starts
    prepare_home(settings)
    started = time.monotonic()
    from pipeline.headless import materialise_corpus

    is_good = materialise_corpus(corpus_id, CONSOLE)
    CONSOLE.print(f"{corpus_id}: {'done' if is_good else 'failed'} after {time.monotonic() - started:.1f} s")
    return 0 if is_good else 1


def materialise_side_by_side(corpora: Sequence[str]) -> int:
    """Materialise several corpora, one more at a time than there are cores, each in a process with its share of them.

    A run now and then waits: for the disk, or for what another one makes for both. Lines of progress begin with the
    corpus. Returns the first status that is not 0, else 0.
    """
    cores = os.cpu_count() or 1
    runs = min(len(corpora), cores + 1)
    if runs < 2 or cores < 2:
        return next((status for status in map(materialise, corpora) if status), 0)
    workers = ProcessPoolExecutor(runs, multiprocessing.get_context("spawn"), _take_share, (shares(runs),))
    with workers:
        statuses = list(workers.map(_materialise_named, corpora))
    return next((status for status in statuses if status), 0)


def _take_share(environment: Mapping[str, str]) -> None:
    os.environ.update(environment)


def _materialise_named(corpus_id: str) -> int:
    from pipeline.assets.console import name_lines

    name_lines(corpus_id)
    return materialise(corpus_id)


def shares(runs: int) -> dict[str, str]:
    """Return the threads and memory of each of several concurrent runs, unless the environment says otherwise."""
    threads = max(1, (os.cpu_count() or 1) // runs)
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    memory = max(1, int(total * 0.5 / runs / 1e9))
    return {
        "ETHOGRAM_THREADS": os.environ.get("ETHOGRAM_THREADS", str(threads)),
        "ETHOGRAM_MEMORY": os.environ.get("ETHOGRAM_MEMORY", f"{memory}GB"),
    }


def prepare_home(settings: Settings) -> Path:
    """Make the persistent Dagster home from the template, and tell Dagster of it."""
    home = Path(os.environ.get("DAGSTER_HOME") or settings.home / ".dagster_home").absolute()
    home.mkdir(parents=True, exist_ok=True)
    template = settings.home / "dagster.yaml"
    target = home / "dagster.yaml"
    if template.is_file() and (not target.exists() or target.read_bytes() != template.read_bytes()):
        shutil.copyfile(template, target)
    os.environ["DAGSTER_HOME"] = str(home)
    return home
