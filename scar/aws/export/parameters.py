"""The template's parameters: images, networks, file systems, and whether it creates buckets."""

from __future__ import annotations

import hashlib
import re
from typing import Any

from scar.aws.export.conditions import CREATE_BUCKETS_PARAMETER

SUBNETS, SECURITY_GROUPS = "Subnets", "SecurityGroups"
_IMAGE, _FILE_SYSTEM = "Image", "FileSystem"
_DIGEST = "^(sha256:[0-9a-f]{64})?$"


def image_parameter(function: str) -> str:
    """Return the name of the parameter for the digest of a function's image."""
    digest = hashlib.sha256(function.encode()).hexdigest()[:6]
    words = re.findall(r"[A-Za-z0-9]+", function)
    return _IMAGE + "".join(word[0].upper() + word[1:] for word in words) + digest


def file_system_parameter(access_point: str) -> str:
    """Return the name of the parameter for the EFS file system of an access point."""
    return _FILE_SYSTEM + "".join(re.findall(r"[A-Za-z0-9]+", access_point.rpartition("/")[2]))


def image_parameters(used: frozenset[str]) -> frozenset[str]:
    """Return the parameters for images among the names that are used."""
    return frozenset(name for name in used if name.startswith(_IMAGE))


def build_parameters(used: frozenset[str], *, with_buckets: bool) -> dict[str, Any]:
    """Return the definitions of the parameters that are used."""
    parameters: dict[str, Any] = {}
    if with_buckets:
        parameters[CREATE_BUCKETS_PARAMETER] = {
            "Type": "String",
            "AllowedValues": ["true", "false"],
            "Default": "true",
            "Description": "false if the buckets of inputs and outputs already exist.",
        }
    for name in sorted(image_parameters(used)):
        parameters[name] = {
            "Type": "String",
            "AllowedPattern": _DIGEST,
            "Default": "",
            "Description": "Digest of the image in ECR; empty until it is pushed.",
        }
    for name in sorted(name for name in used if name.startswith(_FILE_SYSTEM)):
        parameters[name] = {
            "Type": "String",
            "AllowedPattern": "^fs-[0-9a-f]{8,40}$",
            "Description": "ID of the EFS file system of the access point in the parameter's name.",
        }
    for name, kind, description in (
        (SUBNETS, "List<AWS::EC2::Subnet::Id>", "Subnets of jobs, all in one VPC."),
        (
            SECURITY_GROUPS,
            "List<AWS::EC2::SecurityGroup::Id>",
            "Security groups of jobs, in the same VPC.",
        ),
    ):
        if name in used:
            parameters[name] = {"Type": kind, "Description": description}
    return parameters
