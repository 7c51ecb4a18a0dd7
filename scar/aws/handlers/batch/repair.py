"""Make compute environments and job queues valid: wait for races to pass, send settings again.

Batch sets an environment to INVALID if it cannot use its roles, instance profile, launch template,
subnets or security groups. Within minutes of their creation that passes by itself, since IAM's
changes spread slowly; but Batch tries again only when the environment is updated.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client import errors, races
from scar.aws.handlers.batch.statuses import INVALID, reason_of, status_of
from scar.aws.model.resources import VALID
from scar.aws.requests import batch_requests
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_batch.type_defs import (
        ComputeResourceUpdateTypeDef,
        UpdateComputeEnvironmentRequestTypeDef,
    )

    from scar.aws.client.waiter import Waiter
    from scar.aws.handlers.batch.statuses import Description
    from scar.aws.model.resources import ComputeEnvironment

REPAIR_INTERVAL = 15.0  # seconds between two updates of an invalid environment
# Reasons that pass: roles and instance profiles made moments ago, AWS's own errors, throttling.
# The texts are those of public issues (Netflix/metaflow-tools#9) and of the Batch user guide,
# "INVALID compute environment".
_PASSING_REASON = re.compile(
    r"unable to assume|cannot be assumed|not authorized to assume|service.?linked role"
    r"|not authorized to perform|(?:invalid|not found|does not exist).*instance ?profile"
    r"|instance ?profile.*(?:invalid|not found|does not exist)|internal_error|internal error"
    r"|throttl|rate exceeded",
    re.IGNORECASE,
)
# What to send again, by words of the reason; only EC2 environments have these settings.
_SETTINGS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"instance ?profile|instance ?role", re.IGNORECASE), "instanceRole"),
    (re.compile(r"launch ?template", re.IGNORECASE), "launchTemplate"),
    (re.compile(r"subnet", re.IGNORECASE), "subnets"),
    (re.compile(r"security ?group", re.IGNORECASE), "securityGroupIds"),
)
_REMEDIES: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"subnet|security ?group", re.IGNORECASE),
        "Correct batch.compute_resources.subnets or security_group_ids",
    ),
    (
        re.compile(r"instance ?profile|instance ?role", re.IGNORECASE),
        (
            "Check that the instance profile in batch.compute_resources.instance_role exists and"
            " has a role that EC2 can assume"
        ),
    ),
    (
        re.compile(r"assume|authorized|role", re.IGNORECASE),
        (
            "Check that Batch can assume batch.service_role and that it has the policy"
            " AWSBatchServiceRole, or omit it: Batch then uses its service-linked role"
        ),
    ),
)


def passes(reason: str) -> bool:
    """Return whether Batch's reason for INVALID can pass without a correction."""
    return _PASSING_REASON.search(reason) is not None


def repair_request(
    resource: ComputeEnvironment, name: str, reason: str
) -> UpdateComputeEnvironmentRequestTypeDef:
    """Return the update that makes Batch validate an environment again.

    It has the settings that the reason mentions, without those a scaling setting, which needs no
    new instances. Batch accepts other settings only with its service-linked role.
    """
    request: UpdateComputeEnvironmentRequestTypeDef = {
        "computeEnvironment": name,
        "state": resource.state,
    }
    if resource.service_role:
        request["serviceRole"] = resource.service_role
    created = batch_requests.create_environment_request(resource)["computeResources"]
    compute: ComputeResourceUpdateTypeDef = {"maxvCpus": resource.max_vcpus}
    for pattern, setting in _SETTINGS:
        if not resource.service_role and pattern.search(reason) and setting in created:
            compute[setting] = created[setting]  # type: ignore[literal-required]
    request["computeResources"] = compute
    return request


def invalid_error(label: str, reason: str) -> OperationRefusedError:
    """Return the error for an environment or queue that Batch cannot use, with Batch's reason."""
    remedy = next((text for pattern, text in _REMEDIES if pattern.search(reason)), "")
    return OperationRefusedError(
        f"Batch cannot use {label}: {reason}",
        remedy=f"{remedy or 'Correct the subnets, security groups or roles'}, then run the same"
        " command again.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidityWait:
    """Waits until an environment or queue is VALID.

    While it is INVALID for a reason that passes, ``repair`` is called with the reason, at most
    every ``REPAIR_INTERVAL`` and for ``patience`` seconds. ``label`` names it in messages.
    """

    waiter: Waiter
    describe: Callable[[], Description | None]
    repair: Callable[[str], None]
    label: str
    patience: float = races.PATIENCE

    def run(self) -> None:
        """Return once it is VALID; raise OperationRefusedError with Batch's reason if it is not."""
        clock = self.waiter.clock
        start = clock()
        repaired_at = start - REPAIR_INTERVAL

        def check() -> bool | str:
            nonlocal repaired_at
            found = self.describe()
            status = status_of(found)
            if status == VALID:
                return True
            if status != INVALID:
                return f"{status} {found.get('statusReason', '') if found else ''}".strip()
            reason = reason_of(found)
            if not passes(reason) or clock() - start >= self.patience:
                raise invalid_error(self.label, reason)
            if clock() - repaired_at >= REPAIR_INTERVAL:
                self.repair(reason)
                repaired_at = clock()
            return f"{INVALID} {reason} (repairing it, at most {self.patience / 60:.0f} min)"

        self.waiter.wait_until(check, self.label)


def call_patiently(waiter: Waiter, label: str, call: Callable[[], object]) -> None:
    """Call Batch until it accepts; repeat only for the known errors that pass by themselves.

    Raise AWS's error if it is another one, or after ``races.PATIENCE`` seconds.
    """
    start = waiter.clock()

    def attempt() -> bool | str:
        try:
            call()
        except ClientError as error:
            message = errors.error_message(error)
            race = races.find_race("batch", error.operation_name, errors.error_code(error), message)
            if race is None or waiter.clock() - start >= races.PATIENCE:
                raise
            return f"{race.state}: {message}"
        return True

    replace(waiter, first_delay=max(waiter.first_delay, 1.0), max_delay=10.0).wait_until(
        attempt, label
    )
