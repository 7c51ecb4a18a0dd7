"""Copy fields with the same form in a resource and in AWS's API, in both directions.

``Resource.request_paths`` declares the path of each such field. Fields with another form in the
API, such as lists of pairs and numbers as text, are converted by the callers of these functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.model.resources import Resource


def add_fields(request: Mapping[str, Any], resource: Resource, *, skip_empty: bool = False) -> None:
    """Add the resource's fields to a request, in place; ``skip_empty`` omits "" and 0."""
    for field, path in resource.request_paths.items():
        value = getattr(resource, field)
        if skip_empty and not value:
            continue
        *parents, name = path.split(".")
        target: Any = request
        for parent in parents:
            target = target.setdefault(parent, {})
        target[name] = value


def read_fields(description: Mapping[str, Any], kind: type[Resource]) -> dict[str, Any]:
    """Return the fields in AWS's description of a resource, as arguments for its class.

    An absent parameter is omitted: the default of the class is that of AWS.
    """
    values = {field: _look_up(description, path) for field, path in kind.request_paths.items()}
    return {field: value for field, value in values.items() if value is not None}


def _look_up(description: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - any JSON
    value: Any = description
    for name in path.split("."):
        value = (value or {}).get(name)
    return value
