"""A script runs in the interpreter that it names, or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import EventError, ScriptFailed
from supervisor.execution.process_runner import ProcessRunner
from supervisor.invocation import ProcessSpec
from supervisor.logs import Log
from supervisor.results import RunOutcome
from tests.fakes.supervisor_factory import lambda_invocation, new_harness, notification

if TYPE_CHECKING:
    from supervisor.results import RunResult

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


# Bytes that are not UTF-8, and characters that Python's str.split() takes for blanks or line ends.
NAMES = (
    b"\xe9",
    b"\xff\xfe",
    b"\x85echo",
    b"\xc2\x85",
    b"\xc2\xa0",
    b"\xe2\x80\xa8",
    b"\xed\xa0\x80",
)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("head", [b"#!/bin/sh", b"#!", b"#! \t/no/such/folder/"])
@pytest.mark.parametrize("argument", [b"", b" -x", b" \xe9"])
def test_an_interpreters_name_may_have_any_bytes(
    tmp_path: Path, head: bytes, name: bytes, argument: bytes
) -> None:
    result, printed = run(tmp_path, head + name + argument + b"\necho ran\n")
    assert isinstance(result.error, ScriptFailed)
    assert result.error.status == 127
    assert b"cannot start" in printed
    assert printed.decode()  # valid UTF-8, as the logs need it
    assert result.output == printed


def test_an_interpreter_whose_name_is_not_utf8_is_started(tmp_path: Path) -> None:
    link = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(link)).symlink_to("/bin/sh")
    result, printed = run(tmp_path, b"#!" + link + b"\necho ran\n")
    assert (result.state, printed) == (RunOutcome.DONE, b"ran\n")


@pytest.mark.parametrize("program", ["/bin/\0sh", "/bin/\ud800"])
def test_a_command_that_no_system_call_accepts_fails_to_start(tmp_path: Path, program: str) -> None:
    printed: list[bytes] = []
    runner = ProcessRunner(Log(write=lambda _: None), write=printed.append)
    task = ProcessSpec(argv=(program,), cwd=tmp_path, environment={}, folder=tmp_path)
    status, output = runner.run(task, timeout=None)
    assert status == 126
    assert output == b"".join(printed)
    assert b"cannot start /bin/" in output


@pytest.mark.parametrize("script", [SCRIPT, "echo ran\n", "#!\necho ran\n", "\n\necho ran\n"])
def test_scripts_without_an_interpreter_run_in_the_shell(tmp_path: Path, script: str) -> None:
    result, printed = run(tmp_path, script.encode())
    assert (result.state, printed) == (RunOutcome.DONE, b"ran\n")
