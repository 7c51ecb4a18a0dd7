"""The extra payload: a user's folder next to the script, with the same bytes every time."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.image.compose import payload
from scar.image.compose.function_image import build_function_layer
from scar.image.compose.payload import read_payload
from scar.image.errors import ImageError
from scar.image.formats.layer import LayerFile, LayerFolder, LayerSymlink
from supervisor.config import config_to_json
from supervisor.model import ExecutionMode, FunctionConfig

JSON = config_to_json(
    FunctionConfig(name="f", mode=ExecutionMode.LAMBDA, state_bucket="s", script="run.sh")
)


def members(tree: Path) -> list[tarfile.TarInfo]:
    data = build_function_layer(JSON, b"#!/bin/sh\n", read_payload(tree)).blob.data
    assert isinstance(data, bytes)
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return archive.getmembers()


def test_files_folders_and_inner_links_are_kept(tmp_path: Path) -> None:
    (tmp_path / "model" / "empty").mkdir(parents=True)
    (tmp_path / "model" / "w.bin").write_bytes(b"w")
    (tmp_path / "tool").write_bytes(b"#!")
    (tmp_path / "tool").chmod(0o700)
    (tmp_path / "model" / "tool").symlink_to("../tool")
    assert read_payload(tmp_path) == {
        "model": LayerFolder(),
        "model/empty": LayerFolder(),
        "model/w.bin": LayerFile(b"w", 0o644),
        "model/tool": LayerSymlink("../tool"),
        "tool": LayerFile(b"#!", 0o755),
    }
    assert {"opt/scar/function/model/w.bin", "opt/scar/function/run.sh"} <= {
        member.name for member in members(tmp_path)
    }


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "a/../../outside", ".."])
def test_a_link_that_points_outside_is_refused(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "payload"
    folder.mkdir()
    (folder / "link").symlink_to(target)
    with pytest.raises(ImageError, match="points outside"):
        read_payload(folder)


def test_a_special_file_is_refused(tmp_path: Path) -> None:
    # A short path: the address of a Unix socket has at most 108 bytes.
    with tempfile.TemporaryDirectory(dir="/tmp") as short, socket.socket(socket.AF_UNIX) as bound:
        bound.bind(f"{short}/s")
        with pytest.raises(ImageError, match="is not a file, folder or symbolic link"):
            read_payload(Path(short))


def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"gone cannot be read: No such file"):
        read_payload(tmp_path / "gone")


def test_a_name_that_would_delete_a_file_of_the_image_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".wh.run.sh").touch()
    with pytest.raises(ImageError, match=r"\.wh\.run\.sh"):
        read_payload(tmp_path)


@pytest.mark.parametrize("name", ["run.sh", "function.json"])
def test_the_names_of_the_script_and_function_json_are_reserved(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("x")
    with pytest.raises(ImageError, match=f"reserved name {name}"):
        members(tmp_path)


def test_a_payload_above_the_limit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "MAX_PAYLOAD_SIZE", 1 << 20)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(bytes(700_000))
    with pytest.raises(ImageError, match="larger than 1 MiB"):
        read_payload(tmp_path)


@given(
    st.dictionaries(
        st.text("abc/", min_size=1, max_size=6).filter(lambda n: all(n.split("/"))),
        st.tuples(st.binary(max_size=20), st.integers(0o400, 0o777)),
        max_size=6,
    ),
    st.sampled_from([0, 1_000_000_000]),
)
def test_whatever_is_composed_is_roots_0644_or_0755_and_without_a_time(
    files: dict[str, tuple[bytes, int]], time: int
) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, (data, mode) in files.items():
            target = folder / path
            if any(p.is_file() for p in (target, *target.parents)) or target.is_dir():
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
            target.chmod(mode)
            os.utime(target, (time, time))
        headers = members(folder)
        assert {member.mode for member in headers} <= {0o644, 0o755}
        assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in headers} == {(0, 0, "", "", 0)}
        assert [member.name for member in headers] == sorted(member.name for member in headers)
        first_build = build_function_layer(JSON, b"#!/bin/sh\n", read_payload(folder))
        assert first_build == build_function_layer(JSON, b"#!/bin/sh\n", read_payload(folder))
