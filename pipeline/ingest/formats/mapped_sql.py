"""SQL that a rule of a mapping becomes: the values of fields, the kind, what is missing, and the record itself.

Paths, constants and spellings are literals of the statements (`mapped_paths.literal`), names of columns are ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from pipeline.ingest import mapping, profiles
from pipeline.ingest import sqltools as q
from pipeline.ingest.formats import mapped_rules as m
from pipeline.ingest.formats.mapped_paths import FieldPath, Step, literal, plain_pointer, pointer
from pipeline.ingest.formats.mapped_times import time_sql
from pipeline.ingest.formats.mapped_walk import Carried, outside_sql

_NONE = "CAST(NULL AS VARCHAR)"
_MESSAGES = ", ".join(f"'{kind}'" for kind in m.MESSAGE_KINDS)
_EVENTS = ", ".join(f"'{kind}'" for kind in (*m.EVENT_KINDS, m.INTERACTION))
# Members that the mapping after this would read: where they are not mapped they keep their value under another name.
TAKEN: dict[str, frozenset[str]] = {
    "message": frozenset(
        {*(a for names in mapping.MESSAGE_KEYS.values() for a in names), *mapping.CANONICAL_KEYS, *mapping.PLACED_KEYS}
    ),
    "agent": frozenset({*(a for names in profiles.AGENT_KEYS.values() for a in names), *mapping.PLACED_KEYS}),
    "community": frozenset({*(a for names in profiles.COMMUNITY_KEYS.values() for a in names), *mapping.PLACED_KEYS}),
}
RENAMED = "raw_"


@dataclass(slots=True)
class Values:
    """The plain paths of a rule: one parse of a record makes the lists ``v`` (texts) and ``t`` (types) of them."""

    carried: Carried
    paths: list[FieldPath] = field(default_factory=list)

    def text(self, path: FieldPath, separator: str = " ") -> str:
        """Return SQL for the text at a path, null where there is an object or a list."""
        level = self.carried.level_of(path)
        if level is not None:
            return self.carried.add(path, level)
        if not path.is_plain:
            return outside_sql(path, separator)
        place = self.place(path)
        return f"CASE WHEN t[{place}] IN ('OBJECT', 'ARRAY') THEN NULL ELSE v[{place}] END"

    def place(self, path: FieldPath) -> int:
        """Return the place of a plain path in the lists, from 1."""
        known = [held.steps for held in self.paths]
        if path.steps not in known:
            self.paths.append(path)
            return len(self.paths)
        return known.index(path.steps) + 1

    def pointers(self) -> str:
        """Return all paths as a list of literals."""
        return "[" + ", ".join(plain_pointer(path) for path in self.paths or [FieldPath("$")]) + "]"


def condition_sql(condition: m.Condition, values: Values, rule: m.RecordRule) -> str:
    """Return SQL for a condition of a rule, never null."""
    if condition.has and (held := rule.field(condition.has)):
        found = field_sql(held, values)
        cleaned = q.identifier(found) if condition.has in m.ID_FIELDS else q.named(found)
        own = rule.field("id") if condition.has == "parent_id" else None
        is_own = f" AND {found} IS DISTINCT FROM {field_sql(own, values)}" if own else ""
        return f"({cleaned} IS NOT NULL{is_own})"
    text = values.text(condition.path)
    if not condition.values:
        # A list or an object is there too, and so is not missing.
        is_there = f"nullif({text}, '') IS NOT NULL"
        if condition.path.is_plain and values.carried.level_of(condition.path) is None:
            is_there = f"({is_there} OR coalesce(t[{values.place(condition.path)}] IN ('OBJECT', 'ARRAY'), false))"
        return f"NOT {is_there}" if condition.is_negated else is_there
    fits = " OR ".join(f"{text} = {literal(value)}" for value in condition.values)
    return f"NOT coalesce({fits}, false)" if condition.is_negated else f"coalesce({fits}, false)"


def kind_sql(rule: m.RecordRule, values: Values) -> str:
    """Return SQL for the kind of a record; a reply that stands in a post is a comment."""
    cases = []
    for kind in rule.kinds[:-1]:
        fits = " AND ".join(condition_sql(c, values, rule) for c in kind.conditions) or "true"
        cases.append(f"WHEN {fits} THEN '{kind.kind}'")
    last = rule.kinds[-1].kind
    if rule.replies and last == "post":
        cases.append("WHEN nesting > 0 THEN 'comment'")
    return f"CASE {' '.join(cases)} ELSE '{last}' END" if cases else f"'{last}'"


def field_sql(rule: m.FieldRule, values: Values) -> str:
    """Return SQL for the text of a field, before times are read."""
    sources = [_cleaned(_text(path, rule, values), rule) for path in rule.paths]
    if rule.hashed:
        parts = ", chr(31), ".join(f"coalesce({source}, chr(30))" for source in sources)
        empty = " AND ".join(f"{source} IS NULL" for source in sources)
        found = f"CASE WHEN {empty} THEN NULL ELSE left(sha256(concat({parts})), 32) END"
    elif rule.joined:
        found = f" || {literal(rule.separator)} || ".join(sources)
    else:
        found = f"coalesce({', '.join(sources)})" if len(sources) > 1 else (sources or [_NONE])[0]
    if rule.values:
        cases = " ".join(f"WHEN x = {literal(old)} THEN {literal(new)}" for old, new in rule.values)
        found = f"list_transform([{found}], lambda x: CASE {cases} ELSE x END)[1]"
    if rule.prefix:
        found = f"({literal(rule.prefix)} || {q.identifier(found) if rule.name in m.ID_FIELDS else found})"
    return f"coalesce({found}, {literal(rule.constant)})" if rule.constant is not None else found


def _text(path: FieldPath, rule: m.FieldRule, values: Values) -> str:
    """Return SQL for the text at a path; what holds the outermost record is no parent and no title of its replies."""
    text = values.text(path, rule.separator)
    is_above = rule.name in ("parent_id", "title") and bool(path.up)
    return f"CASE WHEN nesting > 0 THEN NULL ELSE {text} END" if is_above else text


def _cleaned(text: str, rule: m.FieldRule) -> str:
    """Return SQL for a source without spellings of a missing value and without prefixes."""
    if rule.nulls:
        spelled = " OR ".join(f"x = {literal(word)}" for word in rule.nulls)
        text = f"list_transform([{text}], lambda x: CASE WHEN {spelled} THEN NULL ELSE x END)[1]"
    if rule.strip:
        cases = " ".join(
            f"WHEN starts_with(x, {literal(prefix)}) THEN substr(x, {len(prefix) + 1})" for prefix in rule.strip
        )
        text = f"list_transform([{text}], lambda x: CASE {cases} ELSE x END)[1]"
    if rule.name in m.ID_FIELDS:
        text = f"regexp_replace({text}, '^(-?[0-9]+)[.]0$', '\\1')"
    # The empty text is a text only where there is no other place to look for it.
    return text if rule.name in ("content", "title") and len(rule.paths) == 1 else f"nullif({text}, '')"


def fields_sql(rule: m.RecordRule, values: Values) -> dict[str, str]:
    """Return SQL for every field of a rule, ``<time>_text`` and ``<time>_precision`` for the times."""
    found: dict[str, str] = {}
    for each in rule.fields:
        found[f"f_{each.name}"] = field_sql(each, values)
    return found


def timed_sql(rule: m.RecordRule) -> dict[str, str]:
    """Return SQL for the times as ISO text with their precision, and for steps, from ``f_`` columns."""
    found: dict[str, str] = {}
    for name in m.TIME_FIELDS:
        each = rule.field(name)
        if each is None:
            continue
        raw = q.null_if_word(f"f_{name}")
        if each.times == ("step",):
            found["step_of_time"] = raw
            found[f"bad_{name}"] = f"{raw} IS NOT NULL AND {q.integer(raw)} IS NULL"
            continue
        text, precision = time_sql("raw_time", each.times, each.zone, each.origin)
        struct = f"list_transform([{raw}], lambda raw_time: struct_pack(text := {text}, precision := {precision}))[1]"
        found[f"t_{name}"] = struct
        found[f"bad_{name}"] = f"{raw} IS NOT NULL AND ({struct}).text IS NULL"
    return found


def _f(rule: m.RecordRule, name: str) -> str:
    return f"f_{name}" if rule.field(name) else "NULL"


def _time(rule: m.RecordRule, *names: str) -> tuple[str, str, str]:
    """Return SQL for time, precision and step of a record, from the first of some fields."""
    step = _f(rule, "step")
    for name in names:
        each = rule.field(name)
        if each is not None:
            if each.times == ("step",):
                return "NULL", "NULL", f"coalesce({step}, step_of_time)"
            return f"t_{name}.text", f"t_{name}.precision", step
    return "NULL", "NULL", step


def _object(members: dict[str, str]) -> str:
    return "json_object(" + ", ".join(f"'{name}', {expr}" for name, expr in members.items()) + ")"


def record_sql(rule: m.RecordRule, kind: str) -> str:
    """Return SQL for the canonical record of a kind, from ``f_`` and ``t_`` columns."""

    def f(name: str) -> str:
        return _f(rule, name)

    at, precision, step = _time(rule, *(("created_at",) if kind in ("message", "agent", "community") else ("at",)))
    event = {"at": at, "at_precision": precision, "step": step, "run_id": f("run_id")}
    if kind == "message":
        parts = {name.removeprefix("author_"): f(name) for name in m.FIELDS["post"] if name.startswith("author_")}
        given = " OR ".join(f"{expr} IS NOT NULL" for expr in parts.values())
        author = f"CASE WHEN {given} THEN {_object(parts)} END"
        plain = ("author_id", "author_name")
        is_plain = not any(
            rule.field(name) for name in m.FIELDS["post"] if name.startswith("author_") and name not in plain
        )
        who = {name: f(name) for name in plain} if is_plain else {"author": author}
        same = ("id", "community", "title", "content", "url", "root_id", "score", "upvotes", "downvotes",
                "comment_count", "is_deleted", "is_spam", "run_id")  # fmt: skip
        times = {"created_at": at, "at_precision": precision, "step": step}
        parent = f"nullif({f('parent_id')}, {f('id')})"  # the first message of a thread may name itself
        return _object({**{name: f(name) for name in same}, "parent_id": parent, **who, **times})
    if kind in ("agent", "community"):
        left = ("created_at", "deleted_at", "observed_at", "created_by", "created_by_id")
        names = [name for name in m.FIELDS[kind] if name not in left]
        members = {name: f(name) for name in names}
        if kind == "agent":
            members["deleted_at"] = "t_deleted_at.text" if rule.field("deleted_at") else "NULL"
        elif rule.field("created_by") or rule.field("created_by_id"):
            creator = {"id": f("created_by_id"), "name": f("created_by")}
            given = " OR ".join(f"{expr} IS NOT NULL" for expr in creator.values())
            members["created_by"] = f"CASE WHEN {given} THEN {_object(creator)} END"
        return _object({**members, "created_at": at})
    if kind == m.INTERACTION:
        return _object(
            {
                "agent_id": f("source_id"), "agent_name": f("source_name"), "target_agent_id": f("target_id"),
                "target_agent_name": f("target_name"), "message_id": f("message_id"), "type": f("relation"), **event,
            }
        )  # fmt: skip
    names = [name for name in m.FIELDS[kind] if name not in ("at", "step", "run_id", "community")]
    members = {name: f(name) for name in names}
    for (owner, name), default in m.DEFAULTS.items():
        if owner == kind:
            members[name] = f"coalesce({f(name)}, '{default}')"
    if kind == "membership":
        members["community_id"] = f("community")
    return _object({**members, "run_id": f("run_id")} if kind == "run" else {**members, **event})


NUMBERS = frozenset(
    {
        "score", "upvotes", "downvotes", "comment_count", "karma", "follower_count", "following_count",
        "subscriber_count", "post_count",
    }
)  # fmt: skip


def unread_numbers_sql(rule: m.RecordRule) -> str:
    """Return SQL for an object with the values of number fields that are no numbers, under the name ``raw_<field>``."""
    members = {
        f"{RENAMED}{each.name}": f"CASE WHEN {q.integer(f'f_{each.name}')} IS NULL THEN f_{each.name} END"
        for each in rule.fields
        if each.name in NUMBERS
    }
    return _object(members) if members else ""


# -- what no field is mapped from ------------------------------------------------------------------------------------

Tree = dict[str, "Tree | None"]


def _tree(rule: m.RecordRule) -> tuple[dict[str, Tree | None], list[tuple[str, ...]]]:
    """Return the names that fields are mapped from, as a tree (None: a field), and those that are field and branch."""
    names = {p.names for each in rule.fields for p in each.paths if p.names}
    tree: dict[str, Tree | None] = {}
    both: list[tuple[str, ...]] = []
    for path in sorted(names):
        if any(len(other) > len(path) and other[: len(path)] == path for other in names):
            both.append(path)  # ``user`` where it is a text, ``user.name`` where it is an object
            continue
        node = tree
        for name in path[:-1]:
            child = node.setdefault(name, {})
            node = child if isinstance(child, dict) else {}
        node[path[-1]] = None
    return tree, both


def _patch(tree: dict[str, Tree | None], above: tuple[str, ...], both: list[tuple[str, ...]], values: Values) -> str:
    """Return SQL for the merge patch that takes mapped members away, but no lists and objects, which no field took."""
    parts = []
    for name, below in tree.items():
        path = (*above, name)
        key = literal(json.dumps(name, ensure_ascii=False) + ":")
        kind = f"t[{values.place(_as_path(path))}]"
        if below is None:
            parts.append(f"CASE WHEN {kind} IN ('OBJECT', 'ARRAY') THEN NULL ELSE {key} || 'null' END")
            continue
        inner = _patch(below, path, both, values)
        other = f"{key} || 'null'" if path in both else "NULL"
        parts.append(f"CASE WHEN {kind} = 'OBJECT' THEN {key} || {inner} WHEN {kind} <> 'ARRAY' THEN {other} END")
    return f"('{{' || concat_ws(',', {', '.join(parts)}) || '}}')" if parts else "'{}'"


def _as_path(names: tuple[str, ...]) -> FieldPath:
    return FieldPath(".".join(names), steps=tuple(Step("name", name) for name in names))


def _branches(tree: dict[str, Tree | None], above: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    found: set[tuple[str, ...]] = set()
    for name, below in tree.items():
        if below is not None:
            found |= {(*above, name)} | _branches(below, (*above, name))
    return found


def _gone(names: tuple[str, ...]) -> str:
    """Return the merge patch that takes one member away, as a literal."""
    patch: object = None
    for name in reversed(names):
        patch = {name: patch}
    return literal(json.dumps(patch, ensure_ascii=False))


def rest_sql(rule: m.RecordRule, values: Values, read_below: Iterable[tuple[str, ...]] = ()) -> str:
    """Return SQL for the members of ``rec`` that no field is mapped from, an empty object when there are none.

    `read_below` are names of members whose items are records of their own.
    """
    tree, both = _tree(rule)
    rest = f"json_merge_patch(rec, CAST({_patch(tree, (), both, values)} AS JSON))"
    branches = _branches(tree)
    replies = [rule.reply_hops[0].names] if rule.reply_hops and rule.reply_hops[0].names else []
    for names in (*replies, *sorted(read_below)):
        rest = f"json_merge_patch({rest}, CAST({_gone(names)} AS JSON))"
        branches |= {names[:n] for n in range(1, len(names))}
    for path in sorted(branches, key=lambda path: (-len(path), path)):
        # What is left of an object of which every member was taken is nothing.
        rest = (
            f"list_transform([{rest}], lambda x: CASE WHEN json_extract(x, {pointer(path)}) = '{{}}' "
            f"THEN json_merge_patch(x, CAST({_gone(path)} AS JSON)) ELSE x END)[1]"
        )
    return f"CASE WHEN json_type(rec) = 'OBJECT' THEN {rest} ELSE CAST('{{}}' AS JSON) END"


def renamed_sql(names: list[str]) -> str:
    """Return SQL for ``rest`` in which some members have the prefix `RENAMED`."""
    if not names:
        return "rest"
    members = ", ".join(
        f"{literal(RENAMED + name)}, json_extract(rest, {pointer([name])}), {literal(name)}, NULL" for name in names
    )
    return f"json_merge_patch(rest, json_object({members}))"


# -- what is missing -------------------------------------------------------------------------------------------------


def fault_sql(rule: m.RecordRule) -> str:
    """Return SQL for a struct of reason and detail, null where the record can be mapped."""

    def said(reason: str, detail: str) -> str:
        return f"struct_pack(reason := {literal(reason)}, detail := {literal(detail)})"

    cases = [f"WHEN kind = '{m.NOT_READ}' THEN {said('left_out', _left_out(rule))}"]
    if not _reads_others_than_objects(rule):
        detail = (
            f"{rule.place}: path = {rule.path or 'the document'} leads to no object; for the items of a list add [*]"
        )
        cases.append(f"WHEN json_type(rec) <> 'OBJECT' THEN {said('not_an_object', detail)}")
    cases.append(f"WHEN is_orphan THEN {said('not_mapped', f'{rule.place}: it answers a record that was set aside')}")
    kinds = {kind.kind for kind in rule.kinds} | ({"comment"} if rule.replies else set())
    for name in m.TIME_FIELDS:
        if each := rule.field(name):
            how = " or ".join(each.times) or "ISO text or an epoch number"
            detail = f"{each.place}: the value does not fit time = {how}; add its notation, or its spelling to null"
            cases.append(f"WHEN bad_{name} THEN {said('unreadable_field', detail)}")
    for kind in sorted(kinds - {m.NOT_READ}):
        is_kind = f"kind = '{kind}'"
        for group in m.NEEDED[kind]:
            given = [name for name in group if rule.field(name)]
            missing = " AND ".join(_is_missing(f"f_{name}", name) for name in given) or "true"
            reason = "missing_id" if "id" in group else "incomplete_event"
            detail = f"{_places(rule, given)}: nothing is found there, and a {kind} needs it; give a further path"
            cases.append(f"WHEN {is_kind} AND {missing} THEN {said(reason, detail)}")
        if kind == "comment":
            given = [name for name in ("parent_id", "root_id") if rule.field(name)]
            missing = " AND ".join([*(_is_missing(f"f_{name}", name) for name in given), "parent_hint IS NULL"])
            detail = f"{_places(rule, given)}: a comment names neither its parent nor its post; make it a post by kinds"
            cases.append(f"WHEN {is_kind} AND {missing} AND root_hint IS NULL THEN {said('missing_post_id', detail)}")
    return f"CASE {' '.join(cases)} END"


def _reads_others_than_objects(rule: m.RecordRule) -> bool:
    """Return whether records may be texts or numbers (@item) or lists ([0])."""
    own = [path for each in rule.fields for path in each.paths if not path.up]
    return any(path.special == "item" or (path.steps and path.steps[0].kind != "name") for path in own)


def _left_out(rule: m.RecordRule) -> str:
    return f'{rule.place}: corpus.toml leaves it out (kind = "none")'


def _is_missing(column: str, name: str) -> str:
    return f"{q.identifier(column) if name in m.ID_FIELDS else q.named(column)} IS NULL"


def _places(rule: m.RecordRule, names: list[str]) -> str:
    places = [each.place for name in names if (each := rule.field(name))]
    return "; ".join(places) or rule.place
