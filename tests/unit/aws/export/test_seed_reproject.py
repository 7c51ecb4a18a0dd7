"""``examples/reproject``: the resources of `Reproject` in Cirrus' "Batch tasks"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scar.aws.compile.from_fdl import functions_of
from scar.aws.export.desired import compile_for_template
from scar.aws.export.template import export_template
from scar.aws.model.account import Account
from scar.fdl.loader import load_document

EXAMPLE = Path(__file__).parents[4] / "examples" / "reproject" / "reproject.yaml"
ACCOUNT = Account("123456789012", "eu-west-1", "aws")
Properties = dict[str, Any]

# The properties there, by type. Lists of names and values, and of requirements, are mappings.
# References are written as the kind of what they refer to.
THERE: dict[str, Properties] = {
    "AWS::Batch::JobDefinition": {
        "JobDefinitionName": "<stack>-Reproject",
        "Type": "Container",
        "Parameters": {"url": ""},
        "ContainerProperties.Command": ["cirrus-batch.py", "process", "Ref::url"],
        "ContainerProperties.Environment": {"JOB_DEF_VAR": "1234", "OVERRIDDEN_VAR": "last_value"},
        "ContainerProperties.ResourceRequirements": {"VCPU": "32", "MEMORY": "240000", "GPU": "4"},
        "ContainerProperties.Image": "<registry>/some-image-name:<stage>",
    },
    "AWS::EC2::LaunchTemplate": {
        "LaunchTemplateName": "<stack>-Reproject-500GB",
        "LaunchTemplateData.BlockDeviceMappings": [
            {
                "DeviceName": "/dev/xvda",
                "Ebs": {
                    "VolumeSize": 500,
                    "VolumeType": "gp3",
                    "DeleteOnTermination": True,
                    "Encrypted": True,
                },
            }
        ],
    },
    "AWS::Batch::ComputeEnvironment": {
        "ComputeEnvironmentName": "<stack>-Reproject-500GB",
        "Type": "MANAGED",
        "State": "ENABLED",
        "ServiceRole": "<role>",
        "ComputeResources.Type": "EC2",
        "ComputeResources.AllocationStrategy": "BEST_FIT_PROGRESSIVE",
        "ComputeResources.InstanceTypes": ["p3.8xlarge"],
        "ComputeResources.MinvCpus": 0,
        "ComputeResources.DesiredvCpus": 0,
        "ComputeResources.MaxvCpus": 2000,
        "ComputeResources.Subnets": ["subnet-0123456789abcdef0"],
        "ComputeResources.SecurityGroupIds": ["sg-0123456789abcdef0"],
        "ComputeResources.InstanceRole": "<instance profile>",
        "ComputeResources.LaunchTemplate": {"LaunchTemplateId": "<id>", "Version": "$Latest"},
        "ComputeResources.Tags": {"Name": "Batch Instance - reproject"},
    },
    "AWS::Batch::JobQueue": {
        "JobQueueName": "<stack>-Reproject-500GB",
        "State": "ENABLED",
        "Priority": 1,
        "ComputeEnvironmentOrder": [
            {"Order": 1, "ComputeEnvironment": "<AWS::Batch::ComputeEnvironment>"}
        ],
    },
    "AWS::IAM::Role": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": "ec2.amazonaws.com"},
                    "Action": "sts:AssumeRole",
                }
            ],
        },
        "Path": "/",
        "ManagedPolicyArns": [
            "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
        ],
        "Policies": ["Cirrus"],
    },
    "AWS::IAM::InstanceProfile": {"Path": "/", "Roles": ["<AWS::IAM::Role>"]},
}
NAMED = "scar names resources itself, by their content where functions can share them"
# Every property that is not equal, or that only one of the two has, with the reason.
DIFFERENT: dict[str, dict[str, str]] = {
    "AWS::Batch::JobDefinition": {
        "JobDefinitionName": NAMED,
        "Type": "the spelling of Batch's API, which CloudFormation takes too",
        "Parameters": "a job reads its file from S3; arguments are those of `scar run -- …`",
        "ContainerProperties.Command": "the function's script, or the image's own command",
        "ContainerProperties.Environment": "and the Region, which is added there too",
        "ContainerProperties.Image": "composed of the image and the script, by digest",
        "ContainerProperties.JobRoleArn": "a role for the job, instead of that of all instances",
        "ContainerProperties.LogConfiguration": "a log group of the function's own",
        "RetryStrategy": "attempts after the loss of the host, which is no failure of the script",
        "Timeout": "a job without one can run for ever",
        "PlatformCapabilities": "Batch's default",
        "Tags": "for cost allocation; and for `scar rm`",
        "PropagateTags": "for cost allocation",
    },
    "AWS::EC2::LaunchTemplate": {
        "LaunchTemplateName": NAMED,
        "LaunchTemplateData.MetadataOptions": "containers cannot use the instance's role",
        "LaunchTemplateData.TagSpecifications": "volumes cost money too",
        "TagSpecifications": "for `scar rm`",
    },
    "AWS::Batch::ComputeEnvironment": {
        "ComputeEnvironmentName": NAMED,
        "ServiceRole": "AWS's service-linked role: only with it can environments be updated",
        "ComputeResources.InstanceTypes": "Batch's GPU image for Amazon Linux 2023 has no p3",
        "ComputeResources.DesiredvCpus": "Batch changes it itself",
        "ComputeResources.InstanceRole": "scar's profile, one for all functions in a Region",
        "ComputeResources.LaunchTemplate": "by name, and a version that no other tool changes",
        "ComputeResources.Ec2Configuration": "the GPU image, which is not the default of all types",
        "ReplaceComputeEnvironment": "CloudFormation's default fails for one with a name",
        "Tags": "for cost allocation; and for `scar rm`",
    },
    "AWS::Batch::JobQueue": {
        "JobQueueName": NAMED,
        "JobStateTimeLimitActions": "a job that nothing can run would block those behind it",
        "Tags": "for cost allocation; and for `scar rm`",
    },
    "AWS::IAM::Role": {
        "RoleName": NAMED,
        "Path": "scar's own, so that users' rights can be limited to it",
        "ManagedPolicyArns": "the same actions in a policy, with fewer resources",
        "Policies": "the function's rights are those of the job's role: see STATEMENTS",
        "Tags": "for `scar rm`",
    },
    "AWS::IAM::InstanceProfile": {"InstanceProfileName": NAMED, "Path": "as that of the role"},
}
# Its statements are a role's of all instances; here the job's role has them, for fewer resources.
STATEMENTS: dict[str, set[str]] = {
    "s3:PutObject": {"s3:::cirrus-data/reprojected/*"},  # there: two whole buckets
    "s3:GetObject": {"s3:::cirrus-payloads/reproject/*", "s3:::sentinel-cogs/*"},  # there: *
    "s3:ListBucket": {"s3:::cirrus-payloads", "s3:::sentinel-cogs"},  # there: *
    "secretsmanager:GetSecretValue": {
        "secretsmanager:eu-west-1:123456789012:secret:cirrus-token-AbCdEf"
    },  # there: cirrus*
    "lambda:GetFunction": {"lambda:eu-west-1:123456789012:function:cirrus-*"},
}
# With an AWS SDK a script needs it to find a bucket's Region; scar's own client does not.
NOT_HERE = {"s3:GetBucketLocation"}


@pytest.fixture(scope="module")
def resources() -> dict[str, list[Properties]]:
    functions = functions_of(load_document(EXAMPLE))
    template = export_template(compile_for_template(functions, ACCOUNT), ACCOUNT.region).template
    found: dict[str, list[Properties]] = {}
    for resource in template["Resources"].values():
        found.setdefault(resource["Type"], []).append(resource["Properties"])
    return found


def only(resources: dict[str, list[Properties]], kind: str) -> Properties:
    """Return the resource of a kind, or the role of instances."""
    name = "RoleName" if kind == "AWS::IAM::Role" else ""
    (found,) = (r for r in resources[kind] if "scar-instances" in r.get(name, "scar-instances"))
    return found


def flattened(properties: Properties) -> Properties:
    """Return the properties with the members of sections, lists of pairs as mappings."""
    result: Properties = {}
    for key, value in properties.items():
        if key in ("ContainerProperties", "LaunchTemplateData", "ComputeResources"):
            result |= {f"{key}.{name}": as_mapping(member) for name, member in value.items()}
        else:
            result[key] = value
    return result


def as_mapping(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list) and value and isinstance(value[0], dict):
        for key in ("Name", "Type"):
            if value[0].keys() == {key, "Value"}:
                return {item[key]: item["Value"] for item in value}
    return value


def with_references(value: Any, kinds: dict[str, str]) -> Any:  # noqa: ANN401 - any JSON
    """Return the value with the names of resources replaced by their kinds."""
    if isinstance(value, dict):
        return {key: with_references(item, kinds) for key, item in value.items()}
    if isinstance(value, list):
        return [with_references(item, kinds) for item in value]
    return f"<{kinds[value]}>" if isinstance(value, str) and value in kinds else value


@pytest.mark.parametrize("kind", list(THERE))
def test_every_property_is_equal_or_differs_for_a_reason(
    resources: dict[str, list[Properties]], kind: str
) -> None:
    environment, role = "AWS::Batch::ComputeEnvironment", "AWS::IAM::Role"
    kinds = {
        only(resources, environment)["ComputeEnvironmentName"]: environment,
        only(resources, role)["RoleName"]: role,
    }
    here = flattened(only(resources, kind))
    for key in ("ComputeEnvironmentOrder", "Roles"):
        if key in here:
            here[key] = with_references(here[key], kinds)
    different = {
        key
        for key in {*here, *THERE[kind]}
        if key not in here or key not in THERE[kind] or here[key] != THERE[kind][key]
    }
    assert different == set(DIFFERENT[kind])


def test_variables_of_the_definition_win_over_those_of_the_task(
    resources: dict[str, list[Properties]],
) -> None:
    definition = flattened(only(resources, "AWS::Batch::JobDefinition"))
    here = definition["ContainerProperties.Environment"]
    there = THERE["AWS::Batch::JobDefinition"]["ContainerProperties.Environment"]
    assert {key: here[key] for key in here if not key.startswith("AWS_")} == there
    assert {key for key in here if key.startswith("AWS_")} == {"AWS_REGION", "AWS_DEFAULT_REGION"}
    (function,) = functions_of(load_document(EXAMPLE))
    task = function.lambda_.container.environment.Variables
    assert task == {"BATCH_VAR_1": "some value", "OVERRIDDEN_VAR": "another_value"}


def test_the_job_s_role_has_the_statements_of_the_instances(
    resources: dict[str, list[Properties]],
) -> None:
    (role,) = (r for r in resources["AWS::IAM::Role"] if r["RoleName"].endswith("-job"))
    allowed: dict[str, set[str]] = {}
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            for action in as_list(statement["Action"]):
                allowed.setdefault(action, set()).update(as_list(statement["Resource"]))
    for action, arns in STATEMENTS.items():
        assert {f"arn:aws:{arn}" for arn in arns} <= allowed[action], action
    assert not NOT_HERE & allowed.keys()


def as_list(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]
