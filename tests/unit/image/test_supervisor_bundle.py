"""Bundles are found by architecture, and contain a notice about their packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.errors import ConfigurationError
from scar.image.compose.supervisor_bundle import NOTICE, find_any_bundle, find_bundle, read_notice
from supervisor.bundle.file_tree import BundleFile, build_layer

if TYPE_CHECKING:
    from pathlib import Path


def test_the_notice_is_read_from_the_bundle_of_any_architecture(tmp_path: Path) -> None:
    path = tmp_path / "scar-supervisor-linux-arm64.tar.gz"
    path.write_bytes(
        build_layer({"opt/scar/launch": BundleFile(b""), NOTICE: BundleFile("für alle".encode())})
    )
    assert find_bundle("aarch64", tmp_path) == path
    assert read_notice(find_any_bundle(tmp_path)) == "für alle"


def test_the_error_for_a_missing_bundle_names_the_command_that_builds_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="linux/amd64 is missing") as failure:
        find_any_bundle(tmp_path)
    assert "make bundle" in failure.value.remedy
    path = tmp_path / "scar-supervisor-linux-amd64.tar.gz"
    path.write_bytes(build_layer({"opt/scar/launch": BundleFile(b"")}))
    with pytest.raises(ConfigurationError, match="does not contain /opt/scar/share/lice"):
        read_notice(path)
