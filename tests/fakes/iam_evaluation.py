"""Evaluate one request against one IAM policy, with the elements that scar's policies use.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


_PARTS = re.compile(r"\$\{[^}]*\}|.", re.DOTALL)
_NOTHING = "(?!)"


class IamGrant(NamedTuple):
    """One of a statement's action patterns on one of its resources, under its conditions."""

    action: str
    resource: str
    conditions: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, self))


@dataclass(frozen=True, slots=True)
class IamRequest:
    """One action on one resource; ``context`` holds condition keys, in lower case."""

    action: str
    resource: str
    context: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.action} on {self.resource} {dict(self.context)}"


@dataclass(frozen=True, slots=True)
class Policy:
    """An identity-based policy; raises ValueError for elements that are not supported."""

    statements: tuple[Mapping[str, Any], ...]

    @classmethod
    def of(cls, text: str) -> Policy:
        return cls(tuple(json.loads(text)["Statement"]))

    @property
    def grants(self) -> set[IamGrant]:
        """Return all grants of the policy, also those of Deny statements."""
        return {
            _grant(statement, action, resource)
            for statement in self.statements
            for action in as_list(statement.get("Action", []))
            for resource in as_list(statement["Resource"])
        }

    def allowing(self, request: IamRequest) -> set[IamGrant]:
        """Return the grants that allow the request: none if it is denied."""
        found: set[IamGrant] = set()
        for statement in self.statements:
            if not (grants := _applies(statement, request)):
                continue
            if statement["Effect"] == "Deny":
                return set()
            found |= grants
        return found


def _applies(statement: Mapping[str, Any], request: IamRequest) -> set[IamGrant]:
    """Return the grants of a statement that match the request."""
    if "NotResource" in statement:
        raise ValueError("NotResource is not supported")
    for operator, keys in statement.get("Condition", {}).items():
        if not all(_holds(operator, request.context.get(k.lower()), v) for k, v in keys.items()):
            return set()
    actions = [a for a in as_list(statement.get("Action", [])) if _same_action(a, request.action)]
    if "NotAction" in statement:
        excluded = as_list(statement["NotAction"])
        actions = [] if any(_same_action(a, request.action) for a in excluded) else ["*"]
    resources = [r for r in as_list(statement["Resource"]) if matches(r, request.resource)]
    return {_grant(statement, a, r) for a in actions for r in resources}


def _grant(statement: Mapping[str, Any], action: str, resource: str) -> IamGrant:
    conditions = statement.get("Condition")
    return IamGrant(action, resource, json.dumps(conditions, sort_keys=True) if conditions else "")


def _holds(operator: str, actual: str | None, expected: str | list[str]) -> bool:
    kind = operator.removesuffix("IfExists")
    if actual is None:
        return operator.endswith("IfExists")
    match kind:
        case "StringEquals":
            return any(_equals(value, actual) for value in as_list(expected))
        case "StringLike" | "ArnLike" | "ArnEquals":
            return any(matches(pattern, actual) for pattern in as_list(expected))
        case _:
            raise ValueError(f"{operator} is not supported")


def matches(pattern: str, text: str) -> bool:
    """Match ``*`` and ``?`` as IAM does: also across slashes and colons, case-sensitive.

    ``${*}``, ``${?}`` and ``${$}`` are characters; no other variable has a value here.
    """
    return _compiled(pattern).fullmatch(text) is not None


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile("".join(map(_part, _PARTS.findall(pattern))), re.DOTALL)


def _part(part: str) -> str:
    match part:
        case "*":
            return ".*"
        case "?":
            return "."
        case "${*}" | "${?}" | "${$}":
            return re.escape(part[2])
        case _ if part.startswith("${"):
            return _NOTHING
        case _:
            return re.escape(part)


def _equals(value: str, text: str) -> bool:
    """Compare as StringEquals does: without wildcards, with variables."""
    parts = (part if part in "*?" else _part(part) for part in _PARTS.findall(value))
    pattern = "".join(re.escape(part) if part in "*?" else part for part in parts)
    return re.fullmatch(pattern, text, re.DOTALL) is not None


def _same_action(pattern: str, action: str) -> bool:
    return matches(pattern.lower(), action.lower())


def as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
