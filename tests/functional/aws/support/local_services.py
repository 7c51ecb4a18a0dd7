"""The local cloud's own S3, Batch and configuration services, over HTTP."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3

from scar.aws.client.connection import AwsConnection
from scar.local.batch.app import BatchApp
from scar.local.file_systems import MountTargetApi
from scar.local.http.auth import Authenticator
from scar.local.http.router import Route, Router
from scar.local.http.secret_keys import derive_secret_key
from scar.local.http.server import HttpServer
from scar.local.s3.service import S3Service
from tests.functional.local.batch import batch_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.local.http.messages import HttpApp


@contextmanager
def local_services(folder: Path) -> Iterator[AwsConnection]:
    """Connect to a local cloud without functions, whose state is in the folder."""
    cloud = batch_server.BatchCloud(folder / "cloud")
    cloud.moto.add_handler(MountTargetApi(cloud.moto.default_vpc).handle_call)
    s3 = S3Service(
        folder / "s3",
        batch_server.ACCOUNT,
        deliver=lambda _arn, _payload, _trace: None,
        destination_exists=lambda _: True,
    )
    apps: dict[Route, HttpApp] = dict.fromkeys(Route, cloud.moto)
    apps |= {
        Route.BATCH: BatchApp(cloud.batch, cloud.moto.batch),
        Route.S3: s3,
    }
    server = HttpServer(Router(apps, Authenticator(batch_server.SECRET)))
    session = boto3.Session(
        aws_access_key_id=batch_server.KEY,
        aws_secret_access_key=derive_secret_key(batch_server.SECRET, batch_server.KEY),
        region_name="us-east-1",
    )
    endpoint = f"http://127.0.0.1:{server.start()}"
    try:
        yield AwsConnection(session=session, endpoint_url=endpoint, description="local")
    finally:
        server.close(0.2)
        s3.close()
        cloud.stop()
