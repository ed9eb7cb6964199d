"""Saves what is sound of a JSON document that cannot be parsed: it was cut, or some of its bytes are damaged.

The document is walked from its start. Elements of lists, and members of a dict of alike objects, are records: each is
kept whole or lost whole. Behind damage the walk goes on at the next record that can be read and has keys like those of
its sound neighbours, so that an object inside a damaged record is not taken for one. What is left is one document.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from typing import Any

from pipeline.ingest.repair import EXCERPT_CHARS, Rejected, Repaired, repair_document, spelled_strictly

MOST_NESTING = 4
# Attempts to read on behind damage stop when they have looked at this many times the length of the text.
MOST_PASSES, FEWEST_CHARS = 2, 1 << 16
ATTEMPT_CHARS = 200  # what every attempt costs
# What an attempt costs that ends in nesting too deep to read.
DEEP_CHARS = 10_000
_SAMPLED = 8
_DECODER = json.JSONDecoder(strict=False)
_CLOSING = re.compile(r"[\]}]")
_SPACE = re.compile(r"[ \t\r\n]*")
_KEY = re.compile(r'"(?:[^"\\]|\\.)*+"[ \t\r\n]*:[ \t\r\n]*', re.DOTALL)
_NEXT_ELEMENT = re.compile(r"(?<![:\s])\s*+(?P<value>[{\[])")
_NEXT_MEMBER = re.compile(r'(?P<key>"(?:[^"\\]|\\.)*+")[ \t\r\n]*:[ \t\r\n]*(?P<value>[{\[])', re.DOTALL)
_LEADING_ID = re.compile(r'\{\s*"id"\s*:\s*(?P<id>"(?:[^"\\]|\\.)*+"|[0-9]{1,30})\s*[,}]')


@dataclass(frozen=True, slots=True)
class Salvaged:
    """What is sound as a document, how many records that are, and place and number of the damaged parts."""

    text: str
    n_kept: int
    place: int
    n_damaged: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A list or an object: its sound text (none when it is lost), where it ends or damage is, whether it has no end."""

    text: str | None
    end: int
    is_open: bool


@dataclass(slots=True)
class _Members:
    """Members of an object: their texts, and what their values are."""

    nesting: int
    texts: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    objects: list[dict[str, Any]] = field(default_factory=list)
    has_records: bool = False
    n_listed: int = 0

    def add(self, key: str, text: str, value: object) -> None:
        self.texts.append(key + text)
        self.keys.add(key.rstrip(" \t\r\n:"))
        if isinstance(value, dict):
            self.objects.append(value)
        if isinstance(value, list) and _is_list_of_records(value):
            self.has_records = True
            self.n_listed += sum(isinstance(each, dict | list) for each in value)

    def drop_stump(self) -> None:
        """Drop the last object where it is what keeps the others from being a dictionary: damage ended it early."""
        if self.is_dictionary or len(self.objects) < 2 or len(self.objects) != len(self.texts):
            return
        *_, last = self.objects
        self.objects.pop()
        text = self.texts.pop()
        if not self.is_dictionary:
            self.objects.append(last)
            self.texts.append(text)

    @property
    def is_dictionary(self) -> bool:
        """Whether all members are objects, most of them with keys like those of the largest."""
        if not self.objects or len(self.objects) != len(self.texts):
            return False
        some = self.objects[:_SAMPLED]
        largest = max(some, key=len)
        return 2 * sum(_alike(each, largest) for each in some) > len(some)


def salvage(text: str) -> Salvaged | None:
    """Return what is sound of a document, None when that is nothing.

    Parameters
    ----------
    text
        A document that `json` refuses.
    """
    walk = _Walk(text)
    place = walk.skip(0)
    if text[place : place + 1] not in ("{", "["):
        return None
    part = walk.container(place, 0)
    if part.text is None or not walk.n_kept:
        return None
    damage = walk.damage or [part.end]
    return Salvaged(part.text, walk.n_kept, damage[0], len(damage))


class _Walk:
    """One walk through a damaged text."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.left = MOST_PASSES * len(text) + FEWEST_CHARS
        self.damage: list[int] = []
        self.n_kept = 0
        self.is_deep = False

    def skip(self, place: int) -> int:
        """Return the place behind white space."""
        match = _SPACE.match(self.text, place)
        return match.end() if match else place

    def value(self, place: int) -> tuple[Any, int] | None:
        """Return the value at a place and where it ends, None when there is none."""
        self.is_deep = False
        try:
            return _DECODER.raw_decode(self.text, place)
        except json.JSONDecodeError as error:
            is_open = error.msg.startswith("Unterminated")
            self.left -= (len(self.text) if is_open else error.pos) - place + ATTEMPT_CHARS
        except (RecursionError, ValueError):
            self.left -= DEEP_CHARS
            self.is_deep = True
        return None

    def container(self, place: int, nesting: int) -> _Part:
        """Return what is sound of a list or an object."""
        return self.read_list(place, nesting) if self.text[place] == "[" else self.read_object(place, nesting)

    def read_list(self, place: int, nesting: int) -> _Part:
        """Return the sound elements of a list."""
        kept: list[str] = []
        samples: list[Any] = []
        place = self.skip(place + 1)
        # Where text follows a list that holds all of the document, its end is part of the damage.
        while self.text[place : place + 1] != "]" or (not nesting and self.skip(place + 1) < len(self.text)):
            end, value = place, None
            if (found := self.value(place)) is not None:
                value, end = found
                behind = self.skip(end)
                mark = self.text[behind : behind + 1]
                is_record = isinstance(value, dict | list)
                # A number in front of damage may have lost digits; what has brackets is whole.
                if is_record or mark in (",", "]"):
                    kept.append(self.text[place:end])
                    self.n_kept += is_record
                    samples += [value] if is_record and len(samples) < _SAMPLED else []
                if mark and mark in ",]":
                    place = self.skip(behind + 1) if mark == "," else behind
                    continue
            self.damage.append(end)
            # A text in front of damage may be the quotation mark that strayed in, and what it opened.
            behind_it = end if isinstance(value, dict | list) else place + 1
            following = self.following(_NEXT_ELEMENT, behind_it, samples)
            if following is None:
                return _Part(f"[{', '.join(kept)}]" if samples else None, end, True)
            place = following
        return _Part(f"[{', '.join(kept)}]", place + 1, False)

    def read_object(self, place: int, nesting: int) -> _Part:
        """Return the sound members of an object, none where it is a record that is damaged itself."""
        members = _Members(nesting)
        place = self.skip(place + 1)
        is_tainted = False
        while self.text[place : place + 1] != "}":
            end, state = self._member(members, place, nesting)
            is_tainted = is_tainted or state != "kept"
            behind = self.skip(end)
            mark = self.text[behind : behind + 1]
            if mark and mark in ",}" and state in ("kept", "lost"):
                place = self.skip(behind + 1) if mark == "," else behind
                continue
            if state != "inside":
                self.damage.append(end)
            is_tainted = True
            if nesting:
                members.drop_stump()
            is_dictionary = members.is_dictionary
            # A record ends with its damage; only an envelope or a dict of records is read on.
            following = None
            if not nesting or is_dictionary or not members.texts:
                following = self.following(_NEXT_MEMBER, end, members.objects[:_SAMPLED] if is_dictionary else [])
            if following is not None and nesting and not members.texts and state != "inside":
                # What stands behind the end of this object, as brackets tell, is the matter of the one around it.
                between = self.text[end:following]
                following = following if between.count("{") >= between.count("}") else None
            if following is None:
                return self._made(members, end, is_tainted=True, is_open=True)
            place = following
        return self._made(members, place + 1, is_tainted=is_tainted, is_open=False)

    def _member(self, members: _Members, place: int, nesting: int) -> tuple[int, str]:
        """Read a member; return where it ends and what became of it.

        It is kept, or lost although it has an end; or there is no end: it is open where damage is at this place, or
        the damage is inside, and noted already.
        """
        key = _KEY.match(self.text, place)
        if key is None or self.value(place) is None:
            return place, "open"
        found = self.value(key.end())
        if found is not None:
            value, end = found
            mark = self.text[self.skip(end) : self.skip(end) + 1]
            if isinstance(value, dict | list) or (mark and mark in ",}"):
                members.add(key.group(), self.text[key.end() : end], value)
                return end, "kept"
            return end, "open"
        begin = self.text[key.end() : key.end() + 1]
        # A record that stands among others like it is not looked into.
        if begin not in ("{", "[") or not begin or nesting >= MOST_NESTING or (begin == "{" and members.is_dictionary):
            return key.end(), "open"
        before = self.n_kept
        inner = self.container(key.end(), nesting + 1)
        if inner.text is not None:
            members.texts.append(key.group() + inner.text)
            members.has_records = members.has_records or self.n_kept > before
        elif (named := _LEADING_ID.match(self.text, key.end())) and named.end() <= inner.end:
            name = key.group().rstrip(" \t\r\n:")[:-1] + '_id"'
            if name not in members.keys:
                members.add(f"{name}: ", named.group("id"), None)
        if inner.is_open:
            return inner.end, "inside"
        return inner.end, "lost" if inner.text is None else "kept"

    def _made(self, members: _Members, end: int, *, is_tainted: bool, is_open: bool) -> _Part:
        is_dictionary = members.is_dictionary
        # An envelope has no identifier, what stands in it has.
        is_envelope = not members.nesting and '"id"' not in members.keys
        n_held = sum(_n_identified(each) for each in members.objects) if is_envelope else 0
        if is_tainted and not (members.has_records or n_held or is_dictionary):
            return _Part(None, end, is_open)
        self.n_kept += len(members.objects) if is_dictionary else members.n_listed + n_held
        if not (members.nesting or is_tainted or self.n_kept):  # it is whole, only what follows it is damage
            self.n_kept = 1
        return _Part("{" + ", ".join(members.texts) + "}", end, is_open)

    def following(self, pattern: re.Pattern[str], place: int, samples: list[Any]) -> int | None:
        """Return where the next sound record stands, None when there is none.

        Without one that is like its neighbours it is the first that is like the largest of some.
        """
        first: list[tuple[int, Any]] = []
        least = max((len(sample) for sample in samples), default=1)
        while self.left > 0 and (samples or len(first) < _SAMPLED) and (match := pattern.search(self.text, place)):
            place = match.start("value") + 1
            found = self.value(match.start("value"))
            if found is None:
                # What stands inside of what is nested too deeply is no record.
                closing = _CLOSING.search(self.text, place) if self.is_deep else None
                place = closing.end() if closing else place
                continue
            value, end = found
            self.left -= end - place
            behind = self.skip(end)
            if not value or self.text[behind : behind + 1] not in (",", "]", "}", ""):
                continue
            start = match.start("value" if pattern is _NEXT_ELEMENT else "key")
            if pattern is _NEXT_MEMBER and self.value(start) is None:
                place = end  # the damage is in the key, and the record is lost with it
                continue
            if pattern is _NEXT_MEMBER and isinstance(value, list):
                if not samples and _is_list_of_records(value):
                    return start
            elif any(_alike(value, sample) for sample in samples):
                return start
            elif len(first) < _SAMPLED and len(value) >= least:
                first.append((start, value))
        largest = max((value for _, value in first), key=len, default=None)
        return next((start for start, value in first if _alike(value, largest)), None)


def _n_identified(value: dict[str, Any]) -> int:
    """Return how many records an object is or holds that have an identifier: under ``id``, or as their key in it."""
    if "id" in value:
        return 1
    held = [each for each in value.values() if isinstance(each, dict)]
    is_dictionary = 1 < len(held) == len(value) and all(_alike(each, held[0]) for each in held[:_SAMPLED])
    return len(held) if is_dictionary else 0


def _is_list_of_records(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(each, dict | list) for each in value)


def _alike(one: Any, other: Any) -> bool:
    """Return whether two values are objects that share most of their keys, or lists of one length."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other)
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return False
    return 2 * len(one.keys() & other.keys()) > max(len(one), len(other)) or one.keys() == other.keys()


def salvaged_document(text: str, rejected: Rejected) -> tuple[Repaired | None, Rejected]:
    """Return what is sound of a document, none when nothing is, and the one row that tells of the rest.

    Parameters
    ----------
    text
        A document that could not be repaired.
    rejected
        Why it could not.
    """
    mended, _ = spelled_strictly(text)
    found = salvage(mended)
    sound = repair_document(found.text) if found is not None else None
    if found is None or not isinstance(sound, Repaired):
        return None, rejected
    parts = "one part" if found.n_damaged == 1 else f"{found.n_damaged} parts"
    detail = f"{rejected.detail}; the {found.n_kept} records that are sound were read, {parts} set aside"
    return sound, replace(
        rejected,
        detail=detail,
        excerpt=mended[found.place : found.place + EXCERPT_CHARS],
        offset=len(mended[: found.place].encode("utf-8", "replace")),
    )
