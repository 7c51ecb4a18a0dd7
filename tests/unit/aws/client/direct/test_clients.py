"""Reads without the SDK; after any response but a success the SDK sends the request again."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from scar.aws.client.connection import AwsConnection
from scar.aws.client.direct.clients import DIRECT_CLIENTS
from scar.aws.client.direct.requests import DirectRequests
from scar.aws.client.direct.session_on_demand import session_on_demand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.aws.client.direct.clients import DirectClient

    Answer = tuple[int, dict[str, str], bytes]

ID = {"x-amzn-RequestId": "r-1"}
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:gray"


class Sdk:
    """The SDK's client: it answers whatever is called by its name."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        def call(*arguments: object, **parameters: object) -> Any:  # noqa: ANN401
            given = parameters if name == "paginate" else {}
            self.calls.append(" ".join(map(str, (name, *arguments, *given.values()))))
            return self if name == "get_paginator" else [{"of": "sdk"}]

        return call


@contextmanager
def serving(*answers: Answer) -> Iterator[tuple[str, list[str]]]:
    """Give these answers, one after the other; yield the address and the requests."""
    requests: list[str] = []
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            requests.append(f"{self.command} {self.path} {body}".strip())
            assert "Credential=key/" in self.headers["Authorization"]
            status, headers, content = left.pop(0)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = answer  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Write nothing to stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", requests
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Turns(list[str]):
    def wait(self, service: str, operation: str) -> None:
        self.append(f"{service} {operation}")


def client(service: str, url: str, sdk: Sdk, turns: Turns | None = None) -> DirectClient:
    requests = DirectRequests(
        endpoint_url=url,
        region="eu-west-1",
        access_key="key",
        secret_key="secret",
        wait_for_turn=(turns if turns is not None else Turns()).wait,
    )
    return DIRECT_CLIENTS[service](requests, lambda: sdk)


def test_functions_are_listed_page_by_page_and_at_the_request_rate() -> None:
    sdk, turns = Sdk(), Turns()
    pages = (b'{"Functions": [{"FunctionName": "a"}], "NextMarker": "m 1"}', b'{"Functions": []}')
    with serving(*((200, ID, page) for page in pages)) as (url, requests):
        found = client("lambda", url, sdk, turns).get_paginator("list_functions").paginate()
    assert [f["FunctionName"] for page in found for f in page["Functions"]] == ["a"]
    assert requests == [
        "GET /2015-03-31/functions/",
        "GET /2015-03-31/functions/?Marker=m%201",
    ]
    assert turns == ["lambda ListFunctions"] * 2
    assert sdk.calls == []


def test_tags_queues_and_environments_are_read() -> None:
    sdk = Sdk()
    answers = (b'{"Tags": {"a": "b"}}', b'{"jobQueues": []}', b'{"computeEnvironments": []}')
    with serving(*((200, ID, answer) for answer in answers)) as (url, requests):
        assert client("lambda", url, sdk).list_tags(Resource=ARN) == {"Tags": {"a": "b"}}
        batch = client("batch", url, sdk)
        assert batch.describe_job_queues(jobQueues=["q"]) == {"jobQueues": []}
        assert batch.describe_compute_environments() == {"computeEnvironments": []}
    assert requests == [
        f"GET /2017-03-31/tags/{ARN.replace(':', '%3A')}",
        'POST /v1/describejobqueues {"jobQueues": ["q"]}',
        "POST /v1/describecomputeenvironments {}",
    ]
    assert sdk.calls == []


READS: dict[str, tuple[str, Callable[[Any], object]]] = {
    "get_paginator list_functions": (
        "lambda",
        lambda c: c.get_paginator("list_functions").paginate(),
    ),
    "list_tags": ("lambda", lambda c: c.list_tags(Resource=ARN)),
    "get_bucket_notification_configuration": (
        "s3",
        lambda c: c.get_bucket_notification_configuration(Bucket="b"),
    ),
    "describe_job_queues": ("batch", lambda c: c.describe_job_queues(jobQueues=["q"])),
    "describe_compute_environments": ("batch", lambda c: c.describe_compute_environments()),
}
NO_SUCCESS: dict[str, Answer] = {
    "an error": (404, ID, b'{"Message": "no"}'),
    "throttling": (429, ID, b"{}"),
    "a redirect": (307, {**ID, "Location": "/x"}, b""),
    "of a proxy": (200, {}, b"{}"),
    "a page": (200, ID, b"<html>"),
}


@pytest.mark.parametrize("answer", NO_SUCCESS.values(), ids=NO_SUCCESS.keys())
@pytest.mark.parametrize("name", READS)
def test_the_sdk_repeats_what_is_no_success(name: str, answer: Answer) -> None:
    service, read = READS[name]
    sdk = Sdk()
    with serving(answer) as (url, requests):
        assert read(client(service, url, sdk)) == [{"of": "sdk"}]
    assert len(requests) == 1
    assert sdk.calls[0] == name


def test_the_sdk_sends_what_gets_no_response() -> None:
    sdk = Sdk()
    with serving() as (url, _):
        pass
    assert client("lambda", url, sdk).list_tags(Resource=ARN) == [{"of": "sdk"}]
    assert sdk.calls == ["list_tags"]


def test_a_failure_after_the_first_page_lists_all_functions_anew() -> None:
    sdk = Sdk()
    first = (200, ID, b'{"Functions": [{"FunctionName": "a"}], "NextMarker": "m"}')
    with serving(first, (500, ID, b"")) as (url, _):
        found = client("lambda", url, sdk).get_paginator("list_functions").paginate()
    assert found == [{"of": "sdk"}]


def test_the_sdk_lists_the_versions_of_functions() -> None:
    sdk = Sdk()
    with serving() as (url, requests):
        pages = client("lambda", url, sdk).get_paginator("list_functions")
        assert pages.paginate(FunctionVersion="ALL") == [{"of": "sdk"}]
    assert requests == []
    assert sdk.calls == ["get_paginator list_functions", "paginate ALL"]


def test_every_other_operation_is_the_sdks() -> None:
    sdk = Sdk()
    direct = client("lambda", "http://127.0.0.1:1", sdk)
    direct.invoke(FunctionName="gray")
    direct.get_paginator("list_aliases")
    assert sdk.calls == ["invoke", "get_paginator list_aliases"]
    s3 = client("s3", "http://127.0.0.1:1", sdk)
    s3.get_bucket_notification_configuration(Bucket="b", ExpectedBucketOwner="1")
    assert sdk.calls[-1] == "get_bucket_notification_configuration"


def test_clients_made_in_the_background_are_complete() -> None:
    made = threading.Event()

    def create() -> boto3.Session:
        made.set()
        return boto3.Session("key", "secret", region_name="eu-west-1")

    connection = AwsConnection(session=session_on_demand(create))
    connection.direct = DirectRequests(
        endpoint_url="http://127.0.0.1:1",
        region="eu-west-1",
        access_key="key",
        secret_key="secret",
        wait_for_turn=Turns().wait,
    )
    connection.client("lambda")
    assert not made.is_set()
    connection.create_clients_in_background("lambda")
    assert made.wait(60)
