"""The mount targets of file systems: the only VPC of a Region has one of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.moto.calls import MotoCall


@dataclass(frozen=True, slots=True)
class MountTargetApi:
    """Handles EFS's DescribeMountTargets and S3 Files' ListMountTargets.

    ``default_vpc`` returns the only VPC of a Region.
    """

    default_vpc: Callable[[str], str]

    def handle_call(self, call: MotoCall) -> Response | None:
        """Return the response to a call, or None for calls of other services."""
        vpc = self.default_vpc
        match call.service, call.operation:
            case "elasticfilesystem", "DescribeMountTargets":
                identity = call.text("AccessPointId") or call.text("FileSystemId")
                file_system = f"fs-{identity.rpartition('-')[2]}"
                target = {"FileSystemId": file_system, "VpcId": vpc(call.region)}
                return _json_response({"MountTargets": [target]})
            case "s3files", "ListMountTargets":
                target = {"fileSystemId": call.text("fileSystemId"), "vpcId": vpc(call.region)}
                return _json_response({"mountTargets": [target]})
            case _:
                return None


def _json_response(content: object) -> Response:
    return Response(
        status=200,
        headers={"content-type": "application/json"},
        body=json.dumps(content).encode(),
    )
