"""The whole command line against moto: one account in memory per test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from scar.aws.client.connection import AwsConnection
from scar.aws.client.direct.bucket_endpoints import CustomEndpoint
from scar.aws.client.direct.configuration import DirectConfiguration
from scar.cli.services import Services
from supervisor.aws.connection_pool import ConnectionPool
from supervisor.aws.credentials import StaticCredentials
from supervisor.aws.endpoints import parse_endpoint
from supervisor.aws.sigv4 import Credentials
from tests.fakes.moto_locking import mock_account

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.client.target import ConnectionTarget

SERVER = "MOTO_SERVER"


@dataclass(frozen=True)
class MotoServices(Services):
    """Connects to moto, whatever the target."""

    def connect(self, target: ConnectionTarget) -> AwsConnection:
        return connect_to_moto(self)


def connect_to_moto(
    services: Services, connection_type: type[AwsConnection] = AwsConnection
) -> AwsConnection:
    """Connect to moto in this process; requests without the SDK to its server, which has the same.

    ``SERVER`` in the environment of the services is the server's address.
    """
    origin = parse_endpoint(services.environment[SERVER], SERVER)
    keys = Credentials(access_key="testing", secret_key="testing")
    return connection_type(
        session=boto3.Session("testing", "testing", region_name="us-east-1"),
        description="moto",
        configuration=DirectConfiguration(
            region="us-east-1",
            credentials=StaticCredentials(keys),
            connections=ConnectionPool({}),
            find_endpoint=CustomEndpoint(origin, "us-east-1"),
        ),
    )


@pytest.fixture(scope="session")
def moto_server() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch, moto_server: str) -> Iterator[MotoServices]:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    with mock_account("s3", "sts", "lambda", "logs", "batch", "ecr"):
        yield MotoServices({SERVER: moto_server})
