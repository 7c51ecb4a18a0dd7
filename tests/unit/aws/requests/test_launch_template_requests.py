"""Launch templates: the instances' disk and user data."""

from __future__ import annotations

import base64
import email
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from scar.aws.model.disks.user_data import wrap_in_multipart
from scar.aws.model.resources import LaunchTemplate
from scar.aws.requests import launch_template_requests

if TYPE_CHECKING:
    from mypy_boto3_ec2.type_defs import LaunchTemplateVersionTypeDef

SCRIPT = "#!/bin/sh\nyum install -y fuse\n"


def described(resource: LaunchTemplate) -> LaunchTemplateVersionTypeDef:
    request = launch_template_requests.launch_template_request(resource)
    return {
        "LaunchTemplateName": resource.name,
        "LaunchTemplateData": request["LaunchTemplateData"],  # type: ignore[typeddict-item]
    }


def test_the_root_disk_is_gp3_and_encrypted() -> None:
    data = launch_template_requests.launch_template_request(LaunchTemplate(name="t", disk_gib=80))[
        "LaunchTemplateData"
    ]
    (disk,) = data["BlockDeviceMappings"]
    assert disk.get("DeviceName") == "/dev/xvda"
    assert disk.get("Ebs") == {
        "VolumeSize": 80,
        "VolumeType": "gp3",
        "Encrypted": True,
        "DeleteOnTermination": True,
    }
    assert "UserData" not in data


def test_a_user_data_script_is_a_part_of_a_mime_message() -> None:
    data = launch_template_requests.launch_template_request(
        LaunchTemplate(name="t", user_data=SCRIPT)
    )["LaunchTemplateData"]
    message = email.message_from_bytes(base64.b64decode(str(data.get("UserData"))))
    assert message.is_multipart()
    whole, part = message.walk()
    assert whole is message
    assert part.get_content_type() == "text/x-shellscript"
    assert str(part.get_payload()).strip() == SCRIPT.strip()


def test_multipart_user_data_is_unchanged() -> None:
    whole = 'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n--x--\n'
    assert wrap_in_multipart(whole) == whole


def test_the_metadata_service_needs_tokens_that_stay_on_the_instance() -> None:
    for resource in (LaunchTemplate(name="t"), LaunchTemplate(name="t", user_data=SCRIPT)):
        request = launch_template_requests.launch_template_request(resource)
        assert request["LaunchTemplateData"].get("MetadataOptions") == {
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        }


def test_a_template_without_these_settings_differs() -> None:
    observed = described(LaunchTemplate(name="t"))
    del observed["LaunchTemplateData"]["MetadataOptions"]
    assert launch_template_requests.parse_launch_template(observed) != LaunchTemplate(name="t")


@given(st.integers(0, 16_384), st.text(max_size=50).map(lambda text: f"#!/bin/sh\n{text}"))
def test_a_described_launch_template_is_parsed_into_its_resource(disk: int, script: str) -> None:
    resource = LaunchTemplate(name="t", disk_gib=disk, user_data=script)
    assert launch_template_requests.parse_launch_template(described(resource)) == resource
