"""Explain which target of a bucket's notifications S3 cannot validate.

S3 validates the targets of all rules in a request, also of those that other tools wrote. Its error
names them in pairs of ``ArgumentName<n>`` (the ARN) and ``ArgumentValue<n>`` (the reason).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from botocore.exceptions import ClientError
    from mypy_boto3_s3.type_defs import NotificationConfigurationTypeDef

SKIP_OPTION = "--skip-destination-validation"
_NOT_VALIDATED = "Unable to validate the following destination"
_TARGETS = (
    ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
    ("QueueConfigurations", "QueueArn"),
    ("TopicConfigurations", "TopicArn"),
)


def is_invalid_target(error: ClientError) -> bool:
    """Return whether S3 could not validate a target: it does not exist or does not permit S3."""
    return _NOT_VALIDATED in errors.error_message(error)


@dataclass(frozen=True, slots=True)
class TargetRule:
    """A rule in the request, and the reason that S3 gives for its target, empty if it gives none.

    ``is_own``: the deployment writes this rule, any other one is only kept.
    """

    id: str
    target: str
    reason: str
    is_own: bool

    def __str__(self) -> str:
        reason = f" ({self.reason})" if self.reason else ""
        return f"{self.id!r} to {self.target}{reason}"


def find_rejected_rules(
    error: ClientError, merged: NotificationConfigurationTypeDef, own_ids: Collection[str]
) -> list[TargetRule]:
    """Return the rules whose targets the error names; all rules if it names none of them."""
    reasons = dict(_named_targets(error))
    found = [
        TargetRule(rule_id, target, _find_reason(target, reasons), rule_id in own_ids)
        for rule_id, target in _list_rules(merged)
    ]
    named = [rule for rule in found if any(rule.target in name for name in reasons)]
    return named or found


def explain_rejection(bucket: str, rules: Sequence[TargetRule]) -> OperationRefusedError:
    """Return the error for rules that S3 rejects, with the way round for those of other tools."""
    others = [rule for rule in rules if not rule.is_own]
    shown = "; ".join(map(str, others or rules))
    if not others:
        return OperationRefusedError(
            f"S3 rejects the notifications of bucket {bucket}: {_NOT_VALIDATED} configurations:"
            f" {shown}.",
            remedy="Check that the function exists and that its resource-based policy allows"
            " s3.amazonaws.com to invoke it, then run the same command again.",
        )
    return OperationRefusedError(
        f"S3 rejects the notifications of bucket {bucket}, because it validates the targets of all"
        f" rules, also of other tools: {_NOT_VALIDATED} configurations: {shown}.",
        remedy="Restore the target and its permission for s3.amazonaws.com, or delete the rule."
        f" Or run the same command with {SKIP_OPTION}: S3 then keeps the rule as it is, and"
        " validates no target of the bucket's rules.",
    )


def _list_rules(merged: NotificationConfigurationTypeDef) -> Iterator[tuple[str, str]]:
    configuration: Mapping[str, object] = {**merged}
    for kind, target in _TARGETS:
        rules = configuration.get(kind, ())
        for rule in rules if isinstance(rules, list | tuple) else ():
            yield str(rule.get("Id", "")), str(rule.get(target, ""))


def _named_targets(error: ClientError) -> Iterator[tuple[str, str]]:
    details: Mapping[str, object] = {**error.response.get("Error", {})}
    for name, value in details.items():
        if name.startswith("ArgumentName"):
            number = name.removeprefix("ArgumentName")
            yield str(value), str(details.get(f"ArgumentValue{number}", ""))


def _find_reason(target: str, reasons: Mapping[str, str]) -> str:
    """Return S3's reason; its names of arguments may have more in them than the ARN."""
    return next((reason for name, reason in reasons.items() if target in name), "")
