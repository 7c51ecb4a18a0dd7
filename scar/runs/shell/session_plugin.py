"""Execute a command in a container by ECS Exec, with AWS's program session-manager-plugin.

The arguments are those of the AWS CLI (awscli/customizations/sessionmanager.py and
ecs/executecommand.py). The session has a token, so it is passed in an environment variable, whose
name is the first argument: other users of the machine can read command lines. Versions up to
1.2.497.0 read it from the command line only and are refused.
"""

from __future__ import annotations

import contextlib
import json
import re
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.errors import translate_errors
from scar.runs.shell.task_container import NoShellError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.aws.client.service_types import TaskExecutor
    from scar.aws.model.account import Account
    from scar.runs.shell.task_container import TaskContainer

PROGRAM = "session-manager-plugin"
SESSION_VARIABLE = "AWS_SSM_START_SESSION_RESPONSE"
LAST_VERSION_WITHOUT_VARIABLE = (1, 2, 497, 0)
DEFAULT_COMMAND = ("/bin/sh",)
VERSION_SECONDS = 30
_INSTALL = (
    "Install it: https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionPlugin:
    """The installed program; ``environment`` is that of this process."""

    program: str
    environment: Mapping[str, str]

    def execute(
        self, ecs: TaskExecutor, account: Account, container: TaskContainer, command: Sequence[str]
    ) -> int:
        """Execute a command, by default a shell, and return the plugin's exit status.

        That is not the command's: ECS does not report it.
        """
        with translate_errors(f"execute a command in {container.target} (ecs:ExecuteCommand)"):
            # The agent splits the command as a shell does (amazon-ssm-agent, ContainerMode).
            session = ecs.execute_command(
                cluster=container.cluster,
                task=container.task,
                container=container.name,
                command=shlex.join(command or DEFAULT_COMMAND),
                interactive=True,  # the only mode that ECS has
            )["session"]
        target = json.dumps({"Target": container.target})
        endpoint = f"https://ssm.{account.region}.{account.domain}"
        # Region, operation, profile (the token is enough), request, endpoint
        arguments = (SESSION_VARIABLE, account.region, "StartSession", "", target, endpoint)
        with _left_to_the_plugin():
            done = subprocess.run(
                [self.program, *arguments],
                env={**self.environment, SESSION_VARIABLE: json.dumps(session)},
                check=False,
            )
        return done.returncode if done.returncode >= 0 else 128 - done.returncode


def find_session_plugin(environment: Mapping[str, str]) -> SessionPlugin:
    """Return the program on PATH; raise NoShellError if it is missing or too old."""
    program = shutil.which(PROGRAM, path=environment.get("PATH", ""))
    if program is None:
        raise NoShellError(f"The program {PROGRAM} of AWS is not installed.", remedy=_INSTALL)
    try:
        output = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            env=dict(environment),
            text=True,
            errors="replace",
            check=False,
            timeout=VERSION_SECONDS,
        ).stdout
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NoShellError(
            f"The program {program} does not start: {error}", remedy=_INSTALL
        ) from error
    if parse_version(output) <= LAST_VERSION_WITHOUT_VARIABLE:
        raise NoShellError(
            f"The program {program} is too old ({output.strip() or 'version unknown'}): it takes"
            " the session's token from its command line only.",
            remedy=f"Install a version after 1.2.497.0. {_INSTALL}",
        )
    return SessionPlugin(program=program, environment=environment)


def parse_version(text: str) -> tuple[int, ...]:
    """Return the numbers of a version; empty if the text is none."""
    text = text.strip()
    return (
        tuple(map(int, text.split("."))) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})*", text) else ()
    )


@contextlib.contextmanager
def _left_to_the_plugin() -> Iterator[None]:
    """Leave Ctrl-C and Ctrl-\\ to the plugin, which sends them to the command.

    A handler, not SIG_IGN: a program that is started inherits what is ignored.
    """
    numbers = (signal.SIGINT, signal.SIGQUIT)
    before = {number: signal.signal(number, lambda *_: None) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
