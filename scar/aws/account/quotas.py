"""How much the account may use of Lambda and EC2. What cannot be read is no reason to stop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.aws.client import errors as faults
from scar.aws.model.limits import VCPU_QUOTAS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import ComputeType

# What stands for AWS need not know of quotas; that is no news for anybody.
_NOT_SUPPORTED_CODES = frozenset({"404", "NotImplemented", "NoSuchResourceException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """``concurrency`` and ``unreserved`` are runs of Lambda at once, in all and without those
    that functions have for themselves; None and absent: not known.

    ``vcpus`` are by type of machines and whether they have GPUs; ``unread`` says what was
    refused, and why.
    """

    concurrency: int | None = None
    unreserved: int | None = None
    vcpus: Mapping[tuple[ComputeType, bool], float] = field(default_factory=dict)
    unread_quotas: tuple[str, ...] = ()


def read_quotas(
    connection: AwsConnection, machines: Collection[tuple[ComputeType, bool]]
) -> Quotas:
    """Ask Lambda, and Service Quotas for each kind of machines."""
    unread: list[str] = []
    asked = sorted(pair for pair in machines if pair in VCPU_QUOTAS)

    def record_unread(error: faults.SdkError, what: str) -> None:
        if faults.error_code(error) not in _NOT_SUPPORTED_CODES:
            unread.append(f"{what} could not be read: {error}")

    def concurrency() -> tuple[int | None, int | None]:
        try:
            limit = connection.client("lambda").get_account_settings()["AccountLimit"]
        except faults.SDK_ERRORS as error:
            record_unread(error, "Lambda's quota of concurrent runs")
            return None, None
        return limit["ConcurrentExecutions"], limit["UnreservedConcurrentExecutions"]

    def vcpus(pair: tuple[ComputeType, bool]) -> float | None:
        service, code, name = VCPU_QUOTAS[pair]
        try:
            found = connection.client("service-quotas").get_service_quota(
                ServiceCode=service, QuotaCode=code
            )
        except faults.SDK_ERRORS as error:
            record_unread(error, f"The quota {name!r}")
            return None
        return float(found["Quota"]["Value"])

    with ThreadPoolExecutor(4) as pool:
        runs = pool.submit(concurrency)
        found = dict(zip(asked, pool.map(vcpus, asked), strict=True))
    known = {pair: value for pair, value in found.items() if value is not None}
    total, free = runs.result()
    return Quotas(concurrency=total, unreserved=free, vcpus=known, unread_quotas=tuple(unread))
