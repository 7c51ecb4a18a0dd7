"""Fields that the local cloud does not implement are refused by name, at every level."""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest

from scar.aws.model.resources import (
    ComputeEnvironment,
    EventInvokeConfig,
    InvokePermission,
    JobDefinition,
    JobQueue,
    LambdaFunction,
    Resource,
    SchedulingPolicy,
)
from scar.aws.requests.creation import creation_requests
from scar.local.batch import submission
from scar.local.moto import calls, fields, supported_operations
from scar.local.moto.calls import MotoCall, MotoRequest

CONTAINER = {"image": "i", "resourceRequirements": [{"type": "VCPU", "value": "1"}]}
FUNCTION = {"FunctionName": "f", "PackageType": "Image", "Code": {"ImageUri": "i"}, "Role": "r"}


def refused(service: str, operation: str, **parameters: object) -> str:
    """Return the error message, or an empty string if the call is accepted."""
    call = MotoCall(service=service, operation=operation, region="r", parameters=parameters)
    error = supported_operations.check_parameters(call)
    if error is None:
        return ""
    assert error.code == "NotImplemented"
    return error.message


@pytest.mark.parametrize(
    ("container", "named"),
    [
        ({"privileged": True}, "containerProperties.privileged."),
        ({"ulimits": [{"name": "nofile", "more": 1}]}, "containerProperties.ulimits.more."),
        ({"user": "nobody"}, "containerProperties.user."),
        ({"readonlyRootFilesystem": True}, "containerProperties.readonlyRootFilesystem."),
        ({"linuxParameters": {"maxSwap": 1}}, "containerProperties.linuxParameters.maxSwap."),
        ({"linuxParameters": {"swappiness": 1}}, "linuxParameters.swappiness."),
        ({"linuxParameters": {"initProcessEnabled": True}}, "initProcessEnabled."),
        ({"linuxParameters": {"devices": [{"hostPath": "/dev/x"}]}}, "devices of jobs"),
        ({"repositoryCredentials": {"credentialsParameter": "x"}}, "repositoryCredentials."),
        ({"command": ["x"]}, "entrypoint runs (containerProperties.command)."),
        ({"volumes": [{"host": {"sourcePath": "/"}}]}, "volumes of the host; use EFS"),
        (
            {"volumes": [{"efsVolumeConfiguration": {"rootDirectory": "/a"}}]},
            "efsVolumeConfiguration.rootDirectory: /a.",
        ),
        ({"secrets": [{"name": "s"}]}, "secrets of jobs"),
        ({"resourceRequirements": [{"type": "FPGA", "value": "1"}]}, "type: FPGA."),
        ({"resourceRequirements": [{"type": "VCPU", "of": "x"}]}, "resourceRequirements.of."),
        ({"environment": [{"name": "A", "valueFrom": "x"}]}, "environment.valueFrom."),
        ({"logConfiguration": {"logDriver": "syslog"}}, "logConfiguration.logDriver: syslog."),
        (
            {"logConfiguration": {"options": {"awslogs-datetime-format": "%H"}}},
            "logConfiguration.options.awslogs-datetime-format.",
        ),
        ({"runtimePlatform": {"operatingSystemFamily": "WINDOWS"}}, "Family: WINDOWS."),
        ({"somethingNew": 1}, "containerProperties.somethingNew."),
    ],
)
def test_a_definitions_container_has_what_jobs_get_only(
    container: dict[str, object], named: str
) -> None:
    properties = {**CONTAINER, **container}
    reason = refused("batch", "RegisterJobDefinition", containerProperties=properties)
    assert reason.startswith("The local cloud does not emulate ")
    assert named in reason


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "named"),
    [
        ("batch", "RegisterJobDefinition", {"type": "multinode"}, "without containerProperties"),
        ("batch", "RegisterJobDefinition", {}, "without containerProperties"),
        (
            "batch",
            "RegisterJobDefinition",
            {"nodeProperties": {"nodeRangeProperties": [{"targetNodes": "0"}] * 2}},
            "several node ranges",
        ),
        (
            "batch",
            "RegisterJobDefinition",
            {"nodeProperties": {"nodeRangeProperties": [{"instanceTypes": ["c5.large"]}]}},
            "nodeProperties.nodeRangeProperties.instanceTypes.",
        ),
        ("batch", "RegisterJobDefinition", {"eksProperties": {"x": 1}}, "(eksProperties)"),
        ("batch", "RegisterJobDefinition", {"schedulingPriority": 1}, "(schedulingPriority)"),
        ("batch", "RegisterJobDefinition", {"retryStrategy": {"delay": 1}}, "retryStrategy.delay."),
        ("batch", "RegisterJobDefinition", {"timeout": {"total": 1}}, "timeout.total."),
        ("batch", "CreateComputeEnvironment", {"type": "UNMANAGED"}, " type: UNMANAGED."),
        ("batch", "CreateComputeEnvironment", {"eksConfiguration": {"x": 1}}, "eksConfiguration."),
        (
            "batch",
            "CreateComputeEnvironment",
            {"computeResources": {"imageId": "ami-1"}},
            "computeResources.imageId.",
        ),
        (
            "batch",
            "UpdateComputeEnvironment",
            {"updatePolicy": {"terminateJobsOnUpdate": True}},
            "updatePolicy.",
        ),
        (
            "batch",
            "CreateSchedulingPolicy",
            {"fairsharePolicy": {"computeReservation": 50}},
            "fairsharePolicy.computeReservation.",
        ),
        ("batch", "UpdateJobQueue", {"jobStateTimeLimitActions": [{"x": 1}]}, "LimitActions."),
        ("lambda", "CreateFunction", {"PackageType": "Zip"}, "zip packages"),
        ("lambda", "CreateFunction", {"PackageType": ""}, "zip packages"),
        ("lambda", "CreateFunction", {"ImageConfig": {"Command": ["x"]}}, "ImageConfig."),
        ("lambda", "CreateFunction", {"Publish": True}, "Publish."),
        ("lambda", "CreateFunction", {"KMSKeyArn": "x"}, "KMSKeyArn."),
        ("lambda", "CreateFunction", {"LoggingConfig": {"LogFormat": "JSON"}}, "LogFormat: JSON."),
        ("lambda", "CreateFunction", {"LoggingConfig": {"LogGroup": "x"}}, "LogGroup: x."),
        ("lambda", "CreateFunction", {"TracingConfig": {"Mode": "Active"}}, "Mode: Active."),
        ("lambda", "UpdateFunctionConfiguration", {"Layers": ["x"]}, "Layers of functions"),
        (
            "lambda",
            "UpdateFunctionConfiguration",
            {"FileSystemConfigs": [{"Arn": "x", "S3FilesConfig": {"DirectS3Read": "AUTO"}}]},
            "FileSystemConfigs.S3FilesConfig",
        ),
        ("lambda", "UpdateFunctionCode", {"DryRun": True}, "DryRun."),
        ("lambda", "UpdateFunctionCode", {"ZipFile": "x"}, "zip packages"),
        ("lambda", "AddPermission", {"PrincipalOrgID": "x"}, "PrincipalOrgID."),
        ("lambda", "PutFunctionEventInvokeConfig", {"Qualifier": "1"}, "Qualifier: 1."),
    ],
)
def test_what_nothing_honours_is_refused(
    service: str, operation: str, parameters: dict[str, object], named: str
) -> None:
    base = {**FUNCTION} if operation == "CreateFunction" else {}
    reason = refused(service, operation, **{**base, **parameters})
    assert reason.startswith("The local cloud does not emulate ")
    assert named in reason


@pytest.mark.parametrize(
    "parameters",
    [
        {"containerOverrides": {"instanceType": "m5.large"}},
        {"containerOverrides": {"resourceRequirements": [{"type": "FPGA", "value": "1"}]}},
        {"containerOverrides": {"command": ["x"]}},
        {"consumableResourcePropertiesOverride": {"x": [1]}},
        {"retryStrategy": {"attempts": 1, "delay": 1}},
        {"somethingNew": "x"},
    ],
)
def test_jobs_that_ask_for_more_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(submission.BatchApiError, match="does not emulate"):
        submission.check_request({"jobName": "n", **parameters})


def test_what_asks_for_nothing_passes() -> None:
    neutral = {
        "privileged": False,
        "ulimits": [],
        "command": [],
        "user": "",
        "linuxParameters": {"devices": [], "initProcessEnabled": False},
        "volumes": None,
    }
    properties = {**CONTAINER, **neutral}
    reason = refused(
        "batch", "RegisterJobDefinition", containerProperties=properties, schedulingPriority=0
    )
    assert reason == ""
    assert not refused("lambda", "CreateFunction", **FUNCTION, Layers=[], Publish=False)
    submission.check_request({"jobName": "n", "dependsOn": [], "arrayProperties": {}})


def test_a_field_that_botocore_does_not_know_is_refused_too() -> None:
    sent = MotoRequest(
        service="batch",
        region="r",
        method="POST",
        path="/v1/createjobqueue",
        query="",
        content_type="",
        target="",
        body=b'{"jobQueueName": "q", "fromNextYear": true}',
    )
    error = supported_operations.check_parameters(calls.parse_call(sent))
    assert error is not None
    assert error.message == "The local cloud does not emulate fromNextYear."


@pytest.mark.parametrize("service", ["batch", "lambda"])
def test_the_fields_that_are_implemented_are_fields_of_aws(service: str) -> None:
    """A misspelt field would allow nothing."""
    model = botocore.session.get_session().get_service_model(service)

    def compare(allowed: object, shape: Any, at: str) -> None:  # noqa: ANN401 - untyped
        while shape.type_name == "list":
            shape = shape.member
        if isinstance(allowed, dict) and shape.type_name == "structure":
            assert allowed.keys() <= shape.members.keys(), at
            for name, below in allowed.items():
                compare(below, shape.members[name], f"{at}.{name}")
        elif isinstance(allowed, frozenset) and getattr(shape, "enum", None):
            assert allowed <= {*shape.enum}, at

    for operation, allowed in fields._IMPLEMENTED[service].items():
        compare(allowed, model.operation_model(operation).input_shape, operation)


@pytest.mark.parametrize(
    "resource",
    [
        JobDefinition(
            name="f",
            image="i",
            job_role="r",
            vcpus="1",
            memory=512,
            timeout=60,
            attempts=3,
            retry_rules=((("action", "EXIT"), ("onReason", "*")),),
        ),
        JobDefinition(
            name="f",
            image="i",
            job_role="r",
            execution_role="e",
            environment=(("A", "1"),),
            platform="FARGATE",
            public_ip=True,
            disk_gib=50,
        ),
        ComputeEnvironment(
            name="e",
            type="SPOT",
            instance_types=("optimal",),
            image_type="ECS_AL2023",
            allocation="SPOT_CAPACITY_OPTIMIZED",
            instance_profile="p",
            service_role="r",
            launch_template="e:1",
            bid_percentage=60,
            scale_down_minutes=30,
            subnets=("s",),
            security_groups=("g",),
        ),
        ComputeEnvironment(name="e", type="FARGATE"),
        JobQueue(name="q", environments=("e", "f"), scheduling_policy="arn"),
        SchedulingPolicy(name="p", shares=(("labA", 0.5),)),
        LambdaFunction(name="f", image="i", subnets=("s",), log_group="/aws/lambda/f"),
        EventInvokeConfig(name="f", on_failure="arn"),
        InvokePermission(name="f/s", source_arn="a", source_account="1"),
    ],
)
def test_what_scar_deploys_is_served(resource: Resource) -> None:
    ((service, operation, parameters),) = creation_requests(resource, "eu-west-1")
    assert not refused(service, operation, **parameters)
