"""Rules of scheduling policies, and of the shares of jobs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_number,
    get_structure,
    get_structures,
    get_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

from scar.aws.requests.rules.batch.common import check_name, client_exception

# model: ShareAttributes.shareIdentifier and SubmitJob.shareIdentifier, 2026-11.
_SHARE = re.compile(r"[A-Za-z0-9]{1,255}\*?")


def check_create_scheduling_policy(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateSchedulingPolicy."""
    yield from check_name(parameters, "name")
    yield from check_update_scheduling_policy(parameters)


def check_update_scheduling_policy(parameters: Parameters) -> Iterator[RuleViolation]:
    """UpdateSchedulingPolicy: the shares and their weights."""
    shares = get_structures(get_structure(parameters, "fairsharePolicy"), "shareDistribution")
    if not limits.BATCH_SHARES.allows(len(shares)):
        yield client_exception(f"There can be {limits.BATCH_SHARES.maximum} share identifiers.")
    least, most = limits.BATCH_SHARE_WEIGHT
    names = [get_text(share, "shareIdentifier") or "" for share in shares]
    for name, share in zip(names, shares, strict=True):
        weight = get_number(share, "weightFactor")
        if not _SHARE.fullmatch(name):
            yield client_exception(f"shareIdentifier {name!r} must be alphanumeric.")
        if weight is not None and not least <= weight <= most:
            yield client_exception(f"weightFactor must be between {least} and {most}.")
    if any(_overlaps(name, other) for name in names for other in names if other is not name):
        yield client_exception("The share identifiers of a policy can't overlap.")


def check_share_of_job(parameters: Parameters) -> Iterator[RuleViolation]:
    """SubmitJob: the share identifier and the priority in it."""
    share = get_text(parameters, "shareIdentifier")
    if share is not None and not _SHARE.fullmatch(share):
        yield client_exception(f"shareIdentifier {share!r} must be alphanumeric.")
    priority = get_number(parameters, "schedulingPriorityOverride")
    if priority is not None and not limits.BATCH_SCHEDULING_PRIORITY.allows(priority):
        yield client_exception("schedulingPriorityOverride must be between 0 and 9999.")


def _overlaps(name: str, other: str) -> bool:
    return name.endswith("*") and other.startswith(name[:-1])
