"""Clients: endpoint, retries, creation in the background; errors name the cause and the remedy."""

from __future__ import annotations

import ast
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

import scar
from scar.aws.client.connection import CONNECT_TIMEOUT, MAX_ATTEMPTS, READ_TIMEOUT, AwsConnection
from scar.aws.client.errors import translate_errors
from scar.errors import ConfigurationError, OperationRefusedError, ScarError


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Credentials and Region come from the test only."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(home / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(home / "config"))


def session(region: str | None = "eu-west-1") -> boto3.Session:
    return boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=region)


def test_a_client_is_created_once() -> None:
    connection = AwsConnection(session=session())
    assert connection.client("s3") is connection.client("s3")


def test_clients_are_created_in_the_background_without_blocking_other_services() -> None:
    connection = AwsConnection(session=session())
    reached, proceed = threading.Event(), threading.Event()
    create, created = connection.session.client, []

    def slowly(service: str, **options: object) -> object:
        if service == "iam":
            reached.set()
            assert proceed.wait(300)
        created.append(service)
        return create(service, **options)  # type: ignore[call-overload]

    connection.session.client = slowly  # type: ignore[method-assign, assignment]
    connection.create_clients_in_background("lambda", "iam", "batch")
    assert reached.wait(300)
    connection.client("lambda")  # available while the client of iam is still being created
    proceed.set()
    assert connection.client("iam") is connection.client("iam")
    assert connection.client("batch") is connection.client("batch")
    assert created == ["lambda", "iam", "batch"]


def test_the_exceptions_of_a_client_exist_before_threads_use_it() -> None:
    assert AwsConnection(session=session()).client("lambda")._exceptions is not None  # type: ignore[attr-defined]


def test_an_endpoint_is_used_by_all_services_and_s3_names_buckets_in_the_path() -> None:
    endpoint = "http://127.0.0.1:1"
    connection = AwsConnection(session=session(), endpoint_url=endpoint)
    assert connection.client("lambda").meta.endpoint_url == endpoint
    assert connection.client("iam").meta.endpoint_url == endpoint
    url = connection.client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": "photos", "Key": "k"}
    )
    assert url.startswith(f"{endpoint}/photos/k?")
    assert "X-Amz-Signature" in url


def test_missing_credentials_are_an_error_with_a_remedy() -> None:
    connection = AwsConnection(session=boto3.Session(region_name="eu-west-1"))
    with pytest.raises(ConfigurationError, match="credentials") as caught:
        _ = connection.account
    assert "scar --local" in caught.value.remedy


def test_a_missing_region_is_an_error_with_a_remedy() -> None:
    with pytest.raises(ConfigurationError, match="region") as caught:
        AwsConnection(session=session(None)).client("lambda")
    assert "AWS_REGION" in caught.value.remedy


def test_an_endpoint_that_does_not_respond_is_named() -> None:
    endpoint = "http://127.0.0.1:1"
    with (
        pytest.raises(ConfigurationError, match=r"Cannot list functions: .*127\.0\.0\.1:1"),
        translate_errors("list functions"),
    ):
        raise EndpointConnectionError(endpoint_url=endpoint)


@pytest.mark.parametrize(
    ("code", "kind"),
    [("ExpiredToken", ConfigurationError), ("AccessDenied", OperationRefusedError)],
)
def test_an_error_response_is_reported_with_its_code(code: str, kind: type[ScarError]) -> None:
    with (
        pytest.raises(kind, match=f"Invoke returned {code}: go away"),
        translate_errors("call crop"),
    ):
        raise ClientError({"Error": {"Code": code, "Message": "go away"}}, "Invoke")


def test_every_client_s_waits_end_and_its_retries_are_bounded() -> None:
    connection = AwsConnection(session=session())
    for service in ("batch", "ec2", "ecr", "iam", "lambda", "logs", "s3", "sts"):
        config: Any = connection.client(service).meta.config
        assert config.retries == {"mode": "standard", "total_max_attempts": MAX_ATTEMPTS}
        assert (config.connect_timeout, config.read_timeout) == (CONNECT_TIMEOUT, READ_TIMEOUT)


def test_no_client_is_created_without_such_a_configuration() -> None:
    makers = []
    for path in Path(scar.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if ast.unparse(node.func).endswith(("session.client", "boto3.client")):
                named = {keyword.arg for keyword in node.keywords}
                makers.append((path.name, "config" in named))
    assert makers
    assert all(configured for _, configured in makers), makers


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-south-2", "lambda.eu-south-2.amazonaws.com"),
        ("cn-north-1", "lambda.cn-north-1.amazonaws.com.cn"),
        ("us-gov-west-1", "lambda.us-gov-west-1.amazonaws.com"),
    ],
)
def test_each_partition_has_its_own_hosts(region: str, host: str) -> None:
    connection = AwsConnection(session=session(region))
    assert connection.client("lambda").meta.endpoint_url == f"https://{host}"


def test_a_response_of_another_server_than_aws_is_reported_as_such() -> None:
    class Page(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Log in to this network</title>")

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(ConfigurationError, match="Log in to this network") as caught:
            _ = AwsConnection(session=session(), endpoint_url=url).account
        server.shutdown()
    assert "HTTPS_PROXY" in caught.value.remedy
