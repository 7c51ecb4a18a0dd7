"""Each peer has an environment of its own, which is made again when its versions change."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from bench.kit.peers import REQUIREMENTS, Peers

if TYPE_CHECKING:
    from pathlib import Path

NAMES = sorted(path.stem for path in REQUIREMENTS.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_every_peer_has_one_exact_version(name: str) -> None:
    lines = (REQUIREMENTS / f"{name}.txt").read_text().splitlines()
    assert len(lines) == 1
    assert re.match(rf"{re.escape(name)}==[\d.]+( |$)", lines[0])


def test_an_environment_with_the_wanted_versions_is_used_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "boto3").mkdir()
    done = tmp_path / "boto3" / "installed.txt"
    done.write_text((REQUIREMENTS / "boto3.txt").read_text())
    python = Peers(tmp_path).python("boto3")
    assert python == str(tmp_path / "boto3" / "bin" / "python")
    assert Peers(tmp_path).program("boto3", "x") == str(tmp_path / "boto3" / "bin" / "x")
    assert [path.name for path in tmp_path.iterdir()] == ["boto3"]
