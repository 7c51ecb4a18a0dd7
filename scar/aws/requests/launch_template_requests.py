"""Requests that create EC2 launch templates for AWS Batch, and their parser.

https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.resources import LaunchTemplate
from scar.aws.model.tags import others_tags

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        CreateLaunchTemplateRequestTypeDef,
        LaunchTemplateEbsBlockDeviceRequestTypeDef,
        LaunchTemplateInstanceMetadataOptionsRequestTypeDef,
        LaunchTemplateVersionTypeDef,
        RequestLaunchTemplateDataTypeDef,
        TagTypeDef,
    )

ROOT_DISK = "/dev/xvda"  # the root device of Amazon Linux, on which all of Batch's AMIs are based
_HEAD = (
    'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="==SCAR=="\n\n'
    '--==SCAR==\nContent-Type: text/x-shellscript; charset="utf-8"\n\n'
)
_TAIL = "\n--==SCAR==--\n"


def launch_template_request(resource: LaunchTemplate) -> CreateLaunchTemplateRequestTypeDef:
    """Return the request that creates a launch template with its first version."""
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html
    options: LaunchTemplateInstanceMetadataOptionsRequestTypeDef = {
        "HttpTokens": "required" if resource.metadata_tokens == "required" else "optional",
        "HttpPutResponseHopLimit": resource.metadata_hops,
    }
    data: RequestLaunchTemplateDataTypeDef = {"MetadataOptions": options}
    if resource.disk_gib:
        disk: LaunchTemplateEbsBlockDeviceRequestTypeDef = {
            "VolumeSize": resource.disk_gib,
            "VolumeType": "gp3",
            "Encrypted": True,
            "DeleteOnTermination": True,
        }
        data["BlockDeviceMappings"] = [{"DeviceName": ROOT_DISK, "Ebs": disk}]
    if resource.user_data:
        data["UserData"] = base64.b64encode(wrap_in_multipart(resource.user_data).encode()).decode()
    tags: list[TagTypeDef] = [{"Key": key, "Value": value} for key, value in resource.tags]
    if tags:
        # The environment tags instances only; volumes get their tags from the template.
        data["TagSpecifications"] = [
            {"ResourceType": "instance", "Tags": tags},
            {"ResourceType": "volume", "Tags": tags},
        ]
    return {
        "LaunchTemplateName": resource.name,
        "LaunchTemplateData": data,
        "TagSpecifications": [
            {
                "ResourceType": "launch-template",
                "Tags": [{"Key": names.MANAGED_TAG, "Value": "true"}, *tags],
            }
        ],
    }


def wrap_in_multipart(user_data: str) -> str:
    """Return user data as MIME multipart: Batch merges its own part into it.

    User data that is not a script (``#!``) must be MIME multipart already.
    """
    return f"{_HEAD}{user_data}{_TAIL}" if user_data.startswith("#!") else user_data


def parse_launch_template(version: LaunchTemplateVersionTypeDef) -> LaunchTemplate:
    """Return the launch template of a version that ``launch_template_request`` created."""
    data = version.get("LaunchTemplateData", {})
    disks = [
        disk.get("Ebs", {}).get("VolumeSize", 0)
        for disk in data.get("BlockDeviceMappings", [])
        if disk.get("DeviceName") == ROOT_DISK
    ]
    text = base64.b64decode(data.get("UserData", "")).decode()
    if text.startswith(_HEAD) and text.endswith(_TAIL):
        text = text[len(_HEAD) : -len(_TAIL)]
    options = data.get("MetadataOptions", {})
    tags = {
        tag.get("Key", ""): tag.get("Value", "")
        for specification in data.get("TagSpecifications", [])
        for tag in specification.get("Tags", [])
    }
    return LaunchTemplate(
        name=version.get("LaunchTemplateName", ""),
        disk_gib=sum(disks),
        user_data=text,
        metadata_tokens=options.get("HttpTokens", ""),
        metadata_hops=options.get("HttpPutResponseHopLimit", 0),
        tags=others_tags(tags),
    )
