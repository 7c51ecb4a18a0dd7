"""The fast start changes when modules are compiled and nothing else."""

from __future__ import annotations

import marshal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from supervisor.runtime import fast_start
fast_start.prepare(sys.argv[2])
import dataclasses
print(sys.modules.keys() & {"inspect", "ipaddress", "locale"})
@dataclasses.dataclass(frozen=True)
class Point:
    x: int = 3
print(Point(), Point.__doc__, hash(Point(4)) == hash(Point(4)))
import gc, inspect
print(gc.isenabled(), str(inspect.signature(Point)))
import urllib.parse, subprocess
print(urllib.parse.urlsplit("http://[::1]:80/").hostname)
print(subprocess.run(["echo", "ok"], capture_output=True, text=True).stdout)
from supervisor.__main__ import _enable_collection
_enable_collection()
print(gc.isenabled(), gc.get_freeze_count() > 1000)
"""


@pytest.mark.parametrize("texts", [(), ("def f(): pass",)])
def test_dataclasses_work_as_always_when_nothing_was_compiled_before(
    texts: Sequence[str], tmp_path: Path
) -> None:
    known = {text: marshal.dumps(compile(text, "<string>", "exec")) for text in texts}
    (tmp_path / "methods.bin").write_bytes(marshal.dumps(known))
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(ROOT), str(tmp_path / "methods.bin")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "set()",
        "Point(x=3) Point(x: int = 3) True",
        "False (x: int = 3) -> None",
        "::1",
        "ok",
        "",
        "True True",
    ]
