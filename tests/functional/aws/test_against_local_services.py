"""The same deployment over HTTP, against the local cloud's own S3, Batch and Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

import boto3
import pytest

from scar.aws.client.connection import AwsConnection
from scar.aws.inventory.functions import InputFolder, list_functions
from scar.local.batch.app import BatchApp
from scar.local.http.auth import Authenticator, derive_secret_key
from scar.local.http.router import Route, Router
from scar.local.http.server import HttpServer
from scar.local.s3.service import S3Service
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.factories import (
    MODES,
    a_function,
    deploy,
    remaining_resources,
    remove,
)
from tests.functional.local.batch import batch_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from scar.local.http.messages import HttpApp


@pytest.fixture
def local(tmp_path: Path) -> Iterator[AwsConnection]:
    cloud = batch_server.BatchCloud(tmp_path / "cloud")
    s3 = S3Service(
        tmp_path / "s3",
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
    yield AwsConnection(session=session, endpoint_url=endpoint, description="local")
    server.close(0.2)
    s3.close()
    cloud.stop()


def test_init_ls_and_rm_in_all_modes(local: AwsConnection) -> None:
    images = FakeImages()
    functions = [a_function(mode, name=f"f-{mode}") for mode in MODES]
    first = str(deploy(local, images, *functions))
    assert first.count("+ function f-") == 3
    assert str(deploy(local, images, *functions)) == "Nothing to change."

    listed = list_functions(local)
    assert [f.mode for f in listed] == ["batch", "lambda", "lambda-batch"]
    assert listed[0].inputs == (InputFolder("photos/f-batch-in"),)

    removed = remove(local, *(f.name for f in listed))
    assert removed.count("- function f-") == 3
    assert remaining_resources(local) == {}
    assert list_functions(local) == ()
