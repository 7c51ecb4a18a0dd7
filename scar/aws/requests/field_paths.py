"""Fields of resources that AWS takes as they are: written to requests, read back. Pure.

``Resource.request_paths`` declares each such field once. Fields that AWS writes otherwise, such
as lists of pairs and numbers as text, are code next to the callers of these functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.resources import Resource


def add_fields(request: Mapping[str, Any], resource: Resource, *, skip_empty: bool = False) -> None:
    """Add the resource's fields to a request, with ``skip_empty`` without "" and 0."""
    for field, path in resource.request_paths.items():
        value = getattr(resource, field)
        if skip_empty and not value:
            continue
        *parents, name = path.split(".")
        structure: Any = request
        for parent in parents:
            structure = structure.setdefault(parent, {})
        structure[name] = value


def read_fields(description: Mapping[str, Any], kind: type[Resource]) -> dict[str, Any]:
    """Return the fields in AWS's description of a resource, as arguments for its class.

    A parameter that is absent is left out: the class has AWS's default for it.
    """
    found = {field: _look_up(description, path) for field, path in kind.request_paths.items()}
    return {field: value for field, value in found.items() if value is not None}


def _look_up(description: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - any JSON
    value: Any = description
    for name in path.split("."):
        value = (value or {}).get(name)
    return value
