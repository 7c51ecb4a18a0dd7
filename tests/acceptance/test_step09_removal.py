"""Step 9: ``scar rm`` leaves the state bucket and buckets with data, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.acceptance.kit.leftovers import list_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(9)
EXPECTED_BY_RUN = {"bucket", "policy", "role"}
"""Buckets with data stay; roles and policies of other steps' users go with the run."""
BY_AWS = {"network interface", "Auto Scaling group", "ECS cluster", "instance"}
"""Services delete these minutes later; the runner waits for them."""


def test_rm_leaves_only_buckets(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    fargate = {"vcpus": 0.25, "memory": 512, "compute_resources": {"type": "FARGATE"}}
    both = deploy(
        "removal",
        function("gone-1", "removal"),
        function("gone-2", "removal", execution_mode="lambda-batch", batch=fargate),
    )
    both.init(timeout=1800)
    both.put(run.file("removal/one.txt", "x"))
    both.wait()
    listed = both.scar("ls", "-j").json()
    assert {run.function_name("gone-1"), run.function_name("gone-2")} <= {f["name"] for f in listed}
    both.scar("rm", "-f", "FILE")
    found = list_leftovers(run)
    names = {entry for entry in found.left if entry[0] not in BY_AWS}
    assert {kind for kind, _ in names} <= EXPECTED_BY_RUN, names
    assert not [entry for entry in names if "gone" in entry[1]]
    assert found.kept
    assert "No functions" in both.scar("ls").stderr
    both.remove()
