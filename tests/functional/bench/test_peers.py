"""The installation of the tools that scar is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.kit.commands import CommandFailedError
from bench.kit.peers import Peers

if TYPE_CHECKING:
    from pathlib import Path


def test_an_installation_that_fails_is_not_taken_for_one(tmp_path: Path) -> None:
    wanted = tmp_path / "requirements"
    wanted.mkdir()
    (wanted / "none.txt").write_text("none @ file:///does/not/exist\n")
    made = Peers(tmp_path / "peers", wanted)
    with pytest.raises(CommandFailedError, match=r"pip install(?s:.*)does/not/exist"):
        made.python("none")
    assert not (made.folder / "none" / "installed.txt").exists()
    assert made.versions() == {}
