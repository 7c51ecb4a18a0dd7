"""IAM policies of the user in the FDL: ARNs, and files with a policy document."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import ValidationInfo

# docs: IAM identifiers; AWS's own policies have the account `aws`, and all may have a path.
_POLICY_ARN = re.compile(r"arn:[\w-]+:iam::(aws|\d{12}):policy/[\w+=,.@/-]+")
_VERSION = "2012-10-17"
_PAIRS = (("Action", "NotAction"), ("Resource", "NotResource"))
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
    if document.get("Version") != _VERSION:
        yield f'Version must be "{_VERSION}"'
    statements = document.get("Statement")
    listed = statements if isinstance(statements, list) else [statements]
    if not statements or not all(isinstance(item, dict) for item in listed):
        yield "Statement must be an object, or a list of them"
        return
    for number, statement in enumerate(listed, start=1):
        yield from (f"statement {number}: {problem}" for problem in _check_statement(statement))


def _check_statement(statement: dict[str, Any]) -> Iterator[str]:
    if statement.get("Effect") not in ("Allow", "Deny"):
        yield "Effect must be Allow or Deny"
    for name, negated in _PAIRS:
        if (name in statement) == (negated in statement):
            yield f"it must have either {name} or {negated}"
    if "Principal" in statement or "NotPrincipal" in statement:
        yield "a policy of a role has no Principal"
