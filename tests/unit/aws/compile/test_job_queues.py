"""Job queues and compute environments are named by their content; older ones keep their names."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.batch.job_queues import compile_queues, job_queue_name
from scar.aws.compile.placeholders import compile_with_placeholders
from scar.aws.export.template import export_template
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import ComputeEnvironment, JobQueue, SchedulingPolicy
from scar.aws.validation.deployment_checks import check_resources
from scar.fdl.batch_rules import check_batch
from scar.fdl.model import AwsFunction, BatchSpec
from supervisor.config import config_to_json, parse_config
from supervisor.job_model import BatchTarget
from supervisor.model import ExecutionMode, FunctionConfig
from tests.fakes.functions import new_function
from tests.fakes.template_reader import Reader

ACCOUNT = Account("123456789012", "eu-west-1", "aws")
NETWORK = VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",))


def queue_name(architecture: str = "x86_64", **batch: Any) -> str:  # noqa: ANN401
    spec = BatchSpec.model_validate(batch)
    function = new_function(name="crop", batch=spec, architecture=architecture)
    return job_queue_name(function, ACCOUNT, NETWORK)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("scar-73596381b557", {}),
        (
            "scar-2329adc2bfeb",
            {
                "compute_resources": {
                    "type": "SPOT",
                    "max_v_cpus": 16,
                    "instance_types": ["m5", "c5"],
                    "min_v_cpus": 2,
                    "disk": 50,
                }
            },
        ),
        ("scar-e683830671f4", {"enable_gpu": True}),
        ("scar-b4dd1ae56fb7", {"compute_resources": {"type": "FARGATE"}}),
        (
            "scar-596a8af8d19c",
            {"architecture": "arm64", "compute_resources": {"type": "FARGATE_SPOT"}},
        ),
    ],
)
def test_queues_of_earlier_releases_keep_their_names(name: str, arguments: dict[str, Any]) -> None:
    assert queue_name(**arguments) == name


def test_a_preset_with_one_environment_is_the_queue_of_its_type() -> None:
    assert queue_name(compute_resources={"preset": "spot"}) == queue_name(
        compute_resources={"type": "SPOT"}
    )
    # Nor does a list with the one environment make another queue.
    assert queue_name(compute_environments=[{}]) == queue_name()


def test_what_a_queue_has_is_a_part_of_its_name() -> None:
    choices: list[dict[str, Any]] = [
        {},
        {"wait_limit": 600},
        {"wait_limit": 601},
        {"bid_percentage": 60, "preset": "spot"},
        {"preset": "spot"},
        {"scale_down_delay": 20},
        {"preset": "dual", "queue": "priority"},
    ]
    names = [queue_name(compute_resources=choice) for choice in choices]
    share: dict[str, Any] = {"scheduling": {"share": "labA"}}
    names += [queue_name(**share), queue_name(compute_resources={"shares": {"labA": 2}}, **share)]
    entries = [{}, {"type": "SPOT"}]
    names += [queue_name(compute_environments=order) for order in (entries, entries[::-1])]
    assert len({*names}) == len(names)


def test_the_share_of_a_function_is_no_part_of_its_queue() -> None:
    shares = {"shares": {"labA": 2}}
    one, other = (
        queue_name(compute_resources=shares, scheduling={"share": share, "priority": number})
        for number, share in enumerate(("labA", "labB"))
    )
    assert one == other


def test_only_a_lack_of_capacity_has_the_limit_of_the_file() -> None:
    batch = BatchSpec.model_validate({"compute_resources": {"wait_limit": 7200}})
    ((queue,)) = [c.queue for c in compile_queues(new_function(batch=batch), ACCOUNT, NETWORK)]
    seconds = {dict(limit)["reason"]: dict(limit)["maxTimeSeconds"] for limit in queue.time_limits}
    assert seconds == {
        "CAPACITY:INSUFFICIENT_INSTANCE_CAPACITY": "7200",
        "MISCONFIGURATION:COMPUTE_ENVIRONMENT_MAX_RESOURCE": "600",
        "MISCONFIGURATION:JOB_RESOURCE_REQUIREMENT": "600",
    }


def test_share_and_priority_are_in_the_configuration_only_if_set() -> None:
    def text(target: BatchTarget) -> str:
        config = FunctionConfig(name="f", mode=ExecutionMode.BATCH, state_bucket="b", batch=target)
        assert parse_config(config_to_json(config)) == config
        return config_to_json(config)

    plain = text(BatchTarget(queue="q", definition="f"))
    assert "share" not in plain
    assert "priority" not in plain
    shared = text(BatchTarget(queue="q", definition="f", share="labA", priority=3))
    assert '"share": "labA"' in shared
    assert '"priority": 3' in shared


types = st.sampled_from([None, "EC2", "SPOT", "FARGATE", "FARGATE_SPOT"])
strategies = st.sampled_from(
    [None, "BEST_FIT_PROGRESSIVE", "SPOT_CAPACITY_OPTIMIZED", "BEST_FIT_PROGRESSIVE_ORDERED"]
)
instances = st.sampled_from([(), ("m6i",), ("r6i", "c6i.large")])


def present(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}


entries = st.fixed_dictionaries(
    {
        "type": types,
        "max_v_cpus": st.sampled_from([None, 2, 8]),
        "bid_percentage": st.sampled_from([None, 60]),
        "instance_types": st.sampled_from([None, ("m6i",)]),
        "allocation_strategy": strategies,
        "scale_down_delay": st.sampled_from([None, 20]),
    }
).map(present)
compute_resources = st.fixed_dictionaries(
    {
        "type": types,
        "preset": st.sampled_from([None, None, "dual", "spot", "fargate"]),
        "queue": st.sampled_from([None, None, "priority"]),
        "max_v_cpus": st.sampled_from([2, 8]),
        "instance_types": instances,
        "allocation_strategy": strategies,
        "bid_percentage": st.sampled_from([0, 0, 1, 100]),
        "scale_down_delay": st.sampled_from([0, 0, 19, 30]),
        "wait_limit": st.sampled_from([0, 0, 600]),
        "shares": st.sampled_from([{}, {"labA": 0.5, "b*": 3.0}]),
    }
).map(present)


@given(
    compute_resources,
    st.lists(entries, max_size=4),
    st.sampled_from(["", "labA", "lab-a"]),
)
def test_what_the_rules_accept_is_accepted_by_aws_and_read_back_as_it_is(
    compute: dict[str, Any], environments: list[dict[str, Any]], share: str
) -> None:
    batch = {
        "compute_resources": compute,
        "compute_environments": environments,
        "scheduling": {"share": share},
    }
    function = AwsFunction.model_validate(
        {
            "lambda": {
                "name": "crop",
                "execution_mode": "batch",
                "container": {"image": "busybox:1"},
            },
            "batch": batch,
        }
    )
    if list(check_batch(function, ())):
        return
    compiled = compile_with_placeholders([new_function(batch=function.batch)], ACCOUNT)
    assert list(check_resources(compiled, ACCOUNT.region)) == []
    kinds = (ComputeEnvironment, JobQueue, SchedulingPolicy)
    own = {r.key: r for r in compiled if isinstance(r, kinds)}
    template = export_template(compiled, ACCOUNT.region).template
    found = Reader(template, {"AWS::Region": ACCOUNT.region}).read()
    assert {r.key: r for r in found if isinstance(r, kinds)} == own
