"""Requests to S3 without the SDK: served by moto, and recorded as the permissions they need."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from moto.server import ThreadedMotoServer

from scar.aws.client.direct.bucket_endpoints import CustomEndpoint
from scar.aws.client.direct.configuration import DirectConfiguration
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import StaticCredentials
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.errors import AwsErrorResponse
from supervisor.aws.sigv4 import Credentials

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supervisor.aws.connection_pool import StreamedResponse
    from supervisor.aws.request import AwsRequest
    from tests.functional.aws.support.command_replay import Replay

# By method, whether there is a key, and the parameter that tells operations apart.
_OPERATIONS = {
    ("HEAD", False, ""): "HeadBucket",
    ("HEAD", True, ""): "HeadObject",
    ("GET", False, "list-type"): "ListObjectsV2",
    ("GET", True, ""): "GetObject",
    ("PUT", True, ""): "PutObject",
    ("POST", True, "uploads"): "CreateMultipartUpload",
    ("PUT", True, "uploadId"): "UploadPart",
    ("POST", True, "uploadId"): "CompleteMultipartUpload",
    ("DELETE", True, "uploadId"): "AbortMultipartUpload",
}
_PARAMETERS = ("list-type", "uploads", "uploadId")


class RecordingPool(ConnectionPool):
    """Records the permission for each request; denies those for operations in ``denied``."""

    def __init__(self, replay: Replay) -> None:
        super().__init__({})
        self.denied: set[str] = set()
        self._recording = replay.recording

    def send_request(self, request: AwsRequest, *args: Any, **options: Any) -> StreamedResponse:  # noqa: ANN401
        bucket, _, key = request.path.strip("/").partition("/")
        query = dict(request.query)
        kind = next((name for name in _PARAMETERS if name in query), "")
        operation = _OPERATIONS[request.method, bool(key), kind]
        found = {"Bucket": bucket, "Key": key, "Prefix": query.get("prefix", "")}
        self._recording.record("s3", operation, {k: v for k, v in found.items() if v})
        if operation in self.denied:
            raise AwsErrorResponse(403, "AccessDenied", "denied by the test")
        return super().send_request(request, *args, **options)


@contextmanager
def served_by_moto(replay: Replay) -> Iterator[RecordingPool]:
    """Send the connection's requests without the SDK to moto, whose state is that of this test."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    pool = RecordingPool(replay)
    keys = Credentials(access_key="testing", secret_key="testing")
    origin = parse_endpoint(f"http://{host}:{port}", "moto")
    replay.connection.configuration = DirectConfiguration(
        region="eu-west-1",
        credentials=StaticCredentials(keys),
        connections=pool,
        find_endpoint=CustomEndpoint(origin, "eu-west-1"),
    )
    try:
        yield pool
    finally:
        replay.connection.configuration = None
        pool.close()
        server.stop()
