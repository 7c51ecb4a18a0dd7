"""Requests that create EC2 launch templates for AWS Batch, and their parser.

https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.disks.user_data import unwrap_multipart, wrap_in_multipart
from scar.aws.model.resources import LaunchTemplate
from scar.aws.model.tags import others_tags

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        CreateLaunchTemplateRequestTypeDef,
        LaunchTemplateEbsBlockDeviceRequestTypeDef,
        LaunchTemplateEbsBlockDeviceTypeDef,
        LaunchTemplateInstanceMetadataOptionsRequestTypeDef,
        LaunchTemplateVersionTypeDef,
        RequestLaunchTemplateDataTypeDef,
        TagTypeDef,
    )

DEFAULT_TYPE = LaunchTemplate(name="").disk_type
ROOT_DISK = "/dev/xvda"  # the root device of Amazon Linux, on which all of Batch's AMIs are based


def launch_template_request(resource: LaunchTemplate) -> CreateLaunchTemplateRequestTypeDef:
    """Return the request that creates a launch template with its first version."""
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-options.html
    options: LaunchTemplateInstanceMetadataOptionsRequestTypeDef = {
        "HttpTokens": "required" if resource.metadata_tokens == "required" else "optional",
        "HttpPutResponseHopLimit": resource.metadata_hops,
    }
    data: RequestLaunchTemplateDataTypeDef = {"MetadataOptions": options}
    if disk := _root_volume(resource):
        data["BlockDeviceMappings"] = [{"DeviceName": ROOT_DISK, "Ebs": disk}]
    if resource.user_data:
        data["UserData"] = base64.b64encode(wrap_in_multipart(resource.user_data).encode()).decode()
    tags: list[TagTypeDef] = [{"Key": key, "Value": value} for key, value in resource.tags]
    if tags:
        # Instances get their tags from computeResources.tags. Whether EC2 refuses the same keys in
        # both places depends on how Batch merges them, which is not documented.
        data["TagSpecifications"] = [{"ResourceType": "volume", "Tags": tags}]
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


def _root_volume(resource: LaunchTemplate) -> LaunchTemplateEbsBlockDeviceRequestTypeDef:
    """Return the settings of the root volume, or an empty structure for those of the image."""
    disk: LaunchTemplateEbsBlockDeviceRequestTypeDef = {}
    if resource.disk_gib:
        disk["VolumeSize"] = resource.disk_gib
    if resource.disk_iops:
        disk["Iops"] = resource.disk_iops
    if resource.disk_throughput:
        disk["Throughput"] = resource.disk_throughput
    if disk or resource.disk_type != DEFAULT_TYPE:
        disk |= {
            "VolumeType": resource.disk_type,  # type: ignore[typeddict-item]
            "Encrypted": True,
            "DeleteOnTermination": True,
        }
    return disk


def parse_launch_template(version: LaunchTemplateVersionTypeDef) -> LaunchTemplate:
    """Return the launch template of a version that ``launch_template_request`` created."""
    data = version.get("LaunchTemplateData", {})
    disks: list[LaunchTemplateEbsBlockDeviceTypeDef] = [
        disk.get("Ebs", {})
        for disk in data.get("BlockDeviceMappings", [])
        if disk.get("DeviceName") == ROOT_DISK
    ]
    disk = disks[0] if disks else {}
    text = base64.b64decode(data.get("UserData", "")).decode()
    options = data.get("MetadataOptions", {})
    tags = {
        tag.get("Key", ""): tag.get("Value", "")
        for specification in data.get("TagSpecifications", [])
        for tag in specification.get("Tags", [])
    }
    return LaunchTemplate(
        name=version.get("LaunchTemplateName", ""),
        disk_gib=disk.get("VolumeSize", 0),
        disk_type=disk.get("VolumeType", DEFAULT_TYPE),
        disk_iops=disk.get("Iops", 0),
        disk_throughput=disk.get("Throughput", 0),
        user_data=unwrap_multipart(text),
        metadata_tokens=options.get("HttpTokens", ""),
        metadata_hops=options.get("HttpPutResponseHopLimit", 0),
        tags=others_tags(tags),
    )
