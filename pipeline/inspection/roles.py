"""Guesses what the fields of a place are, from their names and from what they hold, and says why.

A guess that rests on a name alone is weaker than one that the values bear out; both are told in the reason. Nothing is
decided here for good: the guesses become lines of a `corpus.toml` that a person reads.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from pipeline.inspection import field_names as called
from pipeline.inspection.columns import Column
from pipeline.inspection.places import Found, quoted

_PREFIXED = re.compile(r"([a-z]{1,3}\d{0,2}[_:])(.+)", re.DOTALL)
_OWN_ID = ("id", "uid", "uuid", "guid", "_id", "mid", "message_id", "msg_id")
_SENTINELS = ("-1", "0", "none", "None", "null", "nan", "NaN", "[deleted]", "[removed]", "-")
LONG_CHARS = 25
WORDS_CHARS = 15
SURE = 0.9
MOST_SORTS = 40
LEAST_ANSWERED = 3
MOST_ID_CHARS = 80
_IDENT = re.compile(r"(?=.*\d)([A-Z0-9]{6,}|[0-9a-f]{16,}|[0-9a-f-]{32,}|did:.*)\Z|\d+\Z")


@dataclass(slots=True)
class Role:
    """What a field is taken for: canonical name, paths in order, options of the field, and the reason."""

    name: str
    paths: list[str]
    reason: str
    options: dict[str, object] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sort:
    """Which records of a place are of another kind: those that have a field, or a value in one."""

    kind: str
    has: str = ""
    path: str = ""
    values: tuple[str, ...] = ()


@dataclass(slots=True)
class Guess:
    """What the records of a place are taken for."""

    kind: str | None
    reason: str
    roles: list[Role] = field(default_factory=list)
    constants: dict[str, str] = field(default_factory=dict)
    kinds: list[Sort] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def role(self, name: str) -> Role | None:
        """Return the role of a canonical field."""
        return next((role for role in self.roles if role.name == name), None)


class Columns:
    """The fields of a place, asked for by name; what stands in one of `opened` counts as a field of the record."""

    def __init__(self, columns: list[Column], opened: tuple[str, ...] = ()) -> None:
        self.all = columns
        self.opened = tuple(f"{quoted(name)}." for name in opened)
        self.own = [c for c in columns if not c.path.startswith("^")]

    def depth(self, column: Column) -> int:
        """Return how many objects in the record a field stands in."""
        path = column.path.lstrip("^.")
        base = next((base for base in self.opened if path.startswith(base)), "")
        return path.removeprefix(base).count(".")

    def named(self, names: tuple[str, ...], owners: tuple[str, ...] = (), *, outside: bool = False) -> list[Column]:
        """Return the fields with one of some names, in the order of the names; with `owners`, inside of one of them."""
        pool = self.all if outside else self.own
        found = [
            (names.index(c.name), self.depth(c), c)
            for c in pool
            if c.name in names and c.values and (c.owner in owners if owners else self.depth(c) == 0)
        ]
        return [c for _, _, c in sorted(found, key=lambda item: item[:2])]


def is_unique(column: Column) -> bool:
    """Return whether every record has a value of its own."""
    return len(column.values) == column.n and column.n_distinct >= 0.98 * column.n and column.n > 0


def id_role(columns: Columns) -> Role | None:
    """Return the field that identifies a record: the one that other records point to, else by name, else the key."""
    pointed = {value for column in columns.named(called.PARENT) for value in column.values}
    for column in columns.own:
        is_own = column.name not in (*called.PARENT, *called.ROOT) and is_unique(column)
        hits = len(pointed & set(column.values)) if is_own else 0
        if hits >= 0.5 * len(pointed) > 0:
            return Role("id", [column.path], f"filled in all records, all distinct, and {hits} answers point to it")
    named = columns.named(("id", *called.ID[1:-1]))
    for column in named:
        if is_unique(column):
            return Role("id", [column.path], f"named {column.path}, filled in all records, all distinct")
    for column in named:
        if column.name in _OWN_ID and column.fill == 1 and column.n_distinct > 1:
            reason = f"named {column.path}; {column.n - column.n_distinct} of {column.n} recur, as later states do"
            return Role("id", [column.path], reason)
    if key := next((c for c in columns.own if c.path == "@key" and is_unique(c)), None):
        return Role("id", [key.path], "the key of the record in its object")
    for column in columns.own:
        is_ident = column.name.endswith(("id", "_key", "hash")) and columns.depth(column) == 0
        if is_ident and is_unique(column) and column.mean_chars < MOST_ID_CHARS:
            return Role("id", [column.path], f"{column.path} is filled in all records, all distinct")
    for column in columns.own:
        if column.is_text and is_unique(column) and columns.depth(column) == 0 and column.mean_chars < MOST_ID_CHARS:
            ids = set(column.values)
            if (other := pointing(columns, ids, (column.path,))) is not None and other.fill < 1:
                return Role("id", [column.path], f"all distinct, and what {other.path} holds are such values")
    return None


def pointing(columns: Columns, ids: set[str], but: tuple[str, ...]) -> Column | None:
    """Return the field of which all values are among some ids, the one with most of them; a name may be any."""
    found = [
        c for c in columns.own
        if c.is_text and c.path not in but and columns.depth(c) == 0 and c.n_distinct >= LEAST_ANSWERED
        and set(c.values) <= ids
    ]  # fmt: skip
    return max(found, key=lambda c: c.n_distinct, default=None)


def text_column(columns: Columns) -> Column | None:
    """Return the field that holds the text: by name, else the longest texts."""
    for column in columns.named(called.TEXT):
        if column.is_text or column.mean_chars > LONG_CHARS:
            return column
    nested = [c for c in columns.own if c.name in called.TEXT and "." in c.path and c.is_text and c.mean_chars > 1]
    if nested and nested[0].owner not in called.WHO:
        return nested[0]
    texts = [
        c for c in columns.own if c.is_text and c.mean_chars >= WORDS_CHARS and c.time is None and not _is_address(c)
    ]
    texts = [
        c
        for c in texts
        if c.name not in (*called.BIO, *called.ID, *called.TITLE) and c.owner not in called.WHO and _has_words(c)
    ]
    return max(texts, key=lambda c: c.mean_chars, default=None)


def further_texts(columns: Columns, text: Column) -> list[str]:
    """Return the fields that hold the text of the records in which `text` is empty."""
    left, found = 1.02 - text.fill, []
    for column in columns.named(called.TEXT):
        if column.path != text.path and column.is_text and 0 < column.fill <= left:
            found.append(column.path)
            left -= column.fill
    return found


def parts_of_text(records: list[Found]) -> str | None:
    """Return the path of texts that stand in parts, such as ``parts[*].text``, None where there are none."""
    counts: dict[str, int] = {}
    for record in records[:300]:
        value = record.value if isinstance(record.value, dict) else {}
        for name, items in value.items():
            if isinstance(items, list) and items and '"' not in name and all(isinstance(i, dict) for i in items):
                for inner in ("text", "content", "body", "value"):
                    if any(isinstance(item.get(inner), str) for item in items):
                        path = f"{quoted(name)}[*].{inner}"
                        counts[path] = counts.get(path, 0) + 1
                        break
    best = max(counts, key=lambda path: counts[path], default=None)
    return best if best is not None and counts[best] * 4 >= len(records[:300]) else None


def _has_words(column: Column) -> bool:
    return sum(" " in value.strip() for value in column.values) * 2 > len(column.values)


def _is_address(column: Column) -> bool:
    return sum(v.startswith(("http", "www", "/", "at://")) for v in column.values) * 2 > len(column.values)


def time_role(columns: Columns, name: str = "created_at") -> Role | None:
    """Return the field that says when: by name and by what it holds."""
    candidates = [c for c in columns.named(called.TIME) if c.time is not None]
    candidates += [c for c in columns.own if c.time is not None and c not in candidates and _sounds_like_time(c)]
    candidates += [c for c in columns.own if c.time is not None and c.time.notation not in ("s", "ms", "us", "ns")
                   and c not in candidates]  # fmt: skip
    if not candidates:
        return None
    column = max(candidates, key=lambda c: round(c.fill, 2))  # the first of those that are filled best
    time = column.time
    assert time is not None  # noqa: S101 - chosen above
    role = Role(name, [column.path], f"times from {time.first:%Y-%m-%d} to {time.last:%Y-%m-%d}, {time.notation}")
    if time.notation != "iso":
        role.options["time"] = time.notation
    if time.other is not None:
        role.remarks.append(f"DECIDE: {time.notation} and {time.other} both fit; write the one that is right")
    if time.is_naive:
        role.remarks.append(
            'These times name no zone and are read as UTC; for local times add timezone = "Europe/Berlin"'
        )
    return role


def _sounds_like_time(column: Column) -> bool:
    return bool(re.search(r"(^|_)(at|time|date|ts|utc|when|timestamp|created|published)(_|$)", column.name))


def parent_role(columns: Columns, ids: set[str], id_path: str) -> Role | None:
    """Return the field that names the message which is answered: by name, borne out by the identifiers."""
    named = columns.named(called.PARENT)
    named += [c for c in columns.own if c.owner in called.PARENT and c.name in ("id", *called.ID) and c not in named]
    named += [
        c for c in columns.own if c.owner in ("reference", "message_reference", "reply") and c.name.endswith("id")
    ]
    for column in named:
        role = _reference("parent_id", column, ids, id_path)
        if role is not None:
            return role
    fitting = [
        column
        for column in columns.own
        if column.path != id_path and column.n_distinct >= LEAST_ANSWERED and column.fill < 1
        and len(set(column.values) & ids) >= SURE * column.n_distinct
    ]  # fmt: skip
    if not fitting:
        return None
    # What names the message that is answered, rather than the thread, comes first.
    fitting.sort(key=lambda column: ("reply" not in column.path.lower(), "root" in column.path.lower()))
    listed = [c for c in fitting if "[" in c.path] if "[" in fitting[0].path else fitting[:1]
    hits = len(set(fitting[0].values) & ids)
    reason = f"{hits} of {fitting[0].n_distinct} values of {fitting[0].path} are ids of records"
    return Role("parent_id", [column.path for column in listed], reason)


def _reference(name: str, column: Column, ids: set[str], id_path: str) -> Role | None:
    """Return the role of a field that points to records, with the prefixes and sentinels that it needs."""
    values = set(column.values)
    if column.path == id_path or not values:
        return None
    nulls = [word for word in _SENTINELS if word in values and word not in ids]
    values -= set(nulls)
    prefixes = sorted({match[1] for value in values if (match := _PREFIXED.match(value)) and match[2] in ids})
    stripped = {next((v[len(p) :] for p in prefixes if v.startswith(p)), v) for v in values}
    hits = len(stripped & ids)
    role = Role(name, [column.path], f"named {column.path}; {hits} of {len(values)} values are ids of records")
    if nulls:
        role.options["null"] = nulls
    if prefixes:
        role.options["strip"] = prefixes
    if not hits:
        role.remarks.append("None of its values in the sample is the id of a record: check it")
    return role


def author_roles(columns: Columns, own: str = "") -> list[Role]:
    """Return who wrote: id, name and display name, from an object or from columns; `own` is the id of the record."""
    columns = Columns([column for column in columns.all if column.path != own])
    roles: list[Role] = []
    owned_id = columns.named(("id", *called.WHO_ID, "uid", "pk", "key"), called.WHO)
    owned_name = columns.named(("username", "handle", "name", "screen_name", "user_name", "nick", "login"), called.WHO)
    plain_id, plain_name = columns.named(called.WHO_ID), columns.named(called.WHO_NAME)
    outside = [c for c in columns.all if c.path.startswith("^") and c.name in ("author_id", "user_id")]
    if chosen := (owned_id or plain_id or outside):
        roles.append(Role("author_id", [chosen[0].path], f"named {chosen[0].path}"))
    names = [c for c in (owned_name or plain_name)[:1] if not roles or c.path not in roles[0].paths]
    names = [c for c in names if not chosen or c.values[:50] != chosen[0].values[:50]]
    if not roles and names and all(_IDENT.match(value) for value in names[0].values[:200]):
        roles.append(Role("author_id", [names[0].path], f"named {names[0].path}, and its values look like identifiers"))
        names = []
    if names:
        column = names[0]
        role = Role("author_name", [column.path], f"named {column.path}, {column.n_distinct} distinct")
        if any(value.startswith(("u/", "@")) for value in column.values):
            role.reason += "; u/ and @ before it are taken off"
        nulls = [word for word in ("[deleted]", "[removed]") if word in column.values]
        if nulls:
            role.options["null"] = nulls
        roles.append(role)
    shown = columns.named(called.DISPLAY, called.WHO)
    if shown and all(shown[0].path not in role.paths for role in roles):
        roles.append(Role("author_display_name", [shown[0].path], f"named {shown[0].path}"))
    return roles


def community_role(columns: Columns) -> Role | None:
    """Return where it was said: a field, or what holds the list."""
    owned = columns.named(("name", "slug", "title", "id"), called.COMMUNITY)
    plain = columns.named(called.COMMUNITY)
    if chosen := owned or plain:
        column = chosen[0]
        return Role("community", [column.path], f"named {column.path}, {column.n_distinct} distinct")
    return None


def plain_roles(columns: Columns) -> list[Role]:
    """Return titles, counts and flags, by name."""
    roles: list[Role] = []
    for name, words in {**called.PLAIN, **called.COUNTS}.items():
        for column in columns.named(words)[:1]:
            is_count = name in called.COUNTS or name == "step"
            if is_count and (column.is_text or column.time is not None):
                continue
            if name in ("is_deleted", "is_spam") and column.n_distinct > 2:
                continue
            if name == "url" and not _is_address(column):
                continue
            roles.append(Role(name, [column.path], f"named {column.path}"))
    return roles


def pair_of(columns: Columns) -> tuple[Column, Column] | None:
    """Return source and target of an edge list."""
    for source, target in called.PAIRS:
        one = columns.named((source,)) or columns.named(("id", "username", "name"), (source,))
        two = columns.named((target,)) or columns.named(("id", "username", "name"), (target,))
        if one and two:
            return one[0], two[0]
    return None


def pair_by_values(columns: Columns) -> tuple[Column, Column] | None:
    """Return two fields that hold the same names or identifiers, in other rows: source and target of an edge list."""
    ends = [
        c for c in columns.own if c.fill > SURE and c.time is None and c.mean_chars < LONG_CHARS and "." not in c.path
    ]
    ends = [c for c in ends if c.values and (c.is_text or c.name.endswith("id"))]
    for number, one in enumerate(ends):
        for other in ends[number + 1 :]:
            both = set(one.values) & set(other.values)
            is_copy = sum(a == b for a, b in zip(one.values, other.values, strict=False)) > len(one.values) / 2
            if len(both) >= max(3, min(one.n_distinct, other.n_distinct) / 2) and not is_copy:
                return one, other
    return None


def what_column(columns: Columns) -> Column | None:
    """Return the field that says what an edge or a record is."""
    found = [c for c in columns.named(called.WHAT) if 0 < c.n_distinct <= MOST_SORTS and c.mean_chars <= LONG_CHARS]
    return min(found, key=lambda c: c.n_distinct < 2, default=None)


def name_column(columns: Columns) -> Column | None:
    """Return the field that holds the name of an account or a community."""
    return next(iter(columns.named(called.NAME)), None)


def bio_column(columns: Columns) -> Column | None:
    """Return the field in which an account describes itself."""
    return next(iter(columns.named(called.BIO)), None)


def root_role(columns: Columns, ids: set[str], id_path: str) -> Role | None:
    """Return the field that names the post of a comment."""
    for column in columns.named(called.ROOT):
        if column.n_distinct < column.n or column.fill < 1:
            return _reference("root_id", column, ids, id_path)
    return None
