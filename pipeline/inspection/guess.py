"""Decides what the records of a place may be, from the roles of their fields; None where a person has to say it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pipeline.ingest.formats.mapped_rules import INTERACTION
from pipeline.inspection import roles as r
from pipeline.inspection.columns import Column
from pipeline.inspection.escape import toml_text
from pipeline.inspection.field_names import DISPLAY
from pipeline.inspection.places import Place, n_levels
from pipeline.inspection.roles import Columns, Guess, Role, Sort

_AGENT = re.compile(
    r"user|agent|member|roster|profile|account|persona|author|participant|people|person|character|speaker"
)
_COMMUNITY = re.compile(r"communit|submolt|channel|group|subreddit|room|guild|forum|board|space")
_COMMENT = re.compile(r"comment|repl|answer|response")
_REACTION = re.compile(r"reaction|likes|vote|liked")
_TYPES = ("emoji", "reaction", "direction", "vote", "type", "kind", "value")
_REACTORS = ("id", "user_id", "agent_id", "from_id", "user", "author", "agent", "voter", "username", "from", "name")
SHOWN = 3
_MEMBERS = ("users", "user_ids", "members", "agents", "reactors", "accounts")
_USUAL = re.compile(r"^(m[.]room[.])?message$|post|comment|reply|default|text")
_FOLLOW = re.compile(r"follow|friend|mute|contact|subscri")
_SORTS = {
    "repost": ("retweet", "repost", "reblog", "boost", "share"),
    "quote": ("quote", "quote_post"),
    "dm": ("dm", "direct_message", "private"),
    "comment": ("comment", "reply", "answer"),
}
_RELATIONS = {
    "follow": "follow",
    "followed": "follow",
    "follows": "follow",
    "mute": "mute",
    "block": "mute",
    "friend": "friend",
}


@dataclass(slots=True)
class Looked:
    """A place with its fields and what they are taken for."""

    place: Place
    columns: list[Column]
    guess: Guess

    def ids(self) -> set[str]:
        """Return the identifiers of the records in the sample."""
        role = self.guess.role("id") if self.guess.kind else None
        column = next((c for c in self.columns if role and role.paths == [c.path]), None)
        return set(column.values) if column else set()


def guess(place: Place, columns: list[Column], hint: str, outer: Looked | None, known: set[str]) -> Guess:
    """Return what the records of a place are taken for.

    Parameters
    ----------
    place, columns
        Where they stand, and their fields.
    hint
        Name of file or table and path, in lower case.
    outer
        The place of the objects that hold their list.
    known
        Identifiers of messages in other places.
    """
    fields = Columns(columns, place.opened)
    ending = re.sub(r"[^a-z]+", " ", place.path.rsplit(".", 1)[-1].lower()).strip()
    last = ending or hint
    is_in_message = outer is not None and outer.guess.kind in ("post", "comment")
    if outer is not None and is_in_message and _REACTION.search(place.path[len(outer.place.path) :].lower()):
        return _inner_reaction(place, fields, outer)
    if place.records and not isinstance(place.records[0].value, dict):
        return _scalars(place, last, outer)
    text = r.text_column(fields)
    pair = r.pair_of(fields)
    is_short = text is None or text.mean_chars < r.LONG_CHARS
    if pair is not None and is_short:
        return _edges(fields, pair, hint)
    ident = r.id_role(fields)
    who = r.author_roles(fields, ident.paths[0] if ident else "")
    name, bio = r.name_column(fields), r.bio_column(fields)
    if name is not None and (text is None or text is bio) and not is_in_message:
        if _COMMUNITY.search(last):
            return _community(fields, name)
        if _AGENT.search(last) or (bio is not None and not _has_writer(who, name)):
            return _agent(fields, name, bio)
    if text is None and not is_in_message and (pair := r.pair_by_values(fields)) is not None:
        return _edges(fields, pair, hint)
    content = _content(place, fields, text)
    if content is not None and (who or r.time_role(fields) or ident):
        return _message(place, fields, content, who, f"{last} {hint}", outer, known)
    if who and (message := _message_column(fields, known)) is not None and (what := r.what_column(fields)):
        return _reaction(fields, who, message, what)
    return Guess(None, "no field that is plainly a text, a name with a description, or two ends of a tie")


def _up(outer: Looked, place: Place, path: str) -> str:
    """Return the path, from a record, to a field of the record that holds it."""
    levels = "^" * n_levels(place.path[len(outer.place.path) :])
    return f"{levels}{path}" if path.startswith("@") else f"{levels}.{path}"


def _has_writer(who: list[Role], name: Column) -> bool:
    return any(role.paths != [name.path] and role.name == "author_id" for role in who)


def _scalars(place: Place, last: str, outer: Looked | None) -> Guess:
    """Tell whom an account follows from the name of a list of texts or numbers in its record."""
    owner = outer.guess.role("id") or outer.guess.role("name") if outer else None
    if outer is None or owner is None or not _FOLLOW.search(last):
        return Guess(None, "a list of texts or numbers; what they are its name does not tell")
    own, other = ("target", "source") if "follower" in last else ("source", "target")
    end = "id" if owner.name == "id" else "name"
    up = _up(outer, place, owner.paths[0])
    relation = next((word for word in ("mute", "friend") if word in last), "follow")
    made = Guess("tie", f"a list whose name speaks of {relation}s", constants={"relation": relation})
    made.roles = [
        Role(f"{own}_{end}", [up], "the record that holds the list"),
        Role(f"{other}_{end}", ["@item"], "the item"),
    ]
    return made


def _inner_reaction(place: Place, fields: Columns, outer: Looked) -> Guess:
    """Tell reactions that stand in a message: who, to which message, of what type."""
    ident = outer.guess.role("id")
    levels = n_levels(place.path[len(outer.place.path) :])
    is_scalar = bool(place.records) and not isinstance(place.records[0].value, dict)
    who = fields.named(_REACTORS)
    if any(c.types["list"] + c.types["list of objects"] and c.name in _MEMBERS for c in fields.own):
        return Guess(None, "reactions that stand in a message; who reacted stands in a list of theirs")
    if ident is None or ident.options or not (who or is_scalar):
        return Guess(None, "reactions that stand in a message; who reacted is not told")
    inside = [c for c in fields.all if c.path.count("^") < levels and (not who or c.path != who[0].path) and c.values]
    types = sorted((c for c in inside if c.name in _TYPES), key=lambda c: _TYPES.index(c.name))
    types = [c for c in inside if c.owner in _TYPES] + types + [c for c in inside if c.name == "name"]
    types = [c for c in types if c.time is None and c.n_distinct <= r.MOST_SORTS and c.name not in ("id", "code")]
    made = Guess("reaction", "who reacted, in a list of reactions of a message")
    end = "agent_id" if is_scalar or who[0].name.endswith("id") else "agent_name"
    made.roles.append(Role(end, ["@item" if is_scalar else who[0].path], "who reacted"))
    made.roles.append(Role("message_id", [_up(outer, place, ident.paths[0])], "the message"))
    if types:
        reason = f"{types[0].n_distinct} distinct: {', '.join(types[0].examples())}"
        made.roles.append(Role("type", [types[0].path], reason))
    else:
        made.constants["type"] = "reaction"
    return made


def _edges(fields: Columns, pair: tuple[Column, Column], hint: str) -> Guess:
    source, target = pair
    what = r.what_column(fields)
    values = {value.lower() for value in what.values} if what else set()
    is_tie = (bool(values) and values <= set(_RELATIONS)) or (
        what is None and bool(_FOLLOW.search(f"{hint} {target.path}"))
    )
    made = Guess("tie" if is_tie else INTERACTION, f"two ends ({source.path}, {target.path}) and no long text")
    for end, column in (("source", source), ("target", target)):
        is_id = column.name.endswith("id") or not column.is_text
        made.roles.append(Role(f"{end}_{'id' if is_id else 'name'}", [column.path], f"named {column.path}"))
    if what is not None:
        role = Role("relation", [what.path], f"{what.n_distinct} distinct values: {', '.join(what.examples())}")
        if is_tie:
            role.options["map"] = {value: _RELATIONS[value.lower()] for value in sorted(set(what.values))}
        made.roles.append(role)
    else:
        made.constants["relation"] = "follow" if is_tie else "interaction"
    if is_tie:
        made.remarks.append("DECIDE: is the source the one who follows? If not, change the two ends")
    else:
        made.remarks.append('If these are lasting ties, write kind = "tie" and relation = "follow" (mute, friend)')
    if at := r.time_role(fields, "at"):
        made.roles.append(at)
    made.roles.extend(role for role in r.plain_roles(fields) if role.name in ("step", "run_id"))
    return made


def _agent(fields: Columns, name: Column, bio: Column | None) -> Guess:
    made = Guess("agent", f"a name ({name.path}) and no text that is written")
    if (ident := r.id_role(fields)) and ident.paths != [name.path]:
        made.roles.append(ident)
    made.roles.append(Role("name", [name.path], f"named {name.path}, {name.n_distinct} distinct"))
    if bio is not None and bio.path != name.path:
        made.roles.append(Role("description", [bio.path], f"named {bio.path}"))
    words: dict[str, tuple[str, ...]] = {
        "display_name": DISPLAY, "model": ("model", "llm", "model_name"), "karma": ("karma",),
        "follower_count": ("follower_count", "followers_count", "followers", "num_followers"),
        "following_count": ("following_count", "friends_count", "following", "num_followings"),
    }  # fmt: skip
    for field, names in words.items():
        for column in fields.named(names)[:1]:
            if column.path != name.path and (column.is_text == (field in ("display_name", "model"))):
                made.roles.append(Role(field, [column.path], f"named {column.path}"))
    if created := r.time_role(fields):
        made.roles.append(created)
    return made


def _community(fields: Columns, name: Column) -> Guess:
    made = Guess("community", f"a name ({name.path}) at a place that is called so")
    made.roles.append(Role("name", [name.path], f"named {name.path}; it has to be what messages name"))
    if bio := r.bio_column(fields):
        made.roles.append(Role("description", [bio.path], f"named {bio.path}"))
    if created := r.time_role(fields):
        made.roles.append(created)
    return made


def _message_column(fields: Columns, known: set[str]) -> Column | None:
    for column in fields.named(("message_id", "post_id", "comment_id", "target_id", "subject", "object", "tweet_id")):
        if set(column.values) & known or column.name.endswith("_id"):
            return column
    return None


def _reaction(fields: Columns, who: list[Role], message: Column, what: Column) -> Guess:
    made = Guess("reaction", f"who, a message ({message.path}) and what ({what.path}), without a text")
    for role in who:
        if role.name in ("author_id", "author_name"):
            made.roles.append(Role(role.name.replace("author", "agent"), role.paths, role.reason))
    made.roles.append(Role("message_id", [message.path], f"named {message.path}"))
    made.roles.append(Role("type", [what.path], f"{what.n_distinct} distinct values: {', '.join(what.examples())}"))
    if at := r.time_role(fields, "at"):
        made.roles.append(at)
    return made


def _content(place: Place, fields: Columns, text: Column | None) -> Role | None:
    """Return where the text stands: in a field, in another where that is empty, or in parts."""
    parts = r.parts_of_text(place.records)
    if text is None:
        return None if parts is None else Role("content", [parts], "texts that stand in parts")
    role = Role("content", [text.path], f"named {text.path}, {text.mean_chars:.0f} characters on average")
    role.paths += r.further_texts(fields, text)
    if parts is not None and text.types["list"] + text.types["list of objects"]:
        role.paths.append(parts)
        role.options["separator"] = ""
        role.reason += "; a list in some records, whose parts are joined"
    return role


def _message(
    place: Place, fields: Columns, content: Role, who: list[Role], hint: str, outer: Looked | None, known: set[str]
) -> Guess:
    made = Guess("post", f"a text ({content.reason})")
    ident, time = r.id_role(fields), r.time_role(fields)
    if place.where is not None and not who and (revised := r.pointing(fields, known, ())) is not None:
        return _revision(revised, content, time)
    if ident is None:
        parts = [role.paths[0] for role in (*who[:1], *([time] if time else []))] + content.paths[:1]
        ident = Role("id", parts, "no field identifies a record: made of several", {"hash": True})
        made.remarks.append("No field identifies a record; its id is a hash of the fields named")
    made.roles.append(ident)
    made.roles.extend(who)
    made.roles.append(content)
    if time:
        made.roles.append(time)
    taken = {path for role in made.roles for path in role.paths}
    made.roles.extend(role for role in r.plain_roles(fields) if role.paths[0] not in taken)
    if (community := r.community_role(fields)) and community.paths[0] not in taken:
        made.roles.append(community)
    own = next((c for c in fields.all if ident.paths == [c.path]), None)
    ids = known | (set(own.values) if own else set())
    parent = r.parent_role(fields, ids, ident.paths[0])
    but = (ident.paths[0], *taken)
    if parent is None and place.where is not None and (column := r.pointing(fields, ids, but)) is not None:
        parent = Role("parent_id", [column.path], "all its values are ids of messages")
    if parent is not None and parent.paths[0] not in taken:
        made.roles.append(parent)
    _settle_kind(made, place, fields, hint, outer, ids)
    if own is not None and made.kind == "comment" and set(own.values) & known and ident.paths[0] != "@key":
        _prefix(made, fields, set(own.values))
    return made


def _revision(revised: Column, content: Role, time: Role | None) -> Guess:
    """Tell the new text of a message that another kind of row makes."""
    made = Guess("revision", f"a text without an author, and {revised.path} holds ids of messages")
    made.roles = [Role("id", [revised.path], "the message that is revised"), content]
    if time is not None:
        made.roles.append(Role("observed_at", time.paths, time.reason, time.options, time.remarks))
        made.remarks.append("Give the rows that make the messages an observed_at too, or take it away here")
    return made


def _prefix(made: Guess, fields: Columns, own: set[str]) -> None:
    """Put a prefix before the ids of comments that are numbered like posts, and before what points to them."""
    for name in ("id", "parent_id"):
        role = made.role(name)
        column = next((c for c in fields.all if role and c.path == role.paths[0]), None)
        if role is not None and column is not None and (name == "id" or set(column.values) & own):
            role.options["prefix"] = "c-"
    made.remarks.append(
        "Some of its ids are those of posts: c- is put before them, and before parents that are comments"
    )


def _settle_kind(made: Guess, place: Place, fields: Columns, hint: str, outer: Looked | None, ids: set[str]) -> None:
    """Tell posts from comments: by what holds them, by their parent, by their name."""
    parent, ident = made.role("parent_id"), made.role("id")
    outer_id = outer.guess.role("id") if outer and outer.guess.kind in ("post", "comment") else None
    if outer is not None and outer_id is not None and "hash" not in outer_id.options:
        up = _up(outer, place, outer_id.paths[0])
        made.kind = "comment"
        made.roles.append(Role("root_id", [up], "the record that holds the list"))
        made.reason += "; it stands inside of a post"
    elif parent is not None:
        made.kinds.append(Sort("comment", has="parent_id"))
        made.reason += f"; {parent.paths[0]} names what is answered"
    root = r.root_role(fields, ids, ident.paths[0] if ident else "")
    if made.role("root_id") is None and root is not None and all(root.paths != role.paths for role in made.roles):
        if parent is not None and "0 of" not in root.reason:
            made.roles.append(root)
        elif parent is None and _COMMENT.search(hint):
            made.roles.append(root)
            made.kind = "comment"
            made.reason += f"; {root.paths[0]} names its post"
    what = r.what_column(fields)
    if what is not None:
        values = sorted(set(what.values))
        for kind, words in _SORTS.items():
            fitting = [value for value in values if value.lower() in words]
            has_post = made.role("root_id") and not made.role("parent_id") and made.kind == "post"
            if fitting and (kind != "comment" or has_post):
                made.kinds.insert(0, Sort(kind, path=what.path, values=tuple(fitting)))
        if len(values) > 1:
            odd = next((word for word in what.examples() if not _USUAL.search(word.lower())), what.examples()[-1])
            made.remarks.append(
                f"DECIDE: {what.path} has the values {', '.join(what.examples())}"
                f"{' and more' if len(values) > SHOWN else ''}; "
                "records that are no messages can be left out by kinds: "
                f'{{ kind = "none", field = {toml_text(what.path)}, is = {toml_text(odd)} }}'
            )
    for column in fields.named(("subtype", "message_type", "event_type", "msg_type", "action")):
        if 0 < column.fill < 1 and column is not what:
            made.remarks.append(
                f"DECIDE: some records have {column.path} ({', '.join(column.examples())}); those that are no messages "
                f'can be left out by kinds: {{ kind = "none", field = {toml_text(column.path)} }}'
            )
    if place.replies:
        made.reason += f"; replies stand in {place.replies}"
