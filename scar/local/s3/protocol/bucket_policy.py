"""Deny writes that a bucket policy denies because of their encryption headers.

The local cloud has one user, so it evaluates only this kind of statement: ``Deny`` of
``s3:PutObject`` for every principal, with conditions on the encryption headers. Other statements
are stored and have no effect.
"""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from scar.local.s3.protocol.errors import S3Error

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_HEADERS = {
    "s3:x-amz-server-side-encryption": "x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id": "x-amz-server-side-encryption-aws-kms-key-id",
}
_USER = "arn:aws:iam::123456789012:user/local"


def check_encryption_policy(
    document: bytes | None, bucket: str, key: str, headers: Mapping[str, str]
) -> None:
    """Raise AccessDenied, with AWS's message, if a statement denies the write."""
    if document is None:
        return
    resource = f"arn:aws:s3:::{bucket}/{key}"
    if any(_denies(statement, resource, headers) for statement in _statements(document)):
        raise S3Error(
            403,
            "AccessDenied",
            f'User: {_USER} is not authorized to perform: s3:PutObject on resource: "{resource}"'
            " with an explicit deny in a resource-based policy",
        )


def _statements(document: bytes) -> list[Any]:
    # `PutBucketPolicy` has checked the document.
    statements = json.loads(document)["Statement"]
    return statements if isinstance(statements, list) else [statements]


def _denies(statement: Any, resource: str, headers: Mapping[str, str]) -> bool:  # noqa: ANN401 - any JSON
    if not isinstance(statement, dict) or statement.get("Effect") != "Deny":
        return False
    principal, condition = statement.get("Principal"), statement.get("Condition")
    return (
        principal in ("*", {"AWS": "*"}, {"AWS": ["*"]})
        and any(_matches(p.lower(), "s3:putobject") for p in _texts(statement.get("Action")))
        and any(_matches(p, resource) for p in _texts(statement.get("Resource")))
        and isinstance(condition, dict)
        and bool(condition)
        and all(_is_met(operator, keys, headers) for operator, keys in condition.items())
    )


def _is_met(operator: str, keys: object, headers: Mapping[str, str]) -> bool:
    """Return whether a condition is met; one on other keys than the encryption's never is."""
    if not isinstance(keys, dict):
        return False
    for key, expected in keys.items():
        header = _HEADERS.get(key.lower())
        compare = _OPERATORS.get(operator.removesuffix("IfExists"))
        if header is None or compare is None:
            return False
        value = headers.get(header)
        if value is None and operator.endswith("IfExists"):
            continue  # true for an absent key, also in a statement that denies
        if not compare(value, _texts(expected)):
            return False
    return True


def _is_null(value: str | None, expected: list[str]) -> bool:
    return str(value is None).lower() in [text.lower() for text in expected]


def _equals(value: str | None, expected: list[str]) -> bool:
    return value in expected


def _is_like(value: str | None, expected: list[str]) -> bool:
    return value is not None and any(_matches(pattern, value) for pattern in expected)


# Negated operators are true for an absent key (docs: IAM, "Condition operators").
_OPERATORS: Mapping[str, Callable[[str | None, list[str]], bool]] = {
    "Null": _is_null,
    "StringEquals": _equals,
    "StringNotEquals": lambda value, expected: not _equals(value, expected),
    "StringLike": _is_like,
    "StringNotLike": lambda value, expected: not _is_like(value, expected),
    "ArnEquals": _is_like,
    "ArnLike": _is_like,
    "ArnNotEquals": lambda value, expected: not _is_like(value, expected),
    "ArnNotLike": lambda value, expected: not _is_like(value, expected),
}


def _matches(pattern: str, text: str) -> bool:
    """Match IAM's wildcards, ``*`` and ``?``; brackets have no meaning in IAM."""
    return fnmatchcase(text, pattern.replace("[", "[[]"))


def _texts(value: object) -> list[str]:
    """Return one text, or a list of them, as a list; booleans as IAM writes them."""
    items = value if isinstance(value, list) else [value]
    return [str(item).lower() if isinstance(item, bool) else str(item) for item in items]
