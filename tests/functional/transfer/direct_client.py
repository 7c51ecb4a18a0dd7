"""A client without the SDK for a server that follows a script, and what such a server answers."""

from __future__ import annotations

from scar.aws.client.call_waits import CallWaits
from scar.aws.client.direct.bucket_endpoints import CustomEndpoint
from scar.aws.client.direct.configuration import DirectConfiguration
from scar.aws.client.direct.object_client import ObjectCall, ObjectClient
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import StaticCredentials
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.sigv4 import Credentials
from tests.functional.supervisor.scripted_server import Reply, ScriptedServer

ID = {"x-amz-request-id": "r-1"}
DONE = Reply(headers={**ID, "etag": '"e"'})
PUT = ObjectCall(
    name="PutObject", method="PUT", bucket="photos", key="a b", body=b"abc", has_checksum=True
)
GET = ObjectCall(name="GetObject", method="GET", bucket="photos", key="a")


def error(status: int, code: str, *, message: str = "no", **headers: str) -> Reply:
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status=status, headers={**ID, **named}, body=body)


def configuration(server: ScriptedServer, region: str = "eu-west-1") -> DirectConfiguration:
    origin = parse_endpoint(server.url, "the server")
    keys = Credentials(access_key="k", secret_key="s", token="t")
    return DirectConfiguration(
        region=region,
        credentials=StaticCredentials(keys),
        connections=ConnectionPool({}),
        find_endpoint=CustomEndpoint(origin, region),
        sts=origin,
    )


def connect(
    server: ScriptedServer,
    *,
    encryption: tuple[str, str] = ("", ""),
    waits: CallWaits | None = None,
) -> ObjectClient:
    waits = waits or CallWaits(jitter=lambda _: 0.0)
    return ObjectClient(configuration(server), waits, lambda: "123456789012", encryption)


def signed_region(authorization: str) -> str:
    return authorization.split("/")[2]
