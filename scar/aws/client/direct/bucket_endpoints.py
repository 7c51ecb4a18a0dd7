"""The endpoint of a bucket without the SDK's rules: in AWS's usual Regions, or at one address."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client.direct.configuration import BucketEndpoint
from supervisor.aws.request import Origin

if TYPE_CHECKING:
    from scar.aws.client.direct.configuration import EndpointFinder

# Regions of the partition aws, where all addresses have one form. The SDK knows the others.
_USUAL_REGION = re.compile(r"(?:af|ap|ca|eu|il|me|mx|sa|us)-[a-z]+-\d")
# A name with a dot does not match the certificate's wildcard.
_HOST_LABEL = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
_SUFFIX = "amazonaws.com"


def is_usual_region(region: str) -> bool:
    """Return whether the addresses of this module are those of the Region."""
    return _USUAL_REGION.fullmatch(region) is not None


def sts_endpoint(region: str) -> Origin:
    """Return the Region's endpoint of STS."""
    return Origin("https", f"sts.{region}.{_SUFFIX}", 443)


@dataclass(frozen=True, slots=True)
class RegionalEndpoints:
    """Amazon S3 in one Region; ``tests/unit/aws/client/direct`` compares it with the SDK."""

    region: str

    def __call__(self, bucket: str, region: str) -> BucketEndpoint:
        region = region or self.region
        # The SDK uses the older name for us-east-1 only.
        host = f"s3.{_SUFFIX}" if region == "us-east-1" else f"s3.{region}.{_SUFFIX}"
        if _HOST_LABEL.fullmatch(bucket):
            return BucketEndpoint(Origin("https", f"{bucket}.{host}", 443), "", region)
        return BucketEndpoint(Origin("https", host, 443), f"/{bucket}", region)


@dataclass(frozen=True, slots=True)
class CustomEndpoint:
    """One address for all buckets, such as the local cloud's: their names are in the path."""

    origin: Origin
    region: str

    def __call__(self, bucket: str, region: str) -> BucketEndpoint:
        return BucketEndpoint(self.origin, f"/{bucket}", region or self.region)


def choose_endpoints(region: str, custom: Origin | None) -> EndpointFinder:
    """Return the endpoints of a Region, or those at a custom address."""
    return RegionalEndpoints(region) if custom is None else CustomEndpoint(custom, region)
