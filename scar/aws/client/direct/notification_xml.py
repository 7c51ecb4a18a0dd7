"""Parse S3's notification configuration to what the SDK returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.client.direct.requests import DirectRequestError

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

# Element: the SDK's name, and that of the target's ARN in the element and in the SDK's rules.
_KINDS = {
    "CloudFunctionConfiguration": (
        "LambdaFunctionConfigurations",
        {"CloudFunction": "LambdaFunctionArn"},
    ),
    "QueueConfiguration": ("QueueConfigurations", {"Queue": "QueueArn"}),
    "TopicConfiguration": ("TopicConfigurations", {"Topic": "TopicArn"}),
}


def parse_notifications(body: bytes) -> dict[str, Any]:
    """Return the configuration as ``get_bucket_notification_configuration`` does.

    Raise DirectRequestError for everything that is not known here: a rule that is not returned
    would be lost when the configuration is written again.
    """
    from xml.etree import ElementTree as ET

    try:
        root = ET.fromstring(body)  # noqa: S314 a response of the local cloud
    except ET.ParseError as error:
        raise DirectRequestError from error
    found: dict[str, Any] = {}
    for element in root:
        if _name_of(element) == "EventBridgeConfiguration" and not len(element):
            found["EventBridgeConfiguration"] = {}
        elif kind := _KINDS.get(_name_of(element)):
            found.setdefault(kind[0], []).append(_parse_rule(element, kind[1]))
        else:
            raise DirectRequestError
    return found


def _parse_rule(element: Element, targets: dict[str, str]) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    for part in element:
        match _name_of(part):
            case "Id":
                rule["Id"] = part.text or ""
            case "Event":
                rule.setdefault("Events", []).append(part.text or "")
            case "Filter":
                rule["Filter"] = _parse_filter(part)
            case name if name in targets:
                rule[targets[name]] = part.text or ""
            case _:
                raise DirectRequestError
    return rule


def _parse_filter(element: Element) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for part in element:
        if _name_of(part) != "S3Key":
            raise DirectRequestError
        rules = [{_name_of(v): v.text or "" for v in rule} for rule in part]
        if any(rule.keys() - {"Name", "Value"} for rule in rules):
            raise DirectRequestError
        found["Key"] = {"FilterRules": rules}
    return found


def _name_of(element: Element) -> str:
    return element.tag.rpartition("}")[2]
