"""The layout of scar.cli: docstrings name every module, and imports have no cycles."""

from __future__ import annotations

import ast
import json
import re
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

import scar.cli
import scar.cli.commands
from scar.cli.command_group import ALIASES, cli
from scar.cli.commands import COMMANDS, about, cluster, image, local
from scar.cli.main import run
from tests.fakes.services import FakeServices, function_summary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

FOLDER = Path(str(scar.cli.__file__)).parent
MAX_FILES = 20  # in a folder, without __init__.py


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


def test_modules_do_not_import_each_other_in_cycles() -> None:
    known = modules()
    graph = {name: imports_of(path) & known.keys() for name, path in known.items()}
    assert sum(map(len, graph.values())) > 100
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_commands_do_not_import_each_other() -> None:
    for name, path in modules().items():
        if not name.startswith("scar.cli.commands."):
            continue
        imported = {i for i in imports_of(path) if i.startswith("scar.cli.commands.")}
        # Subcommands of one group may share a module that is not a command.
        shared = re.compile(r"scar\.cli\.commands\.(\w+)\.\1_\w+.*")
        assert not {i for i in imported if not shared.fullmatch(i)}, name


PACKAGES = [scar.cli, scar.cli.commands, about, cluster, image, local]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: str(package.__name__))
def test_a_package_docstring_names_every_module(package: ModuleType) -> None:
    named = set(re.findall(r"``([a-z_]+/?)``", package.__doc__ or ""))
    folder = Path(str(package.__file__)).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__"}
    assert named == files | {f"{path.parent.name}/" for path in folder.glob("*/__init__.py")}
    assert len(files) <= MAX_FILES


def test_every_command_has_the_module_of_its_name() -> None:
    folder = FOLDER / "commands"
    files = {path.stem for path in folder.iterdir() if path.name[0] != "_"}
    in_folder = {name for name, (module, _) in ALIASES.items() if module.startswith("about.")}
    own = {name for name, (module, _) in ALIASES.items() if module == name}
    assert files - {"about"} == COMMANDS.keys() - ALIASES.keys() | own
    assert {path.stem for path in (folder / "about").glob("[a-z]*.py")} == in_folder
    for group in (cluster, image, local):
        files = {path.stem for path in Path(str(group.__file__)).parent.glob("*.py")}
        assert files - {"__init__", "cluster_options", "image_output"} == set(group.COMMANDS)


def leaf_commands() -> Iterator[tuple[str, click.Command]]:
    """Yield all commands and subcommands with their full names."""
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            for inner in command.list_commands(context):
                found = command.get_command(context, inner)
                assert found is not None
                yield f"{name} {inner}", found
        else:
            yield name, command


LEAVES = dict(leaf_commands())


@pytest.mark.parametrize("name", LEAVES)
def test_every_command_has_examples_and_json(name: str) -> None:
    command = LEAVES[name]
    assert re.search(rf"Examples:\n(.*\n)*.*scar {name.rstrip('s')}", command.help or ""), name
    # What `scar shell` writes is another program's output.
    assert name == "shell" or "--json" in {o for p in command.params for o in p.opts}


# These accept -n repeatedly.
SEVERAL_FUNCTIONS = {"rm", "show", "status", "wait", "log", "logs", "retry", "cancel"}


@pytest.mark.parametrize("name", LEAVES)
def test_an_option_means_the_same_in_every_command(name: str) -> None:
    meanings = {
        "-n": "names" if name in SEVERAL_FUNCTIONS else "name",
        "-f": "file",
        "-b": "bucket",
        "-o": "output_file",
        "-F": "follow",
        "-j": "json",
        "-y": "yes",
        "--output": "output",
    }
    parameters = {option: str(p.name) for p in LEAVES[name].params for option in p.opts}
    assert {o: parameters[o] for o in meanings if o in parameters}.items() <= meanings.items()


def options_with_one_value() -> Iterator[tuple[str, str]]:
    """Yield the commands and each of their options, in each spelling, that has one value."""
    for name, command in {"": cli, **LEAVES}.items():
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not (
                parameter.is_flag or parameter.multiple or parameter.count
            ):
                yield from ((name, option) for option in parameter.opts)


def test_an_option_with_one_value_is_refused_if_given_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tried = 0
    for name, option in options_with_one_value():
        parameter = next(p for p in {"": cli, **LEAVES}[name].params if option in p.opts)
        arguments = [*name.split(), option, "1", parameter.opts[0], "1"]
        assert run(arguments, FakeServices({})) == 2, arguments
        assert f"{parameter.opts[0]} was given twice" in capsys.readouterr().err, arguments
        tried += 1
    assert tried > 200


# Options and arguments whose values may be empty: texts, and words for other programs.
MAY_BE_EMPTY = {"description", "cmd", "entrypoint", "arguments", "command", "chaos"}
# Those that may have any bytes, beside names of files.
MAY_BE_BYTES = {"command"}


def values_of_commands() -> Iterator[tuple[list[str], click.Parameter]]:
    """Yield the start of a command line, which a value follows, for all that takes values."""
    for name, command in {"": cli, **LEAVES}.items():
        for parameter in command.params:
            if isinstance(parameter, click.Argument):
                before = [p for p in command.params if isinstance(p, click.Argument)]
                words = ["x"] * before.index(parameter)
                yield [*name.split(), "--", *words], parameter
            elif isinstance(parameter, click.Option) and not (
                parameter.is_flag or parameter.count or parameter.hidden
            ):
                yield [*name.split(), parameter.opts[-1]], parameter


def test_an_empty_value_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    tried = 0
    for start, parameter in values_of_commands():
        if parameter.name in MAY_BE_EMPTY:
            continue
        assert run([*start, ""], FakeServices({})) == 2, start
        shown = parameter.opts[0] if start[-1].startswith("-") and start[-1] != "--" else ""
        assert f"{shown} is empty: write a value" in capsys.readouterr().err, start
        tried += 1
    assert tried > 300


def test_a_value_that_is_not_utf_8_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    tried = 0
    for start, parameter in values_of_commands():
        if parameter.name in MAY_BE_BYTES or isinstance(parameter.type, click.Path):
            continue
        assert run([*start, "A=\udcff"], FakeServices({})) == 2, start
        assert "is not text in UTF-8." in capsys.readouterr().err, start
        tried += 1
    assert tried > 300


def test_an_argument_is_named_as_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["wait", ""], FakeServices({})) == 2
    assert "Error: RUN|ARRAY[:INDEX] is empty: write a value." in capsys.readouterr().err


def test_the_words_of_a_script_may_be_empty() -> None:
    services = FakeServices({}, summaries=[function_summary("gray")])
    assert run(["run", "-n", "gray", "--", "echo", ""], services) == 0
    assert services.invoked[0]["cmd_args"] == ["echo", ""]


def test_an_empty_variable_of_the_environment_selects_no_stage(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCAR_STAGE", "")
    assert run(["ls"], FakeServices({})) == 0


@pytest.mark.parametrize(
    ("arguments", "region"),
    [
        (["--region", "eu-west-2", "ls", "--region", "eu-west-3"], "eu-west-3"),
        (["--region", "eu-west-2", "ls", "--json", "--json"], "eu-west-2"),
    ],
)
def test_a_global_option_after_the_command_wins(arguments: list[str], region: str) -> None:
    services = FakeServices({})
    assert run(arguments, services) == 0
    assert services.targets[0].region == region


def test_a_repeated_option_keeps_the_status_of_a_detailed_plan() -> None:
    assert run(["plan", "--detailed-exitcode", "-f", "a", "-f", "b"], FakeServices({})) == 1
    assert run(["plan", "-f", "a", "-f", "b"], FakeServices({})) == 2


def test_a_value_that_looks_like_an_option_is_no_repetition() -> None:
    assert run(["ls", "--region", "--region"], FakeServices({})) == 0


@pytest.mark.parametrize("name", ["", "put", "image", *LEAVES])
def test_help_is_the_same_as_the_option(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*name.split(), "--help"], FakeServices({})) == 0
    expected = capsys.readouterr().out
    assert expected.startswith(f"Usage: scar {name}".rstrip())
    assert run(["help", *name.split()], FakeServices({})) == 0
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["pt"], "No such command 'pt'; did you mean put?"),
        (["image", "inspekt"], "No such command 'inspekt'; did you mean inspect?"),
        (["put", "get"], "scar put has no subcommands."),
    ],
)
def test_help_of_no_command_is_a_usage_error(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["help", *words], FakeServices({})) == 2
    assert message in capsys.readouterr().err


def test_help_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["help", "put", "-j"], FakeServices({})) == 0
    assert "Upload files" in json.loads(capsys.readouterr().out)["help"]


@pytest.mark.parametrize("option", ["-e", "-le", "--environment"])
def test_a_variable_given_twice_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["init", "-n", "a", "-i", "x", option, "KEY=1", option, "KEY=2"]
    assert run(arguments, FakeServices({})) == 2
    assert "KEY was given twice" in capsys.readouterr().err
