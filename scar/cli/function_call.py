"""Invoke one function and show its response: what run and invoke have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.cli.formatting import escape_control_characters
from scar.cli.invocation_output import show_queued, show_response

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
            return services.invoke(
                self.connection, function.name, payload, timeout=function.timeout
            )
        except FunctionError as failed:
            for line in failed.log_tail:
                self.session.terminal.write_message(escape_control_characters(line))
            raise

    def enqueue(self, payload: dict[str, object]) -> str:
        """Invoke the function asynchronously; return the request id."""
        return self.session.services.enqueue(self.connection, self.function.name, payload)


def find_function(session: Session, connection: AwsConnection, name: str) -> FunctionSummary:
    """Return the deployed function; raise FunctionNotFoundError."""
    from scar.runs.logs import FunctionNotFoundError

    functions = session.services.list_functions(connection)
    for function in functions:
        if function.name == name:
            return function
    raise FunctionNotFoundError(name, (f.name for f in functions))
