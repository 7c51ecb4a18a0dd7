"""EC2 launch templates: disk and user data of the instances that AWS Batch starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors
from scar.aws.requests import launch_template_requests

if TYPE_CHECKING:
    from mypy_boto3_ec2 import EC2Client

    from scar.aws.model.resources import LaunchTemplate

_VERSION = "1"
_NOT_FOUND_CODES = frozenset(
    {
        "InvalidLaunchTemplateName.NotFoundException",
        "InvalidLaunchTemplateId.NotFound",
        "InvalidLaunchTemplateId.VersionNotFound",
    }
)
_ALREADY_EXISTS = "InvalidLaunchTemplateName.AlreadyExistsException"


@dataclass(frozen=True, slots=True)
class LaunchTemplateHandler:
    """Handles launch templates with the one version that scar creates.

    Versions are immutable: a template that differs is deleted and created again.
    """

    ec2: EC2Client

    def read(self, resource: LaunchTemplate) -> LaunchTemplate | None:
        try:
            versions = self.ec2.describe_launch_template_versions(
                LaunchTemplateName=resource.name, Versions=[_VERSION]
            )["LaunchTemplateVersions"]
        except ClientError as error:
            if errors.error_code(error) in _NOT_FOUND_CODES:
                return None
            raise
        return launch_template_requests.parse_launch_template(versions[0]) if versions else None

    def create(self, resource: LaunchTemplate) -> None:
        try:
            self.ec2.create_launch_template(
                **launch_template_requests.launch_template_request(resource)
            )
        except ClientError as error:
            # An earlier attempt of the SDK may have created it, with the response lost.
            if errors.error_code(error) != _ALREADY_EXISTS:
                raise

    def update(self, observed: LaunchTemplate, desired: LaunchTemplate) -> None:
        self.delete(observed)
        self.create(desired)

    def delete(self, resource: LaunchTemplate) -> None:
        try:
            self.ec2.delete_launch_template(LaunchTemplateName=resource.name)
        except ClientError as error:
            if errors.error_code(error) not in _NOT_FOUND_CODES:
                raise
