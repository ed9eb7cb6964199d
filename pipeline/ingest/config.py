"""`corpus.toml`: what a user may say about a corpus, validated strictly so that a typing error is never silent."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from pipeline.ingest.erase_list import EraseList, load_erase_list
from pipeline.ingest.expectations import KEYS as EXPECTATION_KEYS
from pipeline.ingest.expectations import ExpectationError, Expectations, take_expectations
from pipeline.ingest.formats.mapped_rules import RecordRule
from pipeline.ingest.formats.ysocial_sql import FOLLOW_DIRECTIONS
from pipeline.ingest.mapped_config import read_rules
from pipeline.settings import PRIVACY

CORPUS_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
KINDS = ("platform", "simulation", "human")
MAPPED = "mapped"
KEYS = (
    *("title", "kind", "format", "licence", "clock", "exclude"),
    *EXPECTATION_KEYS,
    *("slices", "teacher_texts", "follow_direction", "records", "privacy"),
)
SLICE_KEYS = ("slice_id", "title", "filter", "start", "end")
SLICE_FILTERS = ("none", "without_duplicates", "without_token_mint")
LANGUAGE_FILTER = re.compile(r"language:[a-z]{2,3}\Z")
BUILT_IN_SLICES = (
    ("all", "The whole corpus", "none"),
    ("without_duplicates", "The first message of every distinct text", "without_duplicates"),
    ("without_token_mint", "Without posts of token-mint protocols", "without_token_mint"),
)

_DATE = re.compile(r"([\w-]+)[\"']?\s*=\s*(\d{4}-\d\d-\d\d)")


class CorpusConfigError(ValueError):
    """A `corpus.toml` that cannot be used; the message names the file, the key and what was expected."""


@dataclass(frozen=True, slots=True)
class Slice:
    """A named subset of a corpus: a filter, a time window, or both."""

    slice_id: str
    title: str
    filter: str = "none"
    start_at: datetime | None = None
    end_at: datetime | None = None
    origin: str = "built-in"


@dataclass(frozen=True, slots=True)
class CorpusConfig:
    """Everything `corpus.toml` can say, with the defaults of a folder that has none, and the list of the erased."""

    corpus_id: str
    title: str
    kind: str = "platform"
    formats: tuple[str, ...] = ()
    licence: str | None = None
    clock: str = "time"
    exclude: tuple[str, ...] = ()
    expectations: Expectations = field(default_factory=Expectations)
    slices: tuple[Slice, ...] = ()
    teacher_texts: int | None = None
    follow_direction: str | None = None
    records: tuple[RecordRule, ...] = ()
    privacy: str = "pseudonymise"
    erase: EraseList = field(default_factory=EraseList)

    def all_slices(self) -> tuple[Slice, ...]:
        """Return the built-in slices and those of the file, in that order."""
        return (*(Slice(i, t, f) for i, t, f in BUILT_IN_SLICES), *self.slices)


def check_corpus_id(corpus_id: str) -> str:
    """Return the id when it can name a corpus.

    Raises
    ------
    CorpusConfigError
        When the id holds anything but lower-case letters, digits and hyphens, or is longer than 63 characters.
    """
    if not CORPUS_ID.match(corpus_id):
        raise CorpusConfigError(
            f"corpus id {corpus_id!r}: expected lower-case letters, digits and hyphens (at most 63, starting with a "
            "letter or a digit); rename the folder under data/"
        )
    return corpus_id


def load_config(folder: Path, corpus_id: str, known_formats: tuple[str, ...] = ()) -> CorpusConfig:
    """Read `corpus.toml` in `folder`, or return the defaults when there is none.

    Parameters
    ----------
    folder
        Folder of the corpus.
    corpus_id
        Its id.
    known_formats
        Names that ``format`` may take; empty to accept any.

    Raises
    ------
    CorpusConfigError, EraseListError
        With the file, the key and what was expected.
    """
    check_corpus_id(corpus_id)
    path = folder / "corpus.toml"
    erase = load_erase_list(folder.parent)
    if not path.exists():
        return CorpusConfig(corpus_id=corpus_id, title=corpus_id, erase=erase)
    reader = _Reader(path.name, corpus_id, _parsed(path, corpus_id), path.read_text(encoding="utf-8"))
    return replace(reader.config(known_formats), erase=erase)


def _parsed(path: Path, corpus_id: str) -> dict[str, Any]:
    where = f"{path.name} of corpus {corpus_id}"
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        day = _impossible_day(path) if "Invalid date" in str(error) else None
        raise CorpusConfigError(f"{where} is not valid TOML: {day or error}; correct the file") from error
    except ValueError as error:  # what tomllib does not catch itself has neither key nor line
        why = _impossible_day(path) or f"a value cannot be read ({error})"
        raise CorpusConfigError(f"{where}: {why}; correct the file") from error


def _impossible_day(path: Path) -> str | None:
    """Return which key of a TOML file holds a day that no calendar has, None when there is none."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for key, day in _DATE.findall(line.partition("#")[0]):
            try:
                date.fromisoformat(day)
            except ValueError:
                return f"line {number}: key {key!r}: expected a day of the calendar, found {day}"
    return None


class _Reader:
    """Takes the keys out of the parsed file one by one; what is left over is an error."""

    def __init__(self, name: str, corpus_id: str, raw: dict[str, Any], written: str = "") -> None:
        self.where = f"{name} of corpus {corpus_id}"
        self.corpus_id = corpus_id
        self.raw = dict(raw)
        self.written = written

    def fail(self, key: str, expected: str, place: str = "") -> CorpusConfigError:
        return CorpusConfigError(f"{self.where}: key {key!r}{place and f', {place}'}: expected {expected}")

    def text(self, key: str, default: str | None, allowed: tuple[str, ...] = ()) -> str | None:
        value = self.raw.pop(key, default)
        if value is not None and not isinstance(value, str):
            raise self.fail(key, "a string")
        if allowed and value is not None and value not in allowed:
            raise self.fail(key, "one of " + ", ".join(allowed))
        return value

    def texts(self, key: str, allowed: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = self.raw.pop(key, [])
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list) or any(not isinstance(v, str) for v in values):
            raise self.fail(key, "a string or a list of strings")
        if allowed and (unknown := [v for v in values if v not in allowed]):
            raise self.fail(key, f"one of {', '.join(allowed)}; found {', '.join(unknown)}")
        return tuple(values)

    def config(self, known_formats: tuple[str, ...]) -> CorpusConfig:
        title = self.text("title", self.corpus_id) or self.corpus_id
        kind = self.text("kind", "platform", KINDS) or "platform"
        formats = self.texts("format", known_formats)
        licence = self.text("licence", None)
        clock = self.text("clock", "time", ("time", "step")) or "time"
        exclude = self.texts("exclude")
        expectations = self._expectations()
        slices = self._slices()
        teacher_texts = self._teacher_texts()
        follows = self.text("follow_direction", None, FOLLOW_DIRECTIONS)
        records = self._records(formats)
        privacy = self.text("privacy", PRIVACY[0], PRIVACY) or PRIVACY[0]
        if self.raw:
            known = ", ".join(KEYS)
            raise CorpusConfigError(f"{self.where}: unknown key {', '.join(sorted(self.raw))}; the keys are {known}")
        return CorpusConfig(
            corpus_id=self.corpus_id,
            title=title,
            kind=kind,
            formats=formats,
            licence=licence,
            clock=clock,
            exclude=exclude,
            expectations=expectations,
            slices=slices,
            teacher_texts=teacher_texts,
            follow_direction=follows,
            records=records,
            privacy=privacy,
        )

    def _records(self, formats: tuple[str, ...]) -> tuple[RecordRule, ...]:
        rules = read_rules(self.raw.pop("records", []), self.written, self.fail)
        if rules and formats and MAPPED not in formats:
            raise self.fail("format", f"{MAPPED} among the formats, or no format, since there are [[records]]")
        if MAPPED in formats and not rules:
            raise self.fail("format", f"[[records]] tables with format = {MAPPED}; see docs/unknown-layouts.md")
        return rules

    def _teacher_texts(self) -> int | None:
        value = self.raw.pop("teacher_texts", None)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            raise self.fail("teacher_texts", "a number of texts that is not negative")
        return value

    def _expectations(self) -> Expectations:
        try:
            return take_expectations(self.raw)
        except ExpectationError as error:
            raise self.fail(error.key, error.expected) from error

    def _slices(self) -> tuple[Slice, ...]:
        value = self.raw.pop("slices", [])
        if not isinstance(value, list):
            raise self.fail("slices", "[[slices]] tables with slice_id, title, filter, start, end")
        found: list[Slice] = []
        for number, entry in enumerate(value, start=1):
            taken = {slice_id for slice_id, _, _ in BUILT_IN_SLICES} | {known.slice_id for known in found}
            found.append(self._slice(entry, number, taken))
        return tuple(found)

    def _slice(self, entry: object, number: int, taken: set[str]) -> Slice:
        given: dict[str, Any] = entry if isinstance(entry, dict) else {}
        slice_id = given.get("slice_id")
        if not isinstance(slice_id, str) or not re.fullmatch(r"[a-z0-9][a-z0-9_]{0,62}", slice_id):
            raise self.fail(
                "slices", "slice_id of lower-case letters, digits and underscores", f"slice number {number}"
            )
        place = f"slice {slice_id}"
        if slice_id in taken:
            raise self.fail("slices", f"slice ids that differ; {slice_id} is taken", place)
        if unknown := set(given) - set(SLICE_KEYS):
            raise self.fail("slices", f"{', '.join(SLICE_KEYS)}; found {', '.join(sorted(unknown))}", place)
        chosen = given.get("filter", "none")
        if chosen not in SLICE_FILTERS and not (isinstance(chosen, str) and LANGUAGE_FILTER.match(chosen)):
            listed = ", ".join(SLICE_FILTERS)
            raise self.fail("slices", f"filter to be one of {listed}, or a language such as language:en", place)
        start, end = self._instant(place, given.get("start")), self._instant(place, given.get("end"))
        if start is not None and end is not None and start >= end:
            raise self.fail("slices", "a start before the end", place)
        return Slice(slice_id, str(given.get("title", slice_id)), chosen, start, end, "corpus.toml")

    def _instant(self, place: str, value: object) -> datetime | None:
        if value is None:
            return None
        if isinstance(value, datetime):
            return value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        if isinstance(value, date):
            return datetime(value.year, value.month, value.day)
        raise self.fail("slices", "start and end as TOML dates or date-times, without quotes", place)
