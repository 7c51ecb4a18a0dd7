"""Commands for objects are for the account's S3; other stores are refused by name."""

from __future__ import annotations

import pytest

from scar.errors import UsageError
from scar.transfer.location import S3Location


@pytest.mark.parametrize(
    ("text", "client"),
    [
        ("minio.lab:bucket/in", "`mc`"),
        ("minio:bucket", "`mc`"),
        ("webdav.cloud:folder", "rclone"),
        ("onedata.space:folder", "oneclient"),
        ("s3.other:bucket", "--profile"),
    ],
)
def test_another_store_is_refused_with_its_client(text: str, client: str) -> None:
    with pytest.raises(UsageError, match="is in another store") as caught:
        S3Location.parse(text)
    assert client in caught.value.remedy


@pytest.mark.parametrize("text", ["minio.lab", "webdav/in", "s3.other/x", "s3://minio.lab/a:b"])
def test_a_bucket_may_have_such_a_name(text: str) -> None:
    assert S3Location.parse(text).bucket
