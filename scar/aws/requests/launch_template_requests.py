"""Launch templates as EC2 and Batch want them. Pure.

https://docs.aws.amazon.com/batch/latest/userguide/launch-templates.html
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.model.resources import LaunchTemplate

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import (
        CreateLaunchTemplateRequestTypeDef,
        LaunchTemplateEbsBlockDeviceRequestTypeDef,
        LaunchTemplateVersionTypeDef,
        RequestLaunchTemplateDataTypeDef,
    )

ROOT_DISK = "/dev/xvda"  # of Amazon Linux, which all of Batch's images are
_HEAD = (
    'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="==SCAR=="\n\n'
    '--==SCAR==\nContent-Type: text/x-shellscript; charset="utf-8"\n\n'
)
_TAIL = "\n--==SCAR==--\n"


def launch_template_request(resource: LaunchTemplate) -> CreateLaunchTemplateRequestTypeDef:
    """Write the first version of a template."""
    data: RequestLaunchTemplateDataTypeDef = {}
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
    return {
        "LaunchTemplateName": resource.name,
        "LaunchTemplateData": data,
        "TagSpecifications": [
            {
                "ResourceType": "launch-template",
                "Tags": [{"Key": names.MANAGED_TAG, "Value": "true"}],
            }
        ],
    }


def wrap_in_multipart(user_data: str) -> str:
    """Wrap a script in MIME multipart, to which Batch adds a part of its own."""
    return f"{_HEAD}{user_data}{_TAIL}" if user_data.startswith("#!") else user_data


def parse_launch_template(found: LaunchTemplateVersionTypeDef) -> LaunchTemplate:
    """Read a version as ``request`` writes it."""
    data = found.get("LaunchTemplateData", {})
    disks = [
        disk.get("Ebs", {}).get("VolumeSize", 0)
        for disk in data.get("BlockDeviceMappings", [])
        if disk.get("DeviceName") == ROOT_DISK
    ]
    text = base64.b64decode(data.get("UserData", "")).decode()
    if text.startswith(_HEAD) and text.endswith(_TAIL):
        text = text[len(_HEAD) : -len(_TAIL)]
    return LaunchTemplate(
        name=found.get("LaunchTemplateName", ""), disk_gib=sum(disks), user_data=text
    )
