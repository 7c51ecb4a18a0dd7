"""A store that fails every third request: all files arrive, each once and whole."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from typing import TYPE_CHECKING

from scar.transfer.client import MULTIPART_THRESHOLD
from scar.transfer.get import download_objects
from scar.transfer.location import S3Location
from scar.transfer.objects import list_objects
from scar.transfer.put import upload_files
from supervisor.aws.errors import AwsErrorResponse, EndpointUnreachable, ResponseNotReceived

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.direct.object_client import ObjectCall
    from supervisor.aws.connection_pool import StreamedResponse
    from supervisor.aws.request import AwsRequest
    from tests.functional.transfer.faulty_client import FaultyClient


class CutResponse:
    """A response whose body ends with its first block."""

    def __init__(self, reply: StreamedResponse) -> None:
        self.status, self.headers = reply.status, reply.headers
        self._reply, self._reads = reply, 0

    def read(self, size: int) -> bytes:
        """Return some bytes once; raise ResponseNotReceived then."""
        self._reads += 1
        if self._reads > 1:
            raise ResponseNotReceived("cut")
        return self._reply.read(min(size, 1000))


def test_all_files_arrive(client: FaultyClient, tmp_path: Path) -> None:
    contents = {f"{number:02}": os.urandom(20_000) for number in range(30)}
    contents["large"] = os.urandom(MULTIPART_THRESHOLD + 5)
    data = tmp_path / "data"
    data.mkdir()
    for name, content in contents.items():
        (data / name).write_bytes(content)
    failures = itertools.cycle(
        [
            AwsErrorResponse(503, "SlowDown", "Please reduce your request rate."),
            ResponseNotReceived("The connection was reset."),
            AwsErrorResponse(500, "InternalError", "We encountered an internal error."),
            EndpointUnreachable("refused", transient=True),
        ]
    )
    requests = itertools.count(1)
    failed: Counter[str] = Counter()

    def fail(request: AwsRequest) -> None:
        target = f"{request.method} {request.target} {request.headers.get('range', '')}"
        # A request is given up after five failures, whichever threads have them.
        if next(requests) % 3 == 0 and failed[target] < 3:
            failed[target] += 1
            raise next(failures)

    cut_keys: set[str] = set()

    def cut(call: ObjectCall, reply: StreamedResponse) -> StreamedResponse:
        if call.name != "GetObject" or call.key in cut_keys:
            return reply
        cut_keys.add(call.key)
        return CutResponse(reply)  # type: ignore[return-value]

    client.before_send.append(fail)
    client.replace = cut
    place = S3Location("photos", "in")
    sent = upload_files(client, place, [data], lambda _: None)
    assert (sent.files, sent.problems) == (len(contents), ())
    assert len(list(list_objects(client, place))) == len(contents)
    got = download_objects(client, place, tmp_path / "back", lambda _: None)
    assert (got.files, got.problems) == (len(contents), ())
    for name, content in contents.items():
        assert (tmp_path / "back" / name).read_bytes() == content
    assert len(list((tmp_path / "back").iterdir())) == len(contents)
