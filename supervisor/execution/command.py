"""The program that a run starts: from the event, the function, or the image."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.errors import ConfigError, EventError
from supervisor.execution.users import can_enter, find_account
from supervisor.invocation import DirectInvocation

if TYPE_CHECKING:
    from supervisor.execution.workspace import Workspace
    from supervisor.invocation import Trigger
    from supervisor.model import FunctionConfig, ImageDefaults

SHELL = "/bin/sh"
# Linux reads no more of a file to find its interpreter (BINPRM_BUF_SIZE).
MAX_SHEBANG_LENGTH = 256
# A byte order mark, blanks or line ends before "#!": the shell would run a script of another
# interpreter, and may end in success.
_BEFORE_INTERPRETER = re.compile(rb"[^!-~]+#!")


@dataclass(frozen=True, slots=True)
class Command:
    """Program and arguments, and the folder in which it starts.

    ``note`` is why that is not the image's WORKDIR; empty if it is, or the image has none.
    """

    argv: tuple[str, ...]
    cwd: Path
    note: str = ""


def start_folder(image: ImageDefaults, run_folder: Path, user: str) -> tuple[Path, str]:
    """Return the folder in which a script starts, and why it is not the image's WORKDIR.

    It is the image's WORKDIR, as in ``docker run``, or the run's own folder if that is ``/`` (an
    image without one), does not exist, or cannot be entered by ``user`` (as in ``ProcessSpec``).
    The WORKDIR may be read-only, as everything but /tmp is in Lambda. Raise ConfigError.
    """
    workdir = _workdir(image)
    return (run_folder, "") if workdir == "/" else _enter(workdir, run_folder, user)


def _workdir(image: ImageDefaults) -> str:
    return "/" + os.path.normpath(f"/{image.workdir}").lstrip("/")


def _enter(workdir: str, run_folder: Path, user: str) -> tuple[Path, str]:
    if can_enter(workdir, find_account(user)):
        return Path(workdir), ""
    # Docker creates a missing WORKDIR at the start of a container, Lambda does not.
    why = "cannot be entered by its user" if os.path.isdir(workdir) else "does not exist"  # noqa: PTH112
    return run_folder, (
        f"The image's WORKDIR {workdir} {why}: the run starts in its own folder, {run_folder}."
    )


def choose_command(
    config: FunctionConfig, trigger: Trigger, home: Path, workspace: Workspace, user: str = ""
) -> Command:
    """Return the first that exists: event script, event arguments, function script, image's own.

    Scripts are copied to the workspace and start in ``start_folder``; the image's own program
    starts in its WORKDIR, also if that is ``/``. ``user`` is that of the process. Raise
    ConfigError, EventError.
    """
    image, root = config.image, workspace.root
    if isinstance(trigger, DirectInvocation) and trigger.script is not None:
        path = root / "script"
        path.write_bytes(trigger.script)
        path.chmod(0o700)
        argv = (*_script_argv(path), *(trigger.arguments or ()))
        return Command(argv, *start_folder(image, root, user))
    if isinstance(trigger, DirectInvocation) and trigger.arguments is not None:
        argv = (*image.entrypoint, *trigger.arguments)
        return Command(argv, *_enter(_workdir(image), root, user))
    if config.script:
        path = _copy_script(home / "function" / config.script, root)
        return Command(_script_argv(path), *start_folder(image, root, user))
    if not image.entrypoint and not image.command:
        raise EventError(
            "Nothing to run: the function has no script, and its image has no entrypoint.",
            remedy="Set init_script in the FDL, or send a script with the event.",
        )
    argv = (*image.entrypoint, *image.command)
    return Command(argv, *_enter(_workdir(image), root, user))


def _copy_script(source: Path, folder: Path) -> Path:
    import shutil

    path = folder / "script"
    try:
        shutil.copyfile(source, path)
    except OSError as error:
        raise ConfigError(
            f"The function's script {source} cannot be read: {error.strerror}.",
            remedy="Run `scar init` again.",
        ) from error
    path.chmod(0o700)
    return path


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
