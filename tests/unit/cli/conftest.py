"""FDL files for commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fdl(tmp_path: Path) -> Path:
    """Write a file with one function, ``gray``, and its script."""
    (tmp_path / "gray.sh").write_text("#!/bin/sh\ntrue\n")
    file = tmp_path / "gray.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: gray\n      memory: 256\n"
        "      region: eu-south-2\n      init_script: gray.sh\n"
        "      container: {image: 'debian:12'}\n"
        "      input: [{path: photos/in}]\n      output: [{path: photos/out}]\n"
    )
    return file


@pytest.fixture
def minimal_fdl(tmp_path: Path) -> Path:
    """Write a file with one function that has no script; it refers to ``${account_id}``."""
    file = tmp_path / "f.yaml"
    file.write_text(
        "functions:\n  aws:\n  - lambda:\n      name: gray\n      container: {image: x}\n"
        "      environment: {Variables: {KEY: hush}}\n      input: [{path: 'in-${account_id}'}]\n"
    )
    return file
