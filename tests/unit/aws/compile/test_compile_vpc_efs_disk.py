"""VPC, EFS, KMS, disk and architecture settings are compiled to resources and requests."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.aws.compile.compiler import compile_resources
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.aws.model.resources import (
    ComputeEnvironment,
    JobDefinition,
    LambdaFunction,
    LaunchTemplate,
    Resource,
    ResourceKey,
    Role,
)
from scar.aws.requests import batch_requests, lambda_requests
from scar.fdl.model import BatchSpec, ComputeResourcesSpec, FileSystemSpec, NetworkSpec, StorageSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import changed, new_function

if TYPE_CHECKING:
    from scar.aws.model.function import Function

ACCOUNT = Account("123456789012", "eu-west-1")
NETWORK = VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",))
POINT = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-1"
CROP = new_function(name="crop", image="x", input=(StorageSpec(path="photos/in"),))
INSIDE = changed(
    CROP,
    vpc=NetworkSpec(subnets=("subnet-b", "subnet-a"), security_group_ids=("sg-1",)),
    file_system=(FileSystemSpec(arn=POINT, path="/mnt/data"),),
)


def compiled(function: Function, **keys: str) -> dict[ResourceKey, Resource]:
    found = compile_resources(
        [function],
        ACCOUNT,
        images={"crop": "sha256:0", "scar-failure-handler": "sha256:1"},
        networks={"crop": NETWORK} if function.batch else {},
        kms_keys=keys,
    )
    return {resource.key: resource for resource in found}


def the_function(function: Function) -> LambdaFunction:
    found = compiled(function)[ResourceKey("function", "crop")]
    assert isinstance(found, LambdaFunction)
    return found


def the_definition(function: Function) -> JobDefinition:
    found = compiled(function)[ResourceKey("job-definition", "crop")]
    assert isinstance(found, JobDefinition)
    return found


def the_role(function: Function, **keys: str) -> list[dict[str, object]]:
    found = compiled(function, **keys)[ResourceKey("role", "crop-eu-west-1-lambda")]
    assert isinstance(found, Role)
    statements: list[dict[str, object]] = json.loads(found.policy)["Statement"]
    return statements


def on(architecture: str = "x86_64", user_data: str = "", **compute: object) -> Function:
    compute_resources = ComputeResourcesSpec.model_validate(compute)
    return changed(
        CROP,
        execution_mode=ExecutionMode.BATCH,
        batch=BatchSpec(memory=2048, compute_resources=compute_resources),
        architecture=architecture,
        user_data=user_data,
    )


def test_a_function_in_a_vpc_has_subnets_and_may_create_network_interfaces() -> None:
    request = lambda_requests.create_function_request(the_function(INSIDE))
    assert request["VpcConfig"] == {
        "SubnetIds": ["subnet-a", "subnet-b"],
        "SecurityGroupIds": ["sg-1"],
    }
    assert request["FileSystemConfigs"] == [{"Arn": POINT, "LocalMountPath": "/mnt/data"}]
    text = json.dumps(the_role(INSIDE))
    assert "ec2:CreateNetworkInterface" in text
    assert "elasticfilesystem:ClientMount" in text
    assert POINT in text


def test_a_function_without_vpc_has_neither() -> None:
    request = lambda_requests.create_function_request(the_function(CROP))
    assert not {"VpcConfig", "FileSystemConfigs"} & request.keys()
    assert "ec2:" not in json.dumps(the_role(CROP))


def test_leaving_the_vpc_is_a_request_with_empty_lists() -> None:
    request = lambda_requests.update_function_request(the_function(INSIDE), the_function(CROP))
    assert request["VpcConfig"] == {"SubnetIds": [], "SecurityGroupIds": []}
    assert request["FileSystemConfigs"] == []
    unchanged = lambda_requests.update_function_request(the_function(CROP), the_function(CROP))
    assert not {"VpcConfig", "FileSystemConfigs"} & unchanged.keys()


def test_functions_log_to_the_log_group_with_the_retention() -> None:
    request = lambda_requests.create_function_request(the_function(CROP))
    assert request["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/aws/lambda/crop"}


def test_the_kms_key_of_an_input_allows_decrypt_only() -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/1"
    (statement,) = [s for s in the_role(CROP, photos=arn) if "kms:" in json.dumps(s)]
    assert statement["Action"] == "kms:Decrypt"
    assert statement["Resource"] == [arn]
    assert "kms:" not in json.dumps(the_role(CROP, others=arn))


def test_a_role_may_be_given_by_its_name() -> None:
    assert the_function(changed(CROP, role="mine")).role_arn == (
        "arn:aws:iam::123456789012:role/mine"
    )


def test_only_fargate_definitions_have_architecture_and_disk() -> None:
    on_arm = the_definition(on("arm64", type="FARGATE", disk=50))
    arm = batch_requests.register_definition_request(on_arm, "r")
    container = arm["containerProperties"]
    assert container["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert container["ephemeralStorage"] == {"sizeInGiB": 50}
    intel = batch_requests.register_definition_request(the_definition(on(type="FARGATE_SPOT")), "r")
    assert intel["containerProperties"]["runtimePlatform"]["cpuArchitecture"] == "X86_64"
    instances = batch_requests.register_definition_request(
        the_definition(on("arm64", disk=50)), "r"
    )
    assert not {"runtimePlatform", "ephemeralStorage"} & instances["containerProperties"].keys()


def test_a_disk_creates_a_launch_template_with_a_fixed_version() -> None:
    resources = compiled(on(disk=80, user_data="#!/bin/sh\n"))
    (template,) = (r for r in resources.values() if isinstance(r, LaunchTemplate))
    (environment,) = (r for r in resources.values() if isinstance(r, ComputeEnvironment))
    assert (template.disk_gib, template.user_data) == (80, "#!/bin/sh\n")
    assert template.key in environment.needs
    request = batch_requests.create_environment_request(environment)
    assert request["computeResources"]["launchTemplate"] == {
        "launchTemplateName": template.name,
        "version": "1",
    }


def test_another_disk_is_another_environment_and_all_instances_have_a_template() -> None:
    def name(user_data: str = "", **compute: object) -> str:
        found = compiled(on("x86_64", user_data, **compute)).values()
        return next(r.name for r in found if isinstance(r, ComputeEnvironment))

    assert len({name(), name(disk=80), name(disk=90), name(user_data="#!x")}) == 4
    for kind in ("EC2", "SPOT", "FARGATE", "FARGATE_SPOT"):
        found = compiled(on(type=kind)).values()
        templates = [r for r in found if isinstance(r, LaunchTemplate)]
        assert len(templates) == (0 if "FARGATE" in kind else 1)
        assert all((t.metadata_tokens, t.metadata_hops) == ("required", 1) for t in templates)


def test_each_type_of_environment_has_its_allocation_strategy() -> None:
    def allocation(kind: str) -> str:
        found = compiled(on(type=kind)).values()
        environment = next(r for r in found if isinstance(r, ComputeEnvironment))
        requested = batch_requests.create_environment_request(environment)["computeResources"]
        assert requested.get("allocationStrategy", "") == environment.allocation
        return environment.allocation

    assert allocation("EC2") == "BEST_FIT_PROGRESSIVE"
    assert allocation("SPOT") == "SPOT_PRICE_CAPACITY_OPTIMIZED"
    assert allocation("FARGATE") == allocation("FARGATE_SPOT") == ""
