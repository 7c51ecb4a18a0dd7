"""Call a function through its HTTP endpoint, and show the response."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
from dataclasses import dataclass, replace
from typing import IO, TYPE_CHECKING

from scar.cli.invocation_output import (
    MAX_FAILED_OUTPUT,
    explaining_interrupt,
    has_result,
    require_success,
    show_queued,
    show_response,
)
from scar.errors import UsageError
from scar.runs.endpoints.calls import EndpointCall
from scar.runs.endpoints.http import EndpointClient
from scar.runs.invoke import TIMEOUT_MARGIN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.endpoints import Endpoint
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from scar.runs.endpoints.calls import CallBody
    from scar.runs.invoke import InvocationResponse

IN_MEMORY = 16 << 20  # bytes of an output; a larger one is on disk until it is complete


class _NoResultError(Exception):
    """Leaves ``open_output`` without replacing the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointRequest:
    """A request to the endpoint of one function."""

    session: Session
    connection: AwsConnection
    endpoint: Endpoint
    function: FunctionSummary
    query: Mapping[str, str]
    body: CallBody | None

    def enqueue(self) -> None:
        """Send the request asynchronously; show the id of its run."""
        response = self._call().send(self.query, self.body, io.BytesIO(), asynchronous=True)
        require_success(self.function.name, response)
        show_queued(self.session, self.function.name, [response.run_id])

    def send(self, output: Path | None) -> None:
        """Wait for the response, and write its body to a file or to stdout."""
        name, terminal = self.function.name, self.session.terminal
        if output is not None:
            with contextlib.suppress(_NoResultError), open_output(output) as target:
                response = self._wait(target)
                if not has_result(response):  # the file stays as it was
                    response = replace(response, output=_read_end(target))
                    raise _NoResultError
            show_response(self.session, name, response, output, is_written=True)
            return
        with tempfile.SpooledTemporaryFile(max_size=IN_MEMORY) as buffer:
            response = self._wait(buffer)
            buffer.seek(0)
            # Of a response that is no output, the text is a part of the error.
            is_written = response.status < 400 or bool(response.script_status)
            if self.session.json or not is_written:
                is_written = False
                response = replace(response, output=buffer.read())
            elif not response.job_id:
                while chunk := buffer.read(1 << 20):
                    terminal.write_bytes(chunk)
        show_response(self.session, name, response, None, is_written=is_written)

    def _wait(self, target: IO[bytes]) -> InvocationResponse:
        with explaining_interrupt(self.function.name):
            return self._call().send(self.query, self.body, target)

    def _call(self) -> EndpointCall:
        timeout = self.function.timeout + TIMEOUT_MARGIN
        return EndpointCall(
            endpoint=self.endpoint,
            function=self.function.name,
            client=EndpointClient(connection=self.connection, timeout=timeout),
            report=self.session.terminal.write_message,
        )


def _read_end(file: IO[bytes]) -> bytes:
    """Return the end of what was written; empty for a device or pipe, which has it already."""
    if not (file.readable() and file.seekable()):
        return b""
    file.seek(max(0, file.tell() - MAX_FAILED_OUTPUT))
    return file.read()


@contextlib.contextmanager
def open_output(path: Path) -> Iterator[IO[bytes]]:
    """Open a file that replaces ``path`` at the end of the block, not after an error.

    A device or pipe is written to directly. Raise UsageError.
    """
    try:
        if path.exists() and not path.is_file():
            with path.open("wb") as file:
                yield file
            return
        part = path.with_name(f".{path.name[:200]}.{os.urandom(4).hex()}.part")
        try:
            with part.open("x+b") as file:
                yield file
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check -o."
        ) from error
