"""Which resources an action is about, from AWS's own list as the policy linter carries it."""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def is_about(action: str, resource: str) -> bool:
    """Say whether a policy's resource can be one of the action's; KeyError: no such action."""
    kinds = _kinds()[action.lower()]
    if resource == "*":
        return True
    # What is in a log group is judged by the group's ARN with this end.
    where = resource.removesuffix(":*") if ":log-group:" in resource else resource
    return any(kind.fullmatch(where) for kind in kinds)


@cache
def _kinds() -> dict[str, list[re.Pattern[str]]]:
    """Return the forms of ARNs that each action takes."""
    found: dict[str, list[re.Pattern[str]]] = {}
    for service in _definition():
        forms = {r["resource"]: _pattern(r["arn"]) for r in service["resources"]}
        for privilege in service["privileges"]:
            named = (r["resource_type"].rstrip("*") for r in privilege["resource_types"])
            action = f"{service['prefix']}:{privilege['privilege']}".lower()
            # Some services are listed in several parts.
            found.setdefault(action, []).extend(forms[n] for n in named if n in forms)
    return found


def _definition() -> list[dict[str, Any]]:
    package = find_spec("parliament")
    assert package is not None
    assert package.origin is not None
    text = (Path(package.origin).parent / "iam_definition.json").read_text()
    definition: list[dict[str, Any]] = json.loads(text)
    return definition


def _pattern(arn: str) -> re.Pattern[str]:
    """Read ``arn:${Partition}:s3:::${BucketName}/${ObjectName}`` and its like."""
    parts = re.split(r"\$\{(\w+)\}", arn)
    texts = (_part(p) if number % 2 else re.escape(p) for number, p in enumerate(parts))
    return re.compile("".join(texts))


def _part(name: str) -> str:
    match name:
        case "BucketName":
            return "[^:/]+"
        case "ObjectName":
            return ".+"
        case _:
            return "[^:]*"
