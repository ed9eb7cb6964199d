"""Reads a grid of specifications that was fixed in a file: entries, their identity, and what may stand in them."""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from importlib.resources import files
from typing import Any, Protocol, TypeVar


class Entry(Protocol):
    """What every specification has."""

    @property
    def role(self) -> str:
        """The role of its row."""

    @property
    def spec_id(self) -> str:
        """The hash that names it."""


E = TypeVar("E", bound=Entry)
T = TypeVar("T")


def read_entries(
    name: str, make: Callable[[dict[str, Any], str], E], primaries: int = 1
) -> tuple[tuple[E, ...], dict[str, Any]]:
    """Return the specifications of a file beside this module, and its settings.

    Parameters
    ----------
    name
        The file, such as ``grid/norms.toml``.
    make
        Makes a specification of an entry and of the words that tell where it stands.
    primaries
        Specifications with the role primary, the first among them: one, or one of each of several hypotheses.

    Raises
    ------
    ValueError
        When an entry is not valid or stands twice, or when the primary ones are not as many, the first among them.
    """
    document = tomllib.loads(files("pipeline.inference").joinpath(name).read_text(encoding="utf-8"))
    found = tuple(make(entry, f"{name}, spec {i}") for i, entry in enumerate(document["spec"], 1))
    ids = [spec.spec_id for spec in found]
    if repeated := sorted({i for i in ids if ids.count(i) > 1}):
        raise ValueError(f"{name}: the same specification twice, ids {repeated}; remove one of each")
    if [spec.role for spec in found].count("primary") != primaries or found[0].role != "primary":
        others = "no other" if primaries == 1 else f"{primaries - 1} others"
        raise ValueError(f"{name}: the first specification, and {others}, must have the role primary")
    return found, document.get("settings", {})


def made(kind: Callable[..., T], raw: dict[str, Any], where: str, choices: Mapping[str, Collection[str]]) -> T:
    """Make a dataclass of an entry whose keys are its fields.

    Raises
    ------
    ValueError
        When a key is unknown, or a value is not among its choices.
    """
    known = {f.name for f in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(raw) - known):
        raise ValueError(f"{where}: unknown keys {unknown}; allowed are {sorted(known)}")
    spec = kind(**raw)
    for key, allowed in choices.items():
        if (value := getattr(spec, key)) not in allowed:
            raise ValueError(f"{where}: {key} {value!r} is not one of {sorted(allowed)}")
    return spec


def read_choices(name: str) -> list[dict[str, Any]]:
    """Return the entries of a file whose choices are all combined, each with its role.

    Parameters
    ----------
    name
        The file beside this module. Its table ``choices`` lists the values of each choice: their combinations are the
        first entries, the one of all first values primary, the others robustness. Each ``spec`` changes what it names
        of the first values.

    Raises
    ------
    ValueError
        When a ``spec`` names no role or a choice that there is not.
    """
    document = tomllib.loads(files("pipeline.inference").joinpath(name).read_text(encoding="utf-8"))
    choices: dict[str, list[Any]] = document["choices"]
    first = {key: values[0] for key, values in choices.items()}
    found = []
    for picked in itertools.product(*choices.values()):
        entry = dict(zip(choices, picked, strict=True))
        found.append({"role": "primary" if entry == first else "robustness", **entry})
    for i, entry in enumerate(document.get("spec", []), 1):
        if unknown := sorted(set(entry) - {"role", *first}):
            raise ValueError(f"{name}, spec {i}: unknown keys {unknown}; allowed are {sorted({'role', *first})}")
        if "role" not in entry:
            raise ValueError(f"{name}, spec {i}: no role")
        found.append({**first, **entry})
    return found
