"""Transfers with moto's S3, on loopback, over real sockets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest
from moto.server import ThreadedMotoServer

from scar.aws.client.connection import AwsConnection
from scar.transfer.client import transfer_client
from tests.conformance.object_store_endpoints import reset_moto_s3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()
    reset_moto_s3()


@pytest.fixture
def client(endpoint: str) -> Iterator[S3Client]:
    """A client for an account with an empty bucket ``photos``."""
    session = boto3.Session("key", "secret", region_name="us-east-1")
    made = transfer_client(AwsConnection(session=session, endpoint_url=endpoint))
    made.create_bucket(Bucket="photos")
    yield made
    for page in made.get_paginator("list_objects_v2").paginate(Bucket="photos"):
        for item in page.get("Contents", []):
            made.delete_object(Bucket="photos", Key=item["Key"])
    made.delete_bucket(Bucket="photos")
    made.close()
