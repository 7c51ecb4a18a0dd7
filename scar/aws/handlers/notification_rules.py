"""Parse the rules of a bucket's notification configuration."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.requests.notification_filters import decode_filter, is_encoded

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import (
        LambdaFunctionConfigurationOutputTypeDef,
        NotificationConfigurationResponseTypeDef,
        QueueConfigurationOutputTypeDef,
    )

    from scar.aws.model.resources import BucketNotification


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionRule:
    """A rule that starts a function, filters decoded; ``queue_arn`` if through scar's queue."""

    rule_id: str
    function_arn: str
    events: tuple[str, ...]
    prefix: str
    suffix: str
    encoded: bool
    queue_arn: str = ""


def parse_function_rules(found: NotificationConfigurationResponseTypeDef) -> list[FunctionRule]:
    """Return the rules that start functions, also other tools', and through scar's queues."""
    rules = [
        _parse_rule(rule, rule["LambdaFunctionArn"])
        for rule in found.get("LambdaFunctionConfigurations", [])
    ]
    gathered = [
        replace(_parse_rule(rule, function), queue_arn=rule["QueueArn"])
        for rule in found.get("QueueConfigurations", [])
        if (function := _function_of_queue(rule["QueueArn"]))
    ]
    return [*rules, *gathered]


def list_function_rules(
    bucket: str, found: NotificationConfigurationResponseTypeDef
) -> list[BucketNotification]:
    """Return the rules of ``parse_function_rules`` as resources."""
    from scar.aws.model.resources import BucketNotification  # with it all that it needs

    return [
        BucketNotification(
            name=f"{bucket}/{rule.rule_id}",
            function_arn=rule.function_arn,
            events=rule.events,
            prefix=rule.prefix,
            suffix=rule.suffix,
            encoded=rule.encoded,
            queue_arn=rule.queue_arn,
        )
        for rule in parse_function_rules(found)
    ]


def _function_of_queue(arn: str) -> str:
    """Return the ARN of the function whose events the queue gathers, empty for other queues."""
    head, _, queue = arn.rpartition(":")
    name = names.function_of_queue(queue)
    return f"{head.replace(':sqs:', ':lambda:', 1)}:function:{name}" if name else ""


def _parse_rule(
    rule: LambdaFunctionConfigurationOutputTypeDef | QueueConfigurationOutputTypeDef,
    function_arn: str,
) -> FunctionRule:
    filters = rule.get("Filter", {}).get("Key", {}).get("FilterRules", [])
    values: dict[str, str] = {f.get("Name", "").lower(): f.get("Value", "") for f in filters}
    return FunctionRule(
        rule_id=rule.get("Id", ""),
        function_arn=function_arn,
        events=tuple(sorted(rule["Events"])),
        prefix=decode_filter(values.get("prefix", "")),
        suffix=decode_filter(values.get("suffix", "")),
        encoded=all(map(is_encoded, values.values())),
    )
