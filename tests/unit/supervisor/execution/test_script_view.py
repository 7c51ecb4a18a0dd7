"""The environment of a script, and the response that callers get."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import EventError, ScriptFailed
from supervisor.events import response
from supervisor.execution.environment import RunVariables, build_environment
from supervisor.invocation import RunPath
from supervisor.model import ExecutionMode, FunctionConfig, ImageDefaults
from supervisor.results import InvocationResult, LeftOut, LeftOutReason, RunOutcome, RunResult
from tests.fakes.supervisor_factory import lambda_invocation, new_harness, notification

FACTS = RunVariables(
    run_id="r",
    request_id="q",
    service="lambda",
    attempt=1,
    job_number=1,
    event="{}",
    input_dir="/i",
    output_dir="/o",
)
RUN = RunPath(function="fn", date="2026-09-21", run_id="r")
ROOT = Path(__file__).parents[4]


def a_config() -> FunctionConfig:
    return FunctionConfig(
        name="fn",
        mode=ExecutionMode.LAMBDA,
        state_bucket="s",
        image=ImageDefaults(environment={"A": "image", "B": "image", "LD_PRELOAD": "x.so"}),
        environment={"B": "function", "REQUEST_ID": "mine"},
    )


def test_the_run_wins_over_the_function_and_the_function_over_the_image() -> None:
    seen = build_environment(a_config(), {"PATH": "/bin"}, FACTS)
    assert (seen["A"], seen["B"], seen["PATH"]) == ("image", "function", "/bin")
    assert seen["REQUEST_ID"] == seen["AWS_LAMBDA_REQUEST_ID"] == "q"
    assert seen["LD_PRELOAD"] == "x.so"


def test_internal_variables_are_hidden_and_renamed_ones_given_back() -> None:
    process = {
        "SCAR_HOME": "/opt/scar",
        "AWS_LAMBDA_RUNTIME_API": "x",
        "SCARX_PYTHONHOME": "/usr",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_REGION": "r",
    }
    seen = build_environment(a_config(), process, FACTS)
    assert {"SCAR_HOME", "AWS_LAMBDA_RUNTIME_API", "SCARX_PYTHONHOME"}.isdisjoint(seen)
    assert seen["PYTHONHOME"] == "/usr"
    assert (seen["AWS_ACCESS_KEY_ID"], seen["AWS_REGION"]) == ("k", "r")


def test_a_variable_that_linux_rejects_is_omitted(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, script='echo "${EVENT-none}"; wc -c < "$INPUT_FILE_PATH"')
    (result,) = harness.supervisor.handle(lambda_invocation({"x": "y" * 200_000})).results
    assert result.output == b"none\n200008\n"


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_of_a_surrogate_pair_is_an_error_of_the_event_and_not_of_scar(
    tmp_path: Path, text: str
) -> None:
    harness = new_harness(tmp_path, script="env")
    event: dict[str, object] = {"httpMethod": "GET"}
    eventbridge = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": text,
        "detail": {"bucket": {"name": "data"}, "object": {"key": "in/x"}},
    }
    harness.store.put("in/x", b"1")
    for bad in (
        event | {"queryStringParameters": {"a": text}},
        event | {"queryStringParameters": {text: "a"}},
        {"cmd_args": ["echo", text]},
        eventbridge,
    ):
        try:
            (result,) = harness.supervisor.handle(lambda_invocation(bad)).results
        except EventError as raised:
            error: object = raised
        else:
            error = result.error
        assert isinstance(error, EventError), bad
        assert "surrogate" in error.problem
        assert "UTF-8" in error.remedy
    body = event | {"body": text, "queryStringParameters": {"a": "😀"}}
    (result,) = harness.supervisor.handle(lambda_invocation(body, request="req-2")).results
    assert result.error is None
    assert "CONT_VAR_a=😀".encode() in result.output


def test_a_script_sees_its_programming_model(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, script="env")
    harness.store.put("in/a b.txt", b"1")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/a b.txt"))).results
    seen = dict(line.split("=", 1) for line in result.output.decode().splitlines())
    assert seen["STORAGE_OBJECT_KEY"] == "in/a b.txt"
    assert seen["INPUT_FILE_PATH"] == f"{seen['TMP_INPUT_DIR']}/a b.txt"
    assert seen["EVENT_TIME"] == "2026-09-21T14:13:20.000Z"
    assert json.loads(seen["EVENT"]) == notification("in/a b.txt")
    assert seen["SCAR_SITE"] == "lambda"
    assert seen["SCAR_DEADLINE"] == "1790000290.000"
    assert seen["COLOUR"] == "blue"
    assert {"SCAR_RUN_ID", "SCAR_FUNCTION", "SCAR_ATTEMPT", "INSTANCE_IP"} <= set(seen)


def test_a_script_may_have_an_interpreter_of_its_own(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, script=f"#!{sys.executable} -I\nprint('from python')\n")
    (result,) = harness.supervisor.handle(lambda_invocation({})).results
    assert result.output == b"from python\n"


def test_arguments_run_without_a_shell(tmp_path: Path) -> None:
    harness = new_harness(tmp_path)
    (result,) = harness.supervisor.handle(
        lambda_invocation({"cmd_args": ["echo", "$HOME; ls"]})
    ).results
    assert result.output == b"$HOME; ls\n"


def test_a_script_of_the_event_gets_the_events_arguments(tmp_path: Path) -> None:
    harness = new_harness(tmp_path)
    event = {"script": "#!/bin/sh\nprintf '<%s>' \"$@\"\n", "cmd_args": ["a b", "$c"]}
    (result,) = harness.supervisor.handle(lambda_invocation(event)).results
    assert result.output == b"<a b><$c>"


def test_api_callers_get_a_failing_script_as_a_response() -> None:
    failed = RunResult(
        run=RUN, state=RunOutcome.FAILED, output=b"oh no", error=ScriptFailed(3, b"oh no")
    )
    handled = InvocationResult(results=(failed,), is_api_request=True)
    assert response.find_error(handled) is None
    answer = json.loads(response.build_body(handled, lambda_invocation({})))
    assert answer["statusCode"] == 500
    assert base64.b64decode(answer["body"]) == b"oh no"
    assert answer["headers"] == {
        "amz-lambda-request-id": "req-1",
        "amz-log-group-name": "/aws/lambda/fn",
        "amz-log-stream-name": "stream",
        "content-type": "text/plain; charset=utf-8",
        "x-content-type-options": "nosniff",
        "x-scar-run-id": RUN.run_id,
        "x-scar-script-status": "3",
    }


def test_api_callers_get_the_number_of_outputs_and_what_was_left_out() -> None:
    item = LeftOut(reason=LeftOutReason.UNMATCHED, count=3, examples=("ü.txt",), expected="x")
    done = RunResult(run=RUN, state=RunOutcome.DONE, uploaded=2, left_out=(item,))
    handled = InvocationResult(results=(done,), is_api_request=True)
    headers = json.loads(response.build_body(handled, lambda_invocation({})))["headers"]
    assert headers["x-scar-outputs"] == "2"
    assert headers["x-scar-left-out"] == (
        '[{"reason":"unmatched","count":3,"examples":["\\u00fc.txt"],"expected":"x"}]'
    )
    without = InvocationResult(results=(replace(done, left_out=()),))
    headers = json.loads(response.build_body(without, lambda_invocation({})))["headers"]
    assert headers["x-scar-outputs"] == "2"
    assert "x-scar-left-out" not in headers


left_out_items = st.builds(
    LeftOut,
    reason=st.sampled_from(LeftOutReason),
    count=st.integers(1, 10**9),
    examples=st.lists(st.text(max_size=255), max_size=5).map(tuple),
    expected=st.text(max_size=2000),
)


@given(st.lists(st.lists(left_out_items, min_size=1, max_size=5), min_size=1, max_size=30))
def test_the_header_is_short_ascii_and_has_all_counts(runs: list[list[LeftOut]]) -> None:
    results = tuple(
        RunResult(run=RUN, state=RunOutcome.DONE, left_out=tuple(items)) for items in runs
    )
    body = response.build_body(InvocationResult(results=results), lambda_invocation({}))
    header = json.loads(body)["headers"]["x-scar-left-out"]
    assert len(header) <= 1024
    assert header.isascii()
    assert header.isprintable()
    wanted: Counter[str] = Counter()
    for item in (item for items in runs for item in items):
        wanted[item.reason.value] += item.count
    assert {item["reason"]: item["count"] for item in json.loads(header)} == wanted


def test_other_callers_get_an_error() -> None:
    failed = RunResult(run=RUN, state=RunOutcome.FAILED, error=ScriptFailed(3))
    fine = RunResult(run=RUN, state=RunOutcome.DONE)
    assert response.find_error(InvocationResult(results=(failed,))) is failed.error
    both = response.find_error(InvocationResult(results=(fine, failed)))
    assert both is not None
    assert "1 of 2 runs failed: r:" in both.problem


def test_a_response_that_is_too_large_is_cut_at_its_start() -> None:
    big = RunResult(run=RUN, state=RunOutcome.DONE, output=b"x" * 7_000_000 + b"end")
    body = response.build_body(InvocationResult(results=(big,)), lambda_invocation({}))
    assert len(body) <= 6 * 1024 * 1024
    text = base64.b64decode(json.loads(body)["body"])
    assert text.startswith(b"[The beginning")
    assert text.endswith(b"end")


def test_the_start_imports_few_modules_of_the_standard_library_only() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); before = set(sys.modules);"
        "import supervisor.__main__, supervisor.runtime.lambda_loop, supervisor.execution.core,"
        "supervisor.execution.process_runner; print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    tops = {name.partition(".")[0] for name in done.stdout.split()}
    assert tops - {"supervisor"} <= sys.stdlib_module_names
    # http.client imports ssl and email; the S3 client needs it in any case.
    heavy = {"tempfile", "multiprocessing", "logging", "ctypes", "argparse", "asyncio"}
    assert heavy.isdisjoint(tops)
    assert "http.server" not in done.stdout.split()
