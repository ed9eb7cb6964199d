"""Looks at a file or a folder: which formats know which files, which layouts are left, and what their fields may be."""

from __future__ import annotations

import fnmatch
import re
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.inspection.columns import columns_of
from pipeline.inspection.guess import Looked, guess
from pipeline.inspection.places import Found, Place, alike, find_places, parsed_lists, quoted
from pipeline.inspection.roles import Columns, Guess, what_column
from pipeline.inspection.sample import SampledFile, listed, sample, sampled_paths

SAME = 0.6
FRAME = "the document that holds the records"
_SCALAR_LISTS = re.compile(r"follow|friend|mute|contact|subscri|reaction|liked|likes", re.IGNORECASE)
MOST_NAMED = 40
MOST_KINDS = 40


@dataclass(slots=True)
class Layout:
    """Files that are written alike: their container, their paths, and the places of records in them."""

    container: str
    table: str | None
    samples: list[SampledFile]
    keys: dict[str, set[str]]
    looked: list[Looked] = field(default_factory=list)
    globs: list[str] = field(default_factory=list)

    @property
    def paths(self) -> list[str]:
        """Paths of the files that were looked at."""
        return [file.path for file in self.samples]

    @property
    def header_row(self) -> int:
        """Line that names the columns."""
        return self.samples[0].header_row

    @property
    def encoding(self) -> str | None:
        """Encoding of some of the files, None when all are UTF-8."""
        return next((file.encoding for file in self.samples if file.encoding), None)

    @property
    def parsed(self) -> list[str]:
        """Columns whose texts hold an object."""
        return list(dict.fromkeys(name for file in self.samples for name in file.parsed))


@dataclass(slots=True)
class Findings:
    """What was seen: files of known formats, layouts that none knows, and files that are no dumps."""

    folder: Path
    n_files: int
    n_more: int
    known: dict[str, list[str]]
    layouts: list[Layout]
    others: list[SampledFile]


def inspect_path(target: Path) -> Findings:
    """Look at a file, or at a sample of the files of a folder.

    Raises
    ------
    FileNotFoundError
        When there is neither a file nor a folder.
    """
    if not target.exists():
        raise FileNotFoundError(
            f"there is no file or folder {target}; give the path of the dump: make inspect PATH=data/x"
        )
    folder, paths, more = listed(target)
    found = Findings(folder, len(paths), more, {}, [], [])
    layouts: list[Layout] = []
    for path in sampled_paths(paths):
        for file in sample(folder, path):
            if file.known is not None:
                if path not in found.known.setdefault(file.known, []):
                    found.known[file.known].append(path)
            elif not file.documents:
                found.others.append(file)
            else:
                _place(layouts, file)
    for layout in layouts:
        _look(layout)
    _settle_authors([looked for layout in layouts for looked in layout.looked])
    found.layouts = [layout for layout in layouts if layout.looked]
    taken = [path for names in found.known.values() for path in names] + [file.path for file in found.others]
    for layout in found.layouts:
        foreign = [p for other in found.layouts if other is not layout for p in other.paths] + taken
        layout.globs = globs_for(layout.paths, paths, set(foreign) - set(layout.paths))
    return found


def _place(layouts: list[Layout], file: SampledFile) -> None:
    """Put a file to the layout that is like it, or to a new one; only what tells layouts apart is kept of it."""
    places = find_places(file.documents)
    keys = {place.path: place.keys() for place in places} or {"": set()}
    for layout in layouts:
        if (layout.container, layout.table, layout.header_row) != (file.container, file.table, file.header_row):
            continue
        shared = set(keys) & set(layout.keys)
        if shared and all(alike(keys[path], layout.keys[path]) >= SAME for path in shared):
            layout.samples.append(file)
            for path, names in keys.items():
                layout.keys[path] = layout.keys.get(path, set()) | names
            return
    layouts.append(Layout(file.container, file.table, [file], keys))


def _look(layout: Layout) -> None:
    """Find the places of a layout and guess what stands there; outer places come before what stands inside of them."""
    documents = [document for file in layout.samples for document in file.documents]
    places = find_places(documents)
    places = [part for place in places for part in _by_kind(place, layout)]
    places += _scalar_places(places, layout)
    hint = (layout.table or layout.samples[0].path).lower()
    places.sort(key=lambda place: (place.path.count("."), place.path))
    for _ in range(2):  # once more, since what one place points to may stand in a later one
        before, layout.looked = layout.looked, []
        for place in places:
            layout.looked.append(_looked(place, places, hint, layout.looked, before))


def _looked(place: Place, places: list[Place], hint: str, seen: list[Looked], before: list[Looked]) -> Looked:
    """Guess what stands at a place; `before` is what was guessed of all places the last time."""
    outer = max(
        (other for other in seen if _holds(other.place.path, place.path)),
        key=lambda other: (other.guess.kind in ("post", "comment", "agent"), len(other.place.path)),
        default=None,
    )
    columns = columns_of(place.records)
    if place.where is not None:
        hint = f"{hint} {' '.join(place.where[1]).lower()}"
    elif place.path == "" and len(place.records) == 1 and len(places) > 1:
        return Looked(place, columns, Guess(None, FRAME))
    others = [other for other in before if other.place is not place and other.guess.kind in ("post", "comment")]
    known = set().union(*(other.ids() for other in others)) if others else set()
    return Looked(place, columns, guess(place, columns, hint, outer, known))


def _settle_authors(looked: list[Looked]) -> None:
    """Take a name for an id where its values are the ids of accounts, whichever file describes those."""
    agents = [seen for seen in looked if seen.guess.kind == "agent"]
    ids: set[str] = set()
    names: set[str] = set()
    for seen in agents:
        columns = {column.path: set(column.values) for column in seen.columns}
        for name, held in (("id", ids), ("name", names)):
            if found := seen.guess.role(name):
                held |= columns.get(found.paths[0], set())
    for seen in looked:
        columns = {column.path: set(column.values) for column in seen.columns}
        for role in seen.guess.roles:
            values = columns.get(role.paths[0], set())
            if not values or role.name.rpartition("_")[0] not in ("author", "source", "target", "agent"):
                continue
            start, _, end = role.name.rpartition("_")
            other = {"id": "name", "name": "id"}.get(end, "")
            mine, theirs = (ids, names) if end == "id" else (names, ids)
            if other and len(values & theirs) > len(values & mine) and seen.guess.role(f"{start}_{other}") is None:
                role.name = f"{start}_{other}"
                role.reason += f"; its values are {other}s of accounts"


def _by_kind(place: Place, layout: Layout) -> list[Place]:
    """Return the rows of a log by what happened: rows whose object holds the same members stay together."""
    if place.path or not layout.parsed:
        return [place]
    place.opened = tuple(layout.parsed)
    what = what_column(Columns([column for column in columns_of(place.records) if "." not in column.path]))
    if what is None or not 1 < what.n_distinct <= MOST_KINDS or what.fill < 1:
        return [place]
    members: dict[str, set[str]] = {}
    for found in place.records:
        for name in layout.parsed:
            if isinstance(held := found.value.get(name), dict):
                members.setdefault(str(found.value[what.path]), set()).update(held)
    groups: dict[frozenset[str], list[str]] = {}
    for value, names in members.items():
        groups.setdefault(frozenset(names), []).append(value)
    if len(groups) < 2 or len(members) < what.n_distinct:
        return [place]
    return [
        Place(
            "",
            [found for found in place.records if str(found.value[what.path]) in values],
            where=(what.path, tuple(values)),
            opened=place.opened,
        )
        for values in groups.values()
    ]


def _holds(outer: str, inner: str) -> bool:
    """Return whether a path goes on from another."""
    return inner != outer and (not outer or inner.startswith((f"{outer}.", f"{outer}[")))


def _scalar_places(places: list[Place], layout: Layout) -> list[Place]:
    """Return the lists of names in records that look like ties, and the lists that columns of tables hold as text."""
    found: dict[str, Place] = {}
    for place in places:
        for record in place.records:
            if not isinstance(record.value, dict) or record.nesting:
                continue
            for name, items in record.value.items():
                if '"' in name or not isinstance(items, list) or not _SCALAR_LISTS.search(f"{place.path}.{name}"):
                    continue
                path = f"{place.path}.{quoted(name)}[*]" if place.path else f"{quoted(name)}[*]"
                outer = {**record.value, "@key": record.key} if record.key is not None else record.value
                made = [Found(item, None, n, (outer, *record.around)) for n, item in enumerate(items, start=1)
                        if isinstance(item, str | int)]  # fmt: skip
                found.setdefault(path, Place(path)).records.extend(made)
    if layout.container in ("csv", "tsv", "csv_semicolon", "parquet", "sqlite"):
        rows = [row for file in layout.samples for row in file.documents]
        for name, parsed in parsed_lists(rows).items():
            if '"' in name:
                continue
            path = f"{quoted(name)}[*]"
            for row, items in parsed:
                found.setdefault(path, Place(path)).records.extend(
                    Found(item, None, n, (row,)) for n, item in enumerate(items, start=1)
                    if isinstance(item, dict) or (_SCALAR_LISTS.search(name) and isinstance(item, str | int))
                )  # fmt: skip
    return [place for place in found.values() if place.records]


def globs_for(paths: list[str], everything: list[str], foreign: set[str]) -> list[str]:
    """Return patterns that mean the files of a layout and none of the others.

    Parameters
    ----------
    paths
        Files of the layout.
    everything
        All files of the folder.
    foreign
        Files that are known to be of another layout or format.
    """
    if len(paths) == 1 and len(everything) == 1:
        return [_escaped(paths[0])]
    suffixes = sorted({Path(path).suffix for path in paths})
    start = _common_folder(paths)
    stem = _common_start([path[len(start) :] for path in paths]) if len(paths) > 1 else ""
    deep = min(path.count("/") for path in paths) - start.count("/")
    for pattern in (f"{_escaped(start)}*", f"{_escaped(start)}{'*/' * deep}*", f"{_escaped(start + stem)}*"):
        globs = [f"{pattern}{suffix}" for suffix in suffixes]
        if not any(fnmatch.fnmatchcase(path, glob) for glob in globs for path in foreign):
            return globs
    by_name = sorted({f"*{re.sub(r'[0-9]', '[0-9]', _escaped(path.rpartition('/')[2]))}" for path in paths})
    if len(by_name) < len(paths) and not any(fnmatch.fnmatchcase(p, glob) for glob in by_name for p in foreign):
        return by_name
    return [_escaped(path) for path in paths[:MOST_NAMED]]


def _common_folder(paths: list[str]) -> str:
    start = _common_start(paths)
    return start[: start.rfind("/") + 1]


def _common_start(paths: list[str]) -> str:
    first, last = min(paths), max(paths)
    n = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return re.sub(r"\d+$", "", first[:n])


def _escaped(path: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", path)
