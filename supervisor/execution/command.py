"""Which program a run starts: the event's script, its arguments, ours, or the image's own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.errors import ConfigError, EventError
from supervisor.invocation import DirectInvocation

if TYPE_CHECKING:
    from supervisor.execution.workspace import Workspace
    from supervisor.invocation import Trigger
    from supervisor.model import FunctionConfig

SHELL = "/bin/sh"
# Linux reads no more of a first line (BINPRM_BUF_SIZE).
MAX_SHEBANG_LENGTH = 256


@dataclass(frozen=True, slots=True)
class Command:
    """Arguments, the program first, and the folder to start in."""

    argv: tuple[str, ...]
    cwd: Path


def choose_command(
    config: FunctionConfig, trigger: Trigger, home: Path, workspace: Workspace
) -> Command:
    """Event script (with the event's arguments) > those alone > the function's > the image's own.

    Scripts start in the workspace, the image's own program in its working directory. A
    script may live on a file system without execute permission. Raise ConfigError, EventError.
    """
    if isinstance(trigger, DirectInvocation) and trigger.script is not None:
        path = workspace.root / "script"
        path.write_bytes(trigger.script)
        path.chmod(0o700)
        return Command((*_script_argv(path), *(trigger.arguments or ())), workspace.root)
    image = config.image
    workdir = Path(image.workdir or "/")
    cwd = workdir if workdir.is_dir() else workspace.root
    if isinstance(trigger, DirectInvocation) and trigger.arguments is not None:
        return Command((*image.entrypoint, *trigger.arguments), cwd)
    if config.script:
        import shutil

        path = workspace.root / "script"
        source = home / "function" / config.script
        try:
            shutil.copyfile(source, path)
        except OSError as error:
            raise ConfigError(
                f"The function's script {source} cannot be read: {error.strerror}.",
                remedy="Run `scar init` again.",
            ) from error
        path.chmod(0o700)
        return Command(_script_argv(path), workspace.root)
    if not image.entrypoint and not image.command:
        raise EventError(
            "There is nothing to run: the function has no script, and its image no entrypoint.",
            remedy="Give the function a script (run_script), or send one with the event.",
        )
    return Command((*image.entrypoint, *image.command), cwd)


def _script_argv(path: Path) -> tuple[str, ...]:
    with path.open("rb") as file:
        first = file.read(MAX_SHEBANG_LENGTH)
    if first.startswith(b"\x7fELF"):
        return (str(path),)
    if first.startswith(b"#!"):
        line = os.fsdecode(first[2:].partition(b"\n")[0]).strip(" \t")
        interpreter, _, argument = line.replace("\t", " ").partition(" ")
        if interpreter:
            rest = (argument.strip(" "),) if argument.strip(" ") else ()
            return (interpreter, *rest, str(path))
    return (SHELL, str(path))
