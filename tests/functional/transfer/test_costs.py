"""What a transfer costs per file: requests and system calls, whatever the number of files."""

from __future__ import annotations

import os
import threading
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from scar.transfer.client import MULTIPART_THRESHOLD, PART_SIZE
from scar.transfer.get import download_objects
from scar.transfer.location import S3Location
from scar.transfer.put import upload_files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.functional.transfer.faulty_client import FaultyClient

FILES = 120
PLACE = S3Location("photos", "in")


def counting(calls: Counter[str], name: str, call: Callable[..., object]) -> object:
    def counted(*arguments: object, **options: object) -> object:
        thread = threading.current_thread()
        # The server is another thread of this process.
        if thread is threading.main_thread() or thread.name.startswith("transfer_"):
            calls[name] += 1
        return call(*arguments, **options)

    return counted


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts calls of the functions of ``os`` that look at files."""
    found: Counter[str] = Counter()
    for name in ("open", "stat", "lstat", "fstat", "access", "replace", "mkdir"):
        monkeypatch.setattr(os, name, counting(found, name, getattr(os, name)))
    return found


def count_requests(client: FaultyClient) -> Counter[str]:
    found: Counter[str] = Counter()
    client.before_send.append(lambda request: found.update([request.method]))
    return found


@pytest.mark.parametrize("by", ["folder", "file"])
def test_a_small_file_is_one_request_and_is_opened_once(
    client: FaultyClient, tmp_path: Path, calls: Counter[str], by: str
) -> None:
    for number in range(FILES):
        (tmp_path / f"{number:03}").write_bytes(b"x")
    paths = [tmp_path] if by == "folder" else sorted(tmp_path.iterdir())
    requests = count_requests(client)
    calls.clear()
    assert upload_files(client, PLACE, paths, lambda _: None).files == FILES
    assert requests == {"HEAD": 1, "PUT": FILES}
    few = 20  # for the whole command
    # Each file is looked at by the check of all files and by the walk, and when it is open.
    assert calls["stat"] + calls["lstat"] <= 4 * FILES + few
    assert (calls["access"], calls["fstat"]) == (FILES, 2 * FILES)
    assert FILES <= calls["open"] <= FILES + few


def test_a_small_object_is_one_request_and_its_folder_is_checked_once(
    client: FaultyClient, tmp_path: Path, calls: Counter[str]
) -> None:
    for number in range(FILES):
        client.s3.put_object(Bucket="photos", Key=f"in/a/b/c/{number:03}", Body=b"x")
    requests = count_requests(client)
    calls.clear()
    assert download_objects(client, PLACE, tmp_path, lambda _: None).files == FILES
    assert requests == {"GET": FILES + 2}  # the object with this key, and one page
    for_folder = 50  # once; its path is long
    assert calls["open"] <= FILES + for_folder
    assert calls["replace"] == FILES
    assert calls["stat"] + calls["lstat"] <= FILES + for_folder


def test_a_large_file_is_one_request_per_part(client: FaultyClient, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(MULTIPART_THRESHOLD + 1))
    parts = -(-(MULTIPART_THRESHOLD + 1) // PART_SIZE)
    requests = count_requests(client)
    upload_files(client, PLACE, [tmp_path / "a"], lambda _: None)
    assert requests == {"HEAD": 1, "POST": 2, "PUT": parts}
    requests.clear()
    download_objects(client, S3Location("photos", "in/a"), tmp_path / "b", lambda _: None)
    assert requests == {"GET": 2 + parts, "HEAD": 1}
