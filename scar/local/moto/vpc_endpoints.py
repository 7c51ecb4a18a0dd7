"""The VPC endpoints of the default VPC: functions in it reach the services of this machine.

Without them `scar init` would report that a function in the default VPC, whose subnets have an
internet gateway only, reaches neither S3 nor Batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.http.messages import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.moto.calls import JsonValue, MotoCall

_SERVICES = ("s3", "batch")
_NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"


@dataclass(frozen=True, slots=True)
class VpcEndpointApi:
    """Handles DescribeVpcEndpoints; ``default_vpc`` returns the id of a Region's only VPC."""

    default_vpc: Callable[[str], str]

    def handle_call(self, call: MotoCall) -> Response | None:
        """Return the response to a call, or None for other calls."""
        if (call.service, call.operation) != ("ec2", "DescribeVpcEndpoints"):
            return None
        vpc = self.default_vpc(call.region)
        # These endpoints have no tags, so that no filter for a tag finds them.
        services = () if _filters_by_tag(call.parameters.get("Filter")) else _SERVICES
        endpoints = "".join(
            f"<item><vpcEndpointId>vpce-{number:017x}</vpcEndpointId><vpcId>{vpc}</vpcId>"
            "<vpcEndpointType>Interface</vpcEndpointType><state>available</state>"
            f"<serviceName>com.amazonaws.{call.region}.{service}</serviceName></item>"
            for number, service in enumerate(services, start=1)
        )
        body = (
            f'<DescribeVpcEndpointsResponse xmlns="{_NAMESPACE}">'
            f"<vpcEndpointSet>{endpoints}</vpcEndpointSet></DescribeVpcEndpointsResponse>"
        )
        return Response(status=200, headers={"content-type": "text/xml"}, body=body.encode())


def _filters_by_tag(filters: JsonValue) -> bool:
    return isinstance(filters, list) and any(
        isinstance(each, dict) and str(each.get("Name")).startswith("tag") for each in filters
    )
