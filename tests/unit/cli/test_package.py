"""The layout of scar.cli: its docstring names every module, and imports have no circles."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import scar.cli
import scar.cli.commands
from scar.cli.command_group import ALIASES, COMMANDS

FOLDER = Path(str(scar.cli.__file__)).parent
MOST_FILES = 20  # commands/ has one more for each command


def modules() -> dict[str, Path]:
    """Return the modules of scar.cli by dotted name; packages are left out."""
    return {
        ".".join(("scar.cli", *path.relative_to(FOLDER).with_suffix("").parts)): path
        for path in FOLDER.rglob("*.py")
        if path.name != "__init__.py"
    }


def imports_of(path: Path) -> set[str]:
    """Return all imports, those in functions and under TYPE_CHECKING included."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_modules_do_not_import_each_other_in_circles() -> None:
    known = modules()
    graph = {name: imports_of(path) & known.keys() for name, path in known.items()}
    assert sum(map(len, graph.values())) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_commands_do_not_import_each_other() -> None:
    for name, path in modules().items():
        if name.startswith("scar.cli.commands."):
            assert not {i for i in imports_of(path) if i.startswith("scar.cli.commands")}, name


def test_the_package_docstring_names_every_module() -> None:
    named = set(re.findall(r"``(\w+)``", scar.cli.__doc__ or ""))
    assert {path.stem for path in FOLDER.glob("*.py")} - {"__init__"} <= named


def test_every_command_has_the_module_of_its_name() -> None:
    files = {path.stem for path in (FOLDER / "commands").glob("*.py")} - {"__init__"}
    assert files == COMMANDS.keys() - ALIASES.keys()
    assert len(list(FOLDER.glob("*.py"))) <= MOST_FILES
