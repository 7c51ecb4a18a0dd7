"""What every resource is: a key, what it needs, whether others share it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Pairs = tuple[tuple[str, str], ...]
Architecture = Literal["x86_64", "arm64"]


class ResourceKey(NamedTuple):
    """What tells a resource from all others."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that exists, or shall exist, in an account.

    ``shared``: other functions may use it too. ``is_trigger``: it starts functions.
    ``create_only`` are the fields that AWS lets nobody change. ``request_paths`` tells where
    each field that AWS takes as it is stands in the request that creates the resource, which is
    also where AWS's description has it: see ``scar.aws.requests.field_paths``.
    """

    kind: ClassVar[str]
    shared: ClassVar[bool] = False
    is_trigger: ClassVar[bool] = False
    create_only: ClassVar[frozenset[str]] = frozenset()
    request_paths: ClassVar[Mapping[str, str]] = {}

    name: str

    @property
    def key(self) -> ResourceKey:
        return ResourceKey(self.kind, self.name)

    @property
    def function(self) -> str:
        """The function this is for, if its name or fields tell."""
        return ""

    @property
    def needs(self) -> frozenset[ResourceKey]:
        """What must exist before this resource can be made."""
        return frozenset()

    @property
    def uses(self) -> frozenset[ResourceKey]:
        """What it needs once it works: may be made later, before something sets it off."""
        return frozenset()

    @property
    def depends_on(self) -> frozenset[ResourceKey]:
        """What changes before this resource does, and may go only after it."""
        return self.needs | self.uses
