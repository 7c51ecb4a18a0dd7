"""Show the responses of invoked functions."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scar.cli.formatting import escape_control_characters, format_count
from scar.errors import ScarError, UsageError
from supervisor.script_status import describe_script_status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scar.cli.session import Session
    from scar.runs.invoke import InvocationResponse

MAX_REASON = 1000  # bytes of a message that is a part of an error
MAX_FAILED_OUTPUT = 1 << 16  # bytes of a failed script's output that are shown beside a file

NOTHING_TO_WRITE = "an asynchronous request does not wait for the output"


def show_response(
    session: Session,
    function: str,
    response: InvocationResponse,
    output: Path | None,
    *,
    is_written: bool = False,
) -> None:
    """Write the script's output to stdout or to a file; raise ScarError if the script failed.

    That of a failed script is no result: it goes to stderr, and the file stays as it was. So does
    the file of a run that continues in Batch: its output is in its log.

    ``is_written``: the output was written as it arrived.
    """
    save_output(session, response, output, is_written=is_written)
    if session.json:
        session.terminal.write_json(response_to_json(function, response, output))
    else:
        _show_output(session, response, output, is_written=is_written)
    if response.job_id:
        if not (session.json or output):
            session.terminal.write_data(f"Batch job {response.job_id}")
        session.terminal.write_message(
            f"Run {response.run_id} continues as Batch job {response.job_id}."
            f" `scar wait {response.run_id}` waits for its end,"
            f" `scar log -n {function} -ri {response.run_id}` shows its log."
        )
    if response.note:
        session.terminal.write_message(f"Note: {escape_control_characters(response.note)}")
    require_success(function, response)


def _show_output(
    session: Session, response: InvocationResponse, output: Path | None, *, is_written: bool
) -> None:
    """Write the script's output to stdout; with -o only that of a failed one, to stderr."""
    if _refusal_text(response):
        return  # a part of the error
    if output is not None and response.status >= 400:
        text = response.output[-MAX_FAILED_OUTPUT:].decode(errors="replace").rstrip("\n")
        if text:
            session.terminal.write_message(text)
    elif output is None and not (is_written or response.job_id):
        session.terminal.write_bytes(response.output)


def has_result(response: InvocationResponse) -> bool:
    """Whether the response has the output of a script that succeeded."""
    return response.status < 400 and not response.job_id


def save_output(
    session: Session,
    response: InvocationResponse,
    output: Path | None,
    *,
    is_written: bool = False,
) -> None:
    """Write the output of a successful script to the file of -o, and say which it is."""
    if output is None:
        return
    if has_result(response):
        if not is_written:
            _write_output_file(output, response.output)
        session.terminal.write_message(f"Output written to {output}")
    elif response.job_id:
        session.terminal.write_message(
            f"{output} is not written: the output of a run in Batch is in its log."
        )


@contextlib.contextmanager
def explaining_interrupt(function: str) -> Iterator[None]:
    """Say at Ctrl-C that the run does not end with the command that waits for it."""
    try:
        yield
    except KeyboardInterrupt as interruption:
        raise KeyboardInterrupt(
            f"a run that has begun goes on; `scar status -n {function}` shows it."
        ) from interruption


def response_to_json(
    function: str, response: InvocationResponse, output: Path | None
) -> dict[str, object]:
    """Return the response's JSON form; a result in the file of -o is not repeated in it."""
    saved = output if has_result(response) else None
    return {
        "function": function,
        "request": response.request_id,
        "status": response.status,
        "run": response.run_id,
        "job": response.job_id,
        "note": response.note,
        "output": "" if saved else response.output.decode(errors="replace"),
        **({"output_file": saved} if saved else {}),
    }


def require_success(function: str, response: InvocationResponse) -> None:
    """Raise ScarError if the response has the status of an HTTP error.

    The command ends with the status of the function's script if that failed.
    """
    if response.status >= 400:
        # The same sentence as where Lambda itself returns the error (``scar.runs.invoke``).
        status = f"The function {function} returned HTTP status {response.status}"
        reason = _refusal_text(response)
        problem = f"{status}: {reason}" if reason else f"{status}."
        if response.script_status:
            problem = f"{function} failed: {describe_script_status(response.script_status)[0]}"
        error = ScarError(
            problem,
            remedy=f"See `scar log -n {function} -ri {response.request_id}`.",
        )
        error.exit_code = response.script_status or error.exit_code
        raise error


def _refusal_text(response: InvocationResponse) -> str:
    """Return the supervisor's message about a request that ran no script; empty without one."""
    if response.status < 400 or response.script_status or len(response.output) > MAX_REASON:
        return ""
    text = response.output.decode(errors="replace").strip()
    return "" if "\n" in text else text


def show_queued(
    session: Session,
    function: str,
    requests: Sequence[str],
    first: InvocationResponse | None = None,
    output: Path | None = None,
) -> None:
    """Show the request ids of asynchronous invocations.

    ``first`` is the synchronous one, and ``output`` the file of its output.
    """
    if session.json:
        row = response_to_json(function, first, output) if first else None
        session.terminal.write_json(
            {"function": function, "first": row, "requests": list(requests)}
        )
    else:
        for request in requests:
            session.terminal.write_data(request)
    session.terminal.write_message(
        f"Queued {format_count(len(requests), 'invocation')}."
        f" Show the logs with `scar log -n {function}`."
    )


def require_writable_output(path: Path | None) -> None:
    """Raise UsageError if the output file cannot be created; call it before anything runs."""
    if path is None:
        return
    if path.is_dir() or not path.parent.is_dir():
        why = "is a folder" if path.is_dir() else f"cannot be created: no folder {path.parent}"
        raise UsageError(f"{path} {why}.", remedy="Check -o. Nothing was run.")


def _write_output_file(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check -o."
        ) from error
