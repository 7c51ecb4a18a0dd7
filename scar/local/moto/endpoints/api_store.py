"""HTTP APIs and their parts, as documents with botocore's names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Document = dict[str, Any]


@dataclass(slots=True)
class StoredApi:
    """One HTTP API of a Region; ``parts`` are its documents by kind (``Route``) and id."""

    region: str
    document: Document
    parts: dict[str, dict[str, Document]] = field(
        default_factory=lambda: {"Integration": {}, "Route": {}, "Stage": {}}
    )

    @property
    def tags(self) -> dict[str, str]:
        tags: dict[str, str] = self.document.setdefault("Tags", {})
        return tags


class ApiStore:
    """All HTTP APIs by id; used under moto's lock."""

    def __init__(self) -> None:
        self._apis: dict[str, StoredApi] = {}

    def add(self, region: str, document: Document) -> StoredApi:
        """Store a new API under an unused id of ten characters."""
        identity = new_id(10)
        while identity in self._apis:
            identity = new_id(10)
        api = self._apis[identity] = StoredApi(region, {"ApiId": identity, **document})
        return api

    def get(self, identity: str, region: str = "") -> StoredApi | None:
        """Return an API, of this Region if one is given."""
        api = self._apis.get(identity)
        return api if api is not None and region in ("", api.region) else None

    def remove(self, identity: str) -> None:
        del self._apis[identity]

    def list_region(self, region: str) -> list[StoredApi]:
        """Return the APIs of a Region, the oldest first."""
        return [api for api in self._apis.values() if api.region == region]

    def clear(self) -> None:
        self._apis.clear()


def new_id(length: int) -> str:
    """Return an id of small letters and digits, drawn from moto's random numbers."""
    from moto.moto_api._internal import mock_random

    return "".join(mock_random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=length))
