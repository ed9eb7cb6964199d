"""Kill materialisations of a demo corpus with SIGKILL at seeded random instants, and look at what is left.

A script of its own: it forks, which a process that has used DuckDB or polars must not do. All work, looking at the
catalogue included, happens in children; the parent only watches folder entries. Prints JSON.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import powerlaw  # noqa: F401 - with the next one, imported here so that not every fork imports them
import statsmodels.api  # noqa: F401
from whole_runs import leftovers, look_at, materialise, project, project_environment, stored, write_corpus

from pipeline.steps import STEPS
from pipeline.warehouse import Warehouse

CORPUS = "crash"
EARLIER_POSTS, POSTS = 30, 50
POLL_SECONDS = 0.001
FEW = (  # a short run that still has every kind of step: ingestion, features, project tables, a family of measures
    "corpus/ingestion",
    "feature/text",
    "feature/lexicon_score",
    "feature/reply_class",
    "analysis/published",
    "analysis/measure/text",
)
KINDS = ("part", "catalogue", "manifest")  # temporaries worth waiting for; scratch folders are there all the time


def kind_of(path: str) -> str:
    """Return what a temporary file or folder was going to be."""
    name = path.rsplit("/", 1)[-1]
    if name.startswith(".ethogram.duckdb-") or name.endswith(".wal"):
        return "catalogue"
    if path.startswith((".spill/", ".steps/")):
        return "scratch"
    return "manifest" if name.endswith(".json") else "part"


def in_child(work: Callable[[], Any]) -> Any:
    """Run `work` in a fork and return its result, which must be JSON."""
    readable, writable = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(readable)
        try:
            with os.fdopen(writable, "w") as pipe:
                json.dump(work(), pipe)
        except BaseException as error:
            print(repr(error), file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        text = pipe.read()
    if os.waitpid(pid, 0)[1] != 0:
        raise SystemExit("a run or a look at the catalogue failed")
    return json.loads(text)


class Killer:
    """Starts materialisations of the project below `home` and kills them."""

    def __init__(self, home: Path, *, is_real: bool) -> None:
        self.home, self.is_real = home, is_real
        self.settings = project(home)
        self.warehouse = home / "warehouse"

    def start(self) -> int:
        """Start a materialisation and return its process id; it leads a group of its own."""
        if self.is_real:
            command = [sys.executable, "-m", "pipeline", "run", CORPUS]
            environment = {**os.environ, **project_environment(self.home)}
            quiet = subprocess.DEVNULL
            child = subprocess.Popen(command, env=environment, stdout=quiet, stderr=quiet, start_new_session=True)
            return child.pid
        pid = os.fork()
        if pid == 0:
            os.setsid()
            try:
                materialise(self.settings, CORPUS)
            except BaseException as error:
                print(repr(error), file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        return pid

    def has(self, kind: str) -> bool:
        """Tell whether a temporary of a kind is there now; the parent holds no lock that a child could see."""
        if kind == "catalogue":
            return any(self.warehouse.glob(".ethogram.duckdb-*"))
        return any(kind_of(path) == kind for path in leftovers(self.warehouse))

    def kill(self, delay: float, kind: str | None) -> dict[str, Any]:
        """Start a run, kill it after `delay` seconds, or as soon after as a temporary of `kind` is there."""
        started = time.monotonic()
        pid = self.start()
        time.sleep(delay)
        while kind is not None and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if self.warehouse.is_dir() and self.has(kind):
                break
            time.sleep(POLL_SECONDS)
        instant = time.monotonic() - started
        os.killpg(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        found = leftovers(self.warehouse) if self.warehouse.is_dir() else []
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
            raise SystemExit("a run failed before it was killed")
        return {
            "drawn": round(delay, 3),
            "instant": round(instant, 3),
            "awaited": kind,
            "was_killed": os.WIFSIGNALED(status),
            "temporaries": sorted({kind_of(path) for path in found}),
        }


def show(home: Path) -> list[list[Any]] | None:
    """Return what the catalogue shows, None when there is none; raises when it cannot be read or is not whole."""
    path = home / "warehouse" / "ethogram.duckdb"
    return in_child(lambda: look_at(path)) if path.exists() else None


def prepare(home: Path) -> dict[str, Any]:
    """Make the earlier state with its published catalogue, and the undisturbed later one; return what they are."""
    settings = project(home)
    in_child(lambda: write_corpus(settings.data / CORPUS, EARLIER_POSTS))
    in_child(lambda: materialise(settings, CORPUS) and None)
    earlier = show(home)
    (home / "warehouse").rename(home / "earlier")
    shutil.rmtree(settings.data / CORPUS)
    in_child(lambda: write_corpus(settings.data / CORPUS, POSTS))
    started = time.monotonic()
    in_child(lambda: materialise(settings, CORPUS) and None)
    seconds = time.monotonic() - started
    later = show(home)
    if earlier == later or in_child(lambda: stored(settings)) != later:
        raise SystemExit("the two states do not differ, or the catalogue is not what the manifests say")
    shutil.rmtree(home / "warehouse")
    return {"earlier": earlier, "later": later, "seconds": seconds}


def attempt(
    home: Path, states: dict[str, Any], killer: Killer, plan: list[tuple[float, str | None]], *, is_fresh: bool
) -> list[dict[str, Any]]:
    """Kill runs one after another on top of each other's remains, looking after each; then repair by a re-run."""
    shutil.rmtree(home / "warehouse", ignore_errors=True)
    if not is_fresh:
        shutil.copytree(home / "earlier", home / "warehouse")
    allowed = [None if is_fresh else states["earlier"], states["later"]]
    rows = []
    for delay, kind in plan:
        row = killer.kill(delay, kind)
        shown = show(home)
        if shown not in allowed:
            raise SystemExit(f"the catalogue shows neither the earlier nor the later state: {row}, {shown}")
        row["shows"] = "nothing" if shown is None else "later" if shown == states["later"] else "earlier"
        rows.append({**row, "is_fresh": is_fresh, "is_real": killer.is_real})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    settings = killer.settings
    in_child(lambda: materialise(settings, CORPUS) and None)
    if show(home) != states["later"] or in_child(lambda: stored(settings)) != states["later"]:
        raise SystemExit(f"the re-run did not give the undisturbed tables: {rows}")
    in_child(lambda: Warehouse(settings).gc() and None)
    if found := leftovers(home / "warehouse"):
        raise SystemExit(f"left over after the re-run: {found}")
    return rows


def main(home: Path, seed: int, kills: int, kills_per_repair: int, real_kills: int) -> None:
    """Kill, look, repair, compare; the last forked run, and the first of the real runs, begin with no warehouse.

    Without kills of the real command, the runs have only a few steps, to be quick.
    """
    rng = np.random.default_rng(seed)
    if not real_kills:
        for key in [key for key in STEPS if key not in FEW]:
            del STEPS[key]
    states = prepare(home)
    rows: list[dict[str, Any]] = []
    killer = Killer(home, is_real=False)
    share = states["seconds"] / kills_per_repair  # each run in a chain begins where the one before was killed
    while len(rows) < kills - 1:
        numbers = range(len(rows), min(len(rows) + kills_per_repair, kills - 1))
        awaited = [KINDS[number // 2 % len(KINDS)] if number % 2 else None for number in numbers]
        plan = [(float(rng.uniform(0.01, share)), kind) for kind in awaited]
        rows += attempt(home, states, killer, plan, is_fresh=False)
    rows += attempt(home, states, killer, [(float(rng.uniform(0.01, states["seconds"])), None)], is_fresh=True)
    if real_kills:
        killer = Killer(home, is_real=True)
        for number in range(real_kills):
            delay = float(rng.uniform(2.0, 4.0 + 2.0 * states["seconds"]))
            rows += attempt(home, states, killer, [(delay, None)], is_fresh=number == 0)
    print(json.dumps({"seconds": round(states["seconds"], 2), "rows": rows}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(int(argument) for argument in sys.argv[2:]))
