"""A run's folder is removed, whatever a script left in it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

import supervisor
from supervisor.execution.workspace import create_workspace
from supervisor.folders import remove_tree

# Permissions do not apply to root.
_UNPRIVILEGED = """
import os, sys, tempfile
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from supervisor.execution.workspace import create_workspace
if os.getuid() == 0:
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)
parent = Path(tempfile.mkdtemp(dir="/tmp"))
with create_workspace(parent) as made:
    (made.outputs / "deep").mkdir()
    (made.outputs / "deep" / "file").touch()
    for folder in (made.outputs / "deep", made.outputs, made.root):
        folder.chmod(0)
parent.rmdir()
"""


def test_a_folder_without_permissions_is_removed() -> None:
    source = str(Path(supervisor.__file__).parent.parent)
    subprocess.run([sys.executable, "-c", _UNPRIVILEGED, source], check=True)


def test_a_link_in_its_place_is_removed_and_its_target_kept(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o750)
    with create_workspace(tmp_path) as made:
        made.root.rename(tmp_path / "moved")
        made.root.symlink_to(victim)
    assert not made.root.is_symlink()
    assert stat.S_IMODE(victim.stat().st_mode) == 0o750


def make_deep(top: Path, depth: int) -> None:
    top.mkdir()
    here = os.open(top, os.O_RDONLY)
    for _ in range(depth):
        os.close(os.open("file", os.O_CREAT, dir_fd=here))
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(here)


def test_wide_trees_are_removed(tmp_path: Path) -> None:
    for number in range(2500):
        (tmp_path / "top" / f"{number % 3}" / f"{number}").mkdir(parents=True)
        (tmp_path / "top" / f"{number % 3}" / f"{number}" / "file").touch()
    remove_tree(tmp_path / "top")
    assert list(tmp_path.iterdir()) == []


def test_links_and_special_entries_are_removed_and_targets_kept(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o750)
    (victim / "kept").touch(mode=0o600)
    top = tmp_path / "top"
    (top / "deep").mkdir(parents=True)
    for folder in (top, top / "deep"):
        (folder / "link").symlink_to(victim)
        (folder / "file link").symlink_to(victim / "kept")
        (folder / "hard link").hardlink_to(victim / "kept")
        (folder / "loop").symlink_to("loop")
        os.mkfifo(folder / "pipe")
    (top / ".remove-1-x").mkdir()
    remove_tree(top)
    assert [path.name for path in tmp_path.iterdir()] == ["victim"]
    assert stat.S_IMODE(victim.stat().st_mode) == 0o750
    assert stat.S_IMODE((victim / "kept").stat().st_mode) == 0o600


def test_removing_a_missing_folder_succeeds(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


@pytest.mark.parametrize("depth", [1, 400, 5000])
def test_deep_trees_are_removed(tmp_path: Path, depth: int) -> None:
    make_deep(tmp_path / "top", depth)
    remove_tree(tmp_path / "top")
    assert list(tmp_path.iterdir()) == []
