"""A step names every module whose source decides its rows, so that a change of one of them makes the step stale."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.steps import STEPS

ROOT = Path(__file__).parents[1]
PACKAGE = "pipeline"
FUNCTIONS = ("compute", "prepare", "checks")
NEED_NOT_BE_NAMED = {
    "pipeline.ingest.config": "What steps other than ingestion take of corpus.toml enters their fingerprints.",
    "pipeline.schema.registry": "The descriptions of the tables of a step enter its fingerprint themselves.",
    "pipeline.schema.vocabulary": "A word that it lacks is an error; the form of the words is part of a description.",
    "pipeline.settings": "Settings that decide rows enter the fingerprint themselves.",
    "pipeline.steps.step": "It runs steps and makes no rows.",
    **{
        f"pipeline.warehouse.{name}": "How rows are stored has a version of its own, `STORAGE_FORMAT`."
        for name in ("files", "fingerprint", "layout", "locks", "parts", "sources", "store")
    },
}
"""Modules that steps use and that cannot change rows, and why; what these import is not looked at either."""


@dataclass(frozen=True)
class Module:
    """The top level of a module: what defines each name, what is imported, and statements that define nothing."""

    tree: ast.Module
    is_package: bool
    defined: Mapping[str, list[ast.stmt]]
    imported: Mapping[str, tuple[str, str]]
    loose: list[ast.stmt]


class Sources:
    """Follows names through the sources of the package below a folder.

    A name leads to the statements of its module that define it, and these lead to the names in them; imports inside
    functions count, those for type checkers do not. A module that is used as a whole leads to all that is in it. A
    package that only hands a name on is passed through.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.modules: dict[str, Module] = {}

    def path(self, name: str) -> Path | None:
        """Return the file of a module; None where there is no such module."""
        place = self.root.joinpath(*name.split("."))
        return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)

    def module(self, name: str) -> Module:
        """Return a module, read once."""
        if name not in self.modules:
            path = self.path(name)
            assert path is not None, f"there is no module {name}"
            tree = ast.parse(path.read_text(encoding="utf-8"))
            defined, loose = defaultdict[str, list[ast.stmt]](list), []
            for statement in tree.body:
                names = _defined(statement)
                for known in names:
                    defined[known].append(statement)
                if not names and not isinstance(statement, ast.ImportFrom):
                    loose.append(statement)
            imported = {known: (other, what) for statement in tree.body for known, other, what in _imports(statement)}
            self.modules[name] = Module(tree, path.name == "__init__.py", defined, imported, loose)
        return self.modules[name]

    def home(self, module: str, name: str) -> tuple[str, str]:
        """Return the module that a name is from and its name there, which is empty for a module as a whole."""
        if self.path(f"{module}.{name}"):
            return f"{module}.{name}", ""
        content = self.module(module)
        if content.is_package and name not in content.defined:
            for node in ast.walk(content.tree):
                for known, other, what in _imports(node):
                    if known == name:
                        return self.home(other, what)
        assert name in content.defined or name in content.imported, f"{module} has no name {name}"
        return module, name

    def used(self, module: str, start: Iterable[ast.AST], ignored: Collection[str] = ()) -> set[str]:
        """Return the modules that some code of a module uses, itself among them."""
        modules, seen = {module}, set[tuple[str, str]]()
        waiting = [(module, node) for node in (*start, *self.module(module).loose)]
        while waiting:
            where, code = waiting.pop()
            content, (names, imports) = self.module(where), _mentioned(code)
            targets = {(where, name) for name in names & content.defined.keys()}
            targets |= {self.home(*content.imported[name]) for name in names & content.imported.keys()}
            targets |= {self.home(*found) for found in imports}
            for target, name in targets - seen:
                if target in ignored:
                    continue
                seen.add((target, name))
                found = self.module(target)
                if target not in modules:
                    modules.add(target)
                    waiting += [(target, node) for node in found.loose]
                if name in found.defined:
                    waiting += [(target, node) for node in found.defined[name]]
                else:  # a name that is imported there, or all that is there
                    waiting.append((target, ast.Name(name) if name else found.tree))
        return modules


def _defined(statement: ast.stmt) -> list[str]:
    """Return the names that a statement defines, imports left out."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if not isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
        return []
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    nodes = [node for target in targets for node in ast.walk(target)]
    return [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def _imports(node: ast.AST) -> list[tuple[str, str, str]]:
    """Return what a node imports of the package: the name that it gets, the module, and what of the module."""
    if isinstance(node, ast.Import):
        assert not any(is_named(alias.name, [PACKAGE]) for alias in node.names), "write from ... import ..."
    if not isinstance(node, ast.ImportFrom):
        return []
    assert node.level == 0 and node.module is not None, "relative imports are not followed"
    names = node.names if is_named(node.module, [PACKAGE]) else []
    return [(alias.asname or alias.name, node.module, alias.name) for alias in names]


@cache
def _mentioned(code: ast.AST) -> tuple[frozenset[str], frozenset[tuple[str, str]]]:
    """Return the names in some code, and what it imports."""
    nodes = list(_nodes(code))
    imports = frozenset((module, what) for node in nodes for _, module, what in _imports(node))
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name)), imports


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node and all below it, without what only type checkers see."""
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
        children: Iterable[ast.AST] = node.orelse
    else:
        yield node
        children = ast.iter_child_nodes(node)
    for child in children:
        yield from _nodes(child)


SOURCES = Sources(ROOT)


def used_by_steps(sources: Sources, ignored: Collection[str] = ()) -> dict[str, set[str]]:
    """Return for each step the modules that its functions use, from what is written where it is defined."""
    found = {}
    for path in sorted((sources.root / PACKAGE / "steps").glob("*.py")):
        module = f"{PACKAGE}.steps.{path.stem}"
        for node in ast.walk(sources.module(module).tree) if path.stem != "__init__" else ():
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Step":
                given = {keyword.arg: keyword.value for keyword in node.keywords}
                start = [given[name] for name in FUNCTIONS if name in given]
                found[ast.literal_eval(given["key"])] = sources.used(module, start, ignored)
    return found


def is_named(module: str, named: Iterable[str]) -> bool:
    """Tell whether a module, or a package that it is in, is among those named."""
    return any(f"{module}.".startswith(f"{name}.") for name in named)


def test_steps_name_the_modules_that_decide_their_rows() -> None:
    used = used_by_steps(SOURCES, NEED_NOT_BE_NAMED)
    assert used.keys() == STEPS.keys()
    missing = {key: sorted(m for m in used[key] if not is_named(m, STEPS[key].modules)) for key in STEPS}
    told = [f"{key} lacks {', '.join(names)}" for key, names in missing.items() if names]
    assert not told, "add to `modules` of the step:\n" + "\n".join(told)


def test_what_need_not_be_named_is_used() -> None:
    used = set().union(*used_by_steps(SOURCES).values())
    assert used >= NEED_NOT_BE_NAMED.keys()


PLANTED = {
    "__init__": "",
    "start": """
from typing import TYPE_CHECKING
from pipeline import whole
from pipeline.lazy import other
from pipeline.package import handed
if TYPE_CHECKING:
    from pipeline.typed import T
def run(x: T):
    from pipeline.inside import there
    return helper(x)
def helper(x):
    return handed(x), whole.some
def not_run():
    return other()
""",
    "lazy": "def other():\n    return 1\n",
    "typed": "T = int\n",
    "inside": "from pipeline.loose import LIST\nthere = 1\nLIST.append(there)\n",
    "loose": "LIST = []\n",
    "whole": "def some():\n    return 1\ndef more():\n    from pipeline.last import x\n",
    "last": "from pipeline.constants import x\n",
    "constants": "from pipeline.lazy import other\nx, y = 1, 2\nz = other()\n",
    "package/__init__": "from pipeline.package.one import first as handed\nfrom pipeline.package.two import second\n",
    "package/one": "from pipeline.deep import D\nclass first:\n    def method(self):\n        return D\n",
    "package/two": "second = 1\n",
    "deep": "D = 1\nD += 1\n",
}


def test_names_are_followed_to_where_they_are_defined(tmp_path: Path) -> None:
    for name, text in PLANTED.items():
        path = tmp_path / PACKAGE / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def used(name: str, *ignored: str) -> set[str]:
        found = Sources(tmp_path).used("pipeline.start", [ast.Name(name)], ignored)
        return {module.removeprefix("pipeline.") for module in found}

    assert used("run") == {"start", "inside", "loose", "package.one", "deep", "whole", "last", "constants"}
    assert used("run", "pipeline.last", "pipeline.inside") == {"start", "package.one", "deep", "whole"}
    assert used("not_run") == {"start", "lazy"}
