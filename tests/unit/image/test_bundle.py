"""Bundles are found by architecture, and say what they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.errors import ConfigurationError
from scar.image.compose.supervisor_bundle import NOTICE, find_any_bundle, find_bundle, read_notice
from supervisor.bundle.file_tree import BundleFile, build_layer

if TYPE_CHECKING:
    from pathlib import Path


def test_the_notice_is_read_from_whichever_bundle_there_is(tmp_path: Path) -> None:
    path = tmp_path / "scar-supervisor-linux-arm64.tar.gz"
    path.write_bytes(
        build_layer({"opt/scar/launch": BundleFile(b""), NOTICE: BundleFile("für alle".encode())})
    )
    assert find_bundle("aarch64", tmp_path) == path
    assert read_notice(find_any_bundle(tmp_path)) == "für alle"


def test_what_is_missing_is_said_with_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="linux/amd64 is missing") as failure:
        find_any_bundle(tmp_path)
    assert "make bundle" in failure.value.remedy
    path = tmp_path / "scar-supervisor-linux-amd64.tar.gz"
    path.write_bytes(build_layer({"opt/scar/launch": BundleFile(b"")}))
    with pytest.raises(ConfigurationError, match="holds no /opt/scar/share/licenses/NOTICE"):
        read_notice(path)
