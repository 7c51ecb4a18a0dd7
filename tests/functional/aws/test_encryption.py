"""A deployment requests the encryption of the FDL for the objects that it writes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.deploy import deploy
from scar.aws.model import names
from scar.fdl.model import StorageSpec
from tests.fakes.functions import changed
from tests.functional.aws.support.factories import a_function

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from tests.functional.aws.conftest import FakeImages


def encryption(connection: AwsConnection, bucket: str, key: str) -> str | None:
    head = connection.client("s3").head_object(Bucket=bucket, Key=key)
    return head.get("ServerSideEncryption")


def test_folders_and_state_objects_are_written_with_the_encryption(
    connection: AwsConnection, images: FakeImages
) -> None:
    films = (StorageSpec(path="films/out", sse="aws:kms"),)
    function = changed(a_function(), sse="aws:kms:dsse", output=films)
    deploy.init([function], connection, lambda _: None, images=images)
    state = names.state_bucket_name(connection.account)
    assert encryption(connection, "photos", "crop-in/") == "aws:kms:dsse"
    assert encryption(connection, "films", "out/") == "aws:kms"
    assert encryption(connection, state, "functions/crop.json") == "aws:kms:dsse"
    for key in ("locks/deploy", "locks/applied"):
        assert encryption(connection, state, key) == "aws:kms:dsse"


def test_nothing_is_requested_without_a_key(connection: AwsConnection, images: FakeImages) -> None:
    deploy.init([a_function()], connection, lambda _: None, images=images)
    assert encryption(connection, "photos", "crop-in/") in (None, "AES256")
    plan = deploy.init([a_function()], connection, lambda _: None, images=images)
    assert not plan
