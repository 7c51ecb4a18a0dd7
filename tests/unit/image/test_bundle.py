"""The supervisor's bundle is found, or it is said how to have one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.errors import ConfigurationError
from scar.image.bundle import find_bundle

if TYPE_CHECKING:
    from pathlib import Path


def test_a_bundle_that_came_with_a_wheel_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "scar-supervisor-linux-arm64.tar.gz"
    path.write_bytes(b"x")
    assert find_bundle("arm64", tmp_path) == path


def test_a_bundle_of_older_code_is_not_taken(tmp_path: Path) -> None:
    (tmp_path / "scar-supervisor-linux-amd64.tar.gz").write_bytes(b"x")
    (tmp_path / "kept" / "amd64").mkdir(parents=True)
    (tmp_path / "kept" / "amd64" / "built").write_text("other sources")
    with pytest.raises(ConfigurationError, match="has changed since") as refused:
        find_bundle("x86_64", tmp_path)
    assert "make bundle" in refused.value.remedy
