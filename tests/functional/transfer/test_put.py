"""Uploads: the objects in the bucket, and what is refused before the first upload."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.errors import UsageError
from scar.transfer.client import MULTIPART_THRESHOLD
from scar.transfer.errors import BucketNotFoundError, TransferError
from scar.transfer.location import S3Location
from scar.transfer.objects import list_objects
from scar.transfer.put import TransferredObject, upload_files

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAMES = ["a b+c.txt", "ü/ñ 雪.txt", "100%/%2B.txt", "deep/er/and=er/x", "q?&#.txt", ".hidden"]


def keys(client: S3Client) -> list[str]:
    return [entry.key for entry in list_objects(client, S3Location("photos"))]


def upload(client: S3Client, *paths: Path, to: str = "photos/in") -> list[TransferredObject]:
    transferred: list[TransferredObject] = []
    upload_files(client, S3Location.parse(to), paths, transferred.append)
    return transferred


def test_a_folder_keeps_its_structure_and_names(client: S3Client, tmp_path: Path) -> None:
    for name in NAMES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    transferred = upload(client, tmp_path / "data")
    assert sorted(keys(client)) == sorted(f"in/{name}" for name in NAMES)
    assert sorted(m.key for m in transferred) == sorted(keys(client))
    for name in NAMES:
        body = client.get_object(Bucket="photos", Key=f"in/{name}")["Body"].read()
        assert body == name.encode()


def test_a_file_gets_its_name_below_the_folder(client: S3Client, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"b")
    upload(client, tmp_path / "a", tmp_path / "b", to="s3://photos/x/y/")
    upload(client, tmp_path / "a", to="photos")
    assert keys(client) == ["a", "x/y/a", "x/y/b"]


def test_the_current_folder_can_be_uploaded(
    client: S3Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("a")
    monkeypatch.chdir(tmp_path)
    upload(client, Path())
    assert keys(client) == ["in/sub/a"]


def test_more_files_than_workers_arrive_once_each(client: S3Client, tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}").write_text(str(number))
    transferred = upload(client, tmp_path)
    assert len(transferred) == len({m.key for m in transferred}) == 200
    assert keys(client) == [f"in/{number:03}" for number in range(200)]


def test_a_large_file_is_uploaded_in_parts(client: S3Client, tmp_path: Path) -> None:
    content = os.urandom(MULTIPART_THRESHOLD + 5)
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "small").write_bytes(b"s")
    transferred = upload(client, tmp_path)
    assert {(m.key, m.size) for m in transferred} == {("in/large", len(content)), ("in/small", 1)}
    response = client.get_object(Bucket="photos", Key="in/large")
    assert response["ETag"].endswith('-3"')
    assert response["Body"].read() == content


def test_a_missing_bucket_is_named(client: S3Client, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(BucketNotFoundError, match="bucket nowhere does not exist") as raised:
        upload(client, tmp_path, to="nowhere/in")
    assert "scar init" in raised.value.remedy


def test_a_missing_path_is_named(client: S3Client, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The file or folder .*nothing does not exist"):
        upload(client, tmp_path / "nothing")


def test_an_empty_folder_is_an_error(client: S3Client, tmp_path: Path) -> None:
    (tmp_path / "empty" / "er").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"no files in .*empty"):
        upload(client, tmp_path / "empty")


def test_a_key_of_1024_bytes_is_valid_and_a_longer_one_prevents_all_uploads(
    client: S3Client, tmp_path: Path
) -> None:
    folder = "d" * 200
    name = "/".join([folder] * 4)  # 803 bytes
    longest = tmp_path / "data" / name / ("ü" * 108)  # + 1 + 216, + "in/" = 1023
    longest.parent.mkdir(parents=True)
    longest.write_text("x")
    (tmp_path / "data" / "a").write_text("a")
    upload(client, tmp_path / "data", to="photos/in1")
    assert len(keys(client)[-1].encode()) == 1024
    with pytest.raises(UsageError, match="has 1025 bytes") as raised:
        upload(client, tmp_path / "data", to="photos/in12")
    assert longest.name in raised.value.problem
    assert not [key for key in keys(client) if key.startswith("in12")]


def test_a_file_that_cannot_be_read_prevents_all_uploads(client: S3Client, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "z").symlink_to(tmp_path / "gone")
    with pytest.raises(TransferError, match="z cannot be read"):
        upload(client, tmp_path)
    assert keys(client) == []


def test_links_to_folders_and_special_files_are_skipped_with_a_message(
    client: S3Client, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    (tmp_path / "data" / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "data" / "pipe")
    skipped: list[str] = []
    upload_files(client, S3Location("photos"), [tmp_path / "data"], lambda _: None, skipped.append)
    assert keys(client) == ["a"]
    assert len(skipped) == 2


def test_two_paths_must_not_become_one_object(client: S3Client, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text(folder)
    with pytest.raises(UsageError, match="the same object key"):
        upload(client, tmp_path / "one", tmp_path / "two")
    with pytest.raises(UsageError, match="the same object"):
        upload(client, tmp_path / "one" / "a", tmp_path / "two")
    assert keys(client) == []


def test_a_name_that_is_not_utf8_is_refused(client: S3Client, tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff", "wb") as file:  # noqa: PTH123 a name of bytes
        file.write(b"x")
    with pytest.raises(UsageError, match="not valid UTF-8"):
        upload(client, tmp_path)
