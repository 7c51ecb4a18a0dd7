"""The host of an AWS service in a Region, or the custom endpoint of the environment.

``AWS_ENDPOINT_URL_<SERVICE>`` and ``AWS_ENDPOINT_URL`` come first, as in every AWS SDK.
Source of the suffixes: botocore 1.44, ``partitions.json``; the first matching prefix applies.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from supervisor.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    # Imported by what makes one: scar reads the table of partitions without any requests.
    from supervisor.aws.request import Origin

PARTITION_DNS_SUFFIXES = (
    ("cn-", "amazonaws.com.cn"),
    ("eusc-", "amazonaws.eu"),
    ("us-iso-", "c2s.ic.gov"),
    ("us-isob-", "sc2s.sgov.gov"),
    ("eu-isoe-", "cloud.adc-e.uk"),
    ("us-isof-", "csp.hci.ic.gov"),
    ("", "amazonaws.com"),
)
# Bucket names that are one DNS label: with a dot, the certificate's wildcard does not match.
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{1,61}[a-z0-9])")
_REGION = re.compile(r"[a-z0-9-]{1,64}")


def read_region(environ: Mapping[str, str]) -> str:
    """Return AWS_REGION or AWS_DEFAULT_REGION; raise ConfigError if neither is a Region."""
    name = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or ""
    if not _REGION.fullmatch(name):
        raise ConfigError(
            f"{name!r} is not an AWS Region." if name else "No AWS Region is set.",
            remedy="Set AWS_REGION, for example to us-east-1.",
        )
    return name


def custom_endpoint(service: str, environ: Mapping[str, str]) -> Origin | None:
    """Return the endpoint that the environment sets for the service, else None."""
    for variable in (f"AWS_ENDPOINT_URL_{service.upper()}", "AWS_ENDPOINT_URL"):
        if url := environ.get(variable):
            return parse_endpoint(url, variable)
    return None


@lru_cache(maxsize=64)  # asked for with each request
def parse_endpoint(url: str, source: str) -> Origin:
    """Parse an http or https URL; raise ConfigError that names ``source`` for anything else."""
    from supervisor.aws.request import Origin

    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    remedy = f"Set {source} to a URL such as https://host:port."
    if parts.query or parts.fragment or "@" in parts.netloc:
        # Without the URL in the message: it may have a password.
        raise ConfigError(
            f"{source} is a URL with a user name, a query or a fragment, which would be ignored.",
            remedy=remedy,
        )
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ConfigError(f"{source} is not an http or https URL: {url!r}.", remedy=remedy)
    return Origin(parts.scheme, parts.hostname, port, parts.path.rstrip("/"))


def regional_endpoint(service: str, region: str) -> Origin:
    """Return the standard endpoint of the service in the Region's partition."""
    from supervisor.aws.request import Origin

    suffix = next(suffix for prefix, suffix in PARTITION_DNS_SUFFIXES if region.startswith(prefix))
    return Origin("https", f"{service}.{region}.{suffix}", 443)


def service_endpoint(service: str, region: str, environ: Mapping[str, str]) -> Origin:
    return custom_endpoint(service, environ) or regional_endpoint(service, region)


def bucket_endpoint(
    bucket: str, region: str, environ: Mapping[str, str], *, path_style: bool | None = None
) -> tuple[Origin, str]:
    """Return the endpoint of a bucket and the path prefix of its keys.

    Virtual-hosted-style on AWS; path-style with a custom endpoint, or if the bucket's name is not
    one DNS label. ``path_style`` chooses it for names that are one.
    """
    custom = custom_endpoint("s3", environ)
    origin = custom or regional_endpoint("s3", region)
    in_path = custom is not None if path_style is None else path_style
    if in_path or not _HOST_LABEL.fullmatch(bucket):
        return origin, f"/{bucket}"
    from supervisor.aws.request import Origin

    return Origin(origin.scheme, f"{bucket}.{origin.host}", origin.port, origin.path), ""
