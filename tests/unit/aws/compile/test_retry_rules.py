"""Batch repeats what fails before the script starts, or with its host, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile import compiler
from scar.aws.compile.batch.retry_rules import retry_rules
from scar.aws.model import limits
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import JobDefinition
from scar.aws.requests.batch_requests import register_definition_request
from scar.fdl.model import BatchSpec
from scar.local.batch.model import AttemptOutcome, BatchJob, JobSpec, JobStatus
from scar.local.batch.retry import should_retry
from scar.local.batch.state_machine import JobStateMachine
from scar.local.batch.store import JobStore
from scar.local.batch.submission import parse_retry_rules
from supervisor.model import ExecutionMode
from tests.fakes.functions import new_function

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = Account("123456789012", "eu-west-1")
NETWORK = VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",))
EXITED = "Essential container in task exited"
NOT_STARTED = "Task failed to start"
# Status reason and container reason, as public reports quote them.
BEFORE_THE_SCRIPT: dict[str, list[tuple[str, str]]] = {
    "EC2": [
        ("Host EC2 (instance i-0f1e2d3c) terminated.", ""),
        (NOT_STARTED, "CannotPullContainerError: Error response from daemon: timeout"),
        (NOT_STARTED, "CannotPullECRContainerError: AccessDeniedException"),
        (NOT_STARTED, "CannotPullImageManifestError: Error response from daemon: EOF"),
        (NOT_STARTED, "DockerTimeoutError: Could not transition to created; timed out"),
        (NOT_STARTED, "ResourceInitializationError: unable to pull secrets or registry auth"),
        (NOT_STARTED, "CannotStartContainerError: Error response from daemon"),
        ("Unknown", "CannotPullContainerError: pull image manifest has been retried 5 times"),
        ("Unknown", "DockerTimeoutError: Could not transition to started; timed out"),
    ],
    "FARGATE": [
        ("Your Spot Task was interrupted.", ""),
        ("CannotPullContainerError: pull image manifest has been retried 5 time(s)", ""),
        ("CannotPullECRContainerError: AccessDeniedException", ""),
        ("ResourceInitializationError: unable to pull secrets or registry auth", ""),
        ("ResourceInitializationError: failed to configure ENI", ""),
        (NOT_STARTED, "CannotStartContainerError"),
    ],
}
ENDED = [
    (EXITED, "", 1),
    (EXITED, "", 137),
    (EXITED, "OutOfMemoryError: Container killed due to memory usage", 137),
    ("Something that AWS adds later", "", None),
]


def job_spec(kind: str, **batch: object) -> JobSpec:
    """Return what Batch knows of a job of a function on this kind of compute environment."""
    compute = {"type": kind, **({"max_v_cpus": 4} if batch else {})}
    function = new_function(
        name="crop",
        image="busybox:1",
        execution_mode=ExecutionMode.BATCH,
        batch=BatchSpec.model_validate({"memory": 2048, "compute_resources": compute, **batch}),
    )
    resources = compiler.compile_resources(
        [function], ACCOUNT, images={"crop": "sha256:1"}, networks={"crop": NETWORK}
    )
    (definition,) = (r for r in resources if isinstance(r, JobDefinition))
    retry = register_definition_request(definition, "eu-west-1")["retryStrategy"]
    assert limits.BATCH_EXIT_RULES.allows(len(retry["evaluateOnExit"]))
    return JobSpec(
        definition="crop:1",
        image="busybox:1",
        vcpus=1,
        memory_mb=2048,
        attempts=retry["attempts"],
        rules=parse_retry_rules(dict(retry)),
    )


@pytest.mark.parametrize(
    ("kind", "status", "reason"),
    [(k, *r) for k, reasons in BEFORE_THE_SCRIPT.items() for r in reasons],
)
def test_what_fails_before_the_script_is_repeated(kind: str, status: str, reason: str) -> None:
    spec, outcome = job_spec(kind), AttemptOutcome(status_reason=status, reason=reason)
    assert should_retry(spec, 1, outcome)
    # An image that is wrong for ever is not tried for ever.
    assert not should_retry(spec, spec.attempts, outcome)


@pytest.mark.parametrize("kind", ["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"])
@pytest.mark.parametrize(("status", "reason", "code"), ENDED)
def test_a_script_that_fails_is_not_repeated(
    kind: str, status: str, reason: str, code: int | None
) -> None:
    outcome = AttemptOutcome(status_reason=status, reason=reason, exit_code=code)
    assert not should_retry(job_spec(kind), 1, outcome)


@given(st.text(), st.integers(1, 255))
def test_no_exit_of_a_script_is_repeated(reason: str, code: int) -> None:
    outcome = AttemptOutcome(status_reason=EXITED, reason=f"x{reason}", exit_code=code)
    for kind in ("EC2", "FARGATE"):
        assert not should_retry(job_spec(kind), 1, outcome)


GROWS = [{"exit_code": 137, "memory": "x2"}]
KILLED = AttemptOutcome(status_reason=EXITED, reason=ENDED[2][1], exit_code=137)
KINDS = pytest.mark.parametrize("kind", ["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"])


@KINDS
def test_a_container_that_ran_out_of_memory_is_started_again_to_submit_more(kind: str) -> None:
    spec = job_spec(kind, retry=GROWS)
    assert should_retry(spec, 1, KILLED)
    # What the supervisor survives, it has submitted itself: it ends with 1.
    assert not should_retry(spec, 1, replace(KILLED, exit_code=1))
    assert not should_retry(spec, 1, replace(KILLED, reason=""))
    assert not should_retry(spec, spec.attempts, KILLED)
    assert not should_retry(job_spec(kind, retry=[{"exit_code": 75}]), 1, KILLED)


@KINDS
def test_that_rule_replaces_only_one_that_is_hardly_needed(kind: str) -> None:
    reasons = BEFORE_THE_SCRIPT["FARGATE" if kind.startswith("FARGATE") else "EC2"]
    outcomes = [AttemptOutcome(status_reason=status, reason=reason) for status, reason in reasons]
    spec = job_spec(kind, retry=GROWS)
    lost = [o for o in outcomes if not should_retry(spec, 1, o)]
    assert [(o.status_reason, o.reason.partition(":")[0]) for o in lost] == {
        "EC2": [("Unknown", "DockerTimeoutError")],
        "SPOT": [("Unknown", "DockerTimeoutError")],
        "FARGATE": [("Your Spot Task was interrupted.", "")],
        "FARGATE_SPOT": [(NOT_STARTED, "CannotStartContainerError")],
    }[kind]


def test_jobs_of_several_nodes_are_not_started_again_for_it() -> None:
    nodes = {"enabled": True, "number_nodes": 2}
    function = new_function(
        name="crop",
        execution_mode=ExecutionMode.BATCH,
        batch=BatchSpec.model_validate({"retry": GROWS, "multi_node_parallel": nodes}),
    )
    assert function.batch is not None
    assert all("onExitCode" not in dict(rule) for rule in retry_rules(function.batch))


@pytest.mark.parametrize("kind", ["EC2", "SPOT", "FARGATE", "FARGATE_SPOT"])
def test_the_local_cloud_repeats_jobs_whose_host_was_lost(tmp_path: Path, kind: str) -> None:
    spec = replace(job_spec(kind), is_fargate=kind.startswith("FARGATE"))
    store = JobStore(tmp_path / "jobs.sqlite")
    store.add(
        BatchJob(
            id="j",
            name="j",
            region="r",
            queue="q",
            spec=spec,
            created=1,
            status=JobStatus.RUNNING,
        )
    )
    JobStateMachine(store, lambda: 2).recover()
    job = store.get("j")
    assert job is not None
    assert job.status is JobStatus.RUNNABLE
