"""moto's resource files of EC2: large lists, of which most are never asked for."""

from __future__ import annotations

import gzip
import json
import sys
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_OFFERINGS = "ec2/resources/instance_type_offerings/"
_ON_DEMAND = ("ec2/resources/amis.json", _OFFERINGS)
_OFFERINGS_READER = "moto.ec2.models.instance_types"


def load_on_demand() -> None:
    """Make moto read its large files when they are asked for; call it before it imports its EC2.

    The largest are the instance types by zone: 47 MB for all Regions, of which a call needs one.
    """
    from moto.utilities import utils

    utils.load_resource = load_resource


def load_resource(resource: str) -> Any:  # noqa: ANN401 - any JSON
    """Return the content of one of moto's files, as moto's function of this name does."""
    if resource.startswith(_ON_DEMAND):
        return ListOnDemand(resource)
    return json.loads(_read(resource), object_pairs_hook=_PartsInCommon().share)


class ListOnDemand:
    """A list of objects in a file, which is read for each iteration."""

    def __init__(self, resource: str) -> None:
        self._resource = resource

    def __iter__(self) -> Iterator[dict[str, Any]]:
        if not self._resource.startswith(_OFFERINGS):
            yield from json.loads(_read(self._resource))
            return
        # While it is imported, the reader iterates each list to add the type of its locations.
        reader = sys.modules.get(_OFFERINGS_READER)
        if reader is not None and not hasattr(reader, "InstanceTypeOfferingBackend"):
            return
        location_type = self._resource.removeprefix(_OFFERINGS).partition("/")[0]
        for offering in json.loads(_read(self._resource)):
            yield {**offering, "LocationType": location_type}


class _PartsInCommon:
    """Makes equal objects of one document one object: nobody changes them."""

    def __init__(self) -> None:
        self._known: dict[str, dict[str, Any]] = {}

    def share(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return self._known.setdefault(repr(pairs), dict(pairs))


def _read(resource: str) -> bytes:
    """Return a file of moto; the ending of compressed files may be left out."""
    packed = resources.files("moto") / f"{resource.removesuffix('.gz')}.gz"
    if packed.is_file():
        return gzip.decompress(packed.read_bytes())
    return (resources.files("moto") / resource).read_bytes()
