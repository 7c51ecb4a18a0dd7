"""Direct requests go through the proxies of the environment, or none of them does."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ClientError, ProxyConnectionError

from scar.aws.client.call_waits import CallWaits
from scar.aws.client.direct.bucket_endpoints import CustomEndpoint
from scar.aws.client.direct.configuration import DirectConfiguration
from scar.aws.client.direct.connections import connection_pool
from scar.aws.client.direct.object_client import ObjectCall, ObjectClient
from scar.aws.client.direct.trusted_certificates import context_factory
from scar.errors import ConfigurationError
from supervisor.aws.credentials import StaticCredentials
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.sigv4 import Credentials
from tests.conformance.object_store_endpoints import local_https
from tests.functional.supervisor.scripted_server import Reply, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HEAD = ObjectCall(name="HeadBucket", method="HEAD", bucket="photos")
OK = Reply(headers={"x-amz-request-id": "r-1"})


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def connect(url: str, bundle: str = "", proxies: Mapping[str, str] | None = None) -> ObjectClient:
    pool = connection_pool(context_factory(bundle, {}), os.environ, proxies)
    found = DirectConfiguration(
        region="us-east-1",
        credentials=StaticCredentials(Credentials(access_key="k", secret_key="s")),
        connections=pool,
        find_endpoint=CustomEndpoint(parse_endpoint(url, "the server"), "us-east-1"),
    )
    return ObjectClient(found, CallWaits(jitter=lambda _: 0.0), str)


def test_a_request_without_tls_names_its_origin_to_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with scripted(OK) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("//", "//user:p%40ss@"))
        connect("http://minio.example:9000").send(HEAD)
        (request,) = proxy.requests
    assert request.target == "http://minio.example:9000/photos"
    assert request.headers["host"] == "minio.example:9000"
    assert request.headers["proxy-authorization"] == "Basic dXNlcjpwQHNz"


def test_hosts_without_a_proxy_are_reached_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with scripted(OK) as server:
        connect(server.url).send(HEAD)


def test_the_local_cloud_is_reached_without_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with scripted(OK) as server:
        connect(server.url, proxies={}).send(HEAD)


@contextlib.contextmanager
def tunnel(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Run a proxy that answers CONNECT so, and forwards if that is 200; yield its address."""
    heads: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def copy(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client:
                    head = b""
                    while b"\r\n\r\n" not in head:
                        head += client.recv(65536)
                    heads.append(head)
                    client.sendall(answer)
                    if b" 200 " not in answer:
                        continue
                    host, _, port = head.split()[1].decode().rpartition(":")
                    with socket.create_connection((host, int(port))) as server:
                        back = threading.Thread(target=copy, args=(server, client))
                        back.start()
                        copy(client, server)
                        back.join()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def test_tls_goes_through_a_tunnel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with local_https(tmp_path) as store, tunnel(b"HTTP/1.1 200 OK\r\n\r\n") as (url, heads):
        monkeypatch.setenv("HTTPS_PROXY", url)
        bundle = store.environ["AWS_CA_BUNDLE"]
        address = store.environ["AWS_ENDPOINT_URL_S3"]
        client = connect(address, bundle)
        with pytest.raises(ClientError, match="403"):  # its keys are others: it has answered
            client.send(HEAD)
        client.close()
    host = address.removeprefix("https://")
    assert heads[0].startswith(f"CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n".encode())


def test_a_proxy_that_refuses_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tunnel(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as (url, _):
        monkeypatch.setenv("HTTPS_PROXY", url.replace("//", "//user:secret@"))
        with pytest.raises(ProxyConnectionError, match=r"proxy URL.*\*\*\*") as raised:
            connect("https://s3.example").send(HEAD)
    assert "secret" not in str(raised.value)


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(ProxyConnectionError, match=r"http://127\.0\.0\.1:1"):
        connect("https://s3.example").send(HEAD)


@pytest.mark.parametrize("url", ["https://proxy:3128", "socks5://proxy:1080"])
def test_other_kinds_of_proxies_are_refused_by_name(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", url)
    with pytest.raises(ConfigurationError, match="begins with http:// only"):
        connect("https://s3.example").send(HEAD)
