"""The commands of a README, and a shell script that executes them step by step."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SECTION = re.compile(r"^## Run\n(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
_BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CONTINUED = re.compile(r"\s*\\\n\s*")
_COMMENT = re.compile(r"\s{2,}#.*$")


def run_commands(readme: Path) -> list[str]:
    """Return the commands in the shell blocks of the section "Run", without comments.

    Raise ValueError if there is no such section, or no command in it.
    """
    section = _SECTION.search(readme.read_text())
    blocks = _BLOCK.findall(section[1]) if section else []
    lines = [line for block in blocks for line in _CONTINUED.sub(" ", block).splitlines()]
    commands = [command for line in lines if (command := _COMMENT.sub("", line).strip())]
    if not commands:
        raise ValueError(f'{readme} has no commands in a section "## Run"')
    return commands


def step_script(commands: list[str]) -> str:
    """Return a script for sh that prints each command, and names the one that fails.

    The commands share one shell, as if they were typed.
    """
    failed = 'printf "\\nThis step failed with exit status %s: %s\\n" "$code" "$step"'
    lines = ["set -eu", "step=", f"trap 'code=$?; [ $code = 0 ] || {failed}' EXIT"]
    for command in commands:
        lines += [f"step={shlex.quote(command)}", "printf '\\n$ %s\\n' \"$step\"", command]
    return "\n".join(lines) + "\n"
