"""Measure the structure of the code: names, folders, package docstrings, import circles.

``python -m tests.structure`` prints the figures; ``tests/unit/test_structure.py`` holds them.
``python -m tests.structure --diagrams`` writes the diagrams of docs/architecture.md anew.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
PACKAGES = ("scar", "supervisor")
ARCHITECTURE = ROOT / "docs" / "architecture.md"
MAX_FILES = 20
MAX_ONE_WORD = 0.08

_ONE_WORD = re.compile(r"_[a-z0-9]+")
# In the docstring of a package, a lower-case identifier in double backticks names a module.
_MODULE_NAME = re.compile(r"``([a-z_][a-z0-9_]*(?:\.[a-z_][a-z0-9_]*)*)/?``")

_DIAGRAM = re.compile(r"(<!-- layers: (?P<name>.*?) -->\n).*?(<!-- end -->\n)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SourceFile:
    """One parsed module; ``path`` is relative to the repository."""

    path: Path
    tree: ast.Module

    @property
    def module(self) -> str:
        parts = self.path.with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


@cache
def source_files() -> tuple[SourceFile, ...]:
    """Parse every module of the product."""
    paths = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
    return tuple(SourceFile(path.relative_to(ROOT), ast.parse(path.read_text())) for path in paths)


def duplicate_classes() -> dict[str, list[str]]:
    """Return the top-level classes that are defined in more than one module, with the modules."""
    places: dict[str, list[str]] = defaultdict(list)
    for source in source_files():
        for node in source.tree.body:
            if isinstance(node, ast.ClassDef):
                places[node.name].append(source.module)
    return {name: modules for name, modules in places.items() if len(modules) > 1}


def one_word_functions() -> tuple[list[str], int]:
    """Return the functions with a private name of one word, and the number of all functions.

    Public one-word names (``read``, ``create``) are the interface of a class and mostly verbs.
    """
    found, total = [], 0
    for source in source_files():
        for node in ast.walk(source.tree):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if node.name.startswith("__"):
                continue
            total += 1
            if _ONE_WORD.fullmatch(node.name):
                found.append(f"{source.module}.{node.name}")
    return found, total


def files_per_folder() -> Counter[str]:
    """Count the modules of each folder of code, tests included, without its ``__init__.py``."""
    paths = (path for name in (*PACKAGES, "tests", "bench") for path in (ROOT / name).rglob("*.py"))
    return Counter(
        str(path.parent.relative_to(ROOT)) for path in paths if path.name != "__init__.py"
    )


def missing_from_docstrings() -> Iterator[str]:
    """Yield each module that the docstring of its package does not name."""
    for package, children, named in _packages():
        yield from (f"{package}: {child}" for child in sorted(children - named))


def invented_in_docstrings() -> Iterator[str]:
    """Yield each bare name in a package's docstring that looks like a module and is none.

    A name may be a module of the package itself, of the packages around it, or of the program.
    """
    modules = {source.module for source in source_files()}
    for package, _, named in _packages():
        scopes = [""]
        for part in package.split("."):
            scopes.append(f"{scopes[-1]}{part}.")
        for name in sorted(named):
            if "." not in name and not any(f"{scope}{name}" in modules for scope in scopes):
                yield f"{package}: {name}"


def _packages() -> Iterator[tuple[str, set[str], set[str]]]:
    """Yield each package with its direct modules and the names its docstring gives."""
    sources = source_files()
    for source in sources:
        if not source.is_package:
            continue
        prefix = f"{source.module}."
        children = {
            other.module.removeprefix(prefix)
            for other in sources
            if other.module.startswith(prefix) and other.path.name != "__main__.py"
        }
        direct = {child for child in children if "." not in child}
        docstring = ast.get_docstring(source.tree) or ""
        named = {match[1] for match in _MODULE_NAME.finditer(docstring)}
        first_parts = {name.partition(".")[0] for name in named}
        yield source.module, direct, named | (first_parts & direct)


def import_circle() -> tuple[str, ...]:
    """Return a circle of imports between modules, if any: those for types count as well."""
    graph = grimp.build_graph(*PACKAGES, cache_dir=None)
    sorter = TopologicalSorter(
        {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    )
    try:
        sorter.prepare()
    except CycleError as error:
        return tuple(error.args[1])
    return ()


def with_diagrams(document: str) -> str:
    """Return the document with the diagram of each import contract that it names.

    ``<!-- layers: NAME -->`` and ``<!-- end -->`` are around each.
    """
    return _DIAGRAM.sub(
        lambda match: f"{match[1]}{_layer_diagram(match['name'])}{match[3]}", document
    )


def _layer_diagram(name: str) -> str:
    """Draw the layers of one contract of pyproject.toml, the highest at the top."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    contracts = {each["name"]: each for each in settings["tool"]["importlinter"]["contracts"]}
    lines = ["```mermaid", "flowchart TD"]
    layers = [layer.split(" | ") for layer in contracts[name]["layers"]]
    for number, layer in enumerate(layers):
        label = "&nbsp;&nbsp;&nbsp;".join(layer)
        lines.append(f'    layer{number}["{label}"]')
    lines += [f"    layer{number} --> layer{number + 1}" for number in range(len(layers) - 1)]
    return "\n".join([*lines, "```", ""])


def main() -> None:
    """Print every figure, with the places where it is not what it should be."""
    classes = duplicate_classes()
    one_word, functions = one_word_functions()
    missing, invented = list(missing_from_docstrings()), list(invented_in_docstrings())
    folder, most = files_per_folder().most_common(1)[0]
    circle = import_circle()
    share = len(one_word) / functions
    print(f"class names defined more than once: {len(classes)}", *classes)
    print(f"functions with a private name of one word: {share:.1%} of all {functions}")
    print(f"modules missing from package docstrings: {len(missing)}", *missing, sep="\n  ")
    print(f"modules invented by package docstrings: {len(invented)}", *invented, sep="\n  ")
    print(f"files in the largest folder: {most} ({folder})")
    print(f"circles of imports: {1 if circle else 0}", *circle)


if __name__ == "__main__":
    if "--diagrams" in sys.argv:
        ARCHITECTURE.write_text(with_diagrams(ARCHITECTURE.read_text()))
    else:
        main()
