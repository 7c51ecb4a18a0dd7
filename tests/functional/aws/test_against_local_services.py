"""The same deployment over HTTP, against the local cloud's own S3, Batch and Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.client.connection import AwsConnection
from scar.aws.client.direct.requests import DirectRequests
from scar.aws.client.direct.session_on_demand import session_on_demand
from scar.aws.inventory.functions import InputFolder, list_functions
from scar.aws.inventory.unusable_queues import describe_all_unusable
from scar.local.http.secret_keys import derive_secret_key
from tests.functional.aws.conftest import FakeImages
from tests.functional.aws.support.factories import (
    MODES,
    a_function,
    deploy,
    remaining_resources,
    remove,
)
from tests.functional.aws.support.local_services import local_services
from tests.functional.local.batch import batch_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import boto3


@pytest.fixture
def local(tmp_path: Path) -> Iterator[AwsConnection]:
    with local_services(tmp_path) as connection:
        yield connection


def without_sdk(connection: AwsConnection) -> AwsConnection:
    """Connect to the same services without a session of the SDK."""

    def fail() -> boto3.Session:
        raise AssertionError("the SDK was used")

    found = AwsConnection(session=session_on_demand(fail), endpoint_url=connection.endpoint_url)
    found.direct = DirectRequests(
        endpoint_url=connection.endpoint_url or "",
        region="us-east-1",
        access_key=batch_server.KEY,
        secret_key=derive_secret_key(batch_server.SECRET, batch_server.KEY),
        wait_for_turn=found.waits.wait_for_turn,
    )
    return found


def test_init_ls_and_rm_in_all_modes(local: AwsConnection) -> None:
    images = FakeImages()
    functions = [a_function(mode, name=f"f-{mode}") for mode in MODES]
    first = str(deploy(local, images, *functions))
    assert first.count("+ function f-") == 3
    assert str(deploy(local, images, *functions)) == "Nothing to change."

    listed = list_functions(local)
    assert [f.mode for f in listed] == ["batch", "lambda", "lambda-batch"]
    assert listed[0].inputs == (InputFolder("photos/f-batch-in"),)
    direct = without_sdk(local)
    assert list_functions(direct) == listed
    queues = {f.queue for f in listed} - {""}
    assert describe_all_unusable(direct.client("batch"), queues) == {}

    removed = remove(local, *(f.name for f in listed))
    assert removed.count("- function f-") == 3
    assert remaining_resources(local) == {}
    assert list_functions(local) == ()
