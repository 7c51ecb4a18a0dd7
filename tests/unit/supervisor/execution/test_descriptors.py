"""Below a descriptor no link is followed, neither as a file nor as a folder on the way."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from supervisor import descriptors

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    (tmp_path / "to folder").symlink_to("folder")
    (tmp_path / "folder" / "to file").symlink_to("file")
    os.mkfifo(tmp_path / "folder" / "pipe")
    return tmp_path


@pytest.mark.parametrize("parts", [("folder", "to file"), ("to folder", "file"), ("folder", "no")])
def test_a_link_or_a_missing_file_is_not_opened(root: Path, parts: tuple[str, ...]) -> None:
    before = len(list(os.scandir("/proc/self/fd")))
    with (
        descriptors.closing(descriptors.open_trusted_folder(root)) as top,
        pytest.raises(OSError, match=parts[-1] if parts[0] == "folder" else parts[0]),
    ):
        descriptors.open_file(top, parts)
    assert len(list(os.scandir("/proc/self/fd"))) == before


def test_a_file_is_opened_and_a_fifo_does_not_block(root: Path) -> None:
    with descriptors.closing(descriptors.open_trusted_folder(root)) as top:
        with descriptors.closing(descriptors.open_file(top, ("folder", "file"))) as file:
            assert os.pread(file, 10, 0) == b"x"
        os.close(descriptors.open_file(top, ("folder", "pipe")))


@pytest.mark.parametrize("part", ["", ".", "..", "folder/file", "/"])
def test_a_part_is_a_single_name(root: Path, part: str) -> None:
    with (
        descriptors.closing(descriptors.open_trusted_folder(root)) as top,
        pytest.raises(ValueError, match="not a single name"),
    ):
        descriptors.open_folder(top, (part,))
