"""S3 endpoints against which the object store is tested; each is one entry of ENDPOINTS."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import uuid
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from mypy_boto3_s3.type_defs import VersioningConfigurationTypeDef

    from scar.local.http.auth import Authenticator
    from scar.local.http.messages import HttpApp, Request, Response

ACCESS_KEY = "AKIDEXAMPLE123456789"
SERVER_SECRET = b"the local cloud's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Endpoint:
    """A running S3 API with a bucket; ``environ`` connects a store to it.

    ``versioned_bucket`` is empty if versioning is not supported. ``atomic``: conditional writes
    are atomic.
    """

    environ: Mapping[str, str]
    bucket: str
    versioned_bucket: str = ""
    atomic: bool = True


@contextlib.contextmanager
def moto_http(folder: Path) -> Iterator[S3Endpoint]:
    """Run moto's own server, over plain HTTP."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield _with_versions(_create_endpoint(f"http://{host}:{port}", {}))
    finally:
        server.stop()
        reset_moto_s3()


@contextlib.contextmanager
def moto_https(folder: Path) -> Iterator[S3Endpoint]:
    """Run moto behind TLS."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    context, trust = _certificate(folder)
    app = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, app, threaded=True, ssl_context=context)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield _with_versions(_create_endpoint(f"https://127.0.0.1:{server.server_port}", trust))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        reset_moto_s3()


def reset_moto_s3() -> None:
    """Free the objects in moto's S3, of which there is one per process."""
    from moto.backends import get_backend

    get_backend("s3").reset()


@contextlib.contextmanager
def local_http(folder: Path) -> Iterator[S3Endpoint]:
    """Run the local cloud's S3 service, which verifies every signature."""
    with _local(folder, None) as port:
        yield _create_endpoint(f"http://127.0.0.1:{port}", {})


@contextlib.contextmanager
def local_https(folder: Path) -> Iterator[S3Endpoint]:
    """Run the same service behind TLS."""
    context, trust = _certificate(folder)
    with _local(folder, context) as port:
        yield _create_endpoint(f"https://127.0.0.1:{port}", trust)


@contextlib.contextmanager
def _local(folder: Path, context: ssl.SSLContext | None) -> Iterator[int]:
    from scar.local.http.auth import Authenticator
    from scar.local.http.server import HttpServer
    from scar.local.s3.service import S3Service

    service = S3Service(
        folder / "state",
        "123456789012",
        deliver=lambda _destination, _payload, _trace: None,
        destination_exists=lambda _arn: False,
    )
    server = HttpServer(_Signed(Authenticator(SERVER_SECRET), service), tls=context)
    try:
        yield server.start()
    finally:
        server.close()
        service.close()


@dataclass(frozen=True, slots=True)
class _Signed:
    """Forwards requests with a valid signature to the service."""

    authenticator: Authenticator
    service: HttpApp

    def handle(self, request: Request) -> Response:
        from scar.local.http.messages import Request

        admitted = self.authenticator.authenticate(request)
        return self.service.handle(admitted) if isinstance(admitted, Request) else admitted


@contextlib.contextmanager
def ministack_http(folder: Path) -> Iterator[S3Endpoint]:
    """Run ministack, which shares no code with the others."""
    from tests.conformance.ministack_server import ministack

    with ministack(folder) as server:
        yield replace(_with_versions(_create_endpoint(server.url, {})), atomic=True)


def _certificate(folder: Path) -> tuple[ssl.SSLContext, Mapping[str, str]]:
    """Create a certificate for 127.0.0.1, and the environment that trusts it."""
    import ssl

    import trustme

    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    authority.issue_cert("127.0.0.1", not_after=until).configure_cert(context)
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return context, {"AWS_CA_BUNDLE": str(bundle)}


def _create_endpoint(url: str, trust: Mapping[str, str]) -> S3Endpoint:
    from scar.local.http.auth import derive_secret_key

    environ = {
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": derive_secret_key(SERVER_SECRET, ACCESS_KEY),
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_S3": url,
        **trust,
    }
    # A unique name: moto's buckets are shared by the whole process.
    bucket = f"data-{uuid.uuid4().hex[:12]}"
    make_bucket(environ, bucket)
    return S3Endpoint(environ=environ, bucket=bucket)


def _with_versions(endpoint: S3Endpoint) -> S3Endpoint:
    versions = f"{endpoint.bucket}-versions"
    make_bucket(endpoint.environ, versions, versioned=True)
    return replace(endpoint, versioned_bucket=versions, atomic=False)


def make_bucket(environ: Mapping[str, str], bucket: str, *, versioned: bool = False) -> None:
    """Create the bucket, if it does not exist, with boto3, not with scar's own client."""
    import boto3

    s3 = boto3.client(
        "s3",
        endpoint_url=environ["AWS_ENDPOINT_URL_S3"],
        region_name=environ["AWS_REGION"],
        aws_access_key_id=environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environ["AWS_SECRET_ACCESS_KEY"],
        verify=environ.get("AWS_CA_BUNDLE"),
    )
    try:
        s3.create_bucket(Bucket=bucket)
        if versioned:
            status: VersioningConfigurationTypeDef = {"Status": "Enabled"}
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)
    finally:
        s3.close()


ENDPOINTS: dict[str, Callable[[Path], AbstractContextManager[S3Endpoint]]] = {
    "moto-http": moto_http,
    "moto-https": moto_https,
    "local-http": local_http,
    "local-https": local_https,
    "ministack": ministack_http,
}
