"""A bucket's notification configuration: read, checked as S3 checks it, matched with events.

Sources: S3 User Guide "Amazon S3 Event Notifications"; error texts as AWS sends them.
"""

from __future__ import annotations

import enum
import secrets
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import TYPE_CHECKING

from scar.local.s3.protocol import xml
from scar.local.s3.protocol.errors import S3Error, invalid, malformed_xml

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from xml.etree.ElementTree import Element


class Target(enum.StrEnum):
    """The element that holds the destination's ARN."""

    FUNCTION = "CloudFunction"
    QUEUE = "Queue"
    TOPIC = "Topic"


_MAX_VALUE = 1024
_EMITTED = {
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
EVENTS = frozenset(
    {
        "s3:ReducedRedundancyLostObject",
        "s3:ObjectAcl:Put",
        "s3:LifecycleTransition",
        "s3:IntelligentTiering",
        *(group + name for group, names in _EMITTED.items() for name in names),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Which events of which keys go to ``arn``."""

    id: str
    target: Target
    arn: str
    events: tuple[str, ...]
    prefix: str = ""
    suffix: str = ""

    def matches(self, event: str, key: str) -> bool:
        """``event`` without its ``s3:``, as records carry it."""
        return (
            any(_covers(own, f"s3:{event}") for own in self.events)
            and key.startswith(self.prefix)
            and key.endswith(self.suffix)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """All rules of a bucket; ``event_bridge`` is kept but not served."""

    rules: tuple[Rule, ...] = ()
    event_bridge: bool = False

    def document(self) -> bytes:
        """Write it as S3 gives it back."""
        children = [_rule_xml(rule) for rule in self.rules]
        if self.event_bridge:
            children.append(xml.tag("EventBridgeConfiguration"))
        body = xml.document("NotificationConfiguration", *children).body
        assert isinstance(body, bytes)  # noqa: S101
        return body


@lru_cache(maxsize=256)
def read(document: bytes) -> Configuration:
    """Parse a configuration, giving ids to rules that have none; raise S3Error."""
    if not document.strip():
        return Configuration()
    root = xml.parse(document)
    if root.tag != "NotificationConfiguration":
        raise malformed_xml()
    rules: list[Rule] = []
    event_bridge = False
    for child in root:
        if child.tag == "EventBridgeConfiguration":
            event_bridge = True
        elif child.tag in {f"{target}Configuration" for target in Target}:
            rules.append(_rule(child, Target(child.tag.removesuffix("Configuration"))))
        else:
            raise malformed_xml()
    return Configuration(rules=tuple(rules), event_bridge=event_bridge)


def _rule(element: Element, target: Target) -> Rule:
    arn = element.findtext(target.value, "")
    events = tuple(event.text or "" for event in element.iterfind("Event"))
    if not arn or not events:
        raise malformed_xml()
    affixes = {"prefix": "", "suffix": ""}
    seen: set[str] = set()
    for part in element.iterfind("Filter/S3Key/FilterRule"):
        name = part.findtext("Name", "").lower()
        if name not in affixes:
            raise invalid("filter rule name must be either prefix or suffix")
        if name in seen:
            raise invalid(f"Cannot specify more than one {name} rule in a filter.")
        seen.add(name)
        affixes[name] = part.findtext("Value", "")
        if len(affixes[name].encode()) > _MAX_VALUE:
            raise invalid("Size of filter rule value cannot exceed 1024 bytes in UTF-8.")
    return Rule(
        id=element.findtext("Id", "") or secrets.token_urlsafe(24),
        target=target,
        arn=arn,
        events=events,
        prefix=affixes["prefix"],
        suffix=affixes["suffix"],
    )


def check(
    configuration: Configuration, region: str, destination_exists: Callable[[str], bool] | None
) -> None:
    """Raise what S3 answers to a configuration it does not take.

    ``destination_exists`` None: destinations are not looked for (the caller asked for that).
    """
    rules = configuration.rules
    for rule in rules:
        for event in rule.events:
            if event not in EVENTS:
                raise invalid(f"The event '{event}' is not supported for notifications")
    if len({rule.id for rule in rules}) != len(rules):
        raise invalid("Same ID used for multiple configurations. IDs must be unique")
    for first, second in combinations(rules, 2):
        if overlap(first, second):
            raise invalid(
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two"
                " rules if the prefixes are overlapping for the same event type."
            )
    if destination_exists is not None:
        _check_destinations(rules, region, destination_exists)


def _check_destinations(rules: Iterable[Rule], region: str, exists: Callable[[str], bool]) -> None:
    for rule in rules:
        parts = rule.arn.split(":")
        if len(parts) < 6 or parts[0] != "arn":
            raise _unreachable("The ARN could not be parsed", rule.arn)
        if parts[3] != region:
            raise invalid(
                "The notification destination service region is not valid for the bucket"
                " location constraint",
                name=rule.arn,
                value="null",
            )
        if not exists(rule.arn):
            raise _unreachable("The destination does not exist or its policy is missing", rule.arn)


def _unreachable(why: str, arn: str) -> S3Error:
    return S3Error(
        400,
        "InvalidArgument",
        "Unable to validate the following destination configurations",
        details={"ArgumentName1": arn, "ArgumentValue1": why},
    )


def overlap(first: Rule, second: Rule) -> bool:
    """Whether one object and event could match both rules."""
    return (
        any(_covers(a, b) or _covers(b, a) for a in first.events for b in second.events)
        and (first.prefix.startswith(second.prefix) or second.prefix.startswith(first.prefix))
        and (first.suffix.endswith(second.suffix) or second.suffix.endswith(first.suffix))
    )


def _covers(pattern: str, event: str) -> bool:
    return pattern == event or (pattern.endswith(":*") and event.startswith(pattern[:-1]))


def _rule_xml(rule: Rule) -> str:
    filters = [
        xml.tag("FilterRule", xml.text("Name", name), xml.text("Value", value))
        for name, value in (("Prefix", rule.prefix), ("Suffix", rule.suffix))
        if value
    ]
    return xml.tag(
        f"{rule.target}Configuration",
        xml.text("Id", rule.id),
        xml.text(rule.target.value, rule.arn),
        *(xml.text("Event", event) for event in rule.events),
        xml.tag("Filter", xml.tag("S3Key", *filters)) if filters else "",
    )
