"""One event: its runs from claim to record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import ChainTooLong, DeadlineExceeded, ScriptFailed, Terminated
from supervisor.invocation import RunOutcome
from supervisor.model import ExecutionMode, ObjectRef
from tests.fakes.object_store import Crash, MemoryStore
from tests.fakes.supervisor_factory import (
    STATE,
    PythonScript,
    World,
    a_world,
    as_job,
    asked,
    notification,
)

if TYPE_CHECKING:
    from supervisor.invocation import ProcessSpec


def copy(task: ProcessSpec) -> int:
    source = Path(task.environment["INPUT_FILE_PATH"])
    (Path(task.environment["TMP_OUTPUT_DIR"]) / source.name).write_bytes(source.read_bytes())
    return 0


def records(world: World) -> dict[str, dict[str, object]]:
    return {
        key.rpartition("/")[2].removesuffix(".json"): json.loads(data)
        for key, data in world.store.keys(STATE).items()
    }


def test_an_upload_becomes_an_output_with_two_puts_of_records(tmp_path: Path) -> None:
    world = a_world(tmp_path)
    world.store.put("in/a b+ü.txt", b"hello")
    (result,) = world.supervisor.handle(asked(notification("in/a b+ü.txt"))).results
    assert result.state is RunOutcome.DONE
    assert world.store.keys()["out/a b+ü.txt"] == b"hello"
    assert world.store.calls == {"write": 2, "download": 1, "head": 1, "upload": 1}
    keys = sorted(world.store.keys(STATE))
    start = f"runs/fn/2026-09-21/{result.run.run_id}"
    assert keys == [f"{start}/claim.json", f"{start}/done.json"]
    manifest = records(world)["done"]["outputs"]
    assert isinstance(manifest, list)
    assert [(made["key"], made["size"]) for made in manifest] == [("out/a b+ü.txt", 5)]
    assert list(world.temporary.iterdir()) == []


def test_outputs_carry_run_root_and_hops(tmp_path: Path) -> None:
    world = a_world(tmp_path, runner=PythonScript(copy))
    world.store.put("in/x", b"1", scar_root="g/2026-01-01/r", scar_hops="2")
    (result,) = world.supervisor.handle(asked(notification("in/x"))).results
    metadata = world.store.objects["data", "out/x"][1].metadata
    assert metadata["scar-run"] == str(result.run)
    assert metadata["scar-root"] == "g/2026-01-01/r"
    assert metadata["scar-hops"] == "3"


def test_a_chain_that_is_too_long_ends_with_an_error_record(tmp_path: Path) -> None:
    world = a_world(tmp_path, runner=PythonScript(copy))
    world.store.put("in/x", b"1", scar_hops="32")
    (result,) = world.supervisor.handle(asked(notification("in/x"))).results
    assert isinstance(result.error, ChainTooLong)
    assert records(world)["error"]["kind"] == "ChainTooLong"
    assert set(world.store.keys()) == {"in/x"}


def test_a_failing_script_is_a_failure_with_its_output_and_no_uploads(tmp_path: Path) -> None:
    world = a_world(tmp_path, script='echo oh no; echo x > "$TMP_OUTPUT_DIR/x"; exit 3')
    world.store.put("in/x", b"1")
    (result,) = world.supervisor.handle(asked(notification("in/x"))).results
    assert isinstance(result.error, ScriptFailed)
    assert (result.error.status, result.output) == (3, b"oh no\n")
    assert b"".join(world.printed) == b"oh no\n"
    assert set(records(world)) == {"claim", "error"}
    assert world.store.calls["write"] == 2
    assert world.store.calls["upload"] == 0


def test_a_failed_run_delivered_again_with_the_same_request_runs_again(tmp_path: Path) -> None:
    answers = [1, 0]
    runner = PythonScript(lambda task: answers.pop(0) or copy(task))
    world = a_world(tmp_path, runner=runner)
    world.store.put("in/x", b"1")
    event = asked(notification("in/x"))
    states = [world.supervisor.handle(event).results[0].state for _ in range(2)]
    assert states == [RunOutcome.FAILED, RunOutcome.DONE]


def test_a_run_that_fails_twice_replaces_its_error(tmp_path: Path) -> None:
    answers = [4, 5]
    world = a_world(tmp_path, runner=PythonScript(lambda _: answers.pop(0)))
    world.store.put("in/x", b"1")
    for _ in range(2):
        world.supervisor.handle(asked(notification("in/x")))
    assert "status 5" in str(records(world)["error"]["problem"])


@pytest.mark.parametrize("request_id", ["req-1", "req-2"])
def test_a_duplicate_of_a_finished_run_ends_quietly(tmp_path: Path, request_id: str) -> None:
    runner = PythonScript(copy)
    world = a_world(tmp_path, runner=runner)
    world.store.put("in/x", b"1")
    world.supervisor.handle(asked(notification("in/x")))
    (again,) = world.supervisor.handle(asked(notification("in/x"), request=request_id)).results
    assert again.state is RunOutcome.DUPLICATE
    assert len(runner.tasks) == 1


def test_a_duplicate_of_a_running_run_ends_quietly(tmp_path: Path) -> None:
    seen: list[RunOutcome] = []

    def twin(task: ProcessSpec) -> int:
        again = world.supervisor.handle(asked(notification("in/x"), request="other"))
        seen.append(again.results[0].state)
        return copy(task)

    world = a_world(tmp_path, runner=PythonScript(twin))
    world.store.put("in/x", b"1")
    world.supervisor.handle(asked(notification("in/x")))
    assert seen == [RunOutcome.DUPLICATE]


def test_an_input_that_was_overwritten_ends_the_run_quietly(tmp_path: Path) -> None:
    world = a_world(tmp_path, runner=PythonScript(copy))
    world.store.put("in/x", b"newer")
    (result,) = world.supervisor.handle(asked(notification("in/x", etag="older"))).results
    assert result.state is RunOutcome.SUPERSEDED
    assert records(world)["done"]["state"] == "superseded"


def test_every_record_is_a_run_and_one_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    def picky(task: ProcessSpec) -> int:
        return 9 if task.environment["STORAGE_OBJECT_KEY"] == "in/b" else copy(task)

    world = a_world(tmp_path, runner=PythonScript(picky))
    for key in "abc":
        world.store.put(f"in/{key}", b"1")
    handled = world.supervisor.handle(asked(notification("in/a", "in/b", "in/c")))
    assert [r.state for r in handled.results] == [
        RunOutcome.DONE,
        RunOutcome.FAILED,
        RunOutcome.DONE,
    ]
    assert {"out/a", "out/c"} <= set(world.store.keys())


def test_batch_mode_submits_before_reading_the_input(tmp_path: Path) -> None:
    world = a_world(tmp_path, mode=ExecutionMode.BATCH)
    (result,) = world.supervisor.handle(asked(notification("in/x"))).results
    (job,) = world.delegator.submitted
    assert result.job_id == "job-1"
    assert job.name == f"fn-{result.run.run_id}"
    assert job.environment["SCAR_RUN_ID"] == result.run.run_id
    assert world.store.calls == {"write": 2}
    assert set(records(world)) == {"claim", "delegated"}


@pytest.mark.parametrize("mode", [ExecutionMode.BATCH, ExecutionMode.LAMBDA_BATCH])
def test_a_submitted_run_is_finished_by_its_job_with_five_puts(
    tmp_path: Path, mode: ExecutionMode
) -> None:
    world = a_world(tmp_path, mode=mode, runner=PythonScript(copy))
    world.store.put("in/x", b"1")
    world.supervisor.handle(asked(notification("in/x"), seconds=5))
    (job,) = world.delegator.submitted
    (result,) = world.supervisor.handle(as_job(job, world.store)).results
    assert result.state is RunOutcome.DONE
    assert world.store.calls["write"] == 5
    assert set(records(world)) == {"claim", "delegated", "attempt-1", "done"}
    assert records(world)["attempt-1"]["log_stream"] == "fn/default/task"
    assert world.store.keys()["out/x"] == b"1"


def test_a_second_job_of_the_same_run_ends_quietly_but_a_later_attempt_takes_over(
    tmp_path: Path,
) -> None:
    world = a_world(tmp_path, mode=ExecutionMode.BATCH, runner=PythonScript(copy))
    world.store.put("in/x", b"1")
    world.supervisor.handle(asked(notification("in/x")))
    (job,) = world.delegator.submitted
    world.store.crash_at = len(world.store.history) + 6  # after claim and attempt
    with pytest.raises(Crash):
        world.supervisor.handle(as_job(job, world.store))
    world.store.crash_at = None
    (twin,) = world.supervisor.handle(as_job(job, world.store, number="job-2")).results
    assert twin.state is RunOutcome.DUPLICATE
    (later,) = world.supervisor.handle(as_job(job, world.store, attempt=2)).results
    assert later.state is RunOutcome.DONE


def test_a_large_event_goes_through_the_state_bucket(tmp_path: Path) -> None:
    world = a_world(tmp_path, mode=ExecutionMode.BATCH, runner=PythonScript(copy))
    event = {"numbers": "x" * 9000, "umlaut": "ü"}
    world.supervisor.handle(asked(event))
    (job,) = world.delegator.submitted
    assert "SCAR_EVENT" not in job.environment
    assert json.loads(as_job(job, world.store).event) == event
    (result,) = world.supervisor.handle(as_job(job, world.store)).results
    assert result.state is RunOutcome.DONE
    assert json.loads(world.store.keys()["out/event.json"]) == event


def test_direct_calls_in_mode_batch_take_their_script_along(tmp_path: Path) -> None:
    world = a_world(tmp_path, mode=ExecutionMode.BATCH)
    world.supervisor.handle(asked({"script": "echo mine"}))
    (job,) = world.delegator.submitted
    (result,) = world.supervisor.handle(as_job(job, world.store)).results
    assert result.output == b"mine\n"


def test_lambda_batch_submits_before_the_first_put_when_time_runs_out(tmp_path: Path) -> None:
    clock = [1_790_000_000.0]

    def slow(task: ProcessSpec) -> int:
        clock[0] += 295
        return copy(task)

    world = a_world(
        tmp_path,
        mode=ExecutionMode.LAMBDA_BATCH,
        runner=PythonScript(slow),
        now=lambda: clock[0],
    )
    world.store.put("in/x", b"1")
    (result,) = world.supervisor.handle(asked(notification("in/x"))).results
    assert result.state is RunOutcome.SUBMITTED
    assert world.store.calls["upload"] == 0


def test_lambda_alone_fails_when_time_runs_out(tmp_path: Path) -> None:
    world = a_world(tmp_path, script="sleep 30")
    world.store.put("in/x", b"1")
    (result,) = world.supervisor.handle(asked(notification("in/x"), seconds=10.4)).results
    assert isinstance(result.error, DeadlineExceeded)
    assert set(records(world)) == {"claim", "error"}
    assert list(world.temporary.iterdir()) == []


def test_term_is_recorded_and_the_workspace_removed(tmp_path: Path) -> None:
    def terminated(_task: ProcessSpec) -> int:
        raise Terminated

    world = a_world(tmp_path, runner=PythonScript(terminated))
    world.store.put("in/x", b"1")
    with pytest.raises(Terminated):
        world.supervisor.handle(asked(notification("in/x")))
    assert "error" in records(world)
    assert list(world.temporary.iterdir()) == []


def test_a_newer_record_format_is_refused_politely(tmp_path: Path) -> None:
    world = a_world(tmp_path, runner=PythonScript(copy))
    world.store.put("in/x", b"1")
    world.supervisor.handle(asked(notification("in/x")))
    for place in [p for p in world.store.objects if p[0] == STATE]:
        if place[1].endswith("done.json"):
            del world.store.objects[place]
        else:
            world.store.put(place[1], b'{"format": 99}', bucket=STATE)
    (result,) = world.supervisor.handle(asked(notification("in/x"))).results
    assert result.error is not None
    assert "format 99" in result.error.problem
    assert "newer release" in result.error.remedy


def test_no_event_body_is_logged(tmp_path: Path) -> None:
    world = a_world(tmp_path, script="exit 1")
    world.supervisor.handle(asked({"password": "hunter2"}))
    assert b"hunter2" not in b"".join(world.log)


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("call", range(9))
def test_a_crash_at_any_store_call_is_mended_by_redelivery(
    tmp_path: Path, call: int, *, after: bool
) -> None:
    def two(task: ProcessSpec) -> int:
        (Path(task.environment["TMP_OUTPUT_DIR"]) / "second").write_bytes(b"2")
        return copy(task)

    store = MemoryStore()
    store.put("in/x", b"1")
    world = a_world(tmp_path, store=store, runner=PythonScript(two))
    setattr(store, "crash_after" if after else "crash_at", call)
    event = asked(notification("in/x"))
    try:
        world.supervisor.handle(event)
    except Crash:
        store.crash_at = store.crash_after = None
        world.supervisor.handle(event)
    assert {k: v for k, v in store.keys().items() if k.startswith("out/")} == {
        "out/x": b"1",
        "out/second": b"2",
    }
    assert store.created["out/x"] == store.created["out/second"] == 1
    assert "done" in records(world)


def test_an_output_of_a_newer_upload_is_not_overwritten(tmp_path: Path) -> None:
    world = a_world(tmp_path, runner=PythonScript(copy))
    world.store.put("in/x", b"new")
    world.supervisor.handle(asked(notification("in/x", sequencer="00B0")))
    world.store.put("in/x", b"old")
    event = asked(notification("in/x", sequencer="00A9"), request="other")
    world.supervisor.handle(event)
    assert world.store.keys()["out/x"] == b"new"


def test_an_output_that_replaces_that_of_another_input_is_logged(
    tmp_path: Path,
) -> None:
    world = a_world(tmp_path, runner=PythonScript(copy))
    runs = []
    for number, key in enumerate(("in/2021/x", "in/2022/x")):
        world.store.put(key, key.encode())
        event = asked(notification(key), request=f"req-{number}")
        runs.append(world.supervisor.handle(event).results[0].run)
    assert world.store.keys()["out/x"] == b"in/2022/x"
    done = [json.loads(world.store.keys(STATE)[run.key("done")])["outputs"][0] for run in runs]
    assert [one["replaced"] for one in done] == ["", str(runs[0])]
    (warning,) = [line for line in map(json.loads, world.log) if line["level"] == "WARNING"]
    assert str(runs[0]) in warning["message"]
    assert "STORAGE_OBJECT_KEY" in warning["remedy"]


def test_the_output_of_a_newer_upload_of_the_same_file_replaces_it_silently(
    tmp_path: Path,
) -> None:
    world = a_world(tmp_path, runner=PythonScript(copy))
    for number in range(2):
        world.store.put("in/x", str(number).encode())
        event = asked(notification("in/x", sequencer=f"00A{number}"), request=f"req-{number}")
        world.supervisor.handle(event)
    assert world.store.keys()["out/x"] == b"1"
    assert not [line for line in map(json.loads, world.log) if line["level"] == "WARNING"]


def test_an_upload_that_lost_a_race_reads_the_object_again(tmp_path: Path) -> None:
    raced: list[str] = []

    def race(method: str, ref: ObjectRef) -> None:
        if method == "upload" and not raced:
            raced.append(ref.key)
            world.store.put(ref.key, b"theirs")

    world = a_world(tmp_path, runner=PythonScript(copy))
    world.store.put("in/x", b"1")
    world.store.before = race
    world.supervisor.handle(asked(notification("in/x")))
    assert world.store.keys()["out/x"] == b"1"
    assert world.store.calls["head"] == 2


def test_a_request_that_arrives_twice_submits_one_job(tmp_path: Path) -> None:
    world = a_world(tmp_path, mode=ExecutionMode.BATCH)
    for _ in range(2):
        world.supervisor.handle(asked(notification("in/x")))
    assert len(world.delegator.submitted) == 1


def test_a_run_whose_job_failed_runs_again_on_a_new_request(tmp_path: Path) -> None:
    world = a_world(tmp_path, mode=ExecutionMode.BATCH, script="exit 1")
    world.store.put("in/x", b"1")
    world.supervisor.handle(asked(notification("in/x")))
    (job,) = world.delegator.submitted
    world.supervisor.handle(as_job(job, world.store))
    world.supervisor.handle(asked(notification("in/x"), request="req-2"))
    again = world.delegator.submitted[1]
    (result,) = world.supervisor.handle(as_job(again, world.store, number="job-2")).results
    assert result.state is RunOutcome.FAILED
    assert len(world.delegator.submitted) == 2
