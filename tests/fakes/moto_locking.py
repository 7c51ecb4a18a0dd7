"""moto, for programs whose threads call it side by side, which it is not made for.

Its routes are made beforehand: Python 3.11 fails now and then ("AST constructor recursion depth
mismatch") when two threads parse Python at once, and werkzeug parses when a route is made
(https://github.com/python/cpython/issues/106905). Its answers are made one at a time: its accounts
are plain dictionaries, and one thread lists roles while another makes one.
"""

from __future__ import annotations

import contextlib
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING

import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest
    from moto.core.common_types import TYPE_RESPONSE


@contextlib.contextmanager
def one_account(*services: str) -> Iterator[None]:
    """Answer for an account in memory; only these services may be called by several threads."""
    make_routes(*services)
    with pytest.MonkeyPatch.context() as amended:
        amended.setattr(BotocoreStubber, "process_request", _in_turn())
        with mock_aws(config={"batch": {"use_docker": False}}):
            yield


@cache
def make_routes(*services: str) -> None:
    """Make the routes of these services, once per process."""
    for service in services:
        router = get_service_router(service)
        model = router._service_model
        for protocol in {model.protocol, *model.metadata.get("protocols", [])}:
            with contextlib.suppress(NotFound):  # one that moto does not speak
                router._get_router(protocol)


def _in_turn() -> Callable[[BotocoreStubber, AWSPreparedRequest], TYPE_RESPONSE | None]:
    answer, turn = BotocoreStubber.process_request, RLock()  # an answer may ask moto itself

    def process_request(self: BotocoreStubber, request: AWSPreparedRequest) -> TYPE_RESPONSE | None:
        with turn:
            return answer(self, request)

    return process_request
