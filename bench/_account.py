"""An AWS account that moto answers for in a process of its own, and what is asked of it."""

from __future__ import annotations

import logging
import multiprocessing
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from scar.aws.client.connection import AwsConnection
from tests.fakes.moto_gaps import a_session, fill_gaps, furnish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection as Pipe

    import boto3
    from botocore.model import OperationModel

DELAY = 0.05  # seconds


@dataclass
class Calls:
    """The calls of one command: operation, begin and end; each is delayed."""

    made: list[tuple[str, float, float]] = field(default_factory=list)
    _begun: dict[int, float] = field(default_factory=dict)

    def of(self, session: boto3.Session) -> None:
        session.events.register_first("before-parameter-build", self._begin)
        session.events.register_last("after-call", self._end)

    def chain(self) -> list[str]:
        """Return a longest sequence of calls that do not overlap."""
        chain, free = [], 0.0
        for name, begin, end in sorted(self.made, key=lambda call: call[2]):
            if begin >= free:
                chain.append(name)
                free = end
        return chain

    def _begin(self, **_: object) -> None:
        self._begun[threading.get_ident()] = time.perf_counter()
        time.sleep(DELAY)

    def _end(self, model: OperationModel, **_: object) -> None:
        begin = self._begun[threading.get_ident()]
        self.made.append((model.name, begin, time.perf_counter()))


@dataclass(frozen=True)
class Elsewhere:
    """The address of a moto."""

    url: str

    def connect(self, calls: Calls | None = None) -> AwsConnection:
        """Give a command its own session and clients, as every process has."""
        session = a_session()
        fill_gaps(session)
        if calls is not None:
            calls.of(session)
        return AwsConnection(session=session, endpoint_url=self.url, description="moto")

    def empty(self) -> None:
        """Begin again with a new account."""
        requests.post(f"{self.url}/moto-api/reset", timeout=60).raise_for_status()
        furnish(self.connect())


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Run moto in another process, on this machine's loopback only."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there,), daemon=True)
    process.start()
    there.close()  # so that its end is noticed here
    try:
        yield Elsewhere(f"http://127.0.0.1:{here.recv()}")
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Pipe) -> None:
    # Not where scar is measured: what is imported there costs it time.
    from moto.core.config import default_user_config
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    from werkzeug.serving import WSGIRequestHandler

    from tests.fakes.moto_threads import make_routes
    from tests.functional.aws.accounts import SERVICES

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"  # connections last, as AWS's do
    default_user_config["batch"]["use_docker"] = False
    make_routes(*SERVICES)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    pipe.send(server.get_host_and_port()[1])
    threading.Event().wait()
