"""The Regions of each service, without a session that keeps every service's model."""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PREFIXES: Mapping[str, str] = {
    "apigatewayv2": "apigateway",
    "batch": "batch",
    "ec2": "ec2",
    "ecr": "api.ecr",
    "ecs": "ecs",
    "iam": "iam",
    "lambda": "lambda",
    "logs": "logs",
    "s3": "s3",
    "secretsmanager": "secretsmanager",
    "sns": "sns",
    "sqs": "sqs",
    "ssm": "ssm",
    "sts": "sts",
}
"""The names of services in botocore's list of endpoints; the models have them too."""


class RegionLists:
    """Answers as botocore's session does, from the list of endpoints alone.

    A session reads the whole model of a service for its name in that list, 14 MB for EC2's, and
    keeps it, beside the list.
    """

    def get_available_partitions(self) -> list[str]:
        return list(_endpoints())

    def get_available_regions(self, service_name: str, partition_name: str = "aws") -> list[str]:
        prefix = _PREFIXES.get(service_name) or _read_prefix(service_name)
        return list(_endpoints()[partition_name].get(prefix, ()))


def use_region_lists() -> None:
    """Make moto ask these lists; call it before its first backend is made."""
    from moto.core.base_backend import AccountSpecificBackend

    AccountSpecificBackend.get_session = RegionLists  # type: ignore[method-assign, assignment]


def _read_prefix(service: str) -> str:
    """Return a service's name in the list of endpoints, empty if there is no such service."""
    from botocore.exceptions import UnknownServiceError
    from botocore.loaders import create_loader

    try:
        model = create_loader().load_service_model(service, "service-2")
    except UnknownServiceError:
        return ""
    return str(model["metadata"].get("endpointPrefix", service))


@functools.cache
def _endpoints() -> Mapping[str, Mapping[str, Sequence[str]]]:
    """Return the Regions by partition and service."""
    from botocore.loaders import create_loader

    partitions = create_loader().load_data("endpoints")["partitions"]
    return {
        partition["partition"]: {
            service: tuple(sys.intern(r) for r in entry["endpoints"] if r in partition["regions"])
            for service, entry in partition["services"].items()
        }
        for partition in partitions
    }
