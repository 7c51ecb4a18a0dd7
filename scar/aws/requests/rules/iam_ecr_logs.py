"""Rules of IAM, ECR and CloudWatch Logs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    check_length,
    get_number,
    get_text,
    pattern_violation,
)
from scar.aws.requests.rules.tags import check_tags

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROLE = r"[\w+=,.@-]+"
_DOCUMENT = r"[\u0009\u000A\u000D\u0020-\u00FF]+"
_REPOSITORY = re.compile(r"(?:[a-z0-9]+(?:[._-][a-z0-9]+)*/)*[a-z0-9]+(?:[._-][a-z0-9]+)*")


def check_create_role(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateRole."""
    name = get_text(parameters, "RoleName")
    if name is not None and not re.fullmatch(_ROLE, name):
        yield pattern_violation(name, _ROLE, "roleName")
    yield from check_length(name, limits.IAM_ROLE_NAME, "roleName")
    yield from check_tags(parameters, "Tags")
    trust = get_text(parameters, "AssumeRolePolicyDocument") or ""
    if not limits.IAM_TRUST_POLICY.allows(_count_non_blank(trust)):
        most = limits.IAM_TRUST_POLICY.maximum
        yield RuleViolation("LimitExceeded", f"Cannot exceed quota for ACLSizePerRole: {most}", 409)
    yield from _check_characters(trust, "assumeRolePolicyDocument")


def check_put_role_policy(parameters: Parameters) -> Iterator[RuleViolation]:
    """PutRolePolicy."""
    if not limits.IAM_INLINE_POLICIES.allows(
        _count_non_blank(get_text(parameters, "PolicyDocument") or "")
    ):
        yield RuleViolation(
            "LimitExceeded",
            f"Maximum policy size of {limits.IAM_INLINE_POLICIES.maximum} bytes exceeded for role"
            f" {get_text(parameters, 'RoleName')}",
            409,
        )
    yield from _check_characters(get_text(parameters, "PolicyDocument") or "", "policyDocument")


def check_create_repository(parameters: Parameters) -> Iterator[RuleViolation]:
    """ECR CreateRepository."""
    yield from check_tags(parameters, "tags")
    name = get_text(parameters, "repositoryName")
    if name is None:
        return
    if not limits.ECR_REPOSITORY_NAME.allows(len(name)) or not _REPOSITORY.fullmatch(name):
        yield RuleViolation(
            "InvalidParameterException",
            "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy"
            f" regular expression '{_REPOSITORY.pattern}''",
        )


def check_put_retention_policy(parameters: Parameters) -> Iterator[RuleViolation]:
    """CloudWatch Logs PutRetentionPolicy."""
    days = get_number(parameters, "retentionInDays")
    if days is not None and days not in limits.LOG_RETENTION_DAYS:
        listed = ", ".join(map(str, sorted(limits.LOG_RETENTION_DAYS)))
        yield RuleViolation(
            "InvalidParameterException",
            f"1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy"
            f" constraint: Member must satisfy enum value set: [{listed}]",
        )


def _check_characters(document: str, where: str) -> Iterator[RuleViolation]:
    """Check for characters above U+00FF, which have to be escaped in JSON."""
    if not re.fullmatch(_DOCUMENT, document or " "):
        yield pattern_violation(document, _DOCUMENT, where)


def _count_non_blank(document: str) -> int:
    """Return the number of characters as IAM counts them: without white space."""
    return len("".join(document.split()))
