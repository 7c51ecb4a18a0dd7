"""The program that a run starts: from the event, the function, or the image."""

from __future__ import annotations

import os
import re
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
# Linux reads no more of a file to find its interpreter (BINPRM_BUF_SIZE).
MAX_SHEBANG_LENGTH = 256
# A byte order mark, blanks or line ends before "#!": the shell would run a script of another
# interpreter, and may end in success.
_BEFORE_INTERPRETER = re.compile(rb"[^!-~]+#!")


@dataclass(frozen=True, slots=True)
class Command:
    """Program and arguments, and the working directory."""

    argv: tuple[str, ...]
    cwd: Path


def choose_command(
    config: FunctionConfig, trigger: Trigger, home: Path, workspace: Workspace
) -> Command:
    """Return the first that exists: event script, event arguments, function script, image's own.

    Scripts are copied to the workspace and start there; the image's own program starts in the
    image's working directory. Raise ConfigError, EventError.
    """
    if isinstance(trigger, DirectInvocation) and trigger.script is not None:
        path = workspace.root / "script"
        path.write_bytes(trigger.script)
        path.chmod(0o700)
        return Command((*_script_argv(path), *(trigger.arguments or ())), workspace.root)
    image = config.image
    # Docker creates a missing WORKDIR at the start of a container, Lambda does not.
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
            "Nothing to run: the function has no script, and its image has no entrypoint.",
            remedy="Set init_script in the FDL, or send a script with the event.",
        )
    return Command((*image.entrypoint, *image.command), cwd)


def _script_argv(path: Path) -> tuple[str, ...]:
    # The interpreter is started explicitly: the workspace's file system may be mounted noexec.
    with path.open("rb") as file:
        first = file.read(MAX_SHEBANG_LENGTH)
    if first.startswith(b"\x7fELF"):
        return (str(path),)
    if _BEFORE_INTERPRETER.match(first) or b"\0" in first.partition(b"\n")[0]:
        raise EventError(
            "The script is not text that Linux can run: it begins with a byte order mark, blanks"
            " or line ends before `#!`, or has NUL bytes, as UTF-16 has.",
            remedy="Convert it to UTF-8 without a byte order mark. `scar validate` and"
            " `scar run -s` name the command.",
        )
    if first.startswith(b"#!"):
        line = os.fsdecode(first[2:].partition(b"\n")[0]).strip(" \t")
        interpreter, _, argument = line.replace("\t", " ").partition(" ")
        if interpreter:
            rest = (argument.strip(" "),) if argument.strip(" ") else ()
            return (interpreter, *rest, str(path))
    return (SHELL, str(path))
