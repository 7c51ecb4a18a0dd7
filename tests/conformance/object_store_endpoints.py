"""Endpoints against which object stores are tested; each is one entry of ENDPOINTS."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from supervisor.connections import ProviderConfig
from supervisor.storage import open_provider, s3
from supervisor.storage.onedata import OnedataStore
from supervisor.storage.s3 import S3Store
from supervisor.storage.s3_protocol import MIB
from supervisor.storage.webdav.store import WebDavStore
from tests.fakes.stores import onedata_double, store_servers

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from mypy_boto3_s3.type_defs import VersioningConfigurationTypeDef

    from scar.local.http.auth import Authenticator
    from scar.local.http.messages import HttpApp, Request, Response
    from supervisor.ports import ObjectStore

ACCESS_KEY = "AKIDEXAMPLE123456789"
# Names that no file has: in keys, longer than 255 bytes, or with a slash at the end.
NO_FILES = ("/ at the end", "long names")
SERVER_SECRET = b"the local cloud's own"


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Endpoint:
    """A running S3 API with a bucket; ``environ`` connects a store to it.

    ``versioned_bucket`` is empty if versioning is not supported. ``atomic``: conditional writes
    are atomic. With ``config`` the store is a provider of ``storage_providers``, whose secrets have
    the values ``secrets``. ``files``: the store has files and folders, which need no bucket, and no
    MD5 as ETag. ``metadata``: it has user metadata. ``lacks`` are keys that it does not take.
    """

    environ: Mapping[str, str]
    bucket: str
    versioned_bucket: str = ""
    atomic: bool = True
    config: ProviderConfig | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    files: bool = False
    metadata: bool = True
    lacks: tuple[str, ...] = ()

    @property
    def provider(self) -> str:
        return "s3" if self.config is None else self.config.name

    def connect(self) -> S3Store | WebDavStore | OnedataStore:
        """Open the store as the supervisor does, with small parts."""
        if self.config is None:
            store: ObjectStore = s3.connect(self.environ)
        else:
            store = open_provider(self.config, self.environ, read_secrets=lambda: self.secrets)
        if isinstance(store, S3Store):
            return replace(store, multipart_threshold=5 * MIB, min_part_size=5 * MIB)
        assert isinstance(store, WebDavStore | OnedataStore)
        return store


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
    certificate = authority.issue_cert("127.0.0.1", not_after=until)
    certificate.configure_cert(context)
    certificate.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
    bundle = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(bundle))
    return context, {"AWS_CA_BUNDLE": str(bundle)}


def _create_endpoint(url: str, trust: Mapping[str, str]) -> S3Endpoint:
    from scar.local.http.secret_keys import derive_secret_key

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


@contextlib.contextmanager
def minio_local(folder: Path) -> Iterator[S3Endpoint]:
    """Use the local cloud's S3 as a MinIO whose write conditions are known to work."""
    with local_https(folder) as endpoint:
        yield _as_minio(endpoint, conditional_writes="true")


@contextlib.contextmanager
def minio_ministack(folder: Path) -> Iterator[S3Endpoint]:
    """Use ministack as a MinIO of which nothing is known."""
    with ministack_http(folder) as endpoint:
        yield replace(_as_minio(endpoint), atomic=False)


@contextlib.contextmanager
def minio_nanio(folder: Path) -> Iterator[S3Endpoint]:
    """Use nanio, which ignores write conditions, as a MinIO."""
    with store_servers.nanio() as server:
        environ = {
            "AWS_ENDPOINT_URL_S3": server.url,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": store_servers.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": store_servers.SECRET_KEY,
        }
        bucket = f"data-{uuid.uuid4().hex[:12]}"
        make_bucket(environ, bucket)
        # It decodes keys twice, and returns an error for a range that passes the end.
        lacks = (*NO_FILES, "%", "ranges")
        endpoint = S3Endpoint(environ=environ, bucket=bucket, atomic=False, lacks=lacks)
        yield _as_minio(endpoint, conditional_writes="false")


def _as_minio(endpoint: S3Endpoint, **options: str) -> S3Endpoint:
    environ = endpoint.environ
    if bundle := environ.get("AWS_CA_BUNDLE"):
        options["ca_bundle"] = Path(bundle).read_text()
    url = environ["AWS_ENDPOINT_URL_S3"]
    return replace(
        endpoint,
        # Nothing of the function's own environment is needed.
        environ={},
        versioned_bucket="",
        config=ProviderConfig(name="minio.lab", options={"endpoint": url, **options}),
        secrets={
            "access_key": environ["AWS_ACCESS_KEY_ID"],
            "secret_key": environ["AWS_SECRET_ACCESS_KEY"],
        },
    )


@contextlib.contextmanager
def webdav_apache(folder: Path) -> Iterator[S3Endpoint]:
    """Run Debian's Apache: it has properties, and weak ETags for a second."""
    with store_servers.apache() as server:
        yield _webdav(server.url, {})


@contextlib.contextmanager
def webdav_nginx(folder: Path) -> Iterator[S3Endpoint]:
    """Run Debian's nginx: no properties, no write conditions, ETags of the second and the size."""
    _, trust = _certificate(folder)
    with store_servers.nginx(folder / "server.pem") as server:
        options = {"ca_bundle": trust["AWS_CA_BUNDLE"]}
        yield replace(_webdav(server.url, options), metadata=False)


def _webdav(url: str, options: Mapping[str, str]) -> S3Endpoint:
    values = {"login": store_servers.LOGIN, "password": store_servers.PASSWORD}
    return S3Endpoint(
        environ={},
        bucket="data",
        atomic=False,
        files=True,
        lacks=NO_FILES,
        config=ProviderConfig(
            name="webdav.cloud",
            options={"hostname": url, **options},
            secrets=dict.fromkeys(values, "ssm:/x"),
        ),
        secrets=values,
    )


@contextlib.contextmanager
def onedata(folder: Path) -> Iterator[S3Endpoint]:
    """Run the double of Oneprovider's REST API."""
    from scar.local.http.server import HttpServer

    server = HttpServer(onedata_double.OnedataDouble())
    try:
        host = f"http://127.0.0.1:{server.start()}"
        options = {"oneprovider_host": host, "space": onedata_double.SPACE}
        yield S3Endpoint(
            environ={},
            bucket="data",
            files=True,
            lacks=NO_FILES,
            config=ProviderConfig(name="onedata.egi", options=options),
            secrets={"token": onedata_double.TOKEN},
        )
    finally:
        server.close()


ENDPOINTS: dict[str, Callable[[Path], AbstractContextManager[S3Endpoint]]] = {
    "moto-http": moto_http,
    "moto-https": moto_https,
    "local-http": local_http,
    "local-https": local_https,
    "ministack": ministack_http,
    "minio-local": minio_local,
    "minio-ministack": minio_ministack,
    "minio-nanio": minio_nanio,
    "webdav-apache": webdav_apache,
    "webdav-nginx": webdav_nginx,
    "onedata-double": onedata,
}
