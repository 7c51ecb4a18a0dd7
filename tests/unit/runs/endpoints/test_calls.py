"""Calls through an endpoint when the network, S3 or the endpoint fails."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, cast

import pytest
from urllib3.exceptions import ProtocolError

from scar.aws.inventory.endpoints import Endpoint
from scar.errors import OperationRefusedError, ScarError, WaitTimeoutError
from scar.runs.endpoints import calls
from scar.runs.endpoints.calls import CallBody, EndpointCall
from scar.runs.endpoints.http import (
    EndpointClient,
    HttpReply,
    is_throttled_by_lambda,
)
from supervisor.connections import EndpointAuthentication, EndpointKind
from supervisor.events.response_body import RUN_HEADER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

RUN = {"x-scar-run-id": "r-1"}
PLACE = json.dumps({"url": "https://s3/up?sig", "body": "ab" * 16, "headers": {"a": "1"}}).encode()
LARGE = CallBody(content=b"x" * 5_000_000)


@dataclass
class Raw:
    """A body that breaks after its data if ``breaks``."""

    data: bytes
    breaks: bool = False

    def stream(self, _size: int, *, decode_content: bool) -> Iterator[bytes]:
        del decode_content
        yield self.data
        if self.breaks:
            raise ProtocolError("Connection broken")

    def read(self, maximum: int | None, *, decode_content: bool) -> bytes:
        del decode_content
        return self.data[:maximum]


def reply(
    status: int,
    data: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    breaks: bool = False,
) -> HttpReply:
    return HttpReply(status, headers or {}, Raw(data, breaks))


@dataclass
class ScriptedClient:
    """Answers each request with the next reply, and records method, URL and headers."""

    replies: list[HttpReply]
    sent: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)
    bodies: list[object] = field(default_factory=list)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | IO[bytes] | None = None,
    ) -> HttpReply:
        self.sent.append((method, url, headers or {}))
        self.bodies.append(body.read() if hasattr(body, "read") else body)  # type: ignore[union-attr]
        return self.replies.pop(0)

    def send_until_accepted(
        self,
        _endpoint: Endpoint,
        method: str,
        url: str,
        **more: Any,  # noqa: ANN401 - as the client's
    ) -> HttpReply:
        return self.send(method, url, **more)

    def sleep(self, _seconds: float) -> None:
        pass


def a_call(*replies: HttpReply, kind: EndpointKind = EndpointKind.HTTP, seconds: float = 0) -> Any:  # noqa: ANN401
    for each in replies:
        each.seconds = seconds
    return EndpointCall(
        endpoint=Endpoint(kind=kind, authentication=EndpointAuthentication.IAM, url="https://api/"),
        function="fn",
        client=cast("EndpointClient", ScriptedClient(list(replies))),
        report=lambda _: None,
    )


def test_a_broken_download_goes_on_where_it_broke() -> None:
    call = a_call(
        reply(303, headers={**RUN, "location": "https://s3/r?sig"}),
        reply(200, b"abc", breaks=True),
        reply(206, b"def"),
    )
    target = io.BytesIO()
    assert call.send({}, None, target).run_id == "r-1"
    assert target.getvalue() == b"abcdef"
    assert [sent[2].get("range") for sent in call.client.sent] == [None, "bytes=0-", "bytes=3-"]


def test_a_download_that_breaks_again_and_again_ends() -> None:
    broken = [reply(206, b"a", breaks=True) for _ in range(calls.MAX_TRANSFERS)]
    call = a_call(reply(303, headers={**RUN, "location": "https://s3/r?sig"}), *broken)
    with pytest.raises(ScarError, match="broke after 3 bytes"):
        call.send({}, None, io.BytesIO())
    assert not call.client.replies


def test_an_upload_whose_response_was_lost_is_stored() -> None:
    call = a_call(reply(200, PLACE), reply(503), reply(412), reply(200, b"done", RUN))
    target = io.BytesIO()
    call.send({"a": "b c"}, LARGE, target)
    assert target.getvalue() == b"done"
    methods = [(method, url) for method, url, _ in call.client.sent]
    assert methods == [
        ("GET", "https://api/.scar/upload?size=5000000"),
        ("PUT", "https://s3/up?sig"),
        ("PUT", "https://s3/up?sig"),
        ("POST", "https://api/?a=b%20c"),
    ]
    assert call.client.sent[-1][2]["x-scar-body"] == "ab" * 16
    assert call.client.bodies[-1] is None


@pytest.mark.parametrize("statuses", [[403], [412], [500, 500, 500]])
def test_an_upload_that_is_refused_ends_without_the_request(statuses: list[int]) -> None:
    call = a_call(reply(200, PLACE), *map(reply, statuses))
    with pytest.raises(OperationRefusedError, match=f"HTTP status {statuses[-1]}"):
        call.send({}, LARGE, io.BytesIO())
    assert not call.client.replies


def test_a_function_of_an_older_release_says_what_to_do() -> None:
    call = a_call(reply(200, b"the script's output", RUN))
    with pytest.raises(OperationRefusedError, match="where to upload") as raised:
        call.send({}, LARGE, io.BytesIO())
    assert "scar init" in raised.value.remedy


def test_a_body_above_the_limit_names_the_key() -> None:
    call = a_call(reply(413, b"The body has 5,000,000 bytes; this endpoint takes 4."))
    with pytest.raises(ScarError, match="takes 4") as raised:
        call.send({}, LARGE, io.BytesIO())
    # The function's own text ends with what its owner can do.
    assert raised.value.remedy.startswith("A larger api_gateway.max_body takes effect")


@pytest.mark.parametrize(
    ("kind", "seconds", "error"),
    [
        (EndpointKind.HTTP, 30.0, WaitTimeoutError),
        (EndpointKind.HTTP, 1.0, ScarError),
        (EndpointKind.URL, 30.0, ScarError),
    ],
)
def test_an_api_that_gives_up_waiting_is_no_failure_of_the_run(
    kind: EndpointKind, seconds: float, error: type[ScarError]
) -> None:
    gone = reply(503, b'{"message":"Service Unavailable"}')
    with pytest.raises(error) as raised:
        a_call(gone, kind=kind, seconds=seconds).send({}, None, io.BytesIO())
    assert ("the run goes on" in raised.value.problem) is (error is WaitTimeoutError)


@pytest.mark.parametrize(
    ("kind", "seconds", "headers", "body", "throttled"),
    [
        (EndpointKind.HTTP, 0.2, {}, b'{"message": "Service Unavailable"}', True),
        (EndpointKind.HTTP, 6.0, {}, b'{"message": "Service Unavailable"}', False),
        (EndpointKind.HTTP, 0.2, {}, b"busy", False),
        (EndpointKind.HTTP, 0.2, RUN, b'{"message": "Service Unavailable"}', False),
        (EndpointKind.URL, 0.2, {}, b'{"message": "Service Unavailable"}', False),
    ],
)
def test_only_a_503_of_api_gateway_at_once_is_throttling(
    kind: EndpointKind, seconds: float, headers: Mapping[str, str], body: bytes, throttled: bool
) -> None:
    call = a_call(found := reply(503, body, headers), kind=kind, seconds=seconds)
    assert is_throttled_by_lambda(found, call.endpoint) is throttled
    if RUN_HEADER not in headers:
        with pytest.raises(ScarError) as raised:
            call.send({}, None, io.BytesIO())
        assert ("all concurrency of the function" in raised.value.problem) is throttled
        expected = "lambda.concurrency" if throttled else "scar status -n fn"
        assert expected in raised.value.remedy


def test_a_request_that_must_not_be_sent_names_the_permissions() -> None:
    with pytest.raises(ScarError, match="403: Forbidden") as raised:
        a_call(reply(403, b'{"Message":"Forbidden"}')).send({}, None, io.BytesIO())
    assert "execute-api:Invoke" in raised.value.remedy


def test_a_run_that_failed_is_a_response() -> None:
    target = io.BytesIO()
    answer = a_call(reply(500, b"wrong\n", RUN)).send({}, None, target)
    assert (answer.status, target.getvalue()) == (500, b"wrong\n")


@pytest.mark.parametrize(("text", "is_large"), [("x" * 6_000_000, False), ('"' * 4_000_000, True)])
def test_json_is_measured_as_it_is_in_an_event(text: str, is_large: bool) -> None:
    body = CallBody(content=text.encode(), content_type="application/json")
    assert (body.event_size > calls.MAX_EVENT) is is_large


def test_a_file_is_read_when_it_is_sent(tmp_path: Path) -> None:
    file = tmp_path / "f"
    file.write_bytes(b"x" * 5_000_000)
    call = a_call(reply(200, PLACE), reply(200), reply(200, b"", RUN))
    call.send({}, CallBody(file=file, size=5_000_000), io.BytesIO())
    assert call.client.bodies == [None, b"x" * 5_000_000, None]
