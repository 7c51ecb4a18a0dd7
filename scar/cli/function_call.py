"""Read what is sent, invoke one function, show its response: what run and invoke share."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.cli.invocation_output import explaining_interrupt, show_queued, show_response
from scar.cli.run_output import format_log_lines
from scar.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from scar.runs.invoke import InvocationResponse


class FunctionCall:
    """Invokes one function; ``output`` is the file for the script's output, None for stdout."""

    def __init__(
        self,
        session: Session,
        connection: AwsConnection,
        function: FunctionSummary,
        output: Path | None = None,
    ) -> None:
        self.session = session
        self.connection = connection
        self.function = function
        self.output = output

    def send(self, payload: dict[str, object], *, asynchronous: bool) -> None:
        """Invoke the function once and show its response, or only the request id."""
        if asynchronous:
            show_queued(self.session, self.function.name, [self.enqueue(payload)])
        else:
            show_response(self.session, self.function.name, self.invoke(payload), self.output)

    def invoke(self, payload: dict[str, object]) -> InvocationResponse:
        """Wait for the response; if the function fails, write the end of its log to stderr."""
        from scar.runs.invoke import FunctionError

        services, function = self.session.services, self.function
        try:
            with explaining_interrupt(function.name):
                return services.invoke(
                    self.connection, function.name, payload, timeout=function.timeout
                )
        except FunctionError as failed:
            for line in format_log_lines(failed.log_tail, told=failed.problem):
                self.session.terminal.write_message(line)
            raise

    def enqueue(self, payload: dict[str, object]) -> str:
        """Invoke the function asynchronously; return the request id."""
        return self.session.services.enqueue(self.connection, self.function.name, payload)


def find_function(session: Session, connection: AwsConnection, name: str) -> FunctionSummary:
    """Return the deployed function; raise FunctionNotFoundError, MadeByScar4Error."""
    from scar.runs.logs import FunctionNotFoundError

    functions = session.services.list_functions(connection)
    for function in functions:
        if function.name == name:
            return function
    session.services.raise_if_made_by_scar4(connection, name)
    raise FunctionNotFoundError(name, (f.name for f in functions))


def read_event_file(path: Path, name: str, option: str, *, only_regular: bool = False) -> bytes:
    """Return the content of a file that is sent in an event; ``name`` begins messages.

    Reads no more than an event can contain, so that a device such as ``/dev/zero`` ends too.
    ``only_regular`` refuses pipes, devices and sockets without waiting for them. Raise UsageError.
    """
    # Imported here: only an event with a file needs it.
    from scar.transfer.local_files import describe_file_kind

    maximum = limits.LAMBDA_SYNC_PAYLOAD.maximum
    # Without O_NONBLOCK, opening a pipe that no process writes to waits without end.
    flags = os.O_RDONLY | (os.O_NONBLOCK if only_regular else 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if only_regular and not stat.S_ISREG(mode):
                raise UsageError(
                    f"{name} is not a regular file, but {describe_file_kind(mode)}.",
                    remedy=f"Write its content to a file, and pass the file's name with {option}.",
                )
            content = file.read(maximum + 1)
    except OSError as error:
        raise UsageError(
            f"{name} cannot be read: {error.strerror}.", remedy=f"Check {option}."
        ) from error
    if len(content) > maximum:
        raise UsageError(
            f"{name} has more than {maximum:,} bytes, Lambda's limit for an event.",
            remedy="Send less, or upload the data to an input folder: files start functions too."
            " A function with an HTTP endpoint (api_gateway) takes more.",
        )
    return content
