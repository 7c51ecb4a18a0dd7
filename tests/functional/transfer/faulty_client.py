"""A client of S3 in which calls fail, or something happens at a known moment."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar, cast

from botocore.exceptions import ClientError

from scar.aws.client.direct.object_client import ObjectCall, ObjectClient
from supervisor.aws.connection_pool import ConnectionPool, StreamedResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from mypy_boto3_s3 import S3Client

    from supervisor.aws.request import AwsRequest

T = TypeVar("T")


class FaultyClient(ObjectClient):
    """An ``ObjectClient``; ``s3`` is the SDK's client of the same account.

    ``before_call`` are called before each call, and ``before_send`` before each request is sent,
    after it was signed. ``replace`` returns what is read instead of a response.
    """

    s3: S3Client

    def __init__(self, client: ObjectClient, s3: S3Client) -> None:
        self.__dict__.update(client.__dict__)
        self.s3 = s3
        self.before_call: list[Callable[[ObjectCall], None]] = []
        self.replace: Callable[[ObjectCall, StreamedResponse], StreamedResponse] = lambda _, r: r
        self.before_send: list[Callable[[AwsRequest], None]] = []
        self.connections = HookedConnections(self.connections, self.before_send)

    def receive(self, call: ObjectCall, read: Callable[[StreamedResponse], T]) -> T:
        for happen in self.before_call:
            happen(call)
        return super().receive(call, lambda reply: read(self.replace(call, reply)))


class HookedConnections(ConnectionPool):
    """A pool that calls functions before each request is sent."""

    def __init__(self, pool: ConnectionPool, hooks: list[Callable[[AwsRequest], None]]) -> None:
        self.pool = pool
        self.hooks = hooks

    def send_request(
        self, request: AwsRequest, headers: Mapping[str, str], **options: object
    ) -> StreamedResponse:
        for hook in self.hooks:
            hook(request)
        send = cast("Callable[..., StreamedResponse]", self.pool.send_request)
        return send(request, headers, **options)

    def close(self) -> None:
        self.pool.close()


class BrokenResponse(StreamedResponse):
    """A response whose body cannot be read."""

    def __init__(self, reply: StreamedResponse, error: Exception) -> None:
        self.status = reply.status
        self.headers = reply.headers
        self._reply = reply
        self._error = error

    def read(self, size: int = 0) -> bytes:
        """Raise the error."""
        raise self._error

    def close(self) -> None:
        self._reply.close()


def refuse(
    client: FaultyClient, operation: str, code: str, applies: Callable[[str], bool]
) -> list[str]:
    """Answer calls for some paths with an error; return the list of these, which grows."""
    paths: list[str] = []

    def respond(call: ObjectCall) -> None:
        path = f"/{call.bucket}/{call.key}"
        if call.name == operation and applies(path):
            paths.append(path)
            details = {
                "Error": {"Code": code, "Message": "no"},
                "ResponseMetadata": {"HTTPStatusCode": 403},
            }
            raise ClientError(details, operation)  # type: ignore[arg-type]

    client.before_call.append(respond)
    return paths


@contextmanager
def failing(client: FaultyClient, operation: str, error: Exception) -> Iterator[None]:
    """Raise this error instead of sending the request."""

    def interrupt(call: ObjectCall) -> None:
        if call.name == operation:
            raise error

    client.before_call.append(interrupt)
    yield
    client.before_call.remove(interrupt)
