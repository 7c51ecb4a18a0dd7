"""The resource types of each IAM action, from AWS's list as the policy linter includes it."""

from __future__ import annotations

import fnmatch
import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def applies_to(action: str, resource: str) -> bool:
    """Return whether the action applies to the resource; raise KeyError for an unknown action.

    ``action`` may be a pattern with ``*``, of actions on the same resources.
    """
    known = _arn_patterns()
    names = fnmatch.filter(known, action.lower())
    if not names:
        raise KeyError(action)
    patterns = [pattern for name in names for pattern in known[name]]
    if resource == "*":
        return True
    # Log streams are authorized by the ARN of their group with this suffix.
    where = resource.removesuffix(":*") if ":log-group:" in resource else resource
    return any(pattern.fullmatch(where) for pattern in patterns)


@cache
def _arn_patterns() -> dict[str, list[re.Pattern[str]]]:
    """Return the ARN patterns of the resources of each action."""
    # S3 Files is newer than the linter's list.
    found: dict[str, list[re.Pattern[str]]] = {"s3files:listmounttargets": []}
    # Nor does it have the tag actions of API Gateway, which AWS's errors name.
    found |= {"apigateway:tagresource": [], "apigateway:untagresource": []}
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
    """Compile a template such as ``arn:${Partition}:s3:::${BucketName}/${ObjectName}``."""
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
