"""Rules of IAM, ECR and CloudWatch Logs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    Violation,
    mismatch,
    number,
    text,
    too_long,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROLE = r"[\w+=,.@-]+"
_REPOSITORY = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")


def create_role(parameters: Parameters) -> Iterator[Violation]:
    """CreateRole."""
    name = text(parameters, "RoleName")
    if name is not None and not re.fullmatch(_ROLE, name):
        yield mismatch(name, _ROLE, "roleName")
    yield from too_long(name, limits.IAM_ROLE_NAME, "roleName")
    trust = text(parameters, "AssumeRolePolicyDocument") or ""
    if not limits.IAM_TRUST_POLICY.allows(_dense(trust)):
        most = limits.IAM_TRUST_POLICY.most
        yield Violation("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {most}", 409)


def put_role_policy(parameters: Parameters) -> Iterator[Violation]:
    """PutRolePolicy."""
    if not limits.IAM_INLINE_POLICIES.allows(_dense(text(parameters, "PolicyDocument") or "")):
        yield Violation(
            "LimitExceeded",
            f"Maximum policy size of {limits.IAM_INLINE_POLICIES.most} bytes exceeded for role"
            f" {text(parameters, 'RoleName')}",
            409,
        )


def create_repository(parameters: Parameters) -> Iterator[Violation]:
    """ECR CreateRepository."""
    name = text(parameters, "repositoryName")
    if name is None:
        return
    if not limits.ECR_REPOSITORY_NAME.allows(len(name)) or not _REPOSITORY.fullmatch(name):
        yield Violation(
            "InvalidParameterException",
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy"
            f" regular expression '{_REPOSITORY.pattern}''",
        )


def put_retention(parameters: Parameters) -> Iterator[Violation]:
    """CloudWatch Logs PutRetentionPolicy."""
    days = number(parameters, "retentionInDays")
    if days is not None and days not in limits.LOG_RETENTION_DAYS:
        listed = ", ".join(map(str, sorted(limits.LOG_RETENTION_DAYS)))
        yield Violation(
            "InvalidParameterException",
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy"
            f" constraint: Member must satisfy enum value set: [{listed}]",
        )


def _dense(document: str) -> int:
    """IAM counts everything but white space."""
    return len("".join(document.split()))
