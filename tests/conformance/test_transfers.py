"""Uploads, listings and downloads of the command line against every server with S3's API."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.aws.client.call_waits import CallWaits
from scar.aws.client.direct.object_client import ObjectClient
from scar.aws.client.direct.plain_configuration import read_plain_configuration
from scar.aws.client.target import ConnectionTarget
from scar.transfer.client import MULTIPART_THRESHOLD
from scar.transfer.get import download_objects
from scar.transfer.location import S3Location
from scar.transfer.objects import list_folders, list_objects
from scar.transfer.put import upload_files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.object_store_endpoints import S3Endpoint

# Not nanio: its responses have no request id, so they are taken for those of a login page.
STORES = ["moto-http", "moto-https", "local-http", "local-https", "ministack"]


@pytest.fixture
def client(endpoint: S3Endpoint, tmp_path: Path) -> Iterator[ObjectClient]:
    files = {
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
    }
    found = read_plain_configuration(ConnectionTarget(), {**endpoint.environ, **files})
    assert found is not None
    made = ObjectClient(found, CallWaits(), str)
    yield made
    made.close()


@pytest.mark.parametrize("endpoint", STORES, indirect=True)
def test_files_go_there_and_back(
    endpoint: S3Endpoint, client: ObjectClient, tmp_path: Path
) -> None:
    contents = {
        "a b+c.txt": b"x",
        "empty": b"",
        "ü/ñ & <雪>.txt": b"snow",
        "medium": os.urandom(300_000),
        "large": os.urandom(MULTIPART_THRESHOLD + 5),
        "100%/%2B": b"percent",
    }
    for name, content in contents.items():
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    place = S3Location(endpoint.bucket, "transfers/in")
    sent = upload_files(client, place, [tmp_path / "data"], lambda _: None)
    assert (sent.files, sent.problems) == (len(contents), ())
    listed = {entry.key: entry for entry in list_objects(client, place)}
    assert {key: entry.size for key, entry in listed.items()} == {
        f"transfers/in/{name}": len(content) for name, content in contents.items()
    }
    assert all(re.fullmatch(r"[0-9a-f]{32}(-\d+)?", entry.etag) for entry in listed.values())
    folders = list_folders(client, endpoint.bucket, "transfers/")
    assert folders == [f"{endpoint.bucket}/transfers/in"]
    got = download_objects(client, place, tmp_path / "back", lambda _: None)
    assert (got.files, got.problems) == (len(contents), ())
    for name, content in contents.items():
        assert (tmp_path / "back" / name).read_bytes() == content
    assert Path(tmp_path / "back" / "large").stat().st_size == MULTIPART_THRESHOLD + 5


@pytest.mark.parametrize("endpoint", STORES, indirect=True)
def test_all_pages_are_listed(endpoint: S3Endpoint, client: ObjectClient, tmp_path: Path) -> None:
    for number in range(1005):
        (tmp_path / f"{number:04}").touch()
    place = S3Location(endpoint.bucket, "pages")
    assert upload_files(client, place, [tmp_path], lambda _: None).files == 1005
    assert [entry.key for entry in list_objects(client, place)] == [
        f"pages/{number:04}" for number in range(1005)
    ]
