"""Read the account's quotas of Lambda and EC2; an unreadable quota is reported, not raised."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client import errors

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.vcpu_quotas import VcpuQuota

# An AWS-compatible endpoint need not implement quotas: that is not worth a warning.
_NOT_SUPPORTED_CODES = frozenset({"404", "NotImplemented", "NoSuchResourceException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Quotas of the account; None and absent: not known.

    ``concurrency`` is Lambda's concurrent executions, ``unreserved`` those that no function
    reserves. ``vcpus`` are the values of EC2's and Fargate's quotas. ``unread_quotas`` are
    sentences that name the quotas that could not be read, and why.
    """

    concurrency: int | None = None
    unreserved: int | None = None
    vcpus: Mapping[VcpuQuota, float] = field(default_factory=dict)
    unread_quotas: tuple[str, ...] = ()


def read_quotas(connection: AwsConnection, vcpu_quotas: Collection[VcpuQuota]) -> Quotas:
    """Read Lambda's concurrency, and the values of these quotas."""
    unread_quotas: list[str] = []
    ordered = sorted(vcpu_quotas)

    def record_unread(error: errors.SdkError, what: str) -> None:
        if errors.error_code(error) not in _NOT_SUPPORTED_CODES:
            unread_quotas.append(f"{what} could not be read: {error}")

    def concurrency() -> tuple[int | None, int | None]:
        try:
            limit = connection.client("lambda").get_account_settings()["AccountLimit"]
        except errors.SDK_ERRORS as error:
            record_unread(error, "Lambda's quota of concurrent executions")
            return None, None
        return limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]

    def vcpus(quota: VcpuQuota) -> float | None:
        try:
            values = connection.client("service-quotas").get_service_quota(
                ServiceCode=quota.service, QuotaCode=quota.code
            )
        except errors.SDK_ERRORS as error:
            record_unread(error, f"The quota {quota.name!r}")
            return None
        return float(values["Quota"]["Value"])

    with ThreadPoolExecutor(4) as pool:
        lambda_limits = pool.submit(concurrency)
        values = dict(zip(ordered, pool.map(vcpus, ordered), strict=True))
    known = {quota: value for quota, value in values.items() if value is not None}
    total, free = lambda_limits.result()
    return Quotas(
        concurrency=total, unreserved=free, vcpus=known, unread_quotas=tuple(unread_quotas)
    )
