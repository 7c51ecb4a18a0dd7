"""Step 5: one job on each kind of compute environment, in an account that had none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(5)

KINDS: dict[str, dict[str, Any]] = {
    "ec2": {"type": "EC2", "disk": 40},
    "spot": {"type": "SPOT"},
    "fargate": {"type": "FARGATE", "disk": 100},
    "fargate-spot": {"type": "FARGATE_SPOT"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_job_runs_and_its_environment_goes_with_the_function(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]], kind: str
) -> None:
    check_one_job(run, deploy, function(kind, kind, **in_batch(KINDS[kind])), kind)


@pytest.mark.not_shown_here("this machine has no arm64 processor")
def test_a_job_runs_on_arm64(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    described = function("arm", "arm", architecture="arm64", **in_batch({"type": "FARGATE"}))
    check_one_job(run, deploy, described, "arm")


def in_batch(resources: dict[str, Any]) -> dict[str, Any]:
    """Return the FDL's keys of a function that runs in Batch."""
    sizes = {} if "FARGATE" in resources["type"] else {"memory": 512}
    batch = {**sizes, "vcpus": 1, "compute_resources": {"max_v_cpus": 4, **resources}}
    return {"execution_mode": "batch", "batch": batch}


def check_one_job(run: AcceptanceRun, deploy: Deploy, described: dict[str, Any], kind: str) -> None:
    """Deploy the function, run one job, and remove it with its compute environment."""
    one = deploy(kind, described)
    one.init(timeout=1800)
    batch = run.target.client("batch")
    (environment,) = batch.describe_compute_environments()["computeEnvironments"]
    assert (environment["state"], environment["status"]) == ("ENABLED", "VALID")
    assert one.drift(0) == []
    one.put(run.file(f"{kind}/one.txt", kind))
    one.wait(timeout=1800)
    assert one.get() == {"one.txt": kind.encode()}
    (job,) = one.jobs()
    run.observe(
        "job",
        {
            "kind": kind,
            "attempts": len(job["attempts"]),
            "log stream has the default prefix": bool(job["container"].get("logStreamName")),
            "seconds to start": (job["startedAt"] - job["createdAt"]) / 1000,
        },
    )
    assert job["status"] == "SUCCEEDED"
    (history,) = one.scar(
        "why", f"s3://{described['lambda']['input'][0]['path']}/one.txt", "-j"
    ).json()
    assert history["job"]["status"] == "SUCCEEDED"
    one.remove()
    remaining = batch.describe_compute_environments()["computeEnvironments"]
    assert [each for each in remaining if each["status"] not in {"DELETING", "DELETED"}] == []
