"""Single requests to an endpoint: proxies, time-outs, and what messages must not contain."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING, cast
from urllib.parse import parse_qsl

import boto3
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st
from urllib3.util import parse_url

from scar.aws.client.connection import AwsConnection
from scar.aws.inventory.endpoints import Endpoint
from scar.errors import ScarError, WaitTimeoutError
from scar.local.http import sigv4
from scar.runs.endpoints.calls import EndpointCall, request_url
from scar.runs.endpoints.http import MAX_ATTEMPTS, EndpointClient
from supervisor.connections import EndpointAuthentication, EndpointKind
from tests.fakes.endpoints.gateway import serve_gateway

if TYPE_CHECKING:
    from botocore.credentials import Credentials


def a_client(*, timeout: int = 60) -> EndpointClient:
    session = boto3.Session("AKID", "secret", region_name="eu-west-1")
    # As the local cloud's connection.
    session._session.set_default_client_config(Config(proxies={}))
    return EndpointClient(connection=AwsConnection(session=session), timeout=timeout)


def test_no_proxy_is_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    answer = b'{"statusCode": 200, "headers": {}, "body": ""}'
    with serve_gateway(lambda _event, _request: answer) as gateway:
        assert a_client().send("GET", gateway.url).status == 200


def test_pauses_between_attempts_are_no_time_that_the_api_waited() -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    with serve_gateway(lambda _event, _request: b"") as gateway:
        gateway.refusals = [(503, {"retry-after": "20"}, b"busy")] * MAX_ATTEMPTS
        client = a_client()
        client.sleep, client.clock = sleep, lambda: now
        endpoint = Endpoint(
            kind=EndpointKind.HTTP, authentication=EndpointAuthentication.NONE, url=gateway.url
        )
        call = EndpointCall(endpoint=endpoint, function="fn", client=client, report=lambda _: None)
        with pytest.raises(ScarError, match="503: busy"):
            call.send({}, None, io.BytesIO())
    assert now == 20.0 * (MAX_ATTEMPTS - 1)


def test_a_silent_endpoint_ends_with_a_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/?X-Amz-Signature=hidden"
        with pytest.raises(WaitTimeoutError, match=r"no response from .* within 1 s") as raised:
            a_client(timeout=1).send("GET", url)
    assert "hidden" not in f"{raised.value.problem} {raised.value.remedy}"
    assert "scar status" in raised.value.remedy


def test_a_presigned_url_is_in_no_message() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/key?X-Amz-Signature=hidden"
    with pytest.raises(ScarError) as raised:
        a_client().send("PUT", url, body=b"x")
    assert "/key" in raised.value.problem
    assert "hidden" not in f"{raised.value.problem} {raised.value.remedy}"


@given(st.dictionaries(st.text(), st.text()))
def test_the_signature_is_for_the_query_as_aws_reads_it(query: dict[str, str]) -> None:
    url = request_url("https://api.example/", query)
    # What urllib3 sends, with all that it would encode differently.
    sent = parse_url(url).query or ""
    credentials = cast("Credentials", None)
    signed = SigV4Auth(credentials, "lambda", "us-east-1").canonical_query_string(
        AWSRequest(method="GET", url=url)
    )
    assert signed == sigv4._canonical_query(sigv4._split_query(sent))
    assert dict(parse_qsl(sent, keep_blank_values=True)) == query
