"""Downloads: the files on disk, and where none is ever written."""

from __future__ import annotations

import errno
import itertools
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.errors import OperationRefusedError, UsageError
from scar.meter import Meter
from scar.transfer.client import MULTIPART_THRESHOLD
from scar.transfer.errors import BucketNotFoundError, TransferError
from scar.transfer.get import download_objects, is_case_sensitive
from scar.transfer.location import S3Location
from scar.transfer.objects import list_folders, list_objects
from supervisor.aws.errors import ResponseNotReceived
from tests.functional.transfer.faulty_client import BrokenResponse, FaultyClient, refuse

if TYPE_CHECKING:
    from scar.aws.client.direct.object_client import ObjectCall
    from scar.transfer.result import TransferResult
    from supervisor.aws.connection_pool import StreamedResponse


def store(client: FaultyClient, *keys: str) -> None:
    for key in keys:
        client.s3.put_object(Bucket="photos", Key=key, Body=key.encode())


def download(client: FaultyClient, place: str, target: Path, *, into: bool = False) -> int:
    result = download_result(client, place, target, into=into)
    assert result.problems == ()
    return result.files


def download_result(
    client: FaultyClient, place: str, target: Path, *, into: bool = False
) -> TransferResult:
    return download_objects(
        client, S3Location.parse(place), target, lambda _: None, into_folder=into
    )


def reasons(result: TransferResult) -> dict[str, str]:
    return {problem.name: problem.reason for problem in result.problems}


def found(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir())


def test_a_folder_keeps_its_structure_and_names(client: FaultyClient, tmp_path: Path) -> None:
    names = ["a b+c", "ü/雪", "100%/%2B", "x/y/z"]
    store(client, *(f"out/{name}" for name in names))
    assert download(client, "photos/out", tmp_path / "new" / "here") == 4
    assert found(tmp_path / "new" / "here") == sorted(names)
    assert (tmp_path / "new/here/100%/%2B").read_text() == "out/100%/%2B"


def test_a_folder_does_not_match_other_folders_with_the_same_prefix(
    client: FaultyClient, tmp_path: Path
) -> None:
    store(client, "in/a", "in2/b", "input/c")
    assert download(client, "photos/in", tmp_path) == 1
    assert found(tmp_path) == ["a"]
    assert [e.key for e in list_objects(client, S3Location("photos", "in"))] == ["in/a"]


def test_one_object_becomes_the_file_or_a_file_in_the_folder(
    client: FaultyClient, tmp_path: Path
) -> None:
    store(client, "out/a.txt", "out/a.txt2")
    download(client, "photos/out/a.txt", tmp_path / "b.txt")
    download(client, "photos/out/a.txt", tmp_path / "new", into=True)
    download(client, "photos/out/a.txt", tmp_path)
    assert found(tmp_path) == ["a.txt", "b.txt", "new/a.txt"]


@pytest.mark.parametrize(
    "key", ["out/../../evil", "out//etc/evil", "out/./evil", "out/a/../../evil", "out/.."]
)
def test_keys_never_point_outside_the_folder(
    client: FaultyClient, tmp_path: Path, key: str
) -> None:
    store(client, key, "out/good")
    target = tmp_path / "below" / "here"
    result = download_result(client, "photos/out", target)
    assert result.files == 1
    assert list(reasons(result)) == [key]
    assert found(tmp_path) == ["below/here/good"]


def test_links_in_the_folder_are_not_followed_out_of_it(
    client: FaultyClient, tmp_path: Path
) -> None:
    store(client, "out/link/evil")
    (tmp_path / "here").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "here" / "link").symlink_to(tmp_path / "elsewhere")
    result = download_result(client, "photos/out", tmp_path / "here")
    assert "through a symbolic link" in reasons(result)["out/link/evil"]
    assert found(tmp_path / "elsewhere") == []


def test_folder_markers_are_not_files(client: FaultyClient, tmp_path: Path) -> None:
    client.s3.put_object(Bucket="photos", Key="out/sub/", Body=b"")
    store(client, "out/sub/a")
    assert download(client, "photos/out", tmp_path) == 1
    assert found(tmp_path) == ["sub/a"]


def test_files_are_replaced_atomically(client: FaultyClient, tmp_path: Path) -> None:
    store(client, "out/a")
    (tmp_path / "a").write_text("something much longer than before")
    download(client, "photos/out", tmp_path)
    assert found(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "out/a"


def test_a_failed_download_leaves_no_part(client: FaultyClient, tmp_path: Path) -> None:
    store(client, "out/a", "out/a/b")  # a file and a folder of one name
    result = download_result(client, "photos/out", tmp_path)
    assert "a file cannot also be a folder" in reasons(result)["out/a/b"]
    assert found(tmp_path) == ["a"]
    assert not [name for name in found(tmp_path) if name.startswith(".scar")]


def test_a_large_object_is_downloaded_in_parts(client: FaultyClient, tmp_path: Path) -> None:
    content = os.urandom(MULTIPART_THRESHOLD + 7)
    client.s3.put_object(Bucket="photos", Key="out/large", Body=content)
    store(client, "out/small")
    assert download(client, "photos/out", tmp_path) == 2
    assert (tmp_path / "large").read_bytes() == content
    assert found(tmp_path) == ["large", "small"]


def test_all_pages_of_a_list_are_read(
    client: FaultyClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    store(client, *(f"out/{number:02}" for number in range(25)))
    assert client.s3.list_objects_v2(Bucket="photos")["KeyCount"] == 10
    assert download(client, "photos/out", tmp_path) == 25
    assert len(list(list_objects(client, S3Location("photos")))) == 25


def test_an_empty_folder_is_an_error(client: FaultyClient, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no objects in s3://photos/none"):
        download(client, "photos/none", tmp_path)
    with pytest.raises(BucketNotFoundError):
        download(client, "nowhere", tmp_path)


def test_a_large_download_that_is_always_interrupted_is_an_error(
    client: FaultyClient, tmp_path: Path
) -> None:
    client.s3.put_object(Bucket="photos", Key="out/large", Body=bytes(MULTIPART_THRESHOLD))

    def interrupt(call: ObjectCall, reply: StreamedResponse) -> StreamedResponse:
        is_part = call.name == "GetObject"
        return BrokenResponse(reply, ResponseNotReceived("lost")) if is_part else reply

    client.replace = interrupt
    with pytest.raises(TransferError, match=r"Cannot download s3://photos/out/large") as raised:
        download(client, "photos/out", tmp_path)
    assert "run the same command again" in raised.value.remedy
    assert found(tmp_path) == []


def test_folders_of_a_bucket_are_listed_one_level_deep(client: FaultyClient) -> None:
    store(client, "tab/gray/a/x", "tab/gray/b", "tab/green/x", "tab/grey", "tab/other/x")
    assert list_folders(client, "photos", "tab/gr") == ["photos/tab/gray", "photos/tab/green"]
    assert list_folders(client, "photos", "tab/gray/") == ["photos/tab/gray/a"]
    with pytest.raises(BucketNotFoundError):
        list_folders(client, "no-such-bucket-here", "")


def test_what_cannot_be_a_file_is_listed_and_the_rest_is_downloaded(
    client: FaultyClient, tmp_path: Path
) -> None:
    long = "out/" + "z" * 300
    good = ["out/a b", "out/b/c", "out/sample", "out/sample.txt", "out/zz.txt"]
    store(client, *good, long, "out/sample/summary.txt", "out/sample/x/y", "out//x", "out/dir/")
    client.s3.put_object(Bucket="photos", Key="out/marker/", Body=b"")
    result = download_result(client, "photos/out", tmp_path)
    assert result.files == len(good)
    assert found(tmp_path) == sorted(key.removeprefix("out/") for key in good)
    assert {key: reason.partition(":")[0] for key, reason in reasons(result).items()} == {
        "out//x": "its key has an empty part ('//'), which no path has",
        "out/dir/": "its key ends in '/', as folders do; download it by its key to a file of"
        " another name",
        "out/sample/summary.txt": "a file cannot also be a folder",
        "out/sample/x/y": "a file cannot also be a folder",
        long: f"cannot write {tmp_path / ('z' * 300)}",
    }
    assert reasons(result)[long].endswith("File name too long")


def test_a_folder_in_the_place_of_a_file_is_listed(client: FaultyClient, tmp_path: Path) -> None:
    store(client, "out/a", "out/b", "out/c/d")
    (tmp_path / "a").mkdir()
    (tmp_path / "c").write_text("c")
    result = download_result(client, "photos/out", tmp_path)
    assert result.files == 1
    assert reasons(result) == {
        "out/a": f"cannot write {tmp_path / 'a'}: Is a directory",
        "out/c/d": f"cannot write {tmp_path / 'c' / 'd'}: File exists",
    }


def test_slashes_are_those_of_the_key(client: FaultyClient, tmp_path: Path) -> None:
    for key in ("/top.txt", "top.txt", "in/file/", "in/file/part"):
        client.s3.put_object(Bucket="photos", Key=key, Body=key.encode())
    assert download(client, "photos//top.txt", tmp_path / "1") == 1
    assert (tmp_path / "1").read_text() == "/top.txt"
    assert download(client, "photos/top.txt", tmp_path / "2") == 1
    assert (tmp_path / "2").read_text() == "top.txt"
    assert download(client, "s3://photos//", tmp_path / "3") == 1
    assert found(tmp_path / "3") == ["top.txt"]
    with pytest.raises(UsageError, match="no objects"):
        download(client, "photos/top.txt/", tmp_path / "4")


def test_an_object_with_others_below_it_becomes_a_file_in_the_folder(
    client: FaultyClient, tmp_path: Path
) -> None:
    store(client, "r/sample", "r/sample/summary.txt", "r/file/", "r/file/part")
    assert download(client, "photos/r/sample", tmp_path / "1") == 2
    assert found(tmp_path / "1") == ["sample", "summary.txt"]
    assert download(client, "photos/r/file/", tmp_path / "2") == 2
    assert found(tmp_path / "2") == ["file", "part"]


def test_an_object_whose_key_ends_in_a_slash_is_downloaded_by_its_key(
    client: FaultyClient, tmp_path: Path
) -> None:
    store(client, "in/file/")
    assert download(client, "photos/in/file/", tmp_path / "here") == 1
    assert (tmp_path / "here").read_text() == "in/file/"
    assert download(client, "photos/in/file/", tmp_path) == 1
    assert (tmp_path / "file").read_text() == "in/file/"


@pytest.mark.parametrize("number", [1, 3])
def test_a_permission_that_is_missing_for_all_ends_the_download(
    client: FaultyClient, tmp_path: Path, number: int
) -> None:
    store(client, *(f"out/{place}" for place in range(number)))
    refuse(client, "GetObject", "AccessDenied", lambda _: True)
    with pytest.raises(OperationRefusedError, match="AccessDenied"):
        download_result(client, "photos/out", tmp_path)


@pytest.mark.parametrize(
    "code", ["AccessDenied", "NoSuchKey", "InvalidObjectState", "KMS.Disabled"]
)
def test_an_object_that_is_refused_is_listed(
    client: FaultyClient, tmp_path: Path, code: str
) -> None:
    store(client, "out/a", "out/b")
    refuse(client, "GetObject", code, lambda path: path.endswith("/a"))
    result = download_result(client, "photos/out", tmp_path)
    assert code in reasons(result)["out/a"]
    assert found(tmp_path) == ["b"]


def test_a_target_that_nothing_can_be_written_to_ends_the_download(
    client: FaultyClient, tmp_path: Path
) -> None:
    store(client, "out/a", "out/b")
    (tmp_path / "file").write_text("x")
    with pytest.raises(TransferError, match="Cannot write files to"):
        download_result(client, "photos/out", tmp_path / "file")
    with pytest.raises(TransferError, match="Cannot write files to /proc/nothing"):
        download_result(client, "photos/out", Path("/proc/nothing"))


def test_a_full_disk_ends_the_download(
    client: FaultyClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(client, *(f"out/{place:03}" for place in range(600)))

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(TransferError, match="No space left on device") as raised:
        download_result(client, "photos/out", tmp_path)
    assert "Free disk space" in raised.value.remedy
    assert found(tmp_path) == []


def test_the_meter_counts_each_byte_once_and_knows_the_total(
    client: FaultyClient, tmp_path: Path
) -> None:
    client.s3.put_object(Bucket="photos", Key="out/large", Body=bytes(MULTIPART_THRESHOLD + 5))
    client.s3.put_object(Bucket="photos", Key="out/small", Body=bytes(1_000_000))
    client.s3.put_object(Bucket="photos", Key="out/marker/", Body=b"")
    store(client, "out/..", "out/" + "z" * 300)
    lines: list[str] = []
    is_final = threading.Event()

    def show(line: str) -> None:
        lines.append(line)
        if "%" in line:
            is_final.set()

    def wait_for_total(call: ObjectCall) -> None:
        assert call.name != "GetObject" or is_final.wait(60)

    client.before_call.append(wait_for_total)
    meter = Meter("Downloading", show=show, clock=itertools.count().__next__)
    download_objects(client, S3Location("photos", "out"), tmp_path, lambda _: None, meter=meter)
    counts = meter.counts
    assert (counts.items, counts.total_items) == (2, 2)
    assert counts.size == counts.total_size == MULTIPART_THRESHOLD + 5 + 1_000_000


def test_a_file_system_that_ignores_case_is_recognized(tmp_path: Path) -> None:
    assert is_case_sensitive(tmp_path)
    assert is_case_sensitive(tmp_path / "new" / "er")
    (tmp_path / "here").mkdir()
    (tmp_path / "HERE").symlink_to("here")
    assert is_case_sensitive(tmp_path / "here")

    def lstat(path: Path) -> os.stat_result:
        return Path(str(path).lower()).lstat()

    folder = Path("/tmp")
    assert not is_case_sensitive(folder / "NEW", lstat)
