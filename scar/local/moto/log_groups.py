"""The log groups in moto, for the store of their events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.local.moto.calls import MotoRequest
from scar.local.moto.loading.start import import_moto

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from scar.local.http.messages import Response


class LogGroups:
    """Finds log groups by name in all Regions; creates missing ones in ``region``."""

    def __init__(
        self,
        account: str,
        lock: threading.RLock,
        execute_change: Callable[[MotoRequest], Response],
        region: str,
    ) -> None:
        self._account = account
        self._lock = lock
        self._execute_change = execute_change
        self._region = region

    def exists(self, name: str) -> bool:
        """Return whether the group exists in any Region."""
        return self._find_group(name) is not None

    def retention_days(self, name: str) -> int | None:
        """Return the group's retention in days, or None to keep events indefinitely."""
        group = self._find_group(name)
        days = getattr(group, "retention_in_days", None)
        return None if days is None else int(days)

    def ensure(self, name: str) -> None:
        """Create the group if it does not exist."""
        if not self.exists(name):
            self._execute_change(
                MotoRequest(
                    service="logs",
                    region=self._region,
                    method="POST",
                    path="/",
                    query="",
                    content_type="application/x-amz-json-1.1",
                    target="Logs_20140328.CreateLogGroup",
                    body=json.dumps({"logGroupName": name}).encode(),
                )
            )

    def _find_group(self, name: str) -> object | None:
        import_moto()
        from moto.logs.models import logs_backends

        with self._lock:
            # A copy: moto adds a Region's backend on its first use.
            for backend in list(logs_backends[self._account].values()):
                if name in backend.groups:
                    group: object = backend.groups[name]
                    return group
        return None
