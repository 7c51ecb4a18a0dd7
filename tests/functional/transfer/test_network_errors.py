"""Errors of the network are never blamed on the user's files, although some are OSErrors."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import botocore.exceptions
import pytest
from botocore.exceptions import BotoCoreError, HTTPClientError

from scar.errors import ScarError
from scar.transfer.client import MULTIPART_THRESHOLD
from scar.transfer.function_starts import LazyFunctionStarts
from scar.transfer.get import download_objects
from scar.transfer.location import S3Location
from scar.transfer.put import upload_files
from scar.transfer.result import TransferredObject
from tests.functional.transfer.faulty_client import BrokenResponse, FaultyClient, failing

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.client.direct.object_client import ObjectCall
    from supervisor.aws.connection_pool import StreamedResponse


def network_errors() -> list[BotoCoreError]:
    """Return one of each of botocore's errors that are OSErrors or of its HTTP client."""
    kinds: list[type[BotoCoreError]] = [
        kind
        for _, kind in inspect.getmembers(botocore.exceptions, inspect.isclass)
        if issubclass(kind, BotoCoreError) and {OSError, HTTPClientError} & set(kind.__mro__)
    ]
    return [
        kind(
            error="lost",
            endpoint_url="https://s3",
            proxy_url="http://proxy",
            actual_bytes=1,
            expected_bytes=2,
        )
        for kind in kinds
    ]


ERRORS = network_errors()


def test_the_table_has_the_errors_that_are_os_errors() -> None:
    names = {type(error).__name__ for error in ERRORS}
    assert names >= {"SSLError", "ReadTimeoutError", "ConnectTimeoutError", "ProxyConnectionError"}
    assert sum(isinstance(error, OSError) for error in ERRORS) >= 4


def require_network(error: ScarError, original: Exception) -> None:
    text = f"{error.problem} {error.remedy}"
    assert str(original) in error.problem
    for blame in ("cannot be read", "Cannot write", "permissions", "disk", "Do not move"):
        assert blame not in text
    assert any(word in error.remedy for word in ("network", "PROXY", "TLS", "Run the same"))


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("size", [1, MULTIPART_THRESHOLD + 1])
def test_an_upload_ends_with_the_network_error(
    client: FaultyClient, tmp_path: Path, error: Exception, size: int
) -> None:
    path = tmp_path / "a"
    path.touch()
    os_truncate(path, size)
    operation = "PutObject" if size == 1 else "UploadPart"
    with failing(client, operation, error), pytest.raises(ScarError) as raised:
        upload_files(client, S3Location("photos"), [path], lambda _: None)
    require_network(raised.value, error)


def os_truncate(path: Path, size: int) -> None:
    """Make the file this long without writing it."""
    with path.open("r+b") as file:
        file.truncate(size)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("operation", ["GetObject", "ListObjectsV2"])
def test_a_download_ends_with_the_network_error(
    client: FaultyClient, tmp_path: Path, error: Exception, operation: str
) -> None:
    client.s3.put_object(Bucket="photos", Key="a", Body=b"a")
    with failing(client, operation, error), pytest.raises(ScarError) as raised:
        download_objects(client, S3Location("photos"), tmp_path, lambda _: None)
    require_network(raised.value, error)


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_a_body_that_is_interrupted_is_the_networks(
    client: FaultyClient, tmp_path: Path, error: Exception
) -> None:
    client.s3.put_object(Bucket="photos", Key="a", Body=b"a")

    def break_off(call: ObjectCall, reply: StreamedResponse) -> StreamedResponse:
        return BrokenResponse(reply, error) if call.name == "GetObject" else reply

    client.replace = break_off
    with pytest.raises(ScarError) as raised:
        download_objects(client, S3Location("photos"), tmp_path, lambda _: None)
    require_network(raised.value, error)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [*ERRORS, OSError("odd"), KeyError("x")])
def test_no_error_of_the_look_up_ends_an_upload(client: FaultyClient, error: Exception) -> None:
    starts = LazyFunctionStarts(client, S3Location("photos"))
    with failing(client, "GetBucketNotificationConfiguration", error):
        for _ in range(3):
            starts.add(TransferredObject("a", 1))
    assert starts.describe().startswith("Which functions start is not known: ")
    assert starts.to_json() == {}


def test_functions_are_looked_up_once(client: FaultyClient) -> None:
    requests: list[str] = []
    client.before_send.append(lambda request: requests.append(request.target))
    starts = LazyFunctionStarts(client, S3Location("photos"))
    assert requests == []
    for number in range(100):
        starts.add(TransferredObject(str(number), 1))
    assert len(requests) == 1
    assert requests[0].startswith("/photos?notification")
    assert starts.describe() == "No function starts: none reads bucket photos."
