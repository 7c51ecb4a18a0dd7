from __future__ import annotations

from typing import TYPE_CHECKING

from supervisor.workspace import workspace

if TYPE_CHECKING:
    from pathlib import Path


def test_a_missing_folder_for_temporary_files_is_made_for_all_users(tmp_path: Path) -> None:
    parent = tmp_path / "tmp"
    with workspace(parent) as place:
        assert place.outputs.is_dir()
        assert parent.stat().st_mode & 0o7777 == 0o1777
    assert list(parent.iterdir()) == []


def test_an_existing_one_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    with workspace(tmp_path):
        assert tmp_path.stat().st_mode & 0o7777 == 0o750
