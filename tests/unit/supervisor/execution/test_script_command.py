"""A script runs in the interpreter that it names, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from supervisor.errors import EventError, ScriptFailed
from supervisor.invocation import RunOutcome
from tests.fakes.supervisor_factory import lambda_invocation, new_harness, notification

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.invocation import RunResult

SCRIPT = "#!/bin/sh\necho ran\n"


def run(tmp_path: Path, script: bytes) -> tuple[RunResult, bytes]:
    harness = new_harness(tmp_path)
    (tmp_path / "home" / "function" / "script.sh").write_bytes(script)
    harness.store.put("in/x", b"1")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    return result, b"".join(harness.printed)


@pytest.mark.parametrize(
    "script",
    [
        b"\xef\xbb\xbf" + SCRIPT.encode(),
        b"\n" + SCRIPT.encode(),
        b" " + SCRIPT.encode(),
        SCRIPT.encode("utf-16"),
        SCRIPT.encode("utf-16le"),
        SCRIPT.encode("utf-32"),
        b"#!/bin/sh\0\necho ran\n",
    ],
)
def test_a_script_that_linux_would_not_start_is_not_run_by_the_shell(
    tmp_path: Path, script: bytes
) -> None:
    result, printed = run(tmp_path, script)
    assert result.state is RunOutcome.FAILED
    assert isinstance(result.error, EventError)
    assert printed == b""


@pytest.mark.parametrize(
    "script", [SCRIPT.replace("\n", "\r\n"), "#!/no/such/interpreter\n", "#!no-such-interpreter\n"]
)
def test_an_interpreter_that_does_not_exist_fails_the_run(tmp_path: Path, script: str) -> None:
    result, printed = run(tmp_path, script.encode())
    assert isinstance(result.error, ScriptFailed)
    assert result.error.status == 127
    assert b"cannot start" in printed


@pytest.mark.parametrize("script", [SCRIPT, "echo ran\n", "#!\necho ran\n", "\n\necho ran\n"])
def test_scripts_without_an_interpreter_run_in_the_shell(tmp_path: Path, script: str) -> None:
    result, printed = run(tmp_path, script.encode())
    assert (result.state, printed) == (RunOutcome.DONE, b"ran\n")
