"""The lifecycle rules of the state bucket: what expires, and after how many days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef, LifecycleRuleTypeDef

    from scar.aws.model.resources import StateBucket

# The prefixes by the id of their rule, in the order of ``KeptDays``.
_PREFIXES: Mapping[str, str] = {
    "scar-runs": "runs/",
    "scar-requests": "requests/",
    "scar-results": "results/",
}
ABORT_DAYS = 7


class KeptDays(NamedTuple):
    """After how many days objects expire; 0: they do not."""

    runs: int
    bodies: int
    results: int


def days_of(resource: StateBucket) -> KeptDays:
    """Return the days that the bucket has or should have."""
    return KeptDays(resource.keep_days, resource.body_days, resource.result_days)


def expirations(resource: StateBucket) -> dict[str, tuple[str, int]]:
    """Return prefix and days of each rule, by its id."""
    rules = zip(_PREFIXES.items(), days_of(resource), strict=True)
    return {rule: (prefix, days) for (rule, prefix), days in rules if days}


def lifecycle_rules(
    resource: StateBucket, present: Iterable[LifecycleRuleOutputTypeDef]
) -> list[LifecycleRuleTypeDef]:
    """Return all rules of the bucket: scar's, and the present ones of others.

    S3 replaces the whole configuration.
    """
    own: list[LifecycleRuleTypeDef] = [
        {
            "ID": rule,
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": days},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": ABORT_DAYS},
        }
        for rule, (prefix, days) in expirations(resource).items()
    ]
    others: list[Any] = [rule for rule in present if rule.get("ID") not in _PREFIXES]
    return [*own, *others]


def read_days(present: Sequence[LifecycleRuleOutputTypeDef]) -> KeptDays:
    """Return the days of the enabled rules of scar."""
    days = {
        rule.get("ID", ""): rule.get("Expiration", {}).get("Days", 0)
        for rule in present
        if rule.get("Status") == "Enabled"
    }
    return KeptDays(*(days.get(rule, 0) for rule in _PREFIXES))
