"""The entry point of the program: run one command line, print errors, decide the exit status.

No other module of scar.cli catches an error to print it or ends the process.

``scar --version`` takes little longer than Python itself: what this module imports at its top,
Python has imported anyway.
"""

import errno
import gc
import os
import sys

import scar

TYPE_CHECKING = False  # as in `typing`, whose import takes half as long as Python's start
if TYPE_CHECKING:
    from collections.abc import Sequence

    import click

    from scar.cli.services import Services

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE
UNEXPECTED = 1
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def main() -> None:
    """Run the command line of this process and exit."""
    reduce_garbage_collection()
    status = run(sys.argv[1:])
    if status == INTERRUPTED:
        # Python joins all threads at exit: those in a network timeout would delay the prompt
        # for minutes.
        sys.stderr.flush()
        os._exit(status)
    sys.exit(status)


def reduce_garbage_collection() -> None:
    """Start the garbage collector after 500,000 new objects, not after 700.

    Each collection visits the AWS SDK's tables of API operations, which are never freed: a
    quarter of the time of a deployment (``bench/deployment.py``). Creating all clients makes
    180,000 objects; API calls leave almost none behind.
    """
    gc.set_threshold(500_000)


def run(arguments: "Sequence[str]", services: "Services | None" = None) -> int:
    """Run one command and return its exit status (``scar.errors``); never raise.

    ``services`` replaces the real ones in tests.
    """
    _replace_closed_streams()
    try:
        text = _answer_without_click(list(arguments))
        if text is None:
            status = _run_command(list(arguments), services)
        else:
            sys.stdout.write(text)
            status = 0
        sys.stdout.flush()
    except KeyboardInterrupt as interruption:
        state = f": {interruption}" if interruption.args else "."
        return _report(f"Interrupted{state}", INTERRUPTED)
    except BrokenPipeError:
        _discard_output()
        return PIPE_CLOSED
    except OSError as error:
        return _report_error(error)
    return status


def _answer_without_click(arguments: list[str]) -> str | None:
    """Return the version, the help of scar, or names of commands or options; None for all else.

    The import of click takes three times as long as Python's start.
    """
    if arguments in (["--version"], ["version"]):
        return f"scar {scar.__version__}\n"
    if arguments:
        from scar.cli.stored_help import find_stored_help

        return find_stored_help(arguments)
    from scar.cli.completion import COMPLETION_REQUEST

    if instruction := os.environ.get(COMPLETION_REQUEST):
        from scar.cli.completion.stored_names import complete_stored_name

        return complete_stored_name(instruction)
    return None


def _complete(instruction: str, services: "Services | None") -> int:
    """Answer a shell that completes a command line (``scar completion``).

    A request that no shell function makes is answered with the status only: anything that is
    written stands in the user's prompt.
    """
    from scar.cli.completion.shells import answer_request, has_words
    from scar.cli.services import Services
    from scar.cli.session import Session

    if not has_words(instruction, os.environ):
        return UNEXPECTED
    return answer_request(Session(services=services or Services(os.environ)), instruction)


def _replace_closed_streams() -> None:
    """Open the null device for each stream that the caller has closed (``>&-``)."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115 for the rest of the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115 for the rest of the process


def _discard_output() -> None:
    """Redirect stdout to the null device, so that Python's flush at exit cannot fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run_command(arguments: list[str], services: "Services | None") -> int:
    from scar.cli.completion import COMPLETION_REQUEST

    if instruction := os.environ.get(COMPLETION_REQUEST):
        return _complete(instruction, services)
    return _run_with_click(arguments, services)


def _run_with_click(arguments: list[str], services: "Services | None") -> int:
    import click

    from scar.cli.command_group import cli
    from scar.cli.services import Services
    from scar.cli.session import Session

    session = Session(services=services or Services(os.environ))
    try:
        # Not cli.main(): click would print errors and choose exit statuses itself.
        with cli.make_context("scar", arguments, obj=session) as context:
            cli.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except click.Abort as abort:
        # A no to a question (``scar.cli.prompts``) has a text of its own.
        return _report(str(abort) or "Interrupted.", INTERRUPTED)
    except click.ClickException as error:
        return _report(_describe_usage_error(error), error.exit_code)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 the last resort: a line instead of a traceback
        if session.debug:
            _print_traceback()
        return _report_error(error)
    return 0


def _report_error(error: Exception) -> int:
    """Write what is wrong and what to do about it; return the exit status."""
    from scar.errors import ScarError

    if isinstance(error, ScarError):
        return _report(f"Error: {error.problem}\n{error.remedy}", error.exit_code)
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()
        return _report(
            f"Error: {error}\nFree disk space, then run the same command again.", UNEXPECTED
        )
    problem = f"Unexpected error: {type(error).__name__}: {error}"
    remedy = "This is a bug in scar. Run the command again with --debug for a traceback."
    return _report(f"{problem}\n{remedy}", UNEXPECTED)


def _describe_usage_error(error: "click.ClickException") -> str:
    from io import StringIO

    text = StringIO()
    error.show(file=text)
    return text.getvalue().rstrip("\n")


def _report(text: str, status: int) -> int:
    from scar.cli.output import Terminal

    Terminal().write_message(text)
    return status


def _print_traceback() -> None:
    import traceback

    _report(traceback.format_exc().rstrip("\n"), UNEXPECTED)


if __name__ == "__main__":
    main()
