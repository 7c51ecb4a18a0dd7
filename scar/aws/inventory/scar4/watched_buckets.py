"""Find the buckets whose events start a function of SCAR 4."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client.errors import error_code, is_access_denied, translate_errors
from scar.aws.handlers.notification_rules import list_function_rules
from scar.aws.model.policy_meaning import statements_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.scar4.functions import Scar4Function
    from scar.aws.model.resources import BucketNotification

_S3 = "s3.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchedBucket:
    """A bucket that starts a function.

    ``rules`` are those of its event notifications for the function; ``is_readable`` is False, and
    there are none, if the caller may not read them.
    """

    bucket: str
    rules: tuple[BucketNotification, ...] = ()
    is_readable: bool = True


def list_watched_buckets(
    connection: AwsConnection, function: Scar4Function, buckets: Iterable[str]
) -> tuple[WatchedBucket, ...]:
    """Return the buckets that start the function, sorted by name; raise ScarError.

    ``buckets`` are those of SCAR's configuration of the function, which may not name all. SCAR adds
    a statement to the function's resource-based policy for each of them.
    """
    with translate_errors(f"read the event notifications of {function.name}"):
        names = sorted({*buckets, *_list_permitted_buckets(connection, function.name)})
        found = [_read_bucket(connection, name, function.arn) for name in names]
    return tuple(source for source in found if source.rules or not source.is_readable)


def _list_permitted_buckets(connection: AwsConnection, function: str) -> frozenset[str]:
    """Return the buckets that the function's policy names; none if it cannot be read."""
    try:
        text = connection.client("lambda").get_policy(FunctionName=function)["Policy"]
    except ClientError as error:
        if error_code(error) == "ResourceNotFoundException" or is_access_denied(error):
            return frozenset()
        raise
    return buckets_of_policy(text)


def buckets_of_policy(text: str) -> frozenset[str]:
    """Return the buckets whose events may start a function with this policy, a JSON document.

    A statement for several buckets (``*``) names none.
    """
    document = json.loads(text)
    statements = [s for s in statements_of(document) if isinstance(s, dict)]
    arns = [arn for s in statements if _is_for_s3(s) for arn in _list_source_arns(s)]
    buckets = {arn.rpartition(":")[2] for arn in arns if arn.split(":")[2:3] == ["s3"]}
    return frozenset(bucket for bucket in buckets if bucket and not set(bucket) & set("*?/"))


def _is_for_s3(statement: dict[str, object]) -> bool:
    principal = statement.get("Principal")
    service = principal.get("Service") if isinstance(principal, dict) else None
    services = service if isinstance(service, list) else [service]
    return statement.get("Effect") == "Allow" and _S3 in services


def _list_source_arns(statement: dict[str, object]) -> Iterator[str]:
    conditions = statement.get("Condition")
    for keys in conditions.values() if isinstance(conditions, dict) else ():
        for key, value in keys.items() if isinstance(keys, dict) else ():
            if str(key).lower() == "aws:sourcearn":
                yield from map(str, value if isinstance(value, list) else [value])


def _read_bucket(connection: AwsConnection, bucket: str, arn: str) -> WatchedBucket:
    try:
        found = connection.client("s3").get_bucket_notification_configuration(Bucket=bucket)
    except ClientError as error:
        if error_code(error) == "NoSuchBucket":
            return WatchedBucket(bucket=bucket)
        if is_access_denied(error):
            return WatchedBucket(bucket=bucket, is_readable=False)
        raise
    rules = [rule for rule in list_function_rules(bucket, found) if rule.function_arn == arn]
    return WatchedBucket(bucket=bucket, rules=tuple(rules))
