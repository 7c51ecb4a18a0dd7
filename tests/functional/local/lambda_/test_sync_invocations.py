"""Synchronous invocations of real processes that use the Runtime API."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from scar.local.engines.port import EngineError
from scar.local.lambda_.model import LambdaApiError
from scar.local.processes import start_time
from tests.functional.local.lambda_.fakes import a_cloud, a_function
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from scar.local.engines.port import LocalImage
    from scar.local.lambda_.model import LambdaInvokeResult
    from tests.functional.local.lambda_.fakes import LambdaCloud


def call(cloud: LambdaCloud, **event: object) -> LambdaInvokeResult:
    return cloud.service.invoke("f", json.dumps(event).encode())


def error_of(result: LambdaInvokeResult) -> tuple[str, str]:
    assert result.function_error == "Unhandled"
    document = json.loads(result.payload)
    return document["errorType"], document["errorMessage"]


def test_an_answer_comes_back_and_the_log_frames_the_output(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function())
    result = call(cloud, do="say", text="hello")
    assert json.loads(result.payload)["event"] == {"do": "say", "text": "hello"}
    assert result.function_error == ""
    log = cloud.logs.text
    assert re.fullmatch(
        rf"START RequestId: {result.request_id} Version: \$LATEST\n"
        rf"hello\n"
        rf"END RequestId: {result.request_id}\n"
        rf"REPORT RequestId: {result.request_id}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        rf"Memory Size: 512 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t\n",
        log,
    )
    assert result.log_tail.decode() == log
    group, stream, _, _ = cloud.logs.events[0]
    assert group == "/aws/lambda/f"
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)


def test_a_warm_sandbox_serves_the_next_call_without_an_init(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function())
    pids = {json.loads(call(cloud).payload)["pid"] for _ in range(3)}
    assert len(pids) == 1
    assert cloud.service.status().warm == 1
    assert cloud.logs.text.count("Init Duration") == 1


def test_calls_at_once_run_in_sandboxes_of_their_own(cloud: LambdaCloud, tmp_path: Path) -> None:
    cloud.functions.put(a_function())
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    event = {"do": "meet", "folder": str(meeting), "count": 2}
    with ThreadPoolExecutor() as threads:
        results = list(threads.map(lambda _: call(cloud, **event), range(2)))
    assert len({json.loads(result.payload)["pid"] for result in results}) == 2


def test_an_error_of_the_runtime_is_returned_and_the_sandbox_stays(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function())
    result = call(cloud, do="fail")
    assert error_of(result) == ("Oops", "it failed")
    assert cloud.logs.text.endswith("Status: error\tError Type: Oops\t\n")
    assert cloud.service.status().warm == 1


def test_a_time_out_kills_the_sandbox(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function(timeout=1))
    result = call(cloud, do="sleep", seconds=60)
    assert error_of(result) == (
        "Sandbox.Timedout",
        f"RequestId: {result.request_id} Error: Task timed out after 1.00 seconds",
    )
    assert f"Z {result.request_id} Task timed out after 1.00 seconds\n\n" in cloud.logs.text
    assert cloud.logs.text.endswith("Status: timeout\t\n")
    assert cloud.service.status().warm == 0


def test_an_exit_is_reported_with_its_status(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function())
    result = call(cloud, do="exit", status=3)
    assert error_of(result) == (
        "Runtime.ExitError",
        f"RequestId: {result.request_id} Error: Runtime exited with error: exit status 3",
    )
    assert json.loads(call(cloud).payload)["event"] == {}


def test_memory_beyond_the_limit_is_out_of_memory(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function(memory_mb=128))
    result = call(cloud, do="allocate", mb=300)
    assert error_of(result) == (
        "Runtime.OutOfMemory",
        f"RequestId: {result.request_id} Error: Runtime exited with error: signal: killed",
    )
    assert "Max Memory Used: 128 MB" in cloud.logs.text


def test_more_files_than_tmp_holds_end_the_sandbox(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function(tmp_mb=4))
    result = call(cloud, do="fill", mb=16)
    assert error_of(result)[0] == "Runtime.ExitError"
    assert "No space left on device: /tmp is limited to 4 MB\n" in cloud.logs.text


@pytest.mark.parametrize(("how", "kind"), [("exit", "Runtime.ExitError"), ("error", "Bad")])
def test_a_failed_initialisation_is_the_answer(cloud: LambdaCloud, how: str, kind: str) -> None:
    cloud.functions.put(a_function(environment={"INIT": how}))
    result = call(cloud)
    assert error_of(result)[0] == kind
    assert f"Phase: init\tStatus: error\tError Type: {kind}\n" in cloud.logs.text


def test_an_answer_above_the_limit_is_an_error(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function())
    assert error_of(call(cloud, do="large", size=6_291_456))[0] == "Function.ResponseSizeTooLarge"


def test_a_flood_of_output_is_stored_in_bounded_pieces(tmp_path: Path) -> None:
    cloud = a_cloud(tmp_path, keep_logs=False)
    try:
        cloud.functions.put(a_function())
        result = call(cloud, do="flood", mb=50)
    finally:
        cloud.close()
    assert cloud.logs.size > 50 << 20
    assert cloud.logs.largest_event <= 262_144
    assert cloud.logs.largest_batch <= 1 << 20
    assert len(result.log_tail) == 4096


def test_a_child_in_a_session_of_its_own_ends_with_the_sandbox(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function())
    orphan = json.loads(call(cloud, do="orphan").payload)["orphan"]
    assert start_time(orphan) is not None
    cloud.close()
    assert start_time(orphan) is None


def test_a_changed_function_gets_a_new_sandbox(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function())
    first = json.loads(call(cloud).payload)["pid"]
    cloud.functions.put(a_function(environment={"A": "b"}))
    second = json.loads(call(cloud, do="environment").payload)
    assert second["A"] == "b"
    assert start_time(first) is None


def test_idle_sandboxes_of_changed_and_deleted_functions_are_swept_away(cloud: LambdaCloud) -> None:
    for name in ("f", "g"):
        cloud.functions.put(a_function(name))
        cloud.service.invoke(name, b"{}")
    assert cloud.service.status().warm == 2
    cloud.functions.put(a_function(memory_mb=1024))
    del cloud.functions.by_name["g"]
    cloud.service.close_stale_sandboxes()
    assert cloud.service.status().warm == 0


def test_a_sandbox_that_was_idle_too_long_is_swept_away(tmp_path: Path) -> None:
    cloud = a_cloud(tmp_path, idle_limit=0.0)
    try:
        cloud.functions.put(a_function())
        call(cloud)
        cloud.service.close_stale_sandboxes()
        assert cloud.service.status().warm == 0
    finally:
        cloud.close()


def test_the_sandbox_sees_the_variables_that_lambda_sets(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function(environment={"MINE": "1", "AWS_REGION": "nowhere"}))
    variables = json.loads(call(cloud, do="environment").payload)
    assert variables["MINE"] == "1"
    assert variables["AWS_REGION"] == variables["AWS_DEFAULT_REGION"] == "us-east-1"
    assert variables["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"] == "512"
    assert variables["AWS_LAMBDA_LOG_GROUP_NAME"] == "/aws/lambda/f"
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert variables["AWS_ACCESS_KEY_ID"] == "ASIA"
    assert variables["TZ"] == ":UTC"
    assert (cloud.folder / "engine" / "images").is_dir()


def test_reserved_concurrency_throttles(cloud: LambdaCloud) -> None:
    cloud.functions.put(a_function(reserved_concurrency=0))
    with pytest.raises(LambdaApiError) as caught:
        call(cloud)
    assert (caught.value.status, caught.value.code) == (429, "TooManyRequestsException")


def test_a_full_machine_throttles_after_some_patience(tmp_path: Path) -> None:
    cloud = a_cloud(tmp_path, concurrency=1, patience=0.01)
    try:
        cloud.functions.put(a_function())
        meeting = tmp_path / "meeting"
        meeting.mkdir()
        event = {"do": "meet", "folder": str(meeting), "count": 2}
        with ThreadPoolExecutor() as threads:
            running = threads.submit(call, cloud, **event)
            until(lambda: running.done() or list(meeting.iterdir()))
            assert not running.done()
            with pytest.raises(LambdaApiError, match="Rate Exceeded"):
                call(cloud)
            (meeting / "enough").touch()
            assert running.result().function_error == ""
    finally:
        cloud.close()


def test_a_slow_initialisation_continues_within_the_invocation(tmp_path: Path) -> None:
    cloud = a_cloud(tmp_path, init_limit=0.05)
    try:
        cloud.functions.put(a_function(environment={"INIT": "slow"}))
        result = call(cloud)
        assert result.function_error == ""
        assert re.match(
            r"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\tStatus: timeout\nSTART ",
            cloud.logs.text,
        )
    finally:
        cloud.close()


def test_an_initialisation_may_use_up_the_calls_time(tmp_path: Path) -> None:
    cloud = a_cloud(tmp_path, init_limit=0.05)
    try:
        cloud.functions.put(a_function(environment={"INIT": "stuck"}, timeout=1))
        assert error_of(call(cloud))[0] == "Sandbox.Timedout"
    finally:
        cloud.close()


def test_an_image_that_is_not_there_is_named_in_answer_and_log(tmp_path: Path) -> None:
    class NoImages:
        def resolve(self, image_uri: str, /) -> LocalImage:
            raise EngineError(f"There is no image {image_uri}.", remedy="Run `scar init` again.")

    cloud = a_cloud(tmp_path, images=NoImages())
    try:
        cloud.functions.put(a_function(image_uri="gone"))
        result = call(cloud)
        assert error_of(result)[0] == "Runtime.InvalidEntrypoint"
        assert "There is no image gone. Run `scar init` again.\n" in cloud.logs.text
    finally:
        cloud.close()


def test_closing_ends_a_running_call_with_an_error_of_the_service(
    cloud: LambdaCloud, tmp_path: Path
) -> None:
    cloud.functions.put(a_function())
    meeting = tmp_path / "meeting"
    meeting.mkdir()
    event = {"do": "meet", "folder": str(meeting), "count": 2}
    with ThreadPoolExecutor() as threads:
        running = threads.submit(call, cloud, **event)
        until(lambda: running.done() or list(meeting.iterdir()))
        assert not running.done()
        cloud.close()
        with pytest.raises(LambdaApiError) as caught:
            running.result()
    assert (caught.value.status, caught.value.code) == (503, "ServiceException")
