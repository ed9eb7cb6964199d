"""What a mapping says, as data: one rule for each `[[records]]` entry of `corpus.toml`, already checked.

`mapped_config` makes them from the file, `mapped_sql` makes statements from them.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass

from pipeline.ingest.formats.mapped_paths import FieldPath, Hop

MESSAGE_KINDS = ("post", "comment", "repost", "quote", "dm", "utterance")
EVENT_KINDS = ("tie", "reaction", "membership", "exposure", "run")
KINDS = (*MESSAGE_KINDS, "agent", "community", *EVENT_KINDS)
# A kind of the file that is no kind of the tables: whom an edge lists, in the words of a reaction.
INTERACTION = "interaction"
# A later state of a message: it has the kind of the message whose id it gives.
REVISION = "revision"
NOT_READ = "none"

_AUTHOR = ("author_id", "author_name", "author_display_name", "author_description", "author_model", "author_agent_kind")
_EVENT = ("at", "step", "run_id")
_MESSAGE = (
    "id", *_AUTHOR, "community", "title", "content", "url", "created_at", "step", "run_id", "parent_id", "root_id",
    "score", "upvotes", "downvotes", "comment_count", "is_deleted", "is_spam", "observed_at",
)  # fmt: skip
FIELDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(MESSAGE_KINDS, _MESSAGE),
    REVISION: (
        "id", "title", "content", "url", "score", "upvotes", "downvotes", "comment_count", "is_deleted", "is_spam",
        "run_id", "observed_at",
    ),
    "agent": (
        "id", "name", "display_name", "description", "model", "agent_kind", "created_at", "karma", "follower_count",
        "following_count", "is_claimed", "deleted_at", "observed_at",
    ),
    "community": (
        "id", "name", "display_name", "description", "created_at", "subscriber_count", "post_count", "created_by",
        "created_by_id", "observed_at",
    ),
    "tie": ("source_id", "source_name", "target_id", "target_name", "target_display", "relation", "action", *_EVENT,
            "origin"),
    "reaction": ("agent_id", "agent_name", "message_id", "target_agent_id", "target_agent_name", "type", *_EVENT),
    INTERACTION: ("source_id", "source_name", "target_id", "target_name", "message_id", "relation", *_EVENT),
    "membership": ("agent_id", "agent_name", "community", "action", "role", *_EVENT, "origin"),
    "exposure": ("agent_id", "agent_name", "message_id", "source", *_EVENT),
    "run": ("run_id", "system", "scenario", "model", "seed", "clock"),
    NOT_READ: (),
}  # fmt: skip
# Of each group at least one field has to be given.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    **dict.fromkeys(MESSAGE_KINDS, (("id",),)),
    REVISION: (("id",),),
    "agent": (("id", "name"),),
    "community": (("name", "id"),),
    "tie": (("source_id", "source_name"), ("target_id", "target_name", "target_display"), ("relation",)),
    "reaction": (("agent_id", "agent_name"), ("type",)),
    INTERACTION: (("source_id", "source_name"), ("target_id", "target_name", "message_id"), ("relation",)),
    "membership": (("agent_id", "agent_name"), ("community",)),
    "exposure": (("agent_id", "agent_name"), ("message_id",)),
    "run": (("run_id",),),
    NOT_READ: (),
}  # fmt: skip
DEFAULTS = {("tie", "action"): "add", ("membership", "action"): "join"}
TIME_FIELDS = ("created_at", "at", "deleted_at", "observed_at")
# A whole number that went through a table with gaps comes out as 12.0.
ID_FIELDS = frozenset(
    {"id", "author_id", "parent_id", "root_id", "source_id", "target_id", "agent_id", "target_agent_id", "message_id",
     "run_id", "community", "created_by_id"}
)  # fmt: skip
ALLOWED: dict[str, tuple[str, ...]] = {
    "relation": ("follow", "mute", "friend"),
    "action": ("add", "remove", "present", "join", "leave", "create", "moderate"),
    "agent_kind": ("llm", "human", "abm"),
    "clock": ("time", "step"),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a record is meant: a field is there, is missing, or holds one of some values, or none of them.

    With `has` the canonical field of that name counts, as its rule reads it; a message never answers itself.
    """

    path: FieldPath
    values: tuple[str, ...] = ()
    is_negated: bool = False
    has: str = ""


@dataclass(frozen=True, slots=True)
class KindRule:
    """The kind of the records for which all conditions hold."""

    kind: str
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class FieldRule:
    """Where a canonical field comes from.

    Attributes
    ----------
    paths
        The first that holds a value is taken; with `joined` or `hashed` the values of all make the field.
    constant
        What the field is where no path holds a value.
    nulls, strip, values, prefix
        Spellings of a missing value; prefixes that are taken off; what stands for what; what is put before a value.
    times, zone, origin
        How times are written, the zone of those that do not say it, and the instant from which numbers count, in
        microseconds since 1970.
    place
        Where `corpus.toml` says so: key and line.
    """

    name: str
    paths: tuple[FieldPath, ...] = ()
    constant: str | None = None
    joined: bool = False
    hashed: bool = False
    separator: str = " "
    nulls: tuple[str, ...] = ()
    strip: tuple[str, ...] = ()
    values: tuple[tuple[str, str], ...] = ()
    times: tuple[str, ...] = ()
    zone: str | None = None
    prefix: str = ""
    place: str = ""
    origin: int = 0


@dataclass(frozen=True, slots=True)
class RecordRule:
    """One entry: which files, where records stand in them, what they are, and their fields."""

    number: int
    place: str
    files: tuple[str, ...]
    kinds: tuple[KindRule, ...]
    fields: tuple[FieldRule, ...]
    path: str = ""
    hops: tuple[Hop, ...] = ()
    container: str | None = None
    table: str | None = None
    where: tuple[Condition, ...] = ()
    replies: str = ""
    reply_hops: tuple[Hop, ...] = ()
    parse: tuple[str, ...] = ()
    header_row: int = 1
    encoding: str | None = None

    def takes(self, path: str) -> bool:
        """Return whether a file (its path below the corpus) is meant."""
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self.files)

    def reads_below(self, rules: Iterable[RecordRule]) -> set[tuple[str, ...]]:
        """Return the names of the lists and objects in a record of which every item is a record of another rule.

        Only rules count that keep what they do not map, and that take all items of the same files.
        """
        found = set()
        n = len(self.hops)
        above: tuple[str, ...] = ()
        if self.hops and self.hops[-1].kind == "one":
            n, above = n - 1, self.hops[-1].names
        for rule in rules:
            is_kept = all(kind.kind in (*MESSAGE_KINDS, "agent", "community") for kind in rule.kinds)
            is_same = (rule.files, rule.table) == (self.files, self.table) and rule.hops[:n] == self.hops[:n]
            if is_kept and is_same and not rule.where and len(rule.hops) == n + 1 and rule.hops[n].is_level:
                names = rule.hops[n].names
                if len(names) > len(above) and names[: len(above)] == above:
                    found.add(names[len(above) :])
        return found

    def field(self, name: str) -> FieldRule | None:
        """Return the rule of a field, None when it has none."""
        return next((rule for rule in self.fields if rule.name == name), None)


def rule_of(rules: tuple[RecordRule, ...], path: str) -> RecordRule | None:
    """Return the first rule that means a file, None when there is none."""
    return next((rule for rule in rules if rule.takes(path)), None)


def all_paths(rules: Iterable[RecordRule]) -> list[FieldPath]:
    """Return every path of some rules: of fields, conditions and kinds."""
    paths: list[FieldPath] = []
    for rule in rules:
        paths.extend(path for each in rule.fields for path in each.paths)
        for condition in [*rule.where, *(c for kind in rule.kinds for c in kind.conditions)]:
            paths.append(condition.path)
    return paths
