"""Types of the names of AWS's resources that a user has made: subnets, security groups, roles."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator

from scar.fdl.field_types import TextList

if TYPE_CHECKING:
    from collections.abc import Callable

# IAM API reference, RoleName and path; the account of an example may be written in digits only.
_IAM_NAME = r"[\w+=,.@/-]+"


def _id_list(prefix: str, what: str) -> AfterValidator:
    """Return the check of a list of ids, such as ``subnet-0123456789abcdef0``."""

    def check(ids: tuple[str, ...]) -> tuple[str, ...]:
        for text in ids:
            if problem := _id_problem(text, prefix, what):
                raise ValueError(problem)
        return ids

    return AfterValidator(check)


def _id_problem(text: str, prefix: str, what: str) -> str:
    parts = [part for part in re.split(r"[\s,;]+", text) if part]
    if len(parts) > 1:
        items = ", ".join(parts)
        return f"{text!r} is one text with {len(parts)} ids; write them as a list: [{items}]"
    if text.startswith("arn:"):
        name = text.rpartition("/")[2]
        remedy = f"write {name}" if name.startswith(prefix) else f"write the id, {prefix}…"
        return f"{text!r} is an ARN, not the id of a {what}; {remedy}"
    if not re.fullmatch(rf"{prefix}[0-9A-Za-z-]+", text):
        return f"{text!r} is not the id of a {what}, which begins with {prefix}"
    return ""


def _iam_name(kind: str, what: str) -> Callable[[str], str]:
    """Return the check of the ARN or the name of something in IAM."""

    def check(text: str) -> str:
        arn = rf"arn:[\w-]+:iam::\d+:{kind}/{_IAM_NAME}"
        if text and not re.fullmatch(arn if text.startswith("arn:") else _IAM_NAME, text):
            raise ValueError(
                f"{text!r} is not {what}: its ARN is arn:aws:iam::<account>:{kind}/<name>"
            )
        return text

    return check


SubnetIds = Annotated[TextList, _id_list("subnet-", "subnet")]
SecurityGroupIds = Annotated[TextList, _id_list("sg-", "security group")]
RoleName = Annotated[str, AfterValidator(_iam_name("role", "a role"))]
InstanceProfile = Annotated[
    str, AfterValidator(_iam_name("instance-profile", "an instance profile"))
]
