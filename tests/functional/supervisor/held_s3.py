"""The local S3 service behind a gate: requests can be held on the way in, out, or half way."""

from __future__ import annotations

import contextlib
import enum
import re
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.local.http.auth import Authenticator
from scar.local.http.messages import Request, Response
from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.server import HttpServer
from scar.local.s3.service import S3Service
from tests.waiting import TIMEOUT, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from scar.local.http.messages import HttpApp

SERVER_SECRET = b"of the held service"
ACCESS_KEY = "AKIDEXAMPLE000000001"


class Moment(enum.Enum):
    """When a request is held."""

    BEFORE = "before it takes effect"
    AFTER = "after it took effect, before its response"
    INSIDE = "in the middle of the response's body"


@dataclass(slots=True, kw_only=True)
class RequestHold:
    """Holds the first ``count`` requests whose line matches ``pattern``, until it is released.

    The line is the method, the path without the bucket, and the query.
    """

    pattern: str
    moment: Moment
    count: int = 1
    held: int = field(default=0, init=False)
    finished: int = field(default=0, init=False)
    reached: threading.Event = field(default_factory=threading.Event, init=False)
    released: threading.Event = field(default_factory=threading.Event, init=False)

    def is_reached(self) -> bool:
        return self.reached.is_set()

    def release(self) -> None:
        self.released.set()

    def release_and_wait(self) -> None:
        """Release the requests; return when the service has handled them."""
        self.release()
        until(lambda: self.finished == self.held)

    def wait(self) -> None:
        assert self.released.wait(TIMEOUT)


@dataclass(slots=True)
class HeldS3:
    """The application; ``written`` counts the successful writes of each ``bucket/key``.

    ``refuse`` may return a response instead of the service's.
    """

    service: HttpApp
    port: int = 0
    holds: list[RequestHold] = field(default_factory=list)
    written: Counter[str] = field(default_factory=Counter)
    lines: list[str] = field(default_factory=list)
    refuse: Callable[[Request, str], Response | None] = lambda _request, _line: None
    authenticator: Authenticator = field(default_factory=lambda: Authenticator(SERVER_SECRET))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environ(self) -> dict[str, str]:
        """The environment that connects a store, without credentials."""
        return {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{self.port}"}

    def handle(self, request: Request) -> Response:
        admitted = self.authenticator.authenticate(request)
        if isinstance(admitted, Response):
            return admitted
        key = request.path.strip("/").partition("/")[2]
        line = f"{request.method} {key}?{request.query}"
        with self._lock:
            self.lines.append(line)
        hold = self._take_hold(line)
        if hold is None:
            return self._forward(request, admitted, line)
        try:
            return self._forward_held(request, admitted, line, hold)
        finally:
            with self._lock:
                hold.finished += 1

    def _forward_held(
        self, request: Request, admitted: Request, line: str, hold: RequestHold
    ) -> Response:
        if hold.moment is Moment.BEFORE:
            hold.wait()
        response = self._forward(request, admitted, line)
        if hold.moment is Moment.AFTER:
            hold.wait()
        if hold.moment is Moment.INSIDE:
            return replace(response, body=HeldBody(response, hold))
        return response

    def _forward(self, request: Request, admitted: Request, line: str) -> Response:
        if refused := self.refuse(request, line):
            return refused
        response = self.service.handle(admitted)
        self._count(request, response)
        return response

    def _take_hold(self, line: str) -> RequestHold | None:
        with self._lock:
            for hold in self.holds:
                if hold.held < hold.count and re.search(hold.pattern, line):
                    hold.held += 1
                    if hold.held == hold.count and hold.moment is not Moment.INSIDE:
                        hold.reached.set()
                    return hold
        return None

    def _count(self, request: Request, response: Response) -> None:
        is_put = request.method == "PUT" and "partNumber" not in request.query
        is_completion = request.method == "POST" and "uploadId" in request.query
        if response.status == 200 and (is_put or is_completion):
            with self._lock:
                self.written[request.path.strip("/")] += 1


@dataclass(frozen=True, slots=True)
class HeldBody:
    """A response's body whose second half is held."""

    response: Response
    hold: RequestHold

    def __iter__(self) -> Iterator[bytes]:
        whole = self.response.body
        data = whole if isinstance(whole, bytes) else b"".join(whole)
        yield data[: len(data) // 2]
        self.hold.reached.set()
        self.hold.wait()
        yield data[len(data) // 2 :]

    def close(self) -> None:
        if not isinstance(self.response.body, bytes):
            self.response.body.close()


@contextlib.contextmanager
def held_s3(folder: Path) -> Iterator[HeldS3]:
    """Run the service on a port of its own; at the end all requests are released."""
    service = S3Service(
        folder / "s3",
        "123456789012",
        deliver=lambda _destination, _payload, _trace: None,
        destination_exists=lambda _arn: False,
    )
    gate = HeldS3(service)
    server = HttpServer(gate)
    gate.port = server.start()
    try:
        yield gate
    finally:
        for hold in gate.holds:
            hold.release()
        server.close()
        service.close()


def secret_key(access_key: str) -> str:
    """Return the secret of a key id; the service accepts every id with its secret."""
    return derive_secret_key(SERVER_SECRET, access_key)
