"""Tags, for which all services have the same rules: the pattern is that of their models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.model.tags import RESERVED, is_tag_text
from scar.aws.requests.rules.constraints import (
    Parameters,
    RuleViolation,
    get_structure,
    get_structures,
    pattern_violation,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

TAG_PATTERN = r"([\p{L}\p{Z}\p{N}_.:/=+\-@]*)"


def tag_pairs(parameters: Parameters, name: str) -> list[tuple[str, str]]:
    """Return the tags of a request, from a map or from a list of ``Key`` and ``Value``."""
    tags = get_structures(parameters, name)
    listed = [(str(tag.get("Key", "")), str(tag.get("Value", ""))) for tag in tags]
    mapped = [(str(k), str(v)) for k, v in get_structure(parameters, name).items()]
    return listed or mapped


def check_tags(parameters: Parameters, name: str) -> Iterator[RuleViolation]:
    """Check the tags in the parameter ``name``; violations name the tag."""
    pairs = tag_pairs(parameters, name)
    if not limits.TAGS.allows(len(pairs)):
        yield RuleViolation(
            "TooManyTagsException",
            f"{len(pairs)} tags; a resource can have {limits.TAGS.maximum}",
        )
    for key, value in pairs:
        if not limits.TAG_KEY.allows(len(key)) or not is_tag_text(key):
            yield pattern_violation(key, TAG_PATTERN, "tags")
        elif not limits.TAG_VALUE.allows(len(value)) or not is_tag_text(value):
            yield pattern_violation(value, TAG_PATTERN, f"tags.{key}.member")
        elif key.lower().startswith(RESERVED):
            yield RuleViolation(
                "InvalidParameterException", f"Tag keys cannot start with {RESERVED}: {key}"
            )
