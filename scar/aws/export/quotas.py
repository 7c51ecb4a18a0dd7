"""CloudFormation's quotas for a template, checked before anybody uploads it.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from scar.aws.model import limits
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.model.limits import Limit

UPLOAD_FIRST = (
    f"A template exceeds {limits.CLOUDFORMATION_INLINE_TEMPLATE.maximum:,} bytes, CloudFormation's"
    " quota for one in a request: upload it to S3 first (`aws cloudformation deploy --s3-bucket`"
    " does that)."
)


class TemplateQuotaError(ScarError):
    """CloudFormation would refuse the template."""

    def __init__(self, exceeded: list[str], stacks: int) -> None:
        text = "; ".join(exceeded)
        remedy = (
            f"Divide the functions among several stacks: `scar export --stacks {stacks}"
            " -o FILE` writes a template for each."
            if stacks
            else "One function exceeds the quota by itself: deploy it with `scar init`, or use"
            " fewer inputs and shorter environment variables."
        )
        super().__init__(f"CloudFormation would refuse the template: {text}.", remedy=remedy)


def template_text(template: Mapping[str, Any]) -> str:
    """Return the template as it is written, and therefore counted."""
    return json.dumps(template, indent=2)


def exceeded_quotas(template: Mapping[str, Any], text: str) -> list[str]:
    """Return a sentence for each quota that the template with this text exceeds."""
    return list(_exceeded_quotas(template, text))


def is_inline_size(text: str) -> bool:
    """Return whether the template may be part of a request; larger ones must be in S3."""
    return limits.CLOUDFORMATION_INLINE_TEMPLATE.allows(len(text.encode()))


def _exceeded_quotas(template: Mapping[str, Any], text: str) -> Iterator[str]:
    names: list[str] = []
    for section, limit in (
        ("Resources", limits.CLOUDFORMATION_RESOURCES),
        ("Parameters", limits.CLOUDFORMATION_PARAMETERS),
    ):
        entries = template.get(section, {})
        names += entries
        yield from _exceeds(limit, len(entries), "it has")
    yield from _exceeds(limits.CLOUDFORMATION_TEMPLATE, len(text.encode()), "it has")
    for name in names:
        yield from _exceeds(limits.CLOUDFORMATION_NAME, len(name), f"the name {name} has")


def _exceeds(limit: Limit, value: int, what: str) -> Iterator[str]:
    if not limit.allows(value):
        yield f"{what} {value:,} {limit.unit}, and the quota is {limit.maximum:,}"
