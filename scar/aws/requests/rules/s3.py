"""S3's rules: keys, metadata, bucket names, and overlapping notification rules."""

from __future__ import annotations

import re
from itertools import combinations
from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.model.tags import is_tag_text
from scar.aws.requests.notification_filters import decode_filter
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_structure,
    get_structures,
    get_text,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_BUCKET = re.compile(r"(?!xn--|sthree-)[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+")
_KINDS = ("LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations")
AMBIGUOUS_RULES = (
    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the"
    " prefixes are overlapping for the same event type."
)


def check_put_object(parameters: Parameters) -> Iterator[RuleViolation]:
    """PutObject, CopyObject, CreateMultipartUpload."""
    key = get_text(parameters, "Key")
    if key is not None and not limits.S3_KEY.allows(len(key.encode())):
        yield RuleViolation("KeyTooLongError", "Your key is too long")
    metadata = get_structure(parameters, "Metadata")
    measured = sum(len(k.encode()) + len(str(v).encode()) for k, v in metadata.items())
    if not limits.S3_METADATA.allows(measured):
        yield RuleViolation(
            "MetadataTooLarge",
            "Your metadata headers exceed the maximum allowed metadata size",
        )


def check_create_bucket(parameters: Parameters) -> Iterator[RuleViolation]:
    """CreateBucket."""
    name = get_text(parameters, "Bucket") or ""
    if not _BUCKET.fullmatch(name) or ".." in name or _ADDRESS.fullmatch(name):
        yield RuleViolation("InvalidBucketName", "The specified bucket is not valid.")
    yield from check_bucket_tags(
        get_structures(get_structure(parameters, "CreateBucketConfiguration"), "Tags")
    )


def check_bucket_tags(tags: Sequence[Parameters]) -> Iterator[RuleViolation]:
    """Check pairs of ``Key`` and ``Value``; S3's messages are quoted in public issues."""
    if not limits.S3_BUCKET_TAGS.allows(len(tags)):
        yield RuleViolation("BadRequest", "Bucket tag count cannot be greater than 50")
    keys, values = ([get_text(tag, name) or "" for tag in tags] for name in ("Key", "Value"))
    if len(set(keys)) < len(keys):
        yield RuleViolation("InvalidTag", "Cannot provide multiple Tags with the same key")
    if any(key.startswith("aws:") for key in keys):
        yield RuleViolation("InvalidTag", "System tags cannot be added/updated by requester")
    for part, texts, limit in (
        ("Key", keys, limits.S3_TAG_KEY),
        ("Value", values, limits.S3_TAG_VALUE),
    ):
        if not all(limit.allows(len(v)) and is_tag_text(v) for v in texts):
            yield RuleViolation("InvalidTag", f"The Tag{part} you have provided is invalid")


def check_put_notifications(parameters: Parameters) -> Iterator[RuleViolation]:
    """PutBucketNotificationConfiguration."""
    configuration = get_structure(parameters, "NotificationConfiguration")
    rules = [_parse_rule(item) for kind in _KINDS for item in get_structures(configuration, kind)]
    for rule in rules:
        # The encoded value counts, which is at least as long as the decoded text.
        longest = max(len(value.encode()) for value in rule.values)
        if not limits.S3_RULE_VALUE.allows(longest):
            yield RuleViolation(
                "InvalidArgument",
                "Size of filter rule value cannot exceed 1024 bytes in UTF-8. A notification's"
                f" prefix or suffix has {longest}, percent-encoded",
            )
    if any(one.overlaps(other) for one, other in combinations(rules, 2)):
        yield RuleViolation("InvalidArgument", AMBIGUOUS_RULES)


class _NotificationRule:
    __slots__ = ("events", "prefix", "suffix", "values")

    def __init__(self, events: tuple[str, ...], prefix: str, suffix: str) -> None:
        self.events = events
        self.values = (prefix, suffix)
        self.prefix = decode_filter(prefix)
        self.suffix = decode_filter(suffix)

    def overlaps(self, other: _NotificationRule) -> bool:
        """Return whether one object could match both rules."""
        return (
            any(_is_same_event(a, b) for a in self.events for b in other.events)
            and _is_nested(self.prefix, other.prefix)
            and _is_nested(self.suffix[::-1], other.suffix[::-1])
        )


def _parse_rule(item: Parameters) -> _NotificationRule:
    filters = get_structures(get_structure(item, "Filter", "Key"), "FilterRules")
    values = {str(f.get("Name", "")).lower(): str(f.get("Value", "")) for f in filters}
    events = item.get("Events")
    names = tuple(map(str, events)) if isinstance(events, list | tuple) else ()
    return _NotificationRule(names, values.get("prefix", ""), values.get("suffix", ""))


# `s3:ObjectCreated:*` includes `s3:ObjectCreated:Put`, in either rule.
def _is_same_event(one: str, other: str) -> bool:
    return _is_nested(one.removesuffix("*"), other.removesuffix("*")) and (
        one.endswith("*") or other.endswith("*") or one == other
    )


def _is_nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
