"""A bucket's notification configuration: parsed, validated as S3 does, matched with events.

Source: S3 User Guide, "Amazon S3 Event Notifications"; the error messages are AWS's.
"""

from __future__ import annotations

import enum
import secrets
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from scar.aws.requests.notification_filters import decode_filter, is_encoded
from scar.local.s3.protocol import xml
from scar.local.s3.protocol.errors import S3Error, invalid_argument, malformed_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from xml.etree.ElementTree import Element


class DestinationKind(enum.StrEnum):
    """The kind of a destination, named as the element with its ARN."""

    FUNCTION = "CloudFunction"
    QUEUE = "Queue"
    TOPIC = "Topic"


_MAX_FILTER_BYTES = 1024  # of the value as sent
# Cached, since every write to a bucket is matched with the bucket's rules.
_decode = lru_cache(maxsize=1024)(decode_filter)
_is_effective = lru_cache(maxsize=1024)(is_encoded)
_EVENT_GROUPS = {
    "s3:ObjectCreated:": ("*", "Put", "Post", "Copy", "CompleteMultipartUpload"),
    "s3:ObjectRemoved:": ("*", "Delete", "DeleteMarkerCreated"),
    "s3:ObjectRestore:": ("*", "Post", "Completed", "Delete"),
    "s3:ObjectTagging:": ("*", "Put", "Delete"),
    "s3:LifecycleExpiration:": ("*", "Delete", "DeleteMarkerCreated"),
    "s3:Replication:": (
        "*",
        "OperationFailedReplication",
        "OperationMissedThreshold",
        "OperationReplicatedAfterThreshold",
        "OperationNotTracked",
    ),
}
EVENT_TYPES = frozenset(
    {
        "s3:ReducedRedundancyLostObject",
        "s3:ObjectAcl:Put",
        "s3:LifecycleTransition",
        "s3:IntelligentTiering",
        *(group + name for group, names in _EVENT_GROUPS.items() for name in names),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationRule:
    """The events and keys for which one destination receives events.

    ``prefix`` and ``suffix`` are encoded as in the request. One with a raw special character
    matches no key, and S3 accepts it all the same.
    """

    id: str
    destination_kind: DestinationKind
    destination_arn: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def matches(self, event: str, key: str) -> bool:
        """Return whether the rule applies; ``event`` is without ``s3:``, as in event records."""
        # The prefix first: a bucket has up to 100 rules, mostly of other folders.
        return (
            key.startswith(_decode(self.prefix))
            and key.endswith(_decode(self.suffix))
            and _is_effective(self.prefix)
            and _is_effective(self.suffix)
            and any(_pattern_covers(pattern, f"s3:{event}") for pattern in self.events)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationConfiguration:
    """All rules of a bucket; ``event_bridge`` is stored but no events are sent for it."""

    rules: tuple[NotificationRule, ...] = ()
    event_bridge: bool = False

    def to_xml(self) -> bytes:
        """Return the document that GetBucketNotificationConfiguration returns."""
        children = [_rule_xml(rule) for rule in self.rules]
        if self.event_bridge:
            children.append(xml.tag("EventBridgeConfiguration"))
        body = xml.xml_response("NotificationConfiguration", *children).body
        assert isinstance(body, bytes)  # noqa: S101
        return body


# Cached by document, since every write to a bucket needs its rules.
@lru_cache(maxsize=256)
def parse_configuration(document: bytes) -> NotificationConfiguration:
    """Parse a configuration and generate the missing ids of rules; raise S3Error."""
    if not document.strip():
        return NotificationConfiguration()
    root = xml.parse(document)
    if root.tag != "NotificationConfiguration":
        raise malformed_xml()
    rules: list[NotificationRule] = []
    event_bridge = False
    for child in root:
        if child.tag == "EventBridgeConfiguration":
            event_bridge = True
        elif child.tag in {f"{kind}Configuration" for kind in DestinationKind}:
            rules.append(
                _parse_rule(child, DestinationKind(child.tag.removesuffix("Configuration")))
            )
        else:
            raise malformed_xml()
    return NotificationConfiguration(rules=tuple(rules), event_bridge=event_bridge)


def _parse_rule(element: Element, destination_kind: DestinationKind) -> NotificationRule:
    arn = element.findtext(destination_kind.value, "")
    events = tuple(event.text or "" for event in element.iterfind("Event"))
    if not arn or not events:
        raise malformed_xml()
    filters = {"prefix": "", "suffix": ""}
    names: set[str] = set()
    for filter_rule in element.iterfind("Filter/S3Key/FilterRule"):
        name = filter_rule.findtext("Name", "").lower()
        if name not in filters:
            raise invalid_argument("filter rule name must be either prefix or suffix")
        if name in names:
            raise invalid_argument(f"Cannot specify more than one {name} rule in a filter.")
        names.add(name)
        filters[name] = filter_rule.findtext("Value", "")
        if len(filters[name].encode()) > _MAX_FILTER_BYTES:
            raise invalid_argument("Size of filter rule value cannot exceed 1024 bytes in UTF-8.")
    return NotificationRule(
        id=element.findtext("Id", "") or secrets.token_urlsafe(24),
        destination_kind=destination_kind,
        destination_arn=arn,
        events=events,
        prefix=filters["prefix"],
        suffix=filters["suffix"],
    )


def check_configuration(
    configuration: NotificationConfiguration,
    region: str,
    destination_exists: Callable[[str], bool] | None,
) -> None:
    """Raise S3Error for a configuration that S3 rejects; ``region`` is the bucket's.

    ``destination_exists`` is None if the request skips the validation of destinations.
    """
    rules = configuration.rules
    for rule in rules:
        for event in rule.events:
            if event not in EVENT_TYPES:
                raise invalid_argument(f"The event '{event}' is not supported for notifications")
    if len({rule.id for rule in rules}) != len(rules):
        raise invalid_argument("Same ID used for multiple configurations. IDs must be unique")
    for first, second in combinations(rules, 2):
        if rules_overlap(first, second):
            raise invalid_argument(
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two"
                " rules if the prefixes are overlapping for the same event type."
            )
    if destination_exists is not None:
        _check_destinations(rules, region, destination_exists)


def _check_destinations(
    rules: Iterable[NotificationRule], region: str, exists: Callable[[str], bool]
) -> None:
    for rule in rules:
        parts = rule.destination_arn.split(":")
        if len(parts) < 6 or parts[0] != "arn":
            raise _destination_error("The ARN could not be parsed", rule.destination_arn)
        if parts[3] != region:
            raise invalid_argument(
                "The notification destination service region is not valid for the bucket"
                " location constraint",
                name=rule.destination_arn,
                value="null",
            )
        if not exists(rule.destination_arn):
            raise _destination_error(
                "The destination does not exist or its policy is missing", rule.destination_arn
            )


def _destination_error(reason: str, arn: str) -> S3Error:
    return S3Error(
        400,
        "InvalidArgument",
        "Unable to validate the following destination configurations",
        details={"ArgumentName1": arn, "ArgumentValue1": reason},
    )


def rules_overlap(first: NotificationRule, second: NotificationRule) -> bool:
    """Return whether one event of one object could match both rules."""
    return (
        any(
            _pattern_covers(a, b) or _pattern_covers(b, a)
            for a in first.events
            for b in second.events
        )
        and _is_nested(_decode(first.prefix), _decode(second.prefix))
        and _is_nested(_decode(first.suffix)[::-1], _decode(second.suffix)[::-1])
    )


def _is_nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def _pattern_covers(pattern: str, event: str) -> bool:
    return pattern == event or (pattern.endswith(":*") and event.startswith(pattern[:-1]))


def _rule_xml(rule: NotificationRule) -> str:
    filters = [
        xml.tag("FilterRule", xml.text("Name", name), xml.text("Value", value))
        for name, value in (("Prefix", rule.prefix), ("Suffix", rule.suffix))
        if value
    ]
    return xml.tag(
        f"{rule.destination_kind}Configuration",
        xml.text("Id", rule.id),
        xml.text(rule.destination_kind.value, rule.destination_arn),
        *(xml.text("Event", event) for event in rule.events),
        xml.tag("Filter", xml.tag("S3Key", *filters)) if filters else "",
    )
