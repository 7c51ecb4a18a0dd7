"""Find in functions what the local cloud would refuse, before anything is created.

The requests are those that create the functions' resources. Job definitions have most of what the
local cloud does not emulate, in ``batch.container_properties``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.aws.compile.placeholders import compile_with_placeholders
from scar.aws.model.resources import JobDefinition
from scar.aws.requests.creation import creation_requests
from scar.local.moto.fields import describe_field, list_unsupported

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Resource

    KeyPath = tuple[str | int, ...]

_CONTAINERS = ("containerProperties.", "nodeProperties.nodeRangeProperties.container.")
_RAW_KEY: KeyPath = ("batch", "container_properties")


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsupportedField:
    """A field that is not emulated; ``key`` is the key of the function that sets it, or empty."""

    function: str
    key: tuple[str | int, ...]
    message: str


def find_unsupported_fields(
    functions: Sequence[Function], account: Account
) -> Iterator[UnsupportedField]:
    """Yield what the local cloud would refuse in the requests that create the functions."""
    named = {function.name: function for function in functions}
    for resource in compile_with_placeholders(functions, account):
        for service, operation, request in creation_requests(resource, account.region):
            for field in list_unsupported(service, operation, request):
                function = named.get(resource.name) if isinstance(resource, JobDefinition) else None
                yield _describe(field, resource, function)


def _describe(field: str, resource: Resource, function: Function | None) -> UnsupportedField:
    message = f"the local cloud does not emulate {describe_field(field)}"
    for prefix in _CONTAINERS:
        if function and function.batch and field.startswith(prefix):
            # Of ``name: value``, the name.
            names = field.removeprefix(prefix).partition(":")[0].split(".")
            found = _find_key(function.batch.container_properties, names)
            return UnsupportedField(
                function=function.name, key=(*_RAW_KEY, *found), message=message
            )
    return UnsupportedField(function="", key=(), message=f"{resource.key}: {message}")


def _find_key(value: object, names: Sequence[str]) -> KeyPath:
    """Return where a field is in raw properties, in the first item of each list that has it."""
    found: KeyPath = ()
    for name in names:
        if isinstance(value, list | tuple):
            number = next(
                (n for n, item in enumerate(value) if isinstance(item, dict) and name in item), -1
            )
            if number < 0:
                break
            found, value = (*found, number), value[number]
        if not isinstance(value, dict) or name not in value:
            break
        found, value = (*found, name), value[name]
    return found
