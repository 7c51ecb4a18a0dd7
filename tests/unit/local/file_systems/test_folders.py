"""An access point is one folder below the state folder, and nothing outside of it."""

from __future__ import annotations

import json
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.local.batch.job_storage import sandbox_storage, storage_from_json, storage_to_json
from scar.local.engines.port import EngineError
from scar.local.engines.storage import FolderMount, ResourceLimit, TmpfsFolder
from scar.local.file_systems import FileSystemFolders, access_point_of

EFS = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
S3 = (
    "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
    "/access-point/fsap-0123456789abcdef1"
)


def test_arn_and_id_of_an_access_point_are_the_same_folder(tmp_path: Path) -> None:
    folders = FileSystemFolders(tmp_path / "file-systems")
    by_arn = folders.mount(EFS, "/mnt/a")
    by_id = folders.mount("fsap-0123456789abcdef0", "/mnt/b", read_only=True)
    folder = tmp_path / "file-systems" / "fsap-0123456789abcdef0"
    assert by_arn == FolderMount(source=str(folder), target="/mnt/a")
    assert by_id == FolderMount(source=str(folder), target="/mnt/b", read_only=True)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o777
    assert folders.mount(S3, "/mnt/c").source.endswith("/fsap-0123456789abcdef1")


def test_the_users_folder_and_its_mode_are_kept(tmp_path: Path) -> None:
    folder = tmp_path / "fsap-1"
    folder.mkdir(mode=0o750)
    (folder / "reference").write_text("data")
    mount = FileSystemFolders(tmp_path).mount("fsap-1", "/ref")
    assert mount.source == str(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o750


@pytest.mark.parametrize("kind", ["link", "dangling link", "file"])
def test_what_is_not_a_folder_is_refused(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "root" / "fsap-1"
    place.parent.mkdir()
    if kind == "file":
        place.touch()
    else:
        place.symlink_to(tmp_path if kind == "link" else tmp_path / "nothing")
    with pytest.raises(EngineError, match="fsap-1"):
        FileSystemFolders(place.parent).mount("fsap-1", "/ref")
    assert not (tmp_path / "nothing").exists()


@given(
    st.text(alphabet="fsap-01/.:\n~")
    | st.from_regex(r"[./a-z:\n-]{0,20}fsap-[./0-9a-f\n]{0,12}", fullmatch=True)
)
def test_a_folder_is_directly_below_the_root(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "file-systems"
        try:
            mount = FileSystemFolders(root).mount(text, "/x")
        except EngineError:
            assert not root.exists()
            return
        assert Path(mount.source).parent == root
        assert list(Path(folder).iterdir()) == [root]


def test_without_a_root_nothing_is_mounted() -> None:
    with pytest.raises(EngineError, match="no folder for it"):
        FileSystemFolders().mount(EFS, "/mnt/a")


def test_the_access_point_of_a_volume_is_found() -> None:
    efs = {"fileSystemId": "fs-1", "authorizationConfig": {"accessPointId": "fsap-1"}}
    assert access_point_of({"efsVolumeConfiguration": efs}) == "fsap-1"
    assert access_point_of({"s3filesVolumeConfiguration": {"accessPointArn": S3}}) == S3
    assert access_point_of({"efsVolumeConfiguration": {"fileSystemId": "fs-1"}}) == ""
    assert access_point_of({"s3filesVolumeConfiguration": {"fileSystemArn": "x"}}) == ""
    assert access_point_of({"host": {"sourcePath": "/"}}) == ""
    assert access_point_of({}) == ""


def test_a_jobs_storage_is_that_of_its_definition(tmp_path: Path) -> None:
    container = {
        "image": "i",
        "volumes": [
            {"name": "v", "efsVolumeConfiguration": {
                "fileSystemId": "fs-1", "authorizationConfig": {"accessPointId": "fsap-1"}}},
        ],
        "mountPoints": [{"containerPath": "/ref", "sourceVolume": "v", "readOnly": True}],
        "linuxParameters": {
            "sharedMemorySize": 128,
            "tmpfs": [{"containerPath": "/s", "size": 5, "mountOptions": ["exec"]}],
        },
        "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}],
    }  # fmt: skip
    text = storage_to_json(container)
    assert storage_from_json(text) == {k: v for k, v in container.items() if k != "image"}
    found = sandbox_storage(text, FileSystemFolders(tmp_path))
    assert [(m.target, m.read_only) for m in found.folders] == [("/ref", True)]
    assert found.tmpfs == (TmpfsFolder(target="/s", size_mb=5, options=("exec",)),)
    assert found.shared_memory_mb == 128
    assert found.limits == (ResourceLimit(name="nofile", soft=1, hard=2),)


def test_a_definition_without_storage_adds_nothing() -> None:
    assert storage_to_json({"image": "i", "volumes": [], "linuxParameters": {}}) == ""
    assert storage_from_json("") == {}
    assert json.loads(storage_to_json({"ulimits": [{}]})) == {"ulimits": [{}]}
