"""The demo image: a root file system with Python, built from the bundle's files."""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from scar.errors import ConfigurationError
from scar.image.compose.supervisor_bundle import find_bundle
from scar.image.demo import main, write_demo_image
from scar.image.formats.layer import LayerFile, build_layer
from scar.image.formats.resolver import find_base_image

if TYPE_CHECKING:
    from pathlib import Path

    from scar.image.formats.blobs import BlobCache


@pytest.mark.parametrize(
    ("architecture", "loader"),
    [("amd64", "lib64/ld-linux-x86-64.so.2"), ("arm64", "usr/lib/ld-linux-aarch64.so.1")],
)
def test_the_files_of_the_bundle_are_installed_where_python_searches(
    architecture: str, loader: str, tmp_path: Path, cache: BlobCache
) -> None:
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("json/__init__.pyc", b"code")
    home = "opt/scar"
    data = build_layer(
        {
            f"{home}/python": LayerFile(b"python", 0o755),
            f"{home}/ld.so": LayerFile(b"loader", 0o755),
            f"{home}/launch": LayerFile(b"launch", 0o755),
            f"{home}/lib/libc.so.6": LayerFile(b"libc"),
            f"{home}/lib-dynload/_json.so": LayerFile(b"json"),
            f"{home}/share/licenses/common/GPL-2": LayerFile(b"text"),
            f"{home}/python311.zip": LayerFile(zipped.getvalue()),
            f"{home}/supervisor.zip": LayerFile(b"not in a user's image"),
        }
    ).blob.data
    assert isinstance(data, bytes)
    (tmp_path / "bundle.tar.gz").write_bytes(data)
    write_demo_image(tmp_path / "out.tar", architecture, tmp_path / "bundle.tar.gz")
    image = find_base_image("", tmp_path / "out.tar", architecture=architecture, cache=cache)
    with (
        image.layers[0].blob.open() as file,
        tarfile.open(fileobj=file) as archive_,
    ):
        modes = {m.name: oct(m.mode) for m in archive_ if m.isreg()}
    triplet = "x86_64" if architecture == "amd64" else "aarch64"
    assert modes == {
        "etc/group": "0o644",
        "etc/passwd": "0o644",
        loader: "0o755",
        "usr/bin/python3": "0o755",
        f"usr/lib/{triplet}-linux-gnu/libc.so.6": "0o644",
        "usr/lib/python3.11/json/__init__.pyc": "0o644",
        "usr/lib/python3.11/lib-dynload/_json.so": "0o644",
        "usr/share/doc/licenses/common/GPL-2": "0o644",
    }


def test_the_command_needs_one_path(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2
    assert "OUT.tar" in capsys.readouterr().err


def test_help_writes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    assert "OUT.tar" in capsys.readouterr().out
    assert not list(tmp_path.iterdir())


def test_a_missing_bundle_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        find_bundle("x86_64", tmp_path)
    assert "linux/amd64" in caught.value.problem
    assert "make bundle" in caught.value.remedy
