"""Transfers with moto's S3, on loopback, over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from scar.aws.client.call_waits import CallWaits
from scar.aws.client.connection import AwsConnection
from tests.conformance.object_store_endpoints import reset_moto_s3
from tests.functional.transfer.faulty_client import FaultyClient

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    reset_moto_s3()


@pytest.fixture
def client(endpoint: str) -> Iterator[FaultyClient]:
    """A client for an account with an empty bucket ``photos``."""
    session = boto3.Session("key", "secret", region_name="us-east-1")
    connection = AwsConnection(
        session=session, endpoint_url=endpoint, waits=CallWaits(jitter=lambda _: 0.0)
    )
    s3 = connection.client("s3")
    made = FaultyClient(connection.object_client(), s3)
    s3.create_bucket(Bucket="photos")
    yield made
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="photos"):
        for item in page.get("Contents", []):
            s3.delete_object(Bucket="photos", Key=item["Key"])
    s3.delete_bucket(Bucket="photos")
    made.close()
    s3.close()
