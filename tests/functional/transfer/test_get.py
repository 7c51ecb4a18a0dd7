"""Downloads: the files on disk, and where none is ever written."""

from __future__ import annotations

import io
import os
from typing import TYPE_CHECKING

import pytest
from botocore.response import StreamingBody

from scar.errors import UsageError
from scar.transfer.client import MULTIPART_THRESHOLD
from scar.transfer.errors import BucketNotFoundError, TransferError
from scar.transfer.get import download_objects
from scar.transfer.location import S3Location
from scar.transfer.objects import list_objects

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client


def store(client: S3Client, *keys: str) -> None:
    for key in keys:
        client.put_object(Bucket="photos", Key=key, Body=key.encode())


def download(client: S3Client, place: str, target: Path, *, into: bool = False) -> int:
    return download_objects(
        client, S3Location.parse(place), target, lambda _: None, into_folder=into
    ).files


def found(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_a_folder_keeps_its_structure_and_names(client: S3Client, tmp_path: Path) -> None:
    names = ["a b+c", "ü/雪", "100%/%2B", "x/y/z"]
    store(client, *(f"out/{name}" for name in names))
    assert download(client, "photos/out", tmp_path / "new" / "here") == 4
    assert found(tmp_path / "new" / "here") == sorted(names)
    assert (tmp_path / "new/here/100%/%2B").read_text() == "out/100%/%2B"


def test_a_folder_does_not_match_other_folders_with_the_same_prefix(
    client: S3Client, tmp_path: Path
) -> None:
    store(client, "in/a", "in2/b", "input/c")
    assert download(client, "photos/in", tmp_path) == 1
    assert found(tmp_path) == ["a"]
    assert [e.key for e in list_objects(client, S3Location("photos", "in"))] == ["in/a"]


def test_one_object_becomes_the_file_or_a_file_in_the_folder(
    client: S3Client, tmp_path: Path
) -> None:
    store(client, "out/a.txt", "out/a.txt2")
    download(client, "photos/out/a.txt", tmp_path / "b.txt")
    download(client, "photos/out/a.txt", tmp_path / "new", into=True)
    download(client, "photos/out/a.txt", tmp_path)
    assert found(tmp_path) == ["a.txt", "b.txt", "new/a.txt"]


@pytest.mark.parametrize(
    "key", ["out/../../evil", "out//etc/evil", "out/./evil", "out/a/../../evil", "out/.."]
)
def test_keys_never_point_outside_the_folder(client: S3Client, tmp_path: Path, key: str) -> None:
    store(client, key, "out/good")
    target = tmp_path / "below" / "here"
    with pytest.raises(TransferError, match="point outside") as raised:
        download(client, "photos/out", target)
    assert repr(key) in raised.value.problem
    assert found(tmp_path) == ["below/here/good"]


def test_links_in_the_folder_are_not_followed_out_of_it(client: S3Client, tmp_path: Path) -> None:
    store(client, "out/link/evil")
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(TransferError, match="through a symbolic link"):
        download(client, "photos/out", tmp_path / "here")
    assert found(tmp_path / "elsewhere") == []


def test_folder_markers_are_not_files(client: S3Client, tmp_path: Path) -> None:
    client.put_object(Bucket="photos", Key="out/sub/", Body=b"")
    store(client, "out/sub/a")
    assert download(client, "photos/out", tmp_path) == 1
    assert found(tmp_path) == ["sub/a"]


def test_files_are_replaced_atomically(client: S3Client, tmp_path: Path) -> None:
    store(client, "out/a")
    (tmp_path / "a").write_text("something much longer than before")
    download(client, "photos/out", tmp_path)
    assert found(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "out/a"


def test_a_failed_download_leaves_no_part(client: S3Client, tmp_path: Path) -> None:
    store(client, "out/a", "out/a/b")  # a file and a folder of one name
    with pytest.raises(TransferError, match="Cannot write"):
        download(client, "photos/out", tmp_path)
    assert not [name for name in found(tmp_path) if name.startswith(".scar")]


def test_a_large_object_is_downloaded_in_parts(client: S3Client, tmp_path: Path) -> None:
    content = os.urandom(MULTIPART_THRESHOLD + 7)
    client.put_object(Bucket="photos", Key="out/large", Body=content)
    store(client, "out/small")
    assert download(client, "photos/out", tmp_path) == 2
    assert (tmp_path / "large").read_bytes() == content
    assert found(tmp_path) == ["large", "small"]


def test_all_pages_of_a_list_are_read(
    client: S3Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    store(client, *(f"out/{number:02}" for number in range(25)))
    assert client.list_objects_v2(Bucket="photos")["KeyCount"] == 10
    assert download(client, "photos/out", tmp_path) == 25
    assert len(list(list_objects(client, S3Location("photos")))) == 25


def test_an_empty_folder_is_an_error(client: S3Client, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no objects in s3://photos/none"):
        download(client, "photos/none", tmp_path)
    with pytest.raises(BucketNotFoundError):
        download(client, "nowhere", tmp_path)


def test_a_large_download_that_is_always_interrupted_is_an_error(
    client: S3Client, tmp_path: Path
) -> None:
    client.put_object(Bucket="photos", Key="out/large", Body=bytes(MULTIPART_THRESHOLD))

    def interrupt(parsed: dict[str, object], **_: object) -> None:
        parsed["Body"] = StreamingBody(io.BytesIO(b"x"), content_length=MULTIPART_THRESHOLD)

    client.meta.events.register("after-call.s3.GetObject", interrupt)
    with pytest.raises(TransferError, match=r"Cannot download s3://photos/out/large") as raised:
        download(client, "photos/out", tmp_path)
    assert "run the same command again" in raised.value.remedy
    assert found(tmp_path) == []
