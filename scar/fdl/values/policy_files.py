"""IAM policies of the user in the FDL: ARNs, and files with a policy document."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationInfo

# docs: IAM identifiers; AWS's own policies have the account `aws`, and all may have a path.
_POLICY_ARN = re.compile(r"arn:[\w-]+:iam::(aws|\d{12}):policy/[\w+=,.@/-]+")
_VERSION = "2012-10-17"
_PAIRS = (("Action", "NotAction"), ("Resource", "NotResource"))
_MEMBERS = ("Version", "Id", "Statement")
# docs: "Grammar of the IAM JSON policy language".
_STATEMENT_MEMBERS = ("Sid", "Effect", "Condition", *(name for pair in _PAIRS for name in pair))
_ACTION = re.compile(r"\*|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_RESOURCE = re.compile(r"\*|arn:.+")
# The name of an inline policy, model: policyNameType.
_NAME_LENGTH = 128


def check_policy(text: str, info: ValidationInfo) -> str:
    """Return an ARN, or the absolute path of a file with a policy; raise ValueError."""
    if text.startswith("arn:"):
        if not _POLICY_ARN.fullmatch(text):
            raise ValueError(f"{text!r} is not the ARN of an IAM policy")
        return text
    folder = (info.context or {}).get("folder", Path())
    path = Path(folder, text).absolute()
    try:
        content = path.read_text()
    except OSError as error:
        raise ValueError(
            f"the file {path} cannot be read: {error.strerror}; write the ARN of a policy or the"
            " path of a file with one"
        ) from error
    except ValueError as error:
        raise ValueError(f"the file {path} is not text in UTF-8") from error
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the file {path} is not JSON: {error}") from error
    problems = list(_find_problems(document))
    if problems:
        raise ValueError(f"the file {path} is not a policy for a role: {problems[0]}")
    return str(path)


def read_policy(path: str) -> tuple[str, str]:
    """Return the name of the inline policy for a file of ``check_policy``, and its content."""
    file = Path(path)
    name = re.sub(r"[^\w+=,.@-]", "-", file.stem, flags=re.ASCII)
    return f"scar-{name}"[:_NAME_LENGTH], file.read_text()


def _find_problems(document: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    if not isinstance(document, dict):
        yield "it must be an object with Version and Statement"
        return
    yield from _unknown_members(document, _MEMBERS)
    if document.get("Version") != _VERSION:
        yield f'Version must be "{_VERSION}"'
    statements = document.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    if not statements or not all(isinstance(item, dict) for item in listed):
        yield "Statement must be an object, or a list of them"
        return
    for number, statement in enumerate(listed, start=1):
        yield from (f"statement {number}: {problem}" for problem in _check_statement(statement))
    ids = [item["Sid"] for item in listed if isinstance(item, dict) and "Sid" in item]
    if len({*map(str, ids)}) < len(ids):
        yield "two statements have the same Sid"


def _check_statement(statement: dict[str, Any]) -> Iterator[str]:
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield "Effect must be Allow or Deny"
    for name, negated in _PAIRS:
        if (name in statement) == (negated in statement):
            yield f"it must have either {name} or {negated}"
    if "Principal" in statement or "NotPrincipal" in statement:
        yield "a policy of a role has no Principal"
        return
    yield from _unknown_members(statement, _STATEMENT_MEMBERS)
    yield from _check_values(statement)


def _check_values(statement: dict[str, Any]) -> Iterator[str]:
    for names, pattern, form in (
        (_PAIRS[0], _ACTION, "actions such as s3:GetObject, or *"),
        (_PAIRS[1], _RESOURCE, "ARNs, or *"),
    ):
        for name in names:
            if name in statement and not _is_list_of(statement[name], pattern):
                yield f"{name} must be a text or a list of {form}"
    sid = statement.get("Sid", "")
    if not isinstance(sid, str) or not re.fullmatch("[A-Za-z0-9]*", sid):
        yield "Sid must have letters and digits only"
    if not _is_condition(statement.get("Condition", {})):
        yield 'Condition must be like {"StringEquals": {"aws:RequestedRegion": ["eu-west-1"]}}'


def _unknown_members(value: dict[str, Any], known: tuple[str, ...]) -> Iterator[str]:
    for name in value:
        if name not in known:
            yield f"{name!r} is no part of a policy{suggest_name(name, known)}"


def _is_list_of(value: object, pattern: re.Pattern[str]) -> bool:
    """Return whether it is a text of this form, or a list of them with one at least."""
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(i, str) and pattern.fullmatch(i) for i in items)


def _is_condition(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(keys, dict)
        and bool(keys)
        and all(
            bool(items) and all(isinstance(item, str | int | float) for item in items)
            for each in keys.values()
            for items in (each if isinstance(each, list) else [each],)
        )
        for keys in value.values()
    )
