"""Where the program begins and ends: the one place that prints errors and decides the exit."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import scar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.cli.world import World

INTERRUPTED = 130  # what shells say of a process that INT ended
PIPE_CLOSED = 141  # … and of one that wrote to nobody
UNEXPECTED = 1


def main() -> None:
    """Run the command line of this process."""
    status = run(sys.argv[1:])
    if status == INTERRUPTED:
        # Threads that wait for a silent network would keep the prompt away for minutes.
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def run(arguments: Sequence[str], world: World | None = None) -> int:
    """Run one command and return its exit status (``scar.errors``); never raises."""
    if list(arguments) in (["--version"], ["version"]):
        sys.stdout.write(f"scar {scar.__version__}\n")
        return 0
    try:
        status = _run(list(arguments), world)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say("Interrupted.", INTERRUPTED)
    except BrokenPipeError:
        # The reader went away; whatever is still to be flushed at exit goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status


def _run(arguments: list[str], world: World | None) -> int:
    import click

    from scar.cli.commands import cli
    from scar.cli.session import Session
    from scar.cli.world import World

    session = Session(world=world or World(os.environ))
    try:
        with cli.make_context("scar", arguments, obj=session) as context:
            cli.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.Abort:
        return _say("Interrupted.", INTERRUPTED)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 the last resort: a line instead of a traceback
        if session.debug:
            _traceback()
        return _explain(error)
    return 0


def _explain(error: Exception) -> int:
    from scar.errors import ScarError

    if isinstance(error, ScarError):
        return _say(f"Error: {error.problem}\n{error.remedy}", error.exit_code)
    what = f"Unexpected error: {type(error).__name__}: {error}"
    return _say(f"{what}\nThis is a fault of scar. Run again with --debug.", UNEXPECTED)


def _say(text: str, status: int) -> int:
    sys.stderr.write(f"{text}\n")
    return status


def _traceback() -> None:
    import traceback

    traceback.print_exc(file=sys.stderr)


if __name__ == "__main__":
    main()
