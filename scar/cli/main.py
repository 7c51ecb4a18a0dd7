"""Where the program begins and ends: the one place that prints errors and decides the exit."""

from __future__ import annotations

import errno
import gc
import os
import sys
from typing import TYPE_CHECKING

import scar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.cli.services import World

INTERRUPTED = 130  # what shells say of a process that INT ended
PIPE_CLOSED = 141  # … and of one that wrote to nobody
UNEXPECTED = 1
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def main() -> None:
    """Run the command line of this process."""
    collect_seldom()
    status = run(sys.argv[1:])
    if status == INTERRUPTED:
        # Threads that wait for a silent network would keep the prompt away for minutes.
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def collect_seldom() -> None:
    """Let the garbage collector look only after 500,000 new objects, not after 700.

    It goes through the SDK's tables of AWS's calls again and again, which live as long as the
    process does: a quarter of the time that deploying takes here (``bench/deployment.py``). Making
    all clients takes 180,000 objects; calls leave next to none.
    """
    gc.set_threshold(500_000)


def run(arguments: Sequence[str], world: World | None = None) -> int:
    """Run one command and return its exit status (``scar.errors``); never raises."""
    if list(arguments) in (["--version"], ["version"]):
        sys.stdout.write(f"scar {scar.__version__}\n")
        return 0
    _open_streams()
    try:
        status = _run(list(arguments), world)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _say("Interrupted.", INTERRUPTED)
    except BrokenPipeError:
        _drop_output()
        return PIPE_CLOSED
    except OSError as error:
        return _explain(error)
    return status


def _open_streams() -> None:
    """Let streams that whoever called has closed (``>&-``) lead nowhere."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 for the rest of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 for the rest of the process


def _drop_output() -> None:
    """Let what is still to be flushed at exit go nowhere: nobody can take it."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str], world: World | None) -> int:
    import click

    from scar.cli.command_group import cli
    from scar.cli.services import World
    from scar.cli.session import Session

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
    if isinstance(error, OSError) and error.errno in FULL:
        try:
            sys.stdout.flush()
        except OSError:
            _drop_output()
        return _say(f"Error: {error}\nMake room, then run the same command again.", UNEXPECTED)
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
