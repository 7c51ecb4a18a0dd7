"""The supervisor's own process: the Lambda loop, a Batch job, TERM."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.functional.supervisor_core.conftest import FunctionFiles, RuntimeServer

COPY = '#!/bin/sh\ncp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/"; echo copied\n'


def test_one_process_works_on_many_events_and_survives_bad_ones(
    function: FunctionFiles, runtime_api: RuntimeServer
) -> None:
    function.deploy(COPY, name="loop")
    function.write("in/a b+ü.txt", b"hello")
    process = function.start(AWS_LAMBDA_RUNTIME_API=runtime_api.address)
    kind, answer = runtime_api.invoke("r1", b"{damaged")
    assert (kind, answer["errorType"]) == ("error", "EventError")
    kind, answer = runtime_api.invoke("r2", function.event("in/a b+ü.txt").encode())
    assert (kind, answer["statusCode"]) == ("response", 200), answer
    assert base64.b64decode(str(answer["body"])) == b"copied\n"
    assert function.read("out-loop/a b+ü.txt") == b"hello"
    kind, answer = runtime_api.invoke("r3", json.dumps({"script": "echo no; exit 3"}).encode())
    assert (kind, answer["errorType"]) == ("error", "ScriptFailed")
    kind, answer = runtime_api.invoke("r4", json.dumps({"script": "pwd; ls -A .."}).encode())
    assert kind == "response"
    assert len(base64.b64decode(str(answer["body"])).split()) == 2
    assert process.poll() is None
    assert len(runtime_api.connections) == 1


def test_a_damaged_function_fails_at_init(
    function: FunctionFiles, runtime_api: RuntimeServer
) -> None:
    function.deploy(COPY)
    (function.folder / "function" / "function.json").write_text("{")
    process = function.start(AWS_LAMBDA_RUNTIME_API=runtime_api.address)
    path, body = runtime_api.responses.get(timeout=300)
    assert path.endswith("/init/error")
    assert json.loads(body)["errorType"] == "ConfigError"
    assert process.wait(300) == 1


@pytest.mark.parametrize(("script", "status"), [(COPY, 0), ("exit 3", 3), ("kill -9 $$", 137)])
def test_a_job_ends_with_the_status_of_its_script(
    function: FunctionFiles, script: str, status: int
) -> None:
    name = f"job{status}"
    function.deploy(script, name=name)
    function.write(f"in/{name}", b"hello")
    process = function.start(
        AWS_BATCH_JOB_ID="job-1",
        AWS_BATCH_JOB_ATTEMPT="1",
        SCAR_EVENT=function.event(f"in/{name}"),
        SCAR_RUN_ID=f"run-{name}",
        SCAR_RUN_DATE="2026-09-21",
        SCAR_REQUEST_ID="r",
    )
    assert process.wait(300) == status
    record = "error" if status else "done"
    assert function.read(f"runs/{name}/2026-09-21/run-{name}/{record}.json")
    assert function.read(f"out-{name}/{name}") == (None if status else b"hello")


def test_term_reaches_the_script_is_recorded_and_ends_the_job_with_143(
    function: FunctionFiles,
) -> None:
    function.deploy("trap 'echo bye; exit 0' TERM; echo ready; sleep 3600 & wait", name="term")
    process = function.start(
        AWS_BATCH_JOB_ID="job-1", SCAR_EVENT="{}", SCAR_RUN_ID="run", SCAR_RUN_DATE="2026-09-21"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.terminate()
    rest, _ = process.communicate(timeout=300)  # its output ends with all its processes
    assert process.returncode == 143
    assert b"bye\n" in rest
    error = function.read("runs/term/2026-09-21/run/error.json")
    assert error is not None
    assert b"TERM" in error
    assert list((function.folder / "tmp").iterdir()) == []


def test_the_self_test_prints_ok() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "supervisor", "--self-test"],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        check=True,
    )
    assert json.loads(done.stdout)["ok"] is True
