"""One event: its runs from claim to record."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from supervisor.errors import ChainTooLong, DeadlineExceeded, ScriptFailed, Terminated
from supervisor.model import ExecutionMode, ObjectRef, OutputRule
from supervisor.results import RunOutcome
from tests.fakes.object_store import Crash, MemoryStore
from tests.fakes.supervisor_factory import (
    STATE,
    PythonScript,
    SupervisorHarness,
    job_invocation,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from supervisor.invocation import ProcessSpec


def copy(task: ProcessSpec) -> int:
    source = Path(task.environment["INPUT_FILE_PATH"])
    (Path(task.environment["TMP_OUTPUT_DIR"]) / source.name).write_bytes(source.read_bytes())
    return 0


def records(harness: SupervisorHarness) -> dict[str, dict[str, object]]:
    return {
        key.rpartition("/")[2].removesuffix(".json"): json.loads(data)
        for key, data in harness.store.keys(STATE).items()
    }


def test_an_upload_becomes_an_output_with_two_puts_of_records(tmp_path: Path) -> None:
    harness = new_harness(tmp_path)
    harness.store.put("in/a b+ü.txt", b"hello")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/a b+ü.txt"))).results
    assert result.state is RunOutcome.DONE
    assert harness.store.keys()["out/a b+ü.txt"] == b"hello"
    assert harness.store.calls == {"write": 2, "download": 1, "upload": 1}
    keys = sorted(harness.store.keys(STATE))
    start = f"runs/fn/2026-09-21/{result.run.run_id}"
    assert keys == [f"{start}/claim.json", f"{start}/done.json"]
    manifest = records(harness)["done"]["outputs"]
    assert isinstance(manifest, list)
    assert [(made["key"], made["size"]) for made in manifest] == [("out/a b+ü.txt", 5)]
    assert list(harness.temporary.iterdir()) == []


def test_outputs_carry_run_root_and_hops(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    harness.store.put("in/x", b"1", scar_root="g/2026-01-01/r", scar_hops="2")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    metadata = harness.store.objects["data", "out/x"][1].metadata
    assert metadata["scar-run"] == str(result.run)
    assert metadata["scar-root"] == "g/2026-01-01/r"
    assert metadata["scar-hops"] == "3"


def test_a_chain_that_is_too_long_ends_with_an_error_record(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    harness.store.put("in/x", b"1", scar_hops="32")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    assert isinstance(result.error, ChainTooLong)
    assert records(harness)["error"]["kind"] == "ChainTooLong"
    assert set(harness.store.keys()) == {"in/x"}


def test_a_failing_script_is_a_failure_with_its_output_and_no_uploads(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, script='echo oh no; echo x > "$TMP_OUTPUT_DIR/x"; exit 3')
    harness.store.put("in/x", b"1")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    assert isinstance(result.error, ScriptFailed)
    assert (result.error.status, result.output) == (3, b"oh no\n")
    assert b"".join(harness.printed) == b"oh no\n"
    assert set(records(harness)) == {"claim", "error"}
    assert harness.store.calls["write"] == 2
    assert harness.store.calls["upload"] == 0


def test_a_failed_run_delivered_again_with_the_same_request_runs_again(tmp_path: Path) -> None:
    answers = [1, 0]
    runner = PythonScript(lambda task: answers.pop(0) or copy(task))
    harness = new_harness(tmp_path, runner=runner)
    harness.store.put("in/x", b"1")
    event = lambda_invocation(notification("in/x"))
    states = [harness.supervisor.handle(event).results[0].state for _ in range(2)]
    assert states == [RunOutcome.FAILED, RunOutcome.DONE]


def test_a_run_that_fails_twice_replaces_its_error(tmp_path: Path) -> None:
    answers = [4, 5]
    harness = new_harness(tmp_path, runner=PythonScript(lambda _: answers.pop(0)))
    harness.store.put("in/x", b"1")
    for _ in range(2):
        harness.supervisor.handle(lambda_invocation(notification("in/x")))
    assert "status 5" in str(records(harness)["error"]["problem"])


@pytest.mark.parametrize("request_id", ["req-1", "req-2"])
def test_a_duplicate_of_a_finished_run_ends_quietly(tmp_path: Path, request_id: str) -> None:
    runner = PythonScript(copy)
    harness = new_harness(tmp_path, runner=runner)
    harness.store.put("in/x", b"1")
    harness.supervisor.handle(lambda_invocation(notification("in/x")))
    (again,) = harness.supervisor.handle(
        lambda_invocation(notification("in/x"), request=request_id)
    ).results
    assert again.state is RunOutcome.DUPLICATE
    assert len(runner.tasks) == 1


def test_a_duplicate_of_a_running_run_ends_quietly(tmp_path: Path) -> None:
    seen: list[RunOutcome] = []

    def twin(task: ProcessSpec) -> int:
        again = harness.supervisor.handle(lambda_invocation(notification("in/x"), request="other"))
        seen.append(again.results[0].state)
        return copy(task)

    harness = new_harness(tmp_path, runner=PythonScript(twin))
    harness.store.put("in/x", b"1")
    harness.supervisor.handle(lambda_invocation(notification("in/x")))
    assert seen == [RunOutcome.DUPLICATE]


def test_an_input_that_was_overwritten_ends_the_run_quietly(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    harness.store.put("in/x", b"newer")
    (result,) = harness.supervisor.handle(
        lambda_invocation(notification("in/x", etag="older"))
    ).results
    assert result.state is RunOutcome.SUPERSEDED
    done = records(harness)["done"]
    assert done["state"] == "superseded"
    assert "input_absent" not in done


def test_an_input_that_does_not_exist_ends_the_run_and_is_not_called_a_newer_upload(
    tmp_path: Path,
) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    event = lambda_invocation(notification("in/x", etag="older"))
    (result,) = harness.supervisor.handle(event).results
    assert result.state is RunOutcome.SUPERSEDED
    done = records(harness)["done"]
    assert (done["state"], done["input_absent"]) == ("superseded", True)
    assert not any("superseded" in line.decode() for line in harness.log)


def test_every_record_is_a_run_and_one_failure_does_not_stop_the_others(tmp_path: Path) -> None:
    def picky(task: ProcessSpec) -> int:
        return 9 if task.environment["STORAGE_OBJECT_KEY"] == "in/b" else copy(task)

    harness = new_harness(tmp_path, runner=PythonScript(picky))
    for key in "abc":
        harness.store.put(f"in/{key}", b"1")
    handled = harness.supervisor.handle(lambda_invocation(notification("in/a", "in/b", "in/c")))
    assert [r.state for r in handled.results] == [
        RunOutcome.DONE,
        RunOutcome.FAILED,
        RunOutcome.DONE,
    ]
    assert {"out/a", "out/c"} <= set(harness.store.keys())


def test_batch_mode_submits_before_reading_the_input(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH)
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    (job,) = harness.submitter.submitted
    assert result.job_id == "job-1"
    assert job.name == f"fn-{result.run.run_id}"
    assert job.environment["SCAR_RUN_ID"] == result.run.run_id
    assert harness.store.calls == {"write": 2}
    assert set(records(harness)) == {"claim", "delegated"}


@pytest.mark.parametrize("mode", [ExecutionMode.BATCH, ExecutionMode.LAMBDA_BATCH])
def test_a_submitted_run_is_finished_by_its_job_with_five_puts(
    tmp_path: Path, mode: ExecutionMode
) -> None:
    harness = new_harness(tmp_path, mode=mode, runner=PythonScript(copy))
    harness.store.put("in/x", b"1")
    harness.supervisor.handle(lambda_invocation(notification("in/x"), seconds=5))
    (job,) = harness.submitter.submitted
    (result,) = harness.supervisor.handle(job_invocation(job, harness.store)).results
    assert result.state is RunOutcome.DONE
    assert harness.store.calls["write"] == 5
    assert set(records(harness)) == {"claim", "delegated", "attempt-1", "done"}
    assert records(harness)["attempt-1"]["log_stream"] == "fn/default/task"
    assert harness.store.keys()["out/x"] == b"1"


def test_a_second_job_of_the_same_run_ends_quietly_but_a_later_attempt_takes_over(
    tmp_path: Path,
) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH, runner=PythonScript(copy))
    harness.store.put("in/x", b"1")
    harness.supervisor.handle(lambda_invocation(notification("in/x")))
    (job,) = harness.submitter.submitted
    harness.store.crash_at = len(harness.store.history) + 6  # after claim and attempt
    with pytest.raises(Crash):
        harness.supervisor.handle(job_invocation(job, harness.store))
    harness.store.crash_at = None
    (twin,) = harness.supervisor.handle(job_invocation(job, harness.store, number="job-2")).results
    assert twin.state is RunOutcome.DUPLICATE
    (later,) = harness.supervisor.handle(job_invocation(job, harness.store, attempt=2)).results
    assert later.state is RunOutcome.DONE


def test_a_large_event_is_passed_through_the_state_bucket(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH, runner=PythonScript(copy))
    event = {"numbers": "x" * 9000, "umlaut": "ü"}
    harness.supervisor.handle(lambda_invocation(event))
    (job,) = harness.submitter.submitted
    assert "SCAR_EVENT" not in job.environment
    assert json.loads(job_invocation(job, harness.store).event) == event
    (result,) = harness.supervisor.handle(job_invocation(job, harness.store)).results
    assert result.state is RunOutcome.DONE
    name = f"out/event-file-{result.run.run_id}.json"
    assert json.loads(harness.store.keys()[name]) == event


def test_direct_calls_in_mode_batch_take_their_script_along(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH)
    harness.supervisor.handle(lambda_invocation({"script": "echo mine"}))
    (job,) = harness.submitter.submitted
    (result,) = harness.supervisor.handle(job_invocation(job, harness.store)).results
    assert result.output == b"mine\n"


def test_lambda_batch_submits_before_the_first_put_when_time_runs_out(tmp_path: Path) -> None:
    clock = [1_790_000_000.0]

    def slow(task: ProcessSpec) -> int:
        clock[0] += 295
        return copy(task)

    harness = new_harness(
        tmp_path,
        mode=ExecutionMode.LAMBDA_BATCH,
        runner=PythonScript(slow),
        now=lambda: clock[0],
    )
    harness.store.put("in/x", b"1")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    assert result.state is RunOutcome.SUBMITTED
    assert harness.store.calls["upload"] == 0


def test_lambda_alone_fails_when_time_runs_out(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, script="sleep 30")
    harness.store.put("in/x", b"1")
    (result,) = harness.supervisor.handle(
        lambda_invocation(notification("in/x"), seconds=10.4)
    ).results
    assert isinstance(result.error, DeadlineExceeded)
    assert set(records(harness)) == {"claim", "error"}
    assert list(harness.temporary.iterdir()) == []


def test_term_is_recorded_and_the_workspace_removed(tmp_path: Path) -> None:
    def terminated(_task: ProcessSpec) -> int:
        raise Terminated

    harness = new_harness(tmp_path, runner=PythonScript(terminated))
    harness.store.put("in/x", b"1")
    with pytest.raises(Terminated):
        harness.supervisor.handle(lambda_invocation(notification("in/x")))
    assert "error" in records(harness)
    assert list(harness.temporary.iterdir()) == []


def test_a_newer_record_format_is_an_error(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    harness.store.put("in/x", b"1")
    harness.supervisor.handle(lambda_invocation(notification("in/x")))
    for place in [p for p in harness.store.objects if p[0] == STATE]:
        if place[1].endswith("done.json"):
            del harness.store.objects[place]
        else:
            harness.store.put(place[1], b'{"format": 99}', bucket=STATE)
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    assert result.error is not None
    assert "format 99" in result.error.problem
    assert "newer release" in result.error.remedy


def test_no_event_body_is_logged(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, script="exit 1")
    harness.supervisor.handle(lambda_invocation({"password": "hunter2"}))
    assert b"hunter2" not in b"".join(harness.log)


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("call", range(9))
def test_a_redelivery_completes_a_run_that_crashed_at_any_store_call(
    tmp_path: Path, call: int, *, after: bool
) -> None:
    def two(task: ProcessSpec) -> int:
        (Path(task.environment["TMP_OUTPUT_DIR"]) / "second").write_bytes(b"2")
        return copy(task)

    store = MemoryStore()
    store.put("in/x", b"1")
    harness = new_harness(tmp_path, store=store, runner=PythonScript(two))
    setattr(store, "crash_after" if after else "crash_at", call)
    event = lambda_invocation(notification("in/x"))
    try:
        harness.supervisor.handle(event)
    except Crash:
        store.crash_at = store.crash_after = None
        harness.supervisor.handle(event)
    assert {k: v for k, v in store.keys().items() if k.startswith("out/")} == {
        "out/x": b"1",
        "out/second": b"2",
    }
    assert store.created["out/x"] == store.created["out/second"] == 1
    assert "done" in records(harness)


def test_an_output_of_a_newer_upload_is_not_overwritten(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    harness.store.put("in/x", b"new")
    harness.supervisor.handle(lambda_invocation(notification("in/x", sequencer="00B0")))
    harness.store.put("in/x", b"old")
    event = lambda_invocation(notification("in/x", sequencer="00A9"), request="other")
    harness.supervisor.handle(event)
    assert harness.store.keys()["out/x"] == b"new"


def test_an_output_that_replaces_that_of_another_input_is_logged(
    tmp_path: Path,
) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    runs = []
    for number, key in enumerate(("in/2021/x", "in/2022/x")):
        harness.store.put(key, key.encode())
        event = lambda_invocation(notification(key), request=f"req-{number}")
        runs.append(harness.supervisor.handle(event).results[0].run)
    assert harness.store.keys()["out/x"] == b"in/2022/x"
    done = [json.loads(harness.store.keys(STATE)[run.key("done")])["outputs"][0] for run in runs]
    assert [one["replaced"] for one in done] == ["", str(runs[0])]
    (warning,) = [line for line in map(json.loads, harness.log) if line["level"] == "WARNING"]
    assert str(runs[0]) in warning["message"]
    assert "STORAGE_OBJECT_KEY" in warning["remedy"]


def test_the_output_of_a_newer_upload_of_the_same_file_replaces_it_silently(
    tmp_path: Path,
) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    for number in range(2):
        harness.store.put("in/x", str(number).encode())
        event = lambda_invocation(
            notification("in/x", sequencer=f"00A{number}"), request=f"req-{number}"
        )
        harness.supervisor.handle(event)
    assert harness.store.keys()["out/x"] == b"1"
    assert not [line for line in map(json.loads, harness.log) if line["level"] == "WARNING"]


@pytest.mark.parametrize(
    ("content_type", "suffix"), [("application/json", ".json"), ("image/png", ""), (None, "")]
)
def test_two_calls_whose_script_copies_its_input_have_two_outputs(
    tmp_path: Path, content_type: str | None, suffix: str
) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    for number in range(2):
        event = {
            "httpMethod": "POST",
            "headers": {"Content-Type": content_type} if content_type else {},
            "body": f"{number}",
        }
        # Lambda delivers the second one twice: an attempt of the same call has the same name.
        for _ in range(number + 1):
            harness.supervisor.handle(lambda_invocation(event, request=f"req-{number}"))
    assert harness.store.keys() == {
        f"out/event-file-req-{number}{suffix}": b"%d" % number for number in range(2)
    }


def test_what_is_left_out_is_recorded_logged_and_returned(tmp_path: Path) -> None:
    def leave_out(task: ProcessSpec) -> int:
        folder = Path(task.environment["TMP_OUTPUT_DIR"])
        for name in ("a.txt", "b.txt", "c.txt"):
            (folder / name).touch()
        (folder / "link").symlink_to("/etc")
        return 0

    harness = new_harness(tmp_path, runner=PythonScript(leave_out))
    rules = (OutputRule(provider="s3", path="data/out", suffix=(".csv",)),)
    config = replace(harness.supervisor.config, outputs=rules)
    supervisor = replace(harness.supervisor, config=config)
    (result,) = supervisor.handle(lambda_invocation({})).results
    assert (result.state, result.uploaded) == (RunOutcome.DONE, 0)
    assert records(harness)["done"]["left_out"] == [item.to_json() for item in result.left_out]
    assert sorted(map(str, result.left_out)) == [
        "1 link out of the run's folders not uploaded",
        "3 files did not match suffix .csv",
    ]
    (line,) = [line for line in map(json.loads, harness.log) if "Done" in line["message"]]
    assert line["message"].startswith("Done: 0 output files; ")
    assert "3 files did not match suffix .csv" in line["message"]


def test_a_run_that_left_nothing_out_does_not_record_it(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(copy))
    harness.store.put("in/x", b"1")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x"))).results
    assert (result.uploaded, result.left_out) == (1, ())
    assert "left_out" not in records(harness)["done"]


def test_an_upload_that_lost_a_race_reads_the_object_again(tmp_path: Path) -> None:
    raced: list[str] = []

    def race(method: str, ref: ObjectRef) -> None:
        if method == "upload" and len(raced) < 2:
            raced.append(ref.key)
            harness.store.put(ref.key, b"theirs %d" % len(raced))

    harness = new_harness(tmp_path, runner=PythonScript(copy))
    harness.store.put("in/x", b"1")
    harness.store.before = race
    harness.supervisor.handle(lambda_invocation(notification("in/x")))
    assert harness.store.keys()["out/x"] == b"1"
    assert harness.store.calls["head"] == 2


def test_a_request_that_arrives_twice_submits_one_job(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH)
    for _ in range(2):
        harness.supervisor.handle(lambda_invocation(notification("in/x")))
    assert len(harness.submitter.submitted) == 1


def test_a_run_whose_job_failed_runs_again_on_a_new_request(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, mode=ExecutionMode.BATCH, script="exit 1")
    harness.store.put("in/x", b"1")
    harness.supervisor.handle(lambda_invocation(notification("in/x")))
    (job,) = harness.submitter.submitted
    harness.supervisor.handle(job_invocation(job, harness.store))
    harness.supervisor.handle(lambda_invocation(notification("in/x"), request="req-2"))
    again = harness.submitter.submitted[1]
    (result,) = harness.supervisor.handle(
        job_invocation(again, harness.store, number="job-2")
    ).results
    assert result.state is RunOutcome.FAILED
    assert len(harness.submitter.submitted) == 2
