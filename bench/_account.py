"""An AWS account for benchmarks: moto in its own process, and a recorder of the calls to it."""

from __future__ import annotations

import logging
import multiprocessing
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import requests

from scar.aws.client.connection import AwsConnection
from tests.fakes.moto_compat import add_default_resources, fill_gaps, new_session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection as Pipe

    import boto3
    from botocore.model import OperationModel

DELAY = 0.05  # seconds that are added to each call


@dataclass
class Calls:
    """Records the calls of one command (operation, start, end), and delays each of them."""

    made: list[tuple[str, float, float]] = field(default_factory=list)
    _begun: dict[int, float] = field(default_factory=dict)

    def of(self, session: boto3.Session) -> None:
        session.events.register_first("before-parameter-build", self._begin)
        session.events.register_last("after-call", self._end)

    def chain(self) -> list[str]:
        """Return the operations of a longest sequence of calls that do not overlap."""
        # Interval scheduling: in the order of their ends, take each call that overlaps none before.
        chain, last_end = [], 0.0
        for name, begin, end in sorted(self.made, key=lambda call: call[2]):
            if begin >= last_end:
                chain.append(name)
                last_end = end
        return chain

    def _begin(self, **_: object) -> None:
        self._begun[threading.get_ident()] = time.perf_counter()
        time.sleep(DELAY)

    def _end(self, model: OperationModel, **_: object) -> None:
        begin = self._begun[threading.get_ident()]
        self.made.append((model.name, begin, time.perf_counter()))


@dataclass(frozen=True)
class Elsewhere:
    """A moto server in another process."""

    url: str

    def connect(self, calls: Calls | None = None) -> AwsConnection:
        """Return a connection with its own session and clients, as each command has."""
        session = new_session()
        fill_gaps(session)
        if calls is not None:
            calls.of(session)
        return AwsConnection(session=session, endpoint_url=self.url, description="moto")

    def empty(self) -> None:
        """Replace the account by a new one."""
        requests.post(f"{self.url}/moto-api/reset", timeout=60).raise_for_status()
        add_default_resources(self.connect())


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Run moto in another process, on loopback."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe()
    process = context.Process(target=_serve, args=(sender,), daemon=True)
    process.start()
    sender.close()  # so that `recv` fails if the process ends early
    try:
        yield Elsewhere(f"http://127.0.0.1:{_receive_port(receiver)}")
    finally:
        process.terminate()
        process.join()


def _receive_port(pipe: Pipe) -> int:
    try:
        return int(pipe.recv())
    except EOFError:
        sys.exit("moto's process ended before it served: see its error above.")


def _serve(pipe: Pipe) -> None:
    # Imported only in this process: imports would slow the process that is measured.
    from moto.core.config import default_user_config
    from moto.moto_server.threaded_moto_server import ThreadedMotoServer
    from werkzeug.serving import WSGIRequestHandler

    from tests.fakes.moto_locking import create_routes
    from tests.functional.aws.support.moto_account import SERVICES

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    WSGIRequestHandler.protocol_version = "HTTP/1.1"  # persistent connections, as AWS has
    default_user_config["batch"]["use_docker"] = False
    create_routes(*SERVICES)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    pipe.send(server.get_host_and_port()[1])
    threading.Event().wait()
