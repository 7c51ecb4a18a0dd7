"""What an example needs besides its image: variables, programs, servers of the user's own."""

from __future__ import annotations

import re
import shlex
import subprocess
from typing import TYPE_CHECKING

from examples.runner.readme import run_commands

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{env:(\w+)\}")
# RFC 2606: hosts for documentation, which exist nowhere.
_PLACEHOLDER = re.compile(r"[\w.-]+\.example\.(?:org|com|net)\b")
_ASSIGNMENT = re.compile(r"\w+=")


def missing_requirements(folder: Path, environment: Mapping[str, str]) -> list[str]:
    """Return what the example needs and does not have, each with the remedy; empty: nothing."""
    return [
        *_missing_variables(folder, environment),
        *_missing_programs(folder, environment),
        *_placeholders(folder),
    ]


def _texts(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.glob("*.yaml")):
        yield path.name, _COMMENT.sub("", path.read_text())


def _missing_variables(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    named = {name for _, text in _texts(folder) for name in _VARIABLE.findall(text)}
    for name in sorted(named):
        if not environment.get(name):
            yield f"the environment variable {name} is not set"


def _missing_programs(folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    first = {_first_word(command) for command in run_commands(folder / "README.md")}
    for name in sorted(first - {""}):
        # The shell knows its own words, too.
        known = subprocess.run(
            ["/bin/sh", "-c", 'command -v -- "$1"', "sh", name],
            env=dict(environment),
            capture_output=True,
            check=False,
        )
        if known.returncode:
            yield f"the program {name} is not installed"


def _first_word(command: str) -> str:
    try:
        words = shlex.split(command)
    except ValueError:  # the first line of a longer command
        words = command.split()
    return next((word for word in words if not _ASSIGNMENT.match(word)), "")


def _placeholders(folder: Path) -> Iterator[str]:
    for name, text in _texts(folder):
        for host in sorted(set(_PLACEHOLDER.findall(text))):
            yield f"{name} names {host}: replace it by your server"
