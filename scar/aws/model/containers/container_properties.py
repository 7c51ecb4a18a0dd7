"""The user's own containerProperties: checked, converted to AWS's types, merged over scar's."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from scar.aws.model.containers.container_fields import (
    CONTAINER_FIELDS,
    OWN_VOLUME,
    OWNED_FIELDS,
)
from scar.aws.model.limits import MAX_INTEGER
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.model.containers.container_fields import Shape
    from scar.aws.model.resources import Pairs

    Path = tuple[str | int, ...]

RAW_TAG = "scar:raw:"
"""The tags of a job definition that name its raw fields, each with a digest of the value."""

# The member that says which item of a list another one replaces. Other lists are replaced whole.
_ITEM_NAMES: Mapping[str, str] = {
    "mountPoints": "containerPath",
    "ulimits": "name",
    "volumes": "name",
}


def container_problems(raw: Mapping[str, object]) -> Iterator[tuple[Path, str]]:
    """Yield the path and the message of each value that AWS Batch, or scar, does not take."""
    for name, value in raw.items():
        yield from _problems(value, CONTAINER_FIELDS, name, ())
    yield from _volume_problems(raw.get("volumes"))


def _volume_problems(volumes: object) -> Iterator[tuple[Path, str]]:
    """Yield the volumes that would replace one of scar's, since lists are merged by name."""
    for number, volume in enumerate(volumes if isinstance(volumes, list) else ()):
        name = volume.get("name") if isinstance(volume, dict) else None
        if isinstance(name, str) and name.startswith(OWN_VOLUME):
            problem = f"names that begin with {OWN_VOLUME} are those of batch.file_system"
            yield ("volumes", number, "name"), problem


def _problems(
    value: object, members: Mapping[str, Shape], name: str, above: Path
) -> Iterator[tuple[Path, str]]:
    """Check the member ``name`` of a structure."""
    path = (*above, name)
    if reason := OWNED_FIELDS.get(".".join(map(str, path))):
        yield path, f"cannot be set here: {reason}"
    elif name not in members:
        yield path, f"AWS Batch has no such field{suggest_name(name, members)}"
    else:
        yield from _value_problems(value, members[name], path)


def _value_problems(value: object, shape: Shape, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(shape, tuple):
        if not isinstance(value, list | tuple):
            yield path, "must be a list"
            return
        for number, item in enumerate(value):
            yield from _value_problems(item, shape[0], (*path, number))
    elif isinstance(shape, str):
        if problem := _scalar_problem(value, shape):
            yield path, problem
    elif not isinstance(value, dict):
        yield path, "must be a section with the fields " + ", ".join(shape)
    else:
        for name, item in value.items():
            yield from _problems(item, shape, str(name), path)


def _scalar_problem(value: object, shape: str) -> str:
    is_flag = isinstance(value, bool)
    match shape:
        case "flag":
            return "" if is_flag else "must be true or false"
        case "number":
            digits = str(value).removeprefix("-")
            is_number = not is_flag and digits.isascii() and digits.isdigit()
            # By length first: Python converts no text with thousands of digits.
            if is_number and (len(digits.lstrip("0")) > 10 or int(digits) > MAX_INTEGER):
                return f"must be {MAX_INTEGER:,} or less, the largest integer that AWS takes"
            return "" if is_number else "must be a whole number"
        case "map":
            return "" if isinstance(value, dict) else "must be a section"
        case _:
            is_text = isinstance(value, str | int | float) and not is_flag
            return "" if is_text else "must be text; put it in quotes"


def to_api_types(raw: Mapping[str, object]) -> dict[str, Any]:
    """Return valid raw properties with the types of Batch's API; in files, scalars are text."""
    return {name: _convert(value, CONTAINER_FIELDS[name]) for name, value in raw.items()}


def _convert(value: Any, shape: Shape) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(shape, tuple):
        return [_convert(item, shape[0]) for item in value]
    if isinstance(shape, str):
        return int(value) if shape == "number" else value if shape != "text" else str(value)
    return {name: _convert(item, shape[name]) for name, item in value.items()}


def merge_container(own: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return scar's properties with the raw ones over them.

    Structures are merged; of lists whose items have names, items of equal name are replaced.
    """
    merged = dict(own)
    for name, value in raw.items():
        before = merged.get(name)
        if isinstance(before, dict) and isinstance(value, dict):
            merged[name] = merge_container(before, value)
        elif isinstance(before, list) and (key := _ITEM_NAMES.get(name)):
            replaced = {item.get(key) for item in value}
            merged[name] = [*(item for item in before if item.get(key) not in replaced), *value]
        else:
            merged[name] = value
    return merged


def raw_tags(raw: Mapping[str, object]) -> Pairs:
    """Return the tags that name the raw fields of a job definition.

    A revision cannot be changed, so equal tags mean equal raw fields.
    """
    return tuple(
        (f"{RAW_TAG}{name}", hashlib.sha256(to_json(value).encode()).hexdigest()[:12])
        for name, value in sorted(raw.items())
    )


def raw_fields(tags: Pairs) -> tuple[str, ...]:
    """Return the fields that ``raw_tags`` named."""
    return tuple(key.removeprefix(RAW_TAG) for key, _ in tags if key.startswith(RAW_TAG))


def to_json(value: object) -> str:
    """Return JSON that is equal for equal values."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
