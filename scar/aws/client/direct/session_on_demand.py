"""A session of the SDK that is created when a client is."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    import boto3


def session_on_demand(create: Callable[[], boto3.Session]) -> boto3.Session:
    """Return a session that ``create`` makes at its first use: the SDK is slow to import."""
    return cast("boto3.Session", _SessionOnDemand(create))


class _SessionOnDemand:
    """Has the attributes of the session."""

    def __init__(self, create: Callable[[], boto3.Session]) -> None:
        self._create, self._lock = create, threading.Lock()
        self._created: boto3.Session | None = None

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 any attribute of the session
        with self._lock:
            if self._created is None:
                self._created = self._create()
        return getattr(self._created, name)
