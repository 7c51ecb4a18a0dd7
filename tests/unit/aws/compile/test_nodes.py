"""A multi-node job definition: its request, its reading back, its export, and its supervisor."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.from_fdl import functions_of
from scar.aws.compile.function_config import function_config
from scar.aws.export import properties
from scar.aws.handlers.batch.job_definitions import is_parseable, parse_job_definition
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import JobDefinition
from scar.aws.requests import validator
from scar.aws.requests.batch_requests import register_definition_request
from scar.fdl.model import FdlDocument
from supervisor.batch.job_options import find_options_problem
from supervisor.config import config_to_json, parse_config
from supervisor.job_model import JobOptions, NodeGroup
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from mypy_boto3_batch.type_defs import JobDefinitionTypeDef

    from supervisor.model import FunctionConfig

ACCOUNT = Account("123456789012", "eu-west-1")
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/scar/mesh@sha256:" + "0" * 64


def definition(nodes: int = 0, main: int = 0, **more: Any) -> JobDefinition:  # noqa: ANN401
    role = "arn:aws:iam::123456789012:role/scar/mesh"
    return JobDefinition(
        name="mesh",
        image=IMAGE,
        vcpus="2",
        memory=2048,
        timeout=600,
        job_role=role,
        environment=(("A", "1"),),
        retry_rules=((("action", "EXIT"), ("onReason", "*")),),
        nodes=nodes,
        main_node=main,
        tags=(("scar:function", "mesh"),),
        **more,
    )


def described(resource: JobDefinition) -> JobDefinitionTypeDef:
    request: Any = register_definition_request(resource, "eu-west-1")
    return cast("JobDefinitionTypeDef", {**request, "revision": 1, "jobDefinitionArn": "arn"})


def test_all_nodes_run_the_container_of_a_job_of_one() -> None:
    single: Any = register_definition_request(definition(), "eu-west-1")
    multi: Any = register_definition_request(definition(3, 1), "eu-west-1")
    assert (single["type"], multi["type"]) == ("container", "multinode")
    assert "nodeProperties" not in single
    assert "containerProperties" not in multi
    (nodes,) = multi["nodeProperties"].pop("nodeRangeProperties")
    assert multi.pop("nodeProperties") == {"numNodes": 3, "mainNode": 1}
    # Open, so that a submission may ask for more nodes.
    assert nodes == {"targetNodes": "0:", "container": single.pop("containerProperties")}
    assert {**single, "type": "multinode"} == multi


@given(st.integers(0, 1000), st.integers(0, 999))
def test_what_was_registered_is_read_back_and_breaks_no_rule(count: int, main: int) -> None:
    count = 0 if count == 1 else count
    resource = definition(count, main if main < count else 0)
    revision = described(resource)
    assert is_parseable(revision)
    assert parse_job_definition(revision) == resource
    request: Any = register_definition_request(resource, "eu-west-1")
    assert list(validator.check("batch", "RegisterJobDefinition", request)) == []


def test_definitions_of_other_tools_are_not_read() -> None:
    revision: Any = described(definition(3))
    two = revision["nodeProperties"]["nodeRangeProperties"] * 2
    revision["nodeProperties"]["nodeRangeProperties"] = two
    assert not is_parseable(revision)


def test_cloudformation_has_the_same_nodes() -> None:
    exported = properties.definition(definition(3, 1), "eu-west-1")
    nodes = exported["NodeProperties"]
    assert exported["Type"] == "multinode"
    assert (nodes["NumNodes"], nodes["MainNode"]) == (3, 1)
    (only,) = nodes["NodeRangeProperties"]
    assert only["TargetNodes"] == "0:"
    assert only["Container"]["Image"] == IMAGE
    assert "ContainerProperties" not in exported


def config(batch: dict[str, object]) -> FunctionConfig:
    spec = {"name": "mesh", "execution_mode": "batch", "container": {"image": "busybox:1"}}
    document = FdlDocument.model_validate(
        {"functions": {"aws": [{"lambda": spec, "batch": batch}]}}
    )
    network = VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",))
    return function_config(functions_of(document)[0], ACCOUNT, ImageDefaults(), network)


def test_the_supervisor_knows_the_nodes_and_other_functions_keep_their_text() -> None:
    nodes = {"enabled": True, "number_nodes": 4, "main_node_index": 2, "timeout": 90}
    with_nodes = config({"multi_node_parallel": nodes, "compute_resources": {"max_v_cpus": 64}})
    assert with_nodes.batch is not None
    group = with_nodes.batch.nodes
    assert group is not None
    assert replace(group, instances=()) == NodeGroup(count=4, main=2, timeout=90, max_vcpus=64)
    assert (2, 15532, 0) in group.instances  # r6i.large has the most memory of 2 vCPUs
    assert parse_config(config_to_json(with_nodes)) == with_nodes
    without = config({"multi_node_parallel": {**nodes, "enabled": False}})
    assert "nodes" not in json.loads(config_to_json(without))["batch"]
    assert parse_config(config_to_json(without)) == without


def test_what_nodes_can_have_fits_into_the_environment_together() -> None:
    nodes = {"enabled": True, "number_nodes": 8}
    compute = {"instance_types": ["m6i"], "max_v_cpus": 16}
    # 7,900 MiB may fit an m6i.large of 8,192; less is sure.
    batch = {"multi_node_parallel": nodes, "compute_resources": compute, "memory": 7900}
    target = config(batch).batch
    assert target is not None
    assert target.nodes is not None
    assert target.nodes.instances[0] == (2, 7900, 0)
    assert target.nodes.instances[1][:2] == (4, 15532)
    assert find_options_problem(target, JobOptions(nodes=8)) == ""
    assert "enough for 8 nodes" in find_options_problem(target, JobOptions(nodes=9))
    # A run that ran out of memory in Lambda cannot have more on 8 instances of 2 vCPUs.
    small = config({**batch, "memory": 1024}).batch
    assert small is not None
    assert max(memory for _, memory in small.larger) == 7750
