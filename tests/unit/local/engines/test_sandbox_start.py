"""What each sandbox loads before it becomes the image's command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import scar
from scar.local.engines.namespaces.plan import SandboxPlan
from scar.local.engines.sandbox_support import init_command

if TYPE_CHECKING:
    from collections.abc import Sequence

SLOW_MODULES = {"enum", "functools", "json", "re", "signal", "typing"}
"""Modules that take as long to import as all other work of a start."""


def run_python(code: str) -> str:
    root = str(Path(scar.__file__).parent.parent)
    start = f"import sys; sys.path.insert(0, {root!r}); {code}"
    command = [sys.executable, "-I", "-S", "-c", start]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_a_sandbox_imports_few_modules() -> None:
    # The plan is decoded first; without namespaces to enter, that is all.
    decode = "import marshal, binascii; from scar.local.engines.namespaces import init"
    names = set(run_python(f"{decode}; print(*sys.modules)").split())
    assert names & SLOW_MODULES == set()


def make_plan(command: tuple[str, ...], binds: Sequence[tuple[str, str]]) -> SandboxPlan:
    return SandboxPlan(
        root="/no-such-root", upper="", work="", binds=binds, tmp_mb=1, uid=1, gid=1, first_id=0,
        id_count=0, own_keyring=False, own_cgroups=True, seccomp="00ff", processes=0, files=0,
        command=command, folders=[("/a", "/b", True)], tmpfs=[("/c", 6, "size=1m")],
        shared_memory_mb=64, limits=[(7, 1024, 4096)],
    )  # fmt: skip


def test_the_plan_arrives_as_it_was_sent() -> None:
    plan = make_plan(("/bin/é", "--flag", 'a "b"\n\udcff'), [("/x", "/y")])
    *_, text = init_command(plan)
    show = (
        "from scar.local.engines.namespaces import init;"
        "init.prctl = lambda *a: None;"
        "init._run_sandbox = lambda plan: print(ascii(vars(plan))) or 0;"
        f"init.main({text!r})"
    )
    fields = {name: getattr(plan, name) for name in SandboxPlan.__dataclass_fields__}
    assert run_python(show).strip() == ascii(fields)
