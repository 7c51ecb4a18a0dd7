"""A run's folder is removed, whatever a script left in it."""

from __future__ import annotations

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


def test_removing_a_missing_folder_succeeds(tmp_path: Path) -> None:
    remove_tree(tmp_path / "nothing")


@pytest.mark.parametrize("depth", [1, 400])
def test_deep_trees_are_removed(tmp_path: Path, depth: int) -> None:
    (tmp_path / "top" / "/".join("d" * depth)).mkdir(parents=True)
    remove_tree(tmp_path / "top")
    assert list(tmp_path.iterdir()) == []
