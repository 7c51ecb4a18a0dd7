"""Multi-node jobs that AWS Batch never starts are problems of the file."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from scar.fdl.batch_rules import check_nodes
from scar.fdl.model import AwsFunction

LARGE = {"max_v_cpus": 512}


def problems(batch: object, mode: str = "batch") -> list[str]:
    function = AwsFunction.model_validate(
        {
            "lambda": {
                "name": "mesh",
                "execution_mode": mode,
                "container": {"image": "busybox:1"},
            },
            "batch": batch,
        }
    )
    return [f"{location[-1]}: {message}" for location, message in check_nodes(function, ())]


def nodes(number: int = 3, compute: object = LARGE, **more: object) -> dict[str, object]:
    spec = {"enabled": True, "number_nodes": number, **more}
    return {"multi_node_parallel": spec, "compute_resources": compute}


@pytest.mark.parametrize("mode", ["batch", "lambda-batch"])
def test_nodes_on_on_demand_instances_are_accepted(mode: str) -> None:
    assert problems(nodes(3, main_node_index=2), mode) == []


def test_scar_s_words_are_accepted_when_they_are_disabled() -> None:
    spec = {"enabled": False, "number_nodes": 10, "main_node_index": 99}
    compute = {"type": "SPOT"}
    for mode in ("lambda", "batch"):
        assert problems({"multi_node_parallel": spec, "compute_resources": compute}, mode) == []


@pytest.mark.parametrize(
    ("batch", "mode", "expected"),
    [
        (nodes(), "lambda", "enabled: Lambda has no multi-node jobs: set execution_mode"),
        (nodes(compute={"type": "SPOT"}), "batch", "enabled: AWS Batch does not run multi-node"),
        (nodes(compute={"type": "FARGATE"}), "batch", "enabled: Fargate has no multi-node jobs"),
        (nodes(compute={"type": "FARGATE_SPOT"}), "batch", "enabled: Fargate has no multi-node"),
        (
            nodes() | {"cluster": True},
            "batch",
            "cluster: cannot be true together with multi_node_parallel: a member of a cluster is",
        ),
        (
            nodes(3, main_node_index=3),
            "batch",
            "main_node_index: must be less than number_nodes (3)",
        ),
    ],
)
def test_what_batch_does_not_run_is_refused_with_what_it_runs(
    batch: object, mode: str, expected: str
) -> None:
    (problem,) = problems(batch, mode)
    assert problem.startswith(expected)


def test_all_nodes_must_fit_at_once_and_share_no_instance() -> None:
    types = {"instance_types": ["c5.xlarge"], "max_v_cpus": 11}
    (problem,) = problems(nodes(3, types))
    assert problem.startswith("number_nodes: 3 nodes use 12 vCPUs, an instance of 4 or more each")
    assert "Set max_v_cpus to 12 or more" in problem
    assert problems(nodes(3, {**types, "max_v_cpus": 12})) == []
    # A type of next year: each node uses its own vCPUs at least.
    unknown = {"instance_types": ["q9.large"], "max_v_cpus": 2}
    assert "3 nodes use 3 vCPUs" in problems(nodes(3, unknown))[0]


@pytest.mark.parametrize(
    "key", [{"number_nodes": 1}, {"number_nodes": 1001}, {"main_node_index": -1}, {"timeout": 59}]
)
def test_impossible_numbers_are_refused(key: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        problems({"multi_node_parallel": key})
