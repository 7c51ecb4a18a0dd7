"""The interface of all handlers."""

from __future__ import annotations

from typing import Protocol, TypeVar

R = TypeVar("R")


class ResourceHandler(Protocol[R]):
    """Reads, creates, updates and deletes one kind of resource.

    ``read`` returns the observed resource of the same name, or None. After ``create`` or
    ``update`` it returns a resource equal to the desired one, so that a second ``scar init``
    changes nothing. Every call may be repeated: it succeeds for a resource that exists already
    or is deleted already. When a call returns, the resource is ready for use.

    Every method raises the SDK's errors; the caller translates them.
    """

    def read(self, resource: R) -> R | None: ...
    def create(self, resource: R) -> None: ...
    def update(self, observed: R, desired: R) -> None: ...
    def delete(self, resource: R) -> None: ...
