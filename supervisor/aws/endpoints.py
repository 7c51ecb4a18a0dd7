"""Which host serves a service in a region. Pure.

``AWS_ENDPOINT_URL_<SERVICE>`` and ``AWS_ENDPOINT_URL`` come first, as in every AWS SDK.
Suffixes: botocore 1.44, ``partitions.json``; the first matching prefix of the region counts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from supervisor.aws.request import Origin
from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

PARTITION_DNS_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("", "amazonaws.com"),
)
# Names that are one DNS label; a dot would not match the certificate's wildcard.
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])")
_REGION = re.compile(r"[a-z0-9-]{1,64}")


def read_region(environ: Mapping[str, str]) -> str:
    """Return AWS_REGION or AWS_DEFAULT_REGION; raise ConfigError if neither names a region."""
    name = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if not _REGION.fullmatch(name):
        raise ConfigError(
            f"The AWS region is {name!r}." if name else "No AWS region is set.",
            remedy="Set AWS_REGION, for example to us-east-1.",
        )
    return name


def custom_endpoint(service: str, environ: Mapping[str, str]) -> Origin | None:
    """Return the endpoint that the environment names for the service, if it names one."""
    for variable in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
        if url := environ.get(variable):
            return parse_endpoint(url, variable)
    return None


def parse_endpoint(url: str, source: str) -> Origin:
    """Read an http or https URL; raise ConfigError naming ``source`` for anything else."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(
            f"{source} is not an http or https address: {url!r}.",
            remedy=f"Set {source} to something like https://host:port.",
        )
    return Origin(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))


def regional_endpoint(service: str, region: str) -> Origin:
    """Return AWS's own host of the service in the region's partition."""
    suffix = next(suffix for prefix, suffix in PARTITION_DNS_SUFFIXES if region.startswith(prefix))
    return Origin("https", f"{service}.{region}.{suffix}", 443)


def service_endpoint(service: str, region: str, environ: Mapping[str, str]) -> Origin:
    return custom_endpoint(service, environ) or regional_endpoint(service, region)


def bucket_endpoint(bucket: str, region: str, environ: Mapping[str, str]) -> tuple[Origin, str]:
    """Return the host of a bucket and the path in front of its keys.

    Virtual-host style on AWS; path style where an endpoint is given or the bucket's name
    cannot be part of a host name.
    """
    given = custom_endpoint("s3", environ)
    origin = given or regional_endpoint("s3", region)
    if given or not _HOST_LABEL.fullmatch(bucket):
        return origin, f"/{bucket}"
    return Origin(origin.scheme, f"{bucket}.{origin.host}", origin.port), ""
