"""Jobs get GPUs of this machine, each GPU one job, or stay RUNNABLE with AWS's reason."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.local.batch.environment import job_environment
from scar.local.batch.model import AttemptOutcome, BatchJob, JobSpec, job_from_json, job_to_json
from scar.local.batch.scheduling.placement import (
    NO_FREE_GPU,
    GpuCapacity,
    JobBlocked,
    JobStart,
    RunnableJob,
    find_expired_limit,
    place_jobs,
)
from scar.local.batch.state_machine import JobStateMachine
from scar.local.batch.store import JobStore
from scar.local.batch.submission import BatchApiError, build_job_spec
from scar.local.engines.port import GpuDevice
from scar.local.gpus import find_gpus
from scar.local.moto.batch_registry import (
    ComputeEnvironmentRecord,
    JobQueueRecord,
    StateTimeLimit,
)
from supervisor.aws.sigv4 import Credentials
from tests.unit.local.batch.test_submission import definition

if TYPE_CHECKING:
    from pathlib import Path

KEYS = Credentials(access_key="k", secret_key="s", token="t")
UUIDS = ("GPU-0a", "GPU-0b")


def env(*types: str) -> ComputeEnvironmentRecord:
    return ComputeEnvironmentRecord(
        name="e", arn="e", enabled=True, max_vcpus=64, instance_types=types
    )


def place(jobs: list[RunnableJob], capacity: GpuCapacity, *types: str) -> list[object]:
    queue = JobQueueRecord(
        name="q", arn="q", region="r", enabled=True, priority=1, environments=(env(*types),)
    )
    return [*place_jobs(jobs, {"q": queue}, {}, 9, capacity)]


def job(number: int, gpus: int = 0) -> RunnableJob:
    return RunnableJob(sequence=number, id=f"j{number}", queue="q", vcpus=1, memory=4, gpus=gpus)


def test_a_job_with_more_gpus_than_the_machine_has_says_so_and_lets_others_pass() -> None:
    blocked, started = place([job(1, 2), job(2)], GpuCapacity(1, 1), "g4dn")
    assert blocked == JobBlocked(
        "j1",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT - the job needs GPUs: 2; this machine has 1",
    )
    assert started == JobStart("j2", env("g4dn"))


def test_the_queue_cancels_a_job_without_gpus_as_aws_does() -> None:
    (blocked,) = place([job(1, 1)], GpuCapacity(), "g4dn")
    assert isinstance(blocked, JobBlocked)
    assert blocked.reason.endswith("this machine has none")
    limit = StateTimeLimit(reason="MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT", seconds=600)
    queue = JobQueueRecord(
        name="q", arn="q", region="r", enabled=True, priority=1,
        environments=(), time_limits=(limit,),
    )  # fmt: skip
    assert find_expired_limit(queue, blocked.reason, 600) == limit.reason


@pytest.mark.parametrize("types", [("m5",), ("g4dn.xlarge",)])
def test_the_instance_types_must_have_the_gpus_too(types: tuple[str, ...]) -> None:
    (blocked,) = place([job(1, 4)], GpuCapacity(8, 8), *types)
    assert isinstance(blocked, JobBlocked)
    assert "no instance type" in blocked.reason


def test_jobs_wait_for_gpus_that_others_use() -> None:
    assert place([job(1, 2)], GpuCapacity(2, 1), "g5") == [JobBlocked("j1", NO_FREE_GPU)]
    first, second, third = place([job(1, 1), job(2, 1), job(3, 1)], GpuCapacity(2, 2), "g5")
    assert third == JobBlocked("j3", NO_FREE_GPU)
    assert [first, second] == [JobStart("j1", env("g5")), JobStart("j2", env("g5"))]


def test_jobs_that_start_together_get_different_gpus(tmp_path: Path) -> None:
    store = JobStore(tmp_path / "jobs.sqlite")
    machine = JobStateMachine(store, lambda: 1, (0, 2, 3))
    for name in ("one", "two"):
        machine.submit(replace(a_job(), id=name, gpus=()))
    queue = JobQueueRecord(
        name="q", arn="q", region="r", enabled=True, priority=1, environments=(env("g5"),)
    )
    (first,) = machine.start_waiting_jobs({"q": queue}, 9)
    assert first.gpus == (0, 2)
    machine.submit(replace(a_job(), id="three", spec=replace(a_job().spec, gpus=1), gpus=()))
    machine.finish_attempt("one", AttemptOutcome(status_reason="x", exit_code=0))
    second, third = machine.start_waiting_jobs({"q": queue}, 9)
    assert (second.gpus, third.gpus) == ((0, 2), (3,))
    store.close()


def test_a_submission_may_ask_for_other_gpus_than_the_definition() -> None:
    needs = {"resourceRequirements": [{"type": "GPU", "value": "2"}]}
    assert build_job_spec(definition(), {}).gpus == 0
    assert build_job_spec(definition(), {"containerOverrides": needs}).gpus == 2
    wrong = {"resourceRequirements": [{"type": "GPU", "value": "two"}]}
    with pytest.raises(BatchApiError, match="must be numbers"):
        build_job_spec(definition(), {"containerOverrides": wrong})


def a_job() -> BatchJob:
    spec = JobSpec(definition="d", image="i", vcpus=1, memory_mb=4, gpus=2)
    job = BatchJob(id="j", name="n", region="r", queue="q", spec=spec, created=1, gpus=(0, 1))
    assert job_from_json(job_to_json(job)) == job
    return job


def test_a_job_s_variables_name_its_gpus() -> None:
    gpus = [GpuDevice(index=n, id=uuid) for n, uuid in enumerate(UUIDS)]
    found = job_environment(a_job(), {}, "http://x", KEYS, gpus)
    assert found["NVIDIA_VISIBLE_DEVICES"] == found["CUDA_VISIBLE_DEVICES"] == "GPU-0a,GPU-0b"
    assert "NVIDIA_VISIBLE_DEVICES" not in job_environment(a_job(), {}, "http://x", KEYS)


def test_cuda_is_given_no_numbers_which_count_from_0_in_a_container() -> None:
    found = job_environment(a_job(), {}, "http://x", KEYS, [GpuDevice(index=2, id="2")])
    assert found["NVIDIA_VISIBLE_DEVICES"] == "2"
    assert "CUDA_VISIBLE_DEVICES" not in found


def test_gpus_are_found_by_their_device_nodes(tmp_path: Path) -> None:
    assert find_gpus(tmp_path) == ()
    (tmp_path / "dev").mkdir()
    for name in ("nvidia0", "nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "nvidia-caps", "sda"):
        (tmp_path / "dev" / name).touch()
    known = tmp_path / "proc/driver/nvidia/gpus/0000:00:1e.0"
    known.mkdir(parents=True)
    (known / "information").write_text(
        "Model: \t\t Tesla T4\nGPU UUID: \t GPU-11\nDevice Minor: \t 10\n"
    )
    masked = tmp_path / "proc/driver/nvidia/gpus/0000:00:1f.0"
    masked.mkdir()
    (masked / "information").write_text("GPU UUID: GPU-????????\nDevice Minor: 2\n")
    control = ("/dev/nvidiactl", "/dev/nvidia-uvm")
    assert find_gpus(tmp_path) == (
        GpuDevice(index=0, id="0", nodes=("/dev/nvidia0", *control)),
        GpuDevice(index=2, id="2", nodes=("/dev/nvidia2", *control)),
        GpuDevice(index=10, id="GPU-11", nodes=("/dev/nvidia10", *control)),
    )
