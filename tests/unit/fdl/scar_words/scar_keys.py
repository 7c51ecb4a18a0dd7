"""SCAR's keys: facts of SCAR 4.3's FDL, code and configuration file, with values to try.

The names are written here once more, apart from scar's own table, which is tested against them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scar.fdl.loader import LoadContext, resolve_file
from scar.image.compose.tree_images import write_docker_archive
from scar.image.formats.layer import LayerFile
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scar.fdl.loader import ResolvedDocument
    from scar.fdl.problems import Location

ROLE = "arn:aws:iam::123456789012:role/r"
ACCESS_POINT = (
    "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef0"
)
VPC = {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
# What the values of ``KEYS`` need beside them.
COMPANIONS: Mapping[str, Mapping[str, object]] = {
    "lambda.file_system": {"lambda.vpc": VPC},
    "lambda.container.create_image": {
        "lambda.container.image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/crop"
    },
    "lambda.container.image_file": {"lambda.container.image": ""},
    "batch.multi_node_parallel.enabled": {"batch.compute_resources.max_v_cpus": 20},
    "batch.multi_node_parallel.main_node_index": {
        "batch.multi_node_parallel.enabled": True,
        "batch.compute_resources.max_v_cpus": 20,
    },
    "batch.multi_node_parallel.number_nodes": {
        "batch.multi_node_parallel.enabled": True,
        "batch.compute_resources.max_v_cpus": 20,
    },
}
# Keys of one entry of functions.aws by dotted name, each with a value other than SCAR's own.
KEYS: Mapping[str, object] = {
    "lambda.name": "other",
    "lambda.region": "eu-west-1",
    "lambda.boto_profile": "lab",
    "lambda.description": "Crops images",
    "lambda.memory": 1024,
    "lambda.timeout": 200,
    "lambda.ephemeral_storage": {"Size": 1024},
    "lambda.architectures": ["arm64"],
    "lambda.execution_mode": "lambda-batch",
    "lambda.log_level": "debug",
    "lambda.environment": {"Variables": {"MINE": "1"}},
    "lambda.init_script": "script.sh",
    "lambda.run_script": "script.sh",
    "lambda.extra_payload": "payload",
    "lambda.vpc": VPC,
    "lambda.file_system": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/efs"}],
    "lambda.tags": {"team": "lab"},
    "lambda.container.image": "debian:13",
    "lambda.container.image_file": "image.tar",
    "lambda.container.create_image": False,
    "lambda.container.timeout_threshold": 20,
    "lambda.container.environment": {"Variables": {"MINE": "1"}},
    "lambda.input": [{"storage_provider": "S3", "path": "photos/in"}],
    "lambda.output": [{"storage_provider": "s3", "path": "photos/out", "suffix": ["png"]}],
    "lambda.layers": ["arn:aws:lambda:us-east-1:123456789012:layer:a:1"],
    "lambda.supervisor.version": "1.5.0",
    "lambda.supervisor.layer_name": "mine",
    "lambda.supervisor.license_info": "mine",
    "lambda.runtime": "image",
    "lambda.handler": "main.handler",
    "lambda.zip_file_path": "function.zip",
    "lambda.deployment.bucket": "some-bucket",
    "lambda.deployment.max_payload_size": 1,
    "lambda.deployment.max_s3_payload_size": 1,
    "lambda.preheat": True,
    "lambda.invocation_type": "Event",
    "lambda.asynchronous": True,
    "lambda.log_type": "None",
    "lambda.arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
    "lambda.container.alpine": True,
    "lambda.container.udocker.bin": "/bin",
    "lambda.image": "debian:13",
    "lambda.image_file": "image.tar",
    "lambda.time": 200,
    "lambda.timeout_threshold": 20,
    "lambda.container.init_script": "script.sh",
    "lambda.container.extra_payload": "payload",
    "lambda.container.environment_variables": {"MINE": "1"},
    "iam.role": ROLE,
    "iam.account_id": "123456789012",
    "iam.boto_profile": "other",
    "cloudwatch.region": "eu-west-1",
    "cloudwatch.boto_profile": "other",
    "cloudwatch.log_retention_policy_in_days": 90,
    "ecr.region": "eu-west-1",
    "ecr.boto_profile": "other",
    "ecr.delete_image": False,
    "api_gateway.region": "eu-west-1",
    "api_gateway.boto_profile": "other",
    "api_gateway.name": "crop-api",
    "api_gateway.endpoint": "https://example.org/",
    "api_gateway.stage_name": "prod",
    "api_gateway.path_part": "x",
    "api_gateway.http_method": "GET",
    "api_gateway.request_parameters": {"a": "b"},
    "api_gateway.method.authorizationType": "AWS_IAM",
    "api_gateway.method.requestParameters": {"a": True},
    "api_gateway.integration.type": "AWS",
    "api_gateway.integration.integrationHttpMethod": "GET",
    "api_gateway.integration.uri": "arn:aws:apigateway:x",
    "api_gateway.integration.requestParameters": {"a": "b"},
    "api_gateway.service_id": "x",
    "api_gateway.source_arn_testing": "x",
    "api_gateway.source_arn_invocation": "x",
    "batch.region": "eu-west-1",
    "batch.boto_profile": "other",
    "batch.vcpus": 2,
    "batch.memory": 2048,
    "batch.enable_gpu": True,
    "batch.environment": {"Variables": {"MINE": "1"}},
    "batch.state": "ENABLED",
    "batch.type": "MANAGED",
    "batch.service_role": ROLE,
    "batch.multi_node_parallel.enabled": True,
    "batch.multi_node_parallel.number_nodes": 3,
    "batch.multi_node_parallel.main_node_index": 1,
    "batch.compute_resources.type": "SPOT",
    "batch.compute_resources.security_group_ids": ["sg-1"],
    "batch.compute_resources.subnets": ["subnet-1"],
    "batch.compute_resources.min_v_cpus": 1,
    "batch.compute_resources.max_v_cpus": 16,
    "batch.compute_resources.desired_v_cpus": 2,
    "batch.compute_resources.instance_types": ["c6i"],
    "batch.compute_resources.instance_role": "arn:aws:iam::123456789012:instance-profile/mine",
    "batch.compute_resources.launch_template_name": "mine",
    "batch.compute_resources.state": "DISABLED",
    "batch.compute_resources.comp_type": "SPOT",
    "s3.region": "eu-west-1",
    "s3.boto_profile": "other",
    "s3.event.Records": [{}],
    "codebuild.project": "x",
}


def location_of(key: str) -> Location:
    return tuple(key.split("."))


def set_value(values: dict[str, Any], key: str, value: object) -> None:
    """Set the value of a dotted key."""
    *above, last = key.split(".")
    for part in above:
        values = values.setdefault(part, {})
    values[last] = value


def write_image(folder: Path) -> Path:
    """Write an image as a file of ``docker save``."""
    path = folder / "image.tar"
    write_docker_archive(path, "test:1", [{"bin/sh": LayerFile(b"")}], ImageDefaults())
    return path


def resolve_entry(
    folder: Path, values: Mapping[str, object], *, batch: bool = False
) -> ResolvedDocument:
    """Resolve a file of one small function with these values, by dotted key."""
    (folder / "payload").mkdir(exist_ok=True)
    (folder / "script.sh").write_text("#!/bin/sh\n")
    write_image(folder)
    entry: dict[str, Any] = {"lambda": {"name": "crop", "container": {"image": "debian:12"}}}
    if batch:
        entry["lambda"]["execution_mode"] = "batch"
    for key, value in values.items():
        set_value(entry, key, value)
    path = folder / "f.json"
    path.write_text(json.dumps({"functions": {"aws": [entry]}}))
    return resolve_file(path, LoadContext())
