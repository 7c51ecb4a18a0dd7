"""Read the account's quotas of Lambda and EC2; an unreadable quota is reported, not raised."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.model.limits import VCPU_QUOTAS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import ComputeType

# An AWS-compatible endpoint need not implement quotas: that is not worth a warning.
_NOT_SUPPORTED_CODES = frozenset({"404", "NotImplemented", "NoSuchResourceException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """Quotas of the account; None and absent: not known.

    ``concurrency`` is Lambda's concurrent executions, ``unreserved`` those that no function
    reserves. ``vcpus`` are by compute type and whether the instances have GPUs.
    ``unread_quotas`` are sentences that name the quotas that could not be read, and why.
    """

    concurrency: int | None = None
    unreserved: int | None = None
    vcpus: Mapping[tuple[ComputeType, bool], float] = field(default_factory=dict)
    unread_quotas: tuple[str, ...] = ()


def read_quotas(
    connection: AwsConnection, compute_kinds: Collection[tuple[ComputeType, bool]]
) -> Quotas:
    """Read Lambda's concurrency, and the vCPU quota of each pair of compute type and GPUs."""
    unread_quotas: list[str] = []
    pairs = sorted(pair for pair in compute_kinds if pair in VCPU_QUOTAS)

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

    def vcpus(pair: tuple[ComputeType, bool]) -> float | None:
        service, code, name = VCPU_QUOTAS[pair]
        try:
            values = connection.client("service-quotas").get_service_quota(
                ServiceCode=service, QuotaCode=code
            )
        except errors.SDK_ERRORS as error:
            record_unread(error, f"The quota {name!r}")
            return None
        return float(values["Quota"]["Value"])

    with ThreadPoolExecutor(4) as pool:
        lambda_limits = pool.submit(concurrency)
        values = dict(zip(pairs, pool.map(vcpus, pairs), strict=True))
    known = {pair: value for pair, value in values.items() if value is not None}
    total, free = lambda_limits.result()
    return Quotas(
        concurrency=total, unreserved=free, vcpus=known, unread_quotas=tuple(unread_quotas)
    )
