"""What an upload leaves in the bucket, and what it refuses before it begins."""

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
    moved: list[TransferredObject] = []
    upload_files(client, S3Location.parse(to), paths, moved.append)
    return moved


def test_a_folder_keeps_its_structure_and_names(client: S3Client, tmp_path: Path) -> None:
    for name in NAMES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    moved = upload(client, tmp_path / "data")
    assert sorted(keys(client)) == sorted(f"in/{name}" for name in NAMES)
    assert sorted(m.key for m in moved) == sorted(keys(client))
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
    moved = upload(client, tmp_path)
    assert len(moved) == len({m.key for m in moved}) == 200
    assert keys(client) == [f"in/{number:03}" for number in range(200)]


def test_a_large_file_travels_in_parts(client: S3Client, tmp_path: Path) -> None:
    content = os.urandom(MULTIPART_THRESHOLD + 5)
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "small").write_bytes(b"s")
    moved = upload(client, tmp_path)
    assert {(m.key, m.size) for m in moved} == {("in/large", len(content)), ("in/small", 1)}
    answer = client.get_object(Bucket="photos", Key="in/large")
    assert answer["ETag"].endswith('-3"')
    assert answer["Body"].read() == content


def test_a_missing_bucket_is_named(client: S3Client, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(BucketNotFoundError, match="no bucket nowhere") as raised:
        upload(client, tmp_path, to="nowhere/in")
    assert "scar init" in raised.value.remedy


def test_a_missing_path_is_named(client: S3Client, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no file or folder .*nothing"):
        upload(client, tmp_path / "nothing")


def test_an_empty_folder_is_an_error(client: S3Client, tmp_path: Path) -> None:
    (tmp_path / "empty" / "er").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"no files in .*empty"):
        upload(client, tmp_path / "empty")


def test_keys_of_1024_bytes_pass_and_longer_ones_stop_everything(
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


def test_what_cannot_be_read_stops_everything(client: S3Client, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "z").symlink_to(tmp_path / "gone")
    with pytest.raises(TransferError, match="z cannot be read"):
        upload(client, tmp_path)
    assert keys(client) == []


def test_links_to_folders_and_devices_are_skipped_and_said(
    client: S3Client, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    (tmp_path / "data" / "round").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "data" / "pipe")
    said: list[str] = []
    upload_files(client, S3Location("photos"), [tmp_path / "data"], lambda _: None, said.append)
    assert keys(client) == ["a"]
    assert len(said) == 2


def test_two_paths_must_not_become_one_object(client: S3Client, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text(folder)
    with pytest.raises(UsageError, match="the same object"):
        upload(client, tmp_path / "one", tmp_path / "two")
    with pytest.raises(UsageError, match="the same object"):
        upload(client, tmp_path / "one" / "a", tmp_path / "two")
    assert keys(client) == []


def test_a_name_that_is_no_text_is_refused(client: S3Client, tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff", "wb") as file:  # noqa: PTH123 a name of bytes
        file.write(b"x")
    with pytest.raises(UsageError, match="not UTF-8"):
        upload(client, tmp_path)
