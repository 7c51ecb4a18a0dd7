"""The runs that continue in Batch, and the memory of their jobs."""

from __future__ import annotations

import errno
import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.batch.fallback import choose_job_size
from supervisor.errors import DeadlineExceeded, DiskFull, OutOfMemory, ScriptFailed
from supervisor.job_model import BatchTarget, JobOptions
from supervisor.model import ExecutionMode, FunctionConfig
from supervisor.results import RunOutcome
from tests.fakes.supervisor_factory import (
    STATE,
    PythonScript,
    SupervisorHarness,
    lambda_invocation,
    new_harness,
    notification,
)

if TYPE_CHECKING:
    from pathlib import Path

    from supervisor.invocation import ProcessSpec
    from supervisor.results import RunResult

LADDER = (("1", 2048), ("1", 4096), ("2", 8192), ("4", 16384))


def a_config(own: int, lambda_memory: int) -> FunctionConfig:
    return FunctionConfig(
        name="fn",
        mode=ExecutionMode.LAMBDA_BATCH,
        state_bucket=STATE,
        memory=lambda_memory,
        batch=BatchTarget(queue="q", definition="fn", memory=own, larger=LADDER),
    )


def out_of_memory() -> OutOfMemory:
    return OutOfMemory(137)


@pytest.mark.parametrize(
    ("own", "lambda_memory", "size"),
    [
        (1024, 512, None),
        (1024, 513, JobOptions(vcpus="1", memory=2048)),
        (1024, 1024, JobOptions(vcpus="1", memory=2048)),
        (1024, 1025, JobOptions(vcpus="1", memory=4096)),
        (4096, 3000, JobOptions(vcpus="2", memory=8192)),
        (16384, 8192, None),
        (16384, 10240, None),
        (1024, 10240, JobOptions(vcpus="4", memory=16384)),
    ],
)
def test_a_job_gets_twice_lambdas_memory_or_the_maximum(
    own: int, lambda_memory: int, size: JobOptions | None
) -> None:
    assert choose_job_size(out_of_memory(), a_config(own, lambda_memory)) == size


def test_batch_with_no_more_memory_than_lambda_is_an_error() -> None:
    config = FunctionConfig(
        name="fn",
        mode=ExecutionMode.LAMBDA_BATCH,
        state_bucket=STATE,
        memory=4096,
        batch=BatchTarget(queue="q", definition="fn", memory=2048, larger=(("1", 4096),)),
    )
    with pytest.raises(OutOfMemory) as raised:
        choose_job_size(out_of_memory(), config)
    assert "at most 4096 MiB" in raised.value.remedy


@pytest.mark.parametrize("error", [None, DeadlineExceeded("late"), DiskFull("full")])
def test_other_reasons_do_not_change_the_job_s_memory(error: DeadlineExceeded | None) -> None:
    assert choose_job_size(error, a_config(512, 8192)) is None


@given(own=st.integers(4, 20_000), given_memory=st.integers(128, 10_240))
def test_a_job_never_gets_less_than_its_definition_or_than_lambda(
    own: int, given_memory: int
) -> None:
    try:
        size = choose_job_size(out_of_memory(), a_config(own, given_memory))
    except OutOfMemory:
        assert max(own, 16384) <= given_memory
        return
    got = size.memory if size else own
    assert got >= own
    assert got > given_memory


def killed(_task: ProcessSpec) -> int:
    return 137


def handled(harness: SupervisorHarness, **event: object) -> RunResult:
    harness.store.put("in/x", b"hello")
    (result,) = harness.supervisor.handle(lambda_invocation(notification("in/x", **event))).results  # type: ignore[arg-type]
    return result


def a_lambda_batch_world(folder: Path, script: object, *, free: int = 1 << 30) -> SupervisorHarness:
    from dataclasses import replace

    harness = new_harness(folder, mode=ExecutionMode.LAMBDA_BATCH, runner=PythonScript(script))  # type: ignore[arg-type]
    config = replace(
        harness.supervisor.config,
        memory=1024,
        batch=BatchTarget(queue="q", definition="fn", memory=1024, larger=LADDER),
    )
    supervisor = replace(harness.supervisor, config=config, free_space=lambda _folder: free)
    return replace(harness, supervisor=supervisor)


def delegated(harness: SupervisorHarness) -> dict[str, object]:
    (data,) = (d for k, d in harness.store.keys(STATE).items() if k.endswith("/delegated.json"))
    found = json.loads(data)
    assert isinstance(found, dict)
    return found


def test_a_killed_script_continues_in_batch_with_more_memory(tmp_path: Path) -> None:
    harness = a_lambda_batch_world(tmp_path, killed)
    assert handled(harness).state is RunOutcome.SUBMITTED
    (job,) = harness.submitter.submitted
    assert (job.vcpus, job.memory) == ("1", 2048)
    assert delegated(harness)["kind"] == "OutOfMemory"


def test_a_script_that_fails_by_itself_is_not_submitted(tmp_path: Path) -> None:
    harness = a_lambda_batch_world(tmp_path, lambda _task: 3)
    result = handled(harness)
    assert isinstance(result.error, ScriptFailed)
    assert not harness.submitter.submitted


def test_in_lambda_alone_a_killed_script_is_a_failure_that_names_memory(tmp_path: Path) -> None:
    harness = new_harness(tmp_path, runner=PythonScript(killed))
    result = handled(harness)
    assert isinstance(result.error, OutOfMemory)
    assert "lambda-batch" in result.error.remedy


def test_an_input_that_does_not_fit_is_submitted_before_it_is_read(tmp_path: Path) -> None:
    harness = a_lambda_batch_world(tmp_path, killed, free=4)
    event = notification("in/x")
    event["Records"][0]["s3"]["object"]["size"] = 5  # type: ignore[index]
    harness.store.put("in/x", b"hello")
    (result,) = harness.supervisor.handle(lambda_invocation(event)).results
    assert result.state is RunOutcome.SUBMITTED
    assert harness.store.calls["download"] == 0
    assert delegated(harness)["kind"] == "DiskFull"
    assert harness.submitter.submitted[0].memory == 0


def test_a_disk_that_fills_up_during_the_download_submits_the_run(tmp_path: Path) -> None:
    harness = a_lambda_batch_world(tmp_path, killed)

    def before(method: str, _ref: object) -> None:
        if method == "download":
            raise OSError(errno.ENOSPC, "No space left on device")

    harness.store.before = before
    assert handled(harness).state is RunOutcome.SUBMITTED


def test_a_script_that_fails_on_a_full_disk_is_submitted(tmp_path: Path) -> None:
    harness = a_lambda_batch_world(tmp_path, lambda _task: 1, free=1000)
    assert handled(harness).state is RunOutcome.SUBMITTED
