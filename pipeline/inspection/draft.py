"""Writes what was guessed as a `corpus.toml`: an entry for each place whose roles are clear, comments for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pipeline.inspection.columns import Column
from pipeline.inspection.escape import shown, toml_text
from pipeline.inspection.field_names import COMMUNITY
from pipeline.inspection.guess import Looked
from pipeline.inspection.look import Findings, Layout
from pipeline.inspection.roles import Columns, Role, Sort, id_role, time_role

_TOLD = ("json", "jsonl", "csv", "tsv", "parquet", "sqlite")
_SPREAD = ("post", "comment")
_MOST_LEFT = 12


def draft(found: Findings, title: str) -> str | None:
    """Return the text of a first `corpus.toml`, None when there is no layout to map."""
    if not found.layouts:
        return None
    lines = [
        "# First draft by `make inspect`, from a sample of the files. Read it, change what is wrong, then `make run`.",
        "# Lines that say DECIDE need you. How to write a mapping: docs/unknown-layouts.md",
        f"title = {toml_text(title)}",
    ]
    if found.known and any(looked.guess.kind for layout in found.layouts for looked in layout.looked):
        names = ", ".join(toml_text(name) for name in ("mapped", *sorted(found.known)))
        lines += ["", "# Some files are of a format that is known; both are read.", f"format = [{names}]"]
    for layout in found.layouts:
        for looked in layout.looked:
            lines += ["", *_entry(layout, looked)] if looked.guess.kind else _unclear(layout, looked)
    return "\n".join(lines) + "\n"


def maps_nothing(text: str) -> bool:
    """Return whether a draft has no entry yet that is not a comment."""
    return not any(line.startswith("[[records]]") for line in text.splitlines())


def write_draft(text: str, folder: Path, out: Path | None) -> Path:
    """Write the draft beside the files, or to `out`; never over a file that is there.

    Returns
    -------
    pathlib.Path
        Where it was written.
    """
    wanted = out if out is not None else folder / "corpus.toml"
    target, number = wanted, 2
    while True:
        try:
            with target.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except FileExistsError:
            target = wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}")
            number += 1
        else:
            return target


def _entry(layout: Layout, looked: Looked) -> Iterator[str]:
    """Yield the lines of an entry."""
    guess = looked.guess
    yield f"# {len(looked.place.records)} records in the sample: {_comment(guess.reason)}"
    for remark in guess.remarks:
        yield f"# {_comment(remark)}"
    yield "[[records]]"
    yield f"files = {_list(layout.globs)}"
    if layout.container not in _TOLD or not _is_told(layout):
        yield f"container = {toml_text(layout.container)}"
    if layout.table is not None:
        yield f"table = {toml_text(layout.table)}"
    yield from _form(layout)
    if looked.place.path:
        yield f"path = {toml_text(looked.place.path)}"
    yield from _where(looked)
    if guess.kinds:
        yield "kinds = ["
        yield from (f"  {_sort(sort)}," for sort in guess.kinds)
        yield "]"
    yield f"kind = {toml_text(guess.kind or '')}"
    if looked.place.replies and guess.kind in _SPREAD:
        yield f"replies = {toml_text(looked.place.replies)}"
    yield "[records.fields]"
    for role in guess.roles:
        for remark in role.remarks:
            yield f"# {_comment(remark)}"
        yield f"{role.name} = {_source(role)}  # {_comment(role.reason)}"
    if guess.kind in _SPREAD and guess.role("community") is None:
        yield from _spread(layout, looked)
    if guess.constants:
        yield "[records.constants]"
        yield from (f"{name} = {toml_text(value)}" for name, value in guess.constants.items())
    if left := _left(looked):
        more = " and more" if len(left) > _MOST_LEFT else ""
        yield f"# Not mapped, kept in extra: {_comment(', '.join(left[:_MOST_LEFT]))}{more}"


def _form(layout: Layout) -> Iterator[str]:
    """Yield how a table is written: the line of its header, its encoding, the columns that hold objects as text."""
    if layout.header_row > 1:
        yield f"header_row = {layout.header_row}"
    if layout.encoding is not None:
        yield f"encoding = {toml_text(layout.encoding)}  # DECIDE: it is not UTF-8; look at names with accents"
    if layout.parsed:
        yield f"parse = [{', '.join(map(toml_text, layout.parsed))}]"


def _where(looked: Looked) -> Iterator[str]:
    """Yield which rows of a log are meant."""
    if looked.place.where is not None:
        path, values = looked.place.where
        yield f"where = {{ field = {toml_text(path)}, is = {_list(list(values))} }}"


def _spread(layout: Layout, looked: Looked) -> Iterator[str]:
    """Yield where a message was said, when nothing in it tells: what holds the list, or the folder."""
    outside = [c for c in looked.columns if c.path.startswith("^") and _says_where(c)]
    outside.sort(
        key=lambda c: (c.name not in ("name", "slug", "title"), c.owner in ("guild", "server"), c.path.count("^"))
    )
    if outside and looked.guess.kind == "post":
        yield f"community = {toml_text(outside[0].path)}  # what holds the list"
    elif len({path.rpartition("/")[0] for path in layout.paths}) > 1 and looked.guess.kind == "post":
        yield 'community = "@folder"  # the files lie in several folders'


def _says_where(column: Column) -> bool:
    if column.name in ("name", "slug", "title"):
        return column.owner in COMMUNITY or "." not in column.path.lstrip("^.")
    return column.name in COMMUNITY and column.is_text


def _unclear(layout: Layout, looked: Looked) -> Iterator[str]:
    """Yield the comment for a place whose records a person has to name, as an entry to fill in."""
    path = looked.place.path
    if _is_part(layout, looked):
        return
    own = [c.path for c in looked.columns if c.path[:1] != "^"]
    yield ""
    yield f"# Not mapped ({_comment(looked.guess.reason)})."
    yield f"# Its fields: {_comment(', '.join(own[:_MOST_LEFT]))}{' and more' if len(own) > _MOST_LEFT else ''}"
    if looked.place.where is not None:
        yield '# DECIDE: say what these rows are, or leave them out with kind = "none", and take the # away:'
        lines = ["[[records]]", f"files = {_list(layout.globs)}"]
        lines += [f"table = {toml_text(layout.table)}"] if layout.table else []
        yield from (f"# {line}" for line in (*lines, *_form(layout), *_where(looked), 'kind = "none"'))
        return
    if layout.container == "json" and path == "" and len(looked.place.records) == len(layout.samples) == 1:
        yield f"# It is the whole of {_comment(layout.paths[0])}"
        return
    if any(seen.guess.kind for seen in layout.looked):
        yield f"# It stands at path = {_comment(toml_text(path))}"
        return
    yield "# DECIDE: say what its records are, and take the # away:"
    lines = ["[[records]]", f"files = {_list(layout.globs)}"]
    lines += [f"container = {toml_text(layout.container)}"] if layout.container not in _TOLD else []
    lines += [f"table = {toml_text(layout.table)}"] if layout.table else []
    lines += [*_form(layout), *([f"path = {toml_text(path)}"] if path else [])]
    lines += ['kind = "post"  # or comment, agent, community, tie, interaction, reaction, membership, exposure']
    lines += ["[records.fields]", *_likeliest(looked)]
    yield from (f"# {line}" for line in lines)


def _likeliest(looked: Looked) -> Iterator[str]:
    """Yield the fields of an entry that a person has to name, with what they may be where anything is."""
    columns = Columns(looked.columns)
    texts = [c for c in columns.own if c.is_text and c.time is None and any(" " in value for value in c.values)]
    longest = max(texts, key=lambda c: c.mean_chars, default=None)
    text = Role("content", [longest.path], "the longest texts") if longest else None
    likely = {"id": id_role(columns), "author_name": None, "content": text, "created_at": time_role(columns)}
    for name, role in likely.items():
        yield f"{name} = {_source(role)}  # perhaps: {_comment(role.reason)}" if role else f'{name} = "..."'


def _is_part(layout: Layout, looked: Looked) -> bool:
    """Return whether a place is only what holds the records of another place."""
    path = looked.place.path
    if looked.place.where is not None:
        return False
    return (path == "" and len(layout.looked) > 1 and not any(c.fill >= 1 and c.is_text for c in looked.columns)) or (
        path == "" and any(seen.guess.kind and seen.place.path for seen in layout.looked)
    )


def _is_told(layout: Layout) -> bool:
    """Return whether the pipeline tells the container by itself."""
    return not (
        layout.container in ("csv", "tsv") and any(not p.lower().endswith(layout.container) for p in layout.paths)
    )


def _sort(sort: Sort) -> str:
    if sort.has:
        return f"{{ kind = {toml_text(sort.kind)}, has = {toml_text(sort.has)} }}"
    return f"{{ kind = {toml_text(sort.kind)}, field = {toml_text(sort.path)}, is = {_list(list(sort.values))} }}"


def _source(role: Role) -> str:
    if not role.options:
        return _list(role.paths)
    word = "hash" if role.options.get("hash") else "from"
    parts = [f"{word} = {_list(role.paths)}"]
    for name, value in role.options.items():
        if isinstance(value, dict):
            pairs = ", ".join(f"{toml_text(str(k))} = {toml_text(str(v))}" for k, v in value.items())
            parts.append(f"{name} = {{ {pairs} }}")
        elif isinstance(value, list):
            parts.append(f"{name} = {_list([str(v) for v in value])}")
        elif value is not True:
            parts.append(f"{name} = {toml_text(str(value))}")
    return "{ " + ", ".join(parts) + " }"


def _list(values: list[str]) -> str:
    return toml_text(values[0]) if len(values) == 1 else "[" + ", ".join(map(toml_text, values)) + "]"


def _left(looked: Looked) -> list[str]:
    """Return the fields of the records that no role takes."""
    taken = {path for role in looked.guess.roles for path in role.paths}
    inside = looked.place.replies.split("[*]")[0] if looked.place.replies else None
    if looked.guess.kind not in (*_SPREAD, "agent", "community"):
        return []
    return [c.path for c in looked.columns if c.path not in taken and c.path != inside and c.path[:1] not in ("^", "@")]


def _comment(text: str) -> str:
    return shown(text)
