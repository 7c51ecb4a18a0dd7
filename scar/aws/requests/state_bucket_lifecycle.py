"""The lifecycle rules of the state bucket: what expires, and after how many days."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_s3.type_defs import LifecycleRuleOutputTypeDef, LifecycleRuleTypeDef

    from scar.aws.model.resources import StateBucket

RUNS_RULE = "scar-runs"
EXCHANGE_RULES: Mapping[str, str] = {"scar-requests": "requests/", "scar-results": "results/"}
"""The prefixes of bodies and results of HTTP requests, by the id of their rule."""
ABORT_DAYS = 7
_OWN_RULES = frozenset({RUNS_RULE, *EXCHANGE_RULES})


def expirations(resource: StateBucket) -> dict[str, tuple[str, int]]:
    """Return prefix and days of each rule, by its id."""
    exchange = {rule: (prefix, resource.exchange_days) for rule, prefix in EXCHANGE_RULES.items()}
    rules = {RUNS_RULE: ("runs/", resource.keep_days), **exchange}
    return {rule: (prefix, days) for rule, (prefix, days) in rules.items() if days}


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
    others: list[Any] = [rule for rule in present if rule.get("ID") not in _OWN_RULES]
    return [*own, *others]


def read_days(present: Sequence[LifecycleRuleOutputTypeDef]) -> tuple[int, int]:
    """Return the days of run records, and of bodies and results; 0 for what does not expire."""
    days = {
        rule.get("ID", ""): rule.get("Expiration", {}).get("Days", 0)
        for rule in present
        if rule.get("Status") == "Enabled"
    }
    exchange = {days.get(rule, 0) for rule in EXCHANGE_RULES}
    return days.get(RUNS_RULE, 0), exchange.pop() if len(exchange) == 1 else 0
