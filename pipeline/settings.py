"""Where things live and the knobs: read once from the environment (``ETHOGRAM_*``), passed to whoever needs them.

What belongs here: `Settings` and nothing that acts. Pure functions take the single number they need, not this.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.language.rungs import RUNGS

MOST_THREADS = 8  # more gain nothing at the sizes of a laptop, and each holds its own share of memory

NO_TEACHER = "none"

PRIVACY = ("pseudonymise", "keep")
"""What may become of personal data in files that are passed on; the first is the default."""

_MEMORY = re.compile(r"(?P<amount>\d+(\.\d+)?)\s*(?P<unit>[KMGT]i?B)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Folders, limits and seeds of one project.

    Parameters
    ----------
    home
        The project; the other folders are below it unless the environment says otherwise.
    data, warehouse, lexicons
        The user's dumps, the store, and the lexicon cards.
    threads, memory_limit
        Limits for each DuckDB connection; `memory_limit` is written as DuckDB writes it, such as ``3GB``.
    seed
        Seed of everything that draws at random.
    ci_level
        Level of intervals.
    bootstrap_draws, permutation_draws
        Numbers of draws.
    null_draws
        Networks drawn for the nulls of structure, from ``ETHOGRAM_NULL_DRAWS``; three tenths of them for what
        lists triangles, a fifth for communities and distances.
    native_max_rows
        Tables with more rows are views over files in the catalogue, not native tables.
    teacher
        Folder of the embedding teacher; ``None`` takes the installed package or the hub.
    kept
        How much of what ingestion staged of large files is kept for the next one, of all corpora together.
    has_teacher
        False, from ``ETHOGRAM_TEACHER=none``, leaves embeddings out.
    teacher_texts
        Texts per corpus that the teacher reads, chosen by hash; all of them when there are no more.
    rung
        Model that reads every text: ``static``, ``light`` or ``full`` (`pipeline.language.rungs`).
    own_lexicons
        Folder of the user's own cards and word lists, from ``ETHOGRAM_LEXICONS``; None when there is none.
    classifiers
        ``module:function`` that returns classifiers of conflict and emotion; empty takes the lexicon rules.
    topics
        Topics of each corpus; 0 leaves the number to the rule of `pipeline.language.topic_clusters`.
    """

    home: Path
    data: Path
    warehouse: Path
    lexicons: Path
    threads: int = 2
    memory_limit: str = "3GB"
    seed: int = 20260127
    ci_level: float = 0.95
    bootstrap_draws: int = 1000
    permutation_draws: int = 1000
    null_draws: int = 100
    native_max_rows: int = 20_000_000
    kept: str = "20GB"
    teacher: Path | None = None
    has_teacher: bool = True
    teacher_texts: int = 1500
    rung: str = RUNGS[0]
    own_lexicons: Path | None = None
    classifiers: str = ""
    topics: int = 0

    @property
    def memory_bytes(self) -> int:
        """The memory limit as a number of bytes."""
        return _bytes(self.memory_limit, "the memory limit")

    @property
    def kept_bytes(self) -> int:
        """The limit of what is kept as a number of bytes."""
        return _bytes(self.kept, "the limit of what is kept")

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Return the settings of this environment.

        Parameters
        ----------
        environ
            Environment variables; ``os.environ`` when omitted.

        Raises
        ------
        ValueError
            When a variable does not hold what is expected; the sentence names the variable.
        """
        env = os.environ if environ is None else environ
        home = _folder(env, "ETHOGRAM_HOME", Path(__file__).resolve().parent.parent)
        teacher = env.get("ETHOGRAM_TEACHER", "").strip()
        return cls(
            home=home,
            data=_folder(env, "ETHOGRAM_DATA", home / "data"),
            warehouse=_folder(env, "ETHOGRAM_WAREHOUSE", home / "warehouse"),
            lexicons=home / "lexicons",
            threads=_integer(env, "ETHOGRAM_THREADS", min(os.cpu_count() or 1, MOST_THREADS), least=1),
            memory_limit=_memory(env, "ETHOGRAM_MEMORY", "3GB"),
            seed=_integer(env, "ETHOGRAM_SEED", 20260127, least=0),
            native_max_rows=_integer(env, "ETHOGRAM_NATIVE_MAX_ROWS", 20_000_000, least=0),
            bootstrap_draws=_integer(env, "ETHOGRAM_BOOTSTRAP_DRAWS", 1000, least=10),
            permutation_draws=_integer(env, "ETHOGRAM_PERMUTATION_DRAWS", 1000, least=19),
            null_draws=_integer(env, "ETHOGRAM_NULL_DRAWS", 100, least=10),
            kept=_memory(env, "ETHOGRAM_KEPT", "20GB"),
            teacher=_folder(env, "ETHOGRAM_TEACHER", home) if teacher not in ("", NO_TEACHER) else None,
            has_teacher=teacher != NO_TEACHER,
            teacher_texts=_integer(env, "ETHOGRAM_TEACHER_TEXTS", 1500, least=0),
            rung=_rung(env),
            own_lexicons=_folder(env, "ETHOGRAM_LEXICONS", home) if env.get("ETHOGRAM_LEXICONS", "").strip() else None,
            classifiers=env.get("ETHOGRAM_CLASSIFIERS", "").strip(),
            topics=_topics(env),
        )


def _bytes(text: str, what: str) -> int:
    match = _MEMORY.match(text)
    if match is None:
        raise ValueError(f"{what} is {text!r}: expected an amount such as 3GB")
    base, power = (1024 if "i" in match["unit"].lower() else 1000), "KMGT".index(match["unit"][0].upper()) + 1
    return int(float(match["amount"]) * base**power)


def _folder(env: Mapping[str, str], name: str, default: Path) -> Path:
    """Return an absolute folder; it need not exist yet."""
    text = env.get(name, "").strip()
    if not text:
        return default.absolute()
    path = Path(text).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise ValueError(f"{name} is {text!r}: expected a folder, found a file")
    return path


def _integer(env: Mapping[str, str], name: str, default: int, *, least: int) -> int:
    text = env.get(name, "").strip()
    if not text:
        return default
    try:
        value = int(text.replace("_", ""))
    except ValueError:
        value = least - 1
    if value < least:
        raise ValueError(f"{name} is {text!r}: expected a whole number of at least {least}")
    return value


def _rung(env: Mapping[str, str]) -> str:
    rung = env.get("ETHOGRAM_RUNG", "").strip() or RUNGS[0]
    if rung not in RUNGS:
        raise ValueError(f"ETHOGRAM_RUNG is {rung!r}: expected one of {', '.join(RUNGS)}")
    return rung


def _topics(env: Mapping[str, str]) -> int:
    number = _integer(env, "ETHOGRAM_TOPICS", 0, least=0)
    if number == 1:
        raise ValueError("ETHOGRAM_TOPICS is '1': expected at least 2 topics, or 0 to leave the number to the rule")
    return number


def _memory(env: Mapping[str, str], name: str, default: str) -> str:
    text = env.get(name, "").strip()
    if not text:
        return default
    if not _MEMORY.match(text):
        raise ValueError(f"{name} is {text!r}: expected an amount with its unit, such as 3GB or 512MB")
    return text
