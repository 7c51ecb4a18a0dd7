"""moto's tables of routes, made before threads would make them side by side.

Python 3.11 fails now and then ("AST constructor recursion depth mismatch") when two threads parse
Python at once, and werkzeug parses when a route is made
(https://github.com/python/cpython/issues/106905).
"""

from __future__ import annotations

import contextlib
from functools import cache

from moto.core.routing import get_service_router
from werkzeug.exceptions import NotFound


@cache
def make_routes(*services: str) -> None:
    """Make the routes of these services, once per process."""
    for service in services:
        router = get_service_router(service)
        model = router._service_model
        for protocol in {model.protocol, *model.metadata.get("protocols", [])}:
            with contextlib.suppress(NotFound):  # one that moto does not speak
                router._get_router(protocol)
