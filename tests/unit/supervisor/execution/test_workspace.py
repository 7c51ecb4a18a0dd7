from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

import pytest

from supervisor.execution import workspace
from supervisor.execution.workspace import create_workspace

if TYPE_CHECKING:
    from pathlib import Path


def test_a_missing_folder_for_temporary_files_is_created_for_all_users(tmp_path: Path) -> None:
    parent = tmp_path / "tmp"
    with create_workspace(parent) as place:
        assert place.outputs.is_dir()
        assert parent.stat().st_mode & 0o7777 == 0o1777
    assert list(parent.iterdir()) == []


@pytest.mark.parametrize("alone", [True, False])
def test_files_left_beside_it_are_removed_only_in_an_exclusive_folder(
    tmp_path: Path, *, alone: bool
) -> None:
    (tmp_path / "before").write_text("x")
    outside = tmp_path.with_name(f"{tmp_path.name}-outside")
    outside.mkdir()
    (outside / "kept").touch()
    with contextlib.suppress(KeyError), create_workspace(tmp_path, exclusive=alone):
        (tmp_path / "file").touch()
        (tmp_path / "folder" / "deep").mkdir(parents=True)
        (tmp_path / "folder").chmod(0)
        (tmp_path / "link").symlink_to(outside)
        (tmp_path / "broken").symlink_to("nowhere")
        os.mkfifo(tmp_path / "pipe")
        raise KeyError
    left = {"broken", "file", "folder", "link", "pipe"}
    assert {path.name for path in tmp_path.iterdir()} == {"before"} | (set() if alone else left)
    assert (outside / "kept").exists()
    if not alone:
        (tmp_path / "folder").chmod(0o700)


def test_what_a_script_puts_in_the_place_of_its_folders_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    (victim / "deep").mkdir(parents=True)
    (victim / "deep" / "kept").touch()
    parent = tmp_path / "tmp"
    parent.mkdir()
    with create_workspace(parent, exclusive=True) as place:
        for folder in (place.inputs, place.outputs, place.root / "home"):
            folder.rmdir()
            folder.symlink_to(victim)
        (place.root / "script").symlink_to(victim / "deep" / "kept")
        (place.root / "result").touch()
        moved = tmp_path / "moved"
        place.root.rename(moved)
        place.root.symlink_to(victim)
        # Even the folder for temporary files may be replaced, if it is the script's own.
        parent.rename(tmp_path / "old")
        parent.symlink_to(victim)
    assert (victim / "deep" / "kept").exists()
    assert list(moved.iterdir()) == []  # the run's files are removed wherever they are
    assert list((tmp_path / "old").iterdir()) == []


def test_what_cannot_be_removed_is_reported_and_not_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_parent: int, name: str) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy", name)

    reported: list[str] = []
    with create_workspace(tmp_path, exclusive=True, warn=reported.append) as place:
        (place.outputs / "file").touch()
        monkeypatch.setattr(workspace, "remove_entry", refuse)
    assert len(reported) == 1
    assert "Device or resource busy" in reported[0]
    assert list(place.root.iterdir()) == []


def test_an_existing_one_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with create_workspace(tmp_path):
        assert tmp_path.stat().st_mode & 0o7777 == 0o750
