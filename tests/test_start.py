"""What a process pays before it does anything: no library of statistics, drawing or models, until a step computes."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.steps import STEPS

ROOT = Path(__file__).parents[1]
HEAVY = (
    "hdbscan", "huggingface_hub", "igraph", "lightgbm", "linearmodels", "matplotlib", "model2vec", "networkit",
    "networkx", "numba", "pandas", "powerlaw", "py3langid", "pyfixest", "safetensors", "scipy", "sentence_transformers",
    "sklearn", "statsmodels", "tokenizers", "torch", "transformers", "umap",
)  # fmt: skip
STARTS = ("pipeline.cli", "pipeline.steps", "pipeline.steps.publication", "pipeline.definitions", "pipeline.headless")
_LOOK = """
import importlib, json, sys
heavy, found = set(sys.argv[1].split()), {}
for name in sys.argv[2:]:
    importlib.import_module(name)
    found[name] = sorted(heavy.intersection(sys.modules))
print(json.dumps(found))
"""


def test_starting_loads_no_library_that_only_computing_needs() -> None:
    command = [sys.executable, "-c", _LOOK, " ".join(HEAVY), *STARTS]
    found = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    assert json.loads(found.stdout) == {name: [] for name in STARTS}


@pytest.mark.parametrize("package", ["comparison", "inference", "report/html", "simulation"])
def test_names_handed_on_are_those_that_type_checkers_see(package: str) -> None:
    tree = ast.parse((ROOT / "pipeline" / package / "__init__.py").read_text(encoding="utf-8"))
    (choice,) = (node for node in tree.body if isinstance(node, ast.If))
    (table,) = (node for part in choice.orelse for node in ast.walk(part) if isinstance(node, ast.Dict))
    (exported,) = (node.value for node in tree.body if isinstance(node, ast.Assign))
    full = "pipeline." + package.replace("/", ".")
    seen = {
        node.module: tuple(alias.name for alias in node.names)
        for node in choice.body
        if isinstance(node, ast.ImportFrom)
    }
    handed = ast.literal_eval(table)
    assert seen == {f"{full}.{module}": names for module, names in handed.items()}
    assert sorted(ast.literal_eval(exported)) == sorted(name for names in handed.values() for name in names)


def test_an_unknown_name_of_a_package_is_an_attribute_error() -> None:
    import pipeline.inference

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(pipeline.inference, "nothing")  # noqa: B009


def test_families_of_rows_are_families_of_steps() -> None:
    """Steps say their family themselves, since the module that makes the rows is not loaded to ask it."""
    named = {
        match[1]
        for path in (ROOT / "pipeline").rglob("*.py")
        for match in re.finditer(r'^FAMILY\b.*? = "([a-z_]+)"', path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert len(named) > 20
    assert named <= {step.family for step in STEPS.values()}
