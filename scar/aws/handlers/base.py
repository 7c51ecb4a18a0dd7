"""What scar must be able to do with one kind of resource."""

from __future__ import annotations

from typing import Protocol, TypeVar

R = TypeVar("R")


class ResourceHandler(Protocol[R]):
    """Read, create, update and delete one kind of resource.

    ``read`` looks for the resource of the same name and returns it as it is, or None;
    after ``create`` or ``update`` it returns an equal resource, which is what makes a second
    ``scar init`` do nothing. Every action may be repeated: creating what is there and
    deleting what is gone succeed. What is said to be done is done when the call returns.
    """

    def read(self, resource: R) -> R | None: ...
    def create(self, resource: R) -> None: ...
    def update(self, observed: R, desired: R) -> None: ...
    def delete(self, resource: R) -> None: ...
