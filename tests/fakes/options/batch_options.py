"""One value of each option of ``batch`` and its sections, and of those that go with it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

EFS = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
S3_FILES = (
    "arn:aws:s3files:eu-west-1:123456789012:file-system/fs-0123456789abcdef0"
    "/access-point/fsap-0123456789abcdef1"
)
MANAGED_POLICY = "arn:aws:iam::aws:policy/AmazonDynamoDBReadOnlyAccess"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token-AbCdEf"
REGION = "eu-west-1"
SUBNET = "subnet-0123456789abcdef0"
ROLE = "arn:aws:iam::123456789012:role/mine"
PROFILE = "arn:aws:iam::123456789012:instance-profile/mine"
GPU_TYPES: dict[str, Any] = {"instance_types": ["g5"], "max_v_cpus": 512}

# Section, key, a value that is not the default, and what it needs besides.
OPTIONS: tuple[tuple[str, str, Any, dict[str, Any]], ...] = (
    ("batch", "vcpus", 2, {}),
    ("batch", "memory", 2048, {}),
    ("batch", "enable_gpu", True, {"compute_resources": GPU_TYPES}),
    ("batch", "gpus", 4, {"compute_resources": GPU_TYPES}),
    ("batch", "timeout", 90, {}),
    ("batch", "attempts", 2, {}),
    ("batch", "overrides", [{"match": {"suffix": [".bam"]}, "memory": 3000}], {}),
    ("batch", "retry", [{"exit_code": 137, "memory": "x2", "up_to": 4000}], {}),
    ("batch", "array", {"window": 60, "size": 500}, {}),
    ("batch", "environment", {"Variables": {"A": "1"}}, {}),
    ("batch", "file_system", [{"arn": EFS, "path": "/mnt/data"}], {}),
    ("batch", "shared_memory", 128, {}),
    ("batch", "tmpfs", [{"path": "/scratch", "size": 64}], {}),
    ("batch", "ulimits", {"nofile": 65536}, {}),
    ("batch", "container_properties", {"privileged": True}, {}),
    ("batch", "cluster", True, {}),
    ("batch", "enable_execute_command", True, {}),
    ("batch", "service_role", ROLE, {}),
    ("batch", "compute_environments", [{"type": "EC2"}, {"type": "SPOT"}], {}),
    ("batch", "scheduling", {"share": "labA"}, {}),
    (
        "batch",
        "multi_node_parallel",
        {"enabled": True, "number_nodes": 3, "main_node_index": 1, "timeout": 60},
        {"compute_resources": {"max_v_cpus": 64, "instance_types": ["m6i.large"]}},
    ),
    ("compute_resources", "preset", "dual", {}),
    ("compute_resources", "queue", "priority", {"compute_resources": {"preset": "dual"}}),
    ("compute_resources", "type", "SPOT", {}),
    ("compute_resources", "security_group_ids", ["sg-0123456789abcdef0"], {}),
    ("compute_resources", "subnets", [SUBNET], {}),
    ("compute_resources", "min_v_cpus", 2, {}),
    ("compute_resources", "max_v_cpus", 4, {}),
    ("compute_resources", "instance_types", ["m6i"], {}),
    (
        "compute_resources",
        "allocation_strategy",
        "BEST_FIT_PROGRESSIVE_ORDERED",
        {"compute_resources": {"instance_types": ["m6i", "c6i"]}},
    ),
    ("compute_resources", "bid_percentage", 60, {"compute_resources": {"type": "SPOT"}}),
    ("compute_resources", "scale_down_delay", 20, {}),
    ("compute_resources", "wait_limit", 600, {}),
    ("compute_resources", "shares", {"labA": 0.5}, {"scheduling": {"share": "labA"}}),
    ("compute_resources", "disk", 100, {}),
    ("compute_resources", "user_data", "option_files/user_data.sh", {}),
    ("compute_resources", "instance_role", PROFILE, {}),
    ("scheduling", "priority", 5, {"scheduling": {"share": "labA"}}),
    ("disk", "size", 100, {}),
    ("disk", "type", "gp2", {}),
    ("disk", "iops", 4000, {}),
    ("disk", "throughput", 250, {}),
    ("disk", "instance_store", True, {"compute_resources": {"instance_types": ["m6id"]}}),
    ("lambda", "tags", {"project": "genomics"}, {}),
    ("lambda", "reads", ["refs/hg38"], {}),
    ("container", "secrets", {"TOKEN": SECRET, "KEY": "ssm:/key"}, {}),
    ("container", "environment", {"Variables": {"A": "1"}}, {}),
    ("iam", "policies", [MANAGED_POLICY, "option_files/policy.json"], {}),
)
_PATHS = {
    "batch": ("batch",),
    "compute_resources": ("batch", "compute_resources"),
    "scheduling": ("batch", "scheduling"),
    "disk": ("batch", "compute_resources", "disk"),
    "lambda": ("lambda",),
    "container": ("lambda", "container"),
    "iam": ("iam",),
}
# Keys of ``batch`` and its sections that have no effect, no second value, or are in OPTIONS with a
# section or as what others need.
WITHOUT_EFFECT = {
    "batch": {"boto_profile", "region", "enabled", "state", "type", "compute_resources"},
    "compute_resources": {"desired_v_cpus", "launch_template_name"},
    "scheduling": {"share"},
}


def section(name: str, key: str, value: object, more: dict[str, Any]) -> dict[str, Any]:
    """Return a function of an FDL file with the option; ``more`` is merged into ``batch``."""
    batch: dict[str, Any] = {part: {**content} for part, content in more.items()}
    found: dict[str, Any] = {"lambda": {"container": {}}, "iam": {}, "batch": batch}
    part_of(found, name)[key] = value
    return complete(found)


def part_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the section with this name in a function, which has it then."""
    part = found
    for step in _PATHS[name]:
        part = part.setdefault(step, {})
    return part


def complete(found: dict[str, Any]) -> dict[str, Any]:
    """Return the function with what all need: a name, an image, folders, the execution mode."""
    lambda_ = {
        "name": "crop",
        "execution_mode": "batch",
        "input": [{"path": "photos/in"}],
        "output": [{"path": "photos/out"}],
        **found["lambda"],
    }
    lambda_["container"] = {"image": "busybox:1", **found["lambda"].get("container", {})}
    return {**found, "lambda": lambda_}


def write(folder: Path, *sections: dict[str, Any], efs: str = EFS, subnet: str = SUBNET) -> Path:
    """Write an FDL file with the functions, and the files that options name; return its path.

    ``efs`` and ``subnet`` are the account's, in the place of those in the options.
    """
    files = folder / "option_files"
    files.mkdir(exist_ok=True)
    (files / "user_data.sh").write_text("#!/bin/sh\ntrue\n")
    statement = {"Effect": "Allow", "Action": "lambda:GetFunction", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    (files / "policy.json").write_text(json.dumps(policy))
    path = folder / "functions.yaml"
    text = json.dumps({"functions": {"aws": list(sections)}})
    path.write_text(text.replace(EFS, efs).replace(SUBNET, subnet))
    return path
