"""Find the HTTP APIs of functions by their tags."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.aws.client.api_gateway import ApiGatewayClient

    ApiDescription = Mapping[str, Any]


@dataclass(slots=True)
class ApiListing:
    """Lists all APIs of the Region, once for many threads that ask at the same time.

    API Gateway answers 10 requests per second and account, and cannot list by tag. A caller gets a
    listing that began after its call. What this process created or deleted is taken into account
    even if API Gateway does not list it yet, or still does. Thread-safe.
    """

    client: ApiGatewayClient
    _condition: threading.Condition = field(default_factory=threading.Condition)
    _started: int = 0
    _finished: int = 0
    _is_running: bool = False
    _listed: list[ApiDescription] = field(default_factory=list)
    _created: dict[str, ApiDescription] = field(default_factory=dict)
    _deleted: set[str] = field(default_factory=set)

    def of_function(self, function: str) -> list[ApiDescription]:
        """Return the HTTP APIs with the tag of the function, the oldest first."""
        return self.by_function().get(function, [])

    def by_function(self) -> dict[str, list[ApiDescription]]:
        """Return the HTTP APIs with tags of functions, each function's oldest first."""
        apis = {api["ApiId"]: api for api in [*self._created.values(), *self._fetch()]}
        found: dict[str, list[ApiDescription]] = {}
        for api in sorted(apis.values(), key=lambda a: (str(a.get("CreatedDate")), a["ApiId"])):
            function = (api.get("Tags") or {}).get(names.FUNCTION_TAG)
            if function and api.get("ProtocolType") == "HTTP" and api["ApiId"] not in self._deleted:
                found.setdefault(function, []).append(api)
        return found

    def add(self, api: ApiDescription) -> None:
        """Remember an API that this process has created."""
        self._created[api["ApiId"]] = api

    def remove(self, api_id: str) -> None:
        """Remember that this process has deleted an API."""
        self._created.pop(api_id, None)
        self._deleted.add(api_id)

    def _fetch(self) -> list[ApiDescription]:
        with self._condition:
            needed = self._started + 1
            while self._is_running and self._finished < needed:
                self._condition.wait()
            if self._finished >= needed:
                return self._listed
            self._started += 1
            self._is_running = True
        listed: list[ApiDescription] | None = None
        try:
            pages = self.client.get_paginator("get_apis").paginate()
            listed = [api for page in pages for api in page["Items"]]
        finally:
            with self._condition:
                self._is_running = False
                if listed is not None:
                    self._listed, self._finished = listed, self._started
                # After an error each of those who wait lists for itself.
                self._condition.notify_all()
        return listed
