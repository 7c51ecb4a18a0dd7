"""Uploads: the objects in the bucket, and what is refused before the first upload."""

from __future__ import annotations

import itertools
import os
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scar.errors import OperationRefusedError, ScarError, UsageError
from scar.meter import Meter
from scar.transfer.client import MULTIPART_THRESHOLD
from scar.transfer.errors import BucketNotFoundError
from scar.transfer.local_files import check_files
from scar.transfer.location import S3Location
from scar.transfer.objects import list_objects
from scar.transfer.put import upload_files
from scar.transfer.result import MAX_REFUSED, ProblemList
from tests.functional.transfer.faulty_client import FaultyClient, refuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.aws.client.direct.object_client import ObjectCall
    from scar.transfer.result import TransferredObject, TransferResult
    from supervisor.aws.request import AwsRequest

NAMES = ["a b+c.txt", "ü/ñ 雪.txt", "100%/%2B.txt", "deep/er/and=er/x", "q?&#.txt", ".hidden"]


def keys(client: FaultyClient) -> list[str]:
    return [entry.key for entry in list_objects(client, S3Location("photos"))]


def upload(client: FaultyClient, *paths: Path, to: str = "photos/in") -> list[TransferredObject]:
    transferred: list[TransferredObject] = []
    result = upload_files(client, S3Location.parse(to), paths, transferred.append)
    assert result.problems == ()
    return transferred


def upload_result(client: FaultyClient, *paths: Path, to: str = "photos/in") -> TransferResult:
    return upload_files(client, S3Location.parse(to), paths, lambda _: None)


def reasons(result: TransferResult) -> dict[str, str]:
    return {Path(problem.name).name: problem.reason for problem in result.problems}


def test_a_folder_keeps_its_structure_and_names(client: FaultyClient, tmp_path: Path) -> None:
    for name in NAMES:
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    transferred = upload(client, tmp_path / "data")
    assert sorted(keys(client)) == sorted(f"in/{name}" for name in NAMES)
    assert sorted(m.key for m in transferred) == sorted(keys(client))
    for name in NAMES:
        body = client.s3.get_object(Bucket="photos", Key=f"in/{name}")["Body"].read()
        assert body == name.encode()


def test_a_file_gets_its_name_below_the_folder(client: FaultyClient, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    (tmp_path / "b").write_bytes(b"b")
    upload(client, tmp_path / "a", tmp_path / "b", to="s3://photos/x/y/")
    upload(client, tmp_path / "a", to="photos")
    assert keys(client) == ["a", "x/y/a", "x/y/b"]


def test_the_current_folder_can_be_uploaded(
    client: FaultyClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_text("a")
    monkeypatch.chdir(tmp_path)
    upload(client, Path())
    assert keys(client) == ["in/sub/a"]


def test_more_files_than_workers_arrive_once_each(client: FaultyClient, tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03}").write_text(str(number))
    transferred = upload(client, tmp_path)
    assert len(transferred) == len({m.key for m in transferred}) == 200
    assert keys(client) == [f"in/{number:03}" for number in range(200)]


def test_a_large_file_is_uploaded_in_parts(client: FaultyClient, tmp_path: Path) -> None:
    content = os.urandom(MULTIPART_THRESHOLD + 5)
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "small").write_bytes(b"s")
    transferred = upload(client, tmp_path)
    assert {(m.key, m.size) for m in transferred} == {("in/large", len(content)), ("in/small", 1)}
    response = client.s3.get_object(Bucket="photos", Key="in/large")
    assert response["ETag"].endswith('-3"')
    assert response["Body"].read() == content


def test_a_missing_bucket_is_named(client: FaultyClient, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    with pytest.raises(BucketNotFoundError, match="bucket nowhere does not exist") as raised:
        upload(client, tmp_path, to="nowhere/in")
    assert "scar init" in raised.value.remedy


def test_a_missing_path_is_named(client: FaultyClient, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"The file or folder .*nothing does not exist"):
        upload(client, tmp_path / "nothing")


def test_an_empty_folder_is_an_error(client: FaultyClient, tmp_path: Path) -> None:
    (tmp_path / "empty" / "er").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"no files in .*empty"):
        upload(client, tmp_path / "empty")


def test_a_key_of_1024_bytes_is_valid_and_a_longer_one_is_listed(
    client: FaultyClient, tmp_path: Path
) -> None:
    folder = "d" * 200
    name = "/".join([folder] * 4)  # 803 bytes
    longest = tmp_path / "data" / name / ("ü" * 108)  # + 1 + 216, + "in/" = 1023
    longest.parent.mkdir(parents=True)
    longest.write_text("x")
    (tmp_path / "data" / "a").write_text("a")
    upload(client, tmp_path / "data", to="photos/in1")
    assert len(keys(client)[-1].encode()) == 1024
    result = upload_result(client, tmp_path / "data", to="photos/in12")
    assert "has 1025 bytes" in reasons(result)[longest.name]
    assert [key for key in keys(client) if key.startswith("in12")] == ["in12/a"]


def test_what_cannot_be_uploaded_is_listed_and_the_rest_is_uploaded(
    client: FaultyClient, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("a")
    (folder / "dangling").symlink_to(tmp_path / "gone")
    (folder / "circle").symlink_to(folder / "circle")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "socket"))
        (folder / "device").symlink_to("/dev/zero")
        (folder / "z").write_text("z")
        result = upload_result(client, folder)
        alone = upload_result(client, *sorted(folder.iterdir()), to="photos/each")
    assert result.files == alone.files == 2
    assert keys(client) == ["each/a", "each/z", "in/a", "in/z"]
    assert reasons(result) == reasons(alone)
    assert reasons(result) == {
        "circle": "it cannot be read: Too many levels of symbolic links",
        "dangling": "it is a symbolic link whose target does not exist",
        "device": "it is a device, not a file",
        "pipe": "it is a pipe, not a file",
        "socket": "it is a socket, not a file",
    }


def test_links_to_folders_are_skipped_with_a_message(client: FaultyClient, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    (tmp_path / "data" / "round").symlink_to(tmp_path)
    skipped: list[str] = []
    result = upload_files(
        client, S3Location("photos"), [tmp_path / "data"], lambda _: None, skipped.append
    )
    assert keys(client) == ["a"]
    assert result.problems == ()
    assert len(skipped) == 1


def test_two_paths_must_not_become_one_object(client: FaultyClient, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a").write_text(folder)
    with pytest.raises(UsageError, match="the same object key"):
        upload(client, tmp_path / "one", tmp_path / "two")
    with pytest.raises(UsageError, match="the same object"):
        upload(client, tmp_path / "one" / "a", tmp_path / "two")
    assert keys(client) == []


def test_a_file_of_several_paths_is_uploaded_once(client: FaultyClient, tmp_path: Path) -> None:
    data = tmp_path / "p"
    data.mkdir()
    for name in ("a", "b", "c"):
        (data / name).write_text(name)
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "b").symlink_to(data / "b")
    other_way = data / ".." / "p"
    for paths, count in (
        ([data / "a", data / "a"], 1),
        ([data / "a", other_way / "a"], 1),
        ([data, data / "a", other_way], 3),
        ([tmp_path / "b", data / "b", data / "c"], 2),
        ([data, tmp_path / "link"], 3),
    ):
        notes: list[str] = []
        sent: list[str] = []
        meter = Meter("Uploading")
        result = upload_files(
            client,
            S3Location("photos"),
            paths,
            lambda one: sent.append(one.key),  # noqa: B023 called in this round only
            notes.append,
            meter,
        )
        assert result.files == len(sent) == len({*sent}) == count
        assert result.problems == ()
        assert meter.counts.total_items == count
        assert all("uploaded once" in note for note in notes)
        assert notes


def test_a_name_that_is_not_utf8_is_listed(client: FaultyClient, tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff", "wb") as file:  # noqa: PTH123 a name of bytes
        file.write(b"x")
    (tmp_path / "b").write_text("b")
    result = upload_result(client, tmp_path)
    assert "not valid UTF-8" in result.problems[0].reason
    assert keys(client) == ["in/b"]


def test_three_thousand_paths_are_compared_in_one_pass(
    client: FaultyClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / f"{number}.jpg" for number in range(3000)]
    for path in paths:
        path.touch()
    calls = {"stat": 0, "access": 0}
    for name in calls:
        monkeypatch.setattr(os, name, _counting(calls, name, getattr(os, name)))
    totals = check_files(paths, S3Location("photos"), ProblemList(), Meter("Uploading"))
    assert totals.files == 3000
    assert calls == {"stat": 3000, "access": 3000}


def _counting(calls: dict[str, int], name: str, call: Callable[..., object]) -> object:
    def counted(*arguments: object, **options: object) -> object:
        calls[name] += 1
        return call(*arguments, **options)

    return counted


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize(
    ("change", "message"),
    [("grow", "but changed meanwhile"), ("touch", "modified meanwhile"), ("cut", "became shorter")],
)
def test_a_file_that_changes_meanwhile_is_listed(
    client: FaultyClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    large: bool,
    change: str,
    message: str,
) -> None:
    monkeypatch.setattr("scar.transfer.put.WORKERS", 1)  # the first request is that of ``a``
    size = MULTIPART_THRESHOLD + 5 if large else 300_000
    path, other = tmp_path / "data" / "a", tmp_path / "data" / "b"
    path.parent.mkdir()
    path.write_bytes(bytes(size))
    other.write_bytes(b"b")
    operation = "CreateMultipartUpload" if large else "PutObject"
    changed: list[int] = []

    def modify(call: ObjectCall) -> None:
        if changed or call.name != operation:
            return
        changed.append(1)
        with path.open("r+b") as file:
            match change:
                case "grow":
                    file.seek(0, os.SEEK_END)
                    file.write(b"more")
                case "cut":
                    file.truncate(10)
                case _:
                    os.utime(path, ns=(1, 1))

    client.before_call.append(modify)
    result = upload_result(client, path, other)
    assert message in reasons(result)["a"]
    stored = {entry.key: entry.size for entry in list_objects(client, S3Location("photos"))}
    assert stored == ({"in/b": 1} if change == "cut" else {"in/a": size, "in/b": 1})
    assert result.files == len(stored)


def test_a_file_that_vanishes_or_becomes_a_pipe_is_listed(
    client: FaultyClient, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_text(name)

    def remove(call: ObjectCall) -> None:
        if call.name != "HeadBucket":
            return
        for name in ("a", "b"):
            (tmp_path / name).unlink(missing_ok=True)
        os.mkfifo(tmp_path / "b")

    # After the check of all files, before the first upload.
    client.before_call.append(remove)
    result = upload_result(client, *(tmp_path / name for name in "abc"))
    assert keys(client) == ["in/c"]
    assert sorted(reasons(result)) == ["a", "b"]


def test_folders_nested_deeper_than_calls_are_walked(client: FaultyClient, tmp_path: Path) -> None:
    here = os.open(tmp_path, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    with os.fdopen(os.open("deep", os.O_WRONLY | os.O_CREAT, dir_fd=here), "w") as file:
        file.write("x")
    os.close(here)
    (tmp_path / "a").write_text("a")
    try:
        result = upload_result(client, tmp_path)
    finally:  # Python's and pytest's own removal are recursive
        subprocess.run(["rm", "-rf", str(tmp_path / "d")], check=True)
    assert keys(client) == ["in/a"]
    assert len(result.problems) == 1


def test_slashes_are_uploaded_as_written(client: FaultyClient, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    upload(client, tmp_path / "a", to="photos//x")
    upload(client, tmp_path / "a", to="s3://photos/in//")
    assert keys(client) == ["/x/a", "in//a"]


@pytest.mark.parametrize("number", [1, 3, 2 * MAX_REFUSED])
def test_a_permission_that_is_missing_for_all_ends_the_upload(
    client: FaultyClient, tmp_path: Path, number: int
) -> None:
    for place in range(number):
        (tmp_path / str(place)).touch()
    requests = refuse(client, "PutObject", "AccessDenied", lambda _: True)
    with pytest.raises(OperationRefusedError, match="AccessDenied"):
        upload_result(client, tmp_path)
    assert min(number, MAX_REFUSED) <= len(requests) <= number


def test_an_object_that_is_refused_is_listed(client: FaultyClient, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    refuse(client, "PutObject", "AccessDenied", lambda path: path.endswith("/in/a"))
    result = upload_result(client, tmp_path)
    assert "AccessDenied" in reasons(result)["a"]
    assert keys(client) == ["in/b"]


@pytest.mark.parametrize("code", ["NoSuchBucket", "ExpiredToken", "SlowDown", "InternalError"])
def test_what_concerns_all_files_ends_the_upload(
    client: FaultyClient, tmp_path: Path, code: str
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    refuse(client, "PutObject", code, lambda path: path.endswith("/in/a"))
    with pytest.raises(ScarError):
        upload_result(client, tmp_path)


def test_the_meter_counts_each_byte_once(client: FaultyClient, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(MULTIPART_THRESHOLD + 5))
    (tmp_path / "small").write_bytes(bytes(1_000_000))
    (tmp_path / "empty").touch()
    (tmp_path / "gone").symlink_to("nowhere")
    lines: list[str] = []
    meter = Meter("Uploading", show=lines.append, clock=itertools.count().__next__)
    upload_files(client, S3Location("photos"), [tmp_path], lambda _: None, meter=meter)
    counts = meter.counts
    assert (counts.items, counts.total_items) == (3, 3)
    assert counts.size == counts.total_size == MULTIPART_THRESHOLD + 5 + 1_000_000
    assert lines[-1].startswith("Uploading 100 %: 17.8 MB of 17.8 MB, 0 s left, 3 of 3 files")
    # It moves by bytes, within files.
    assert len({line.partition(":")[0] for line in lines}) > 5


def test_a_file_that_shrinks_while_it_is_sent_is_not_taken_for_a_lost_connection(
    client: FaultyClient, tmp_path: Path
) -> None:
    (tmp_path / "a").write_bytes(bytes(2_000_000))
    (tmp_path / "b").write_bytes(b"b")

    def cut(request: AwsRequest) -> None:  # it was signed, which reads the file too
        if request.path.endswith("/a"):
            os.truncate(tmp_path / "a", 10)

    client.before_send.append(cut)
    result = upload_result(client, tmp_path)
    assert "it became shorter meanwhile" in reasons(result)["a"]
    assert keys(client) == ["in/b"]


def test_what_the_check_lists_is_not_uploaded_afterwards(
    client: FaultyClient, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a").write_text("a")
    (tmp_path / "data" / "link").symlink_to(tmp_path / "target")

    def create(call: ObjectCall) -> None:
        if call.name == "HeadBucket":
            (tmp_path / "target").write_text("late")

    client.before_call.append(create)
    result = upload_result(client, tmp_path / "data")
    assert list(reasons(result)) == ["link"]
    assert keys(client) == ["in/a"]
