"""moto for programs with several threads, which it does not support by itself.

Its routes are created beforehand: Python 3.11 sometimes fails ("AST constructor recursion depth
mismatch") when two threads parse Python at once, and werkzeug parses when a route is created
(https://github.com/python/cpython/issues/106905). Its requests are processed one at a time: its
accounts are plain dictionaries, and one thread may list roles while another creates one.
"""

from __future__ import annotations

import contextlib
from functools import cache
from threading import RLock
from typing import TYPE_CHECKING

from moto import mock_aws
from moto.awslambda.models import LambdaBackend
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.routing import get_service_router
from moto.s3 import notifications
from werkzeug.exceptions import NotFound

from tests.fakes.endpoints.moto_endpoints import add_endpoints

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from botocore.awsrequest import AWSPreparedRequest
    from moto.core.common_types import TYPE_RESPONSE


REFUSED = "is_refused"
"""Name of an attribute: moto does not execute requests that have it."""


@contextlib.contextmanager
def mock_account(*services: str) -> Iterator[None]:
    """Mock an account in memory; several threads may call these services only."""
    import pytest  # here: the benchmarks need the routes, and have no pytest

    create_routes(*services)
    with pytest.MonkeyPatch.context() as patch:
        add_endpoints(patch)
        patch.setattr(BotocoreStubber, "process_request", _serialized())
        # Folders of one function's outputs may be in another's input; moto would start containers.
        patch.setattr(notifications, "_invoke_awslambda", lambda *_: None)
        # Test events that S3 sends to a queue: received at once, by no container.
        patch.setattr(LambdaBackend, "send_sqs_batch", lambda *_: True)
        with mock_aws(config={"batch": {"use_docker": False}}):
            yield


@cache
def create_routes(*services: str) -> None:
    """Create the routes of these services, once per process."""
    for service in services:
        router = get_service_router(service)
        model = router._service_model
        for protocol in {model.protocol, *model.metadata.get("protocols", [])}:
            with contextlib.suppress(NotFound):  # moto does not support this protocol
                router._get_router(protocol)


def _serialized() -> Callable[[BotocoreStubber, AWSPreparedRequest], TYPE_RESPONSE | None]:
    process, lock = BotocoreStubber.process_request, RLock()  # moto may call itself

    def process_request(self: BotocoreStubber, request: AWSPreparedRequest) -> TYPE_RESPONSE | None:
        # botocore calls all handlers of an event, also after one has responded.
        if getattr(request, REFUSED, False):
            return None
        with lock:
            return process(self, request)

    return process_request
