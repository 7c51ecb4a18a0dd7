"""The layer between the HTTP router and a service: applies the conditions to requests."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from scar.local.conditions.api_call import identify_call, identify_s3_call
from scar.local.conditions.bucket_changes import CHANGE_SECONDS, BucketChanges
from scar.local.conditions.error_responses import render_refusal
from scar.local.conditions.faults import (
    OPERATION_ABORTED,
    ConnectionLoss,
    DelayedResponse,
    Refusal,
)
from scar.local.http.bodies import BrokenBodyError
from scar.local.http.router import Route
from scar.local.moto.calls import signing_scope
from scar.local.s3.protocol.operations import BUCKET_SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.local.conditions.api_call import ApiCall
    from scar.local.conditions.request_conditions import RequestConditions
    from scar.local.http.messages import HttpApp, Request, Response

_SETTING = re.compile(rf"(?:^|&)(?:{'|'.join(sorted(BUCKET_SETTINGS))})(?:[=&]|$)")
_READS = frozenset({"GET", "HEAD", "POST"})
# An endpoint meets the conditions of Lambda: its invocations may be throttled, for example.
_OWN_ROUTES = frozenset({Route.CONTROL, Route.REGISTRY, Route.ENDPOINTS})


class ConditionedApp:
    """A service under conditions; ``sleep`` and ``monotonic`` are arguments for tests."""

    def __init__(
        self,
        app: HttpApp,
        route: Route,
        conditions: RequestConditions,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._app = app
        self._route = route
        self._conditions = conditions
        self._sleep = sleep
        self._monotonic = monotonic
        self._bucket_changes = BucketChanges()

    def handle(self, request: Request) -> Response:
        """Return the service's response, or what a condition makes of the request.

        Raise BrokenBodyError to close the connection without a response.
        """
        call, request = self._identify(request)
        if call is None:
            return self._app.handle(request)
        fault = self._conditions.admit(call, self._monotonic())
        match fault:
            case Refusal():
                return render_refusal(call, fault)
            case DelayedResponse(seconds):
                self._sleep(seconds)
            case ConnectionLoss(executed=False):
                raise BrokenBodyError("chaos: the connection is reset before the request")
            case _:
                pass
        response = self._execute(call, request)
        if isinstance(fault, ConnectionLoss):
            if not isinstance(response.body, bytes):
                response.body.close()
            raise BrokenBodyError("chaos: the connection is reset after the request")
        return response

    def _identify(self, request: Request) -> tuple[ApiCall | None, Request]:
        """Return the call, or None if no condition can concern it: most requests, quickly."""
        conditions = self._conditions
        if self._route is Route.S3:
            # Without chaos only changes of settings matter: a write of an object ends here.
            if conditions.draws is None and (
                request.method in _READS or not _SETTING.search(request.query)
            ):
                return None, request
            return identify_s3_call(request), request
        scope = signing_scope(request)
        if scope is None or not conditions.concerns(scope[0]):
            return None, request
        return identify_call(request, self._route)

    def _execute(self, call: ApiCall, request: Request) -> Response:
        if not (call.changes_bucket_setting and self._conditions.settings.limits):
            return self._finish(call, self._app.handle(request))
        with self._bucket_changes.change(call.bucket) as is_first:
            if not is_first:
                return render_refusal(call, OPERATION_ABORTED)
            self._sleep(CHANGE_SECONDS)
            return self._finish(call, self._app.handle(request))

    def _finish(self, call: ApiCall, response: Response) -> Response:
        if self._conditions.draws is None or response.status >= 300:
            return response
        now = self._monotonic()
        self._conditions.record(call, now)
        if call.service not in ("lambda", "batch") or not isinstance(response.body, bytes):
            return response
        try:
            document = json.loads(response.body or b"null")
        except ValueError:  # the payload of an invocation
            return response
        if not isinstance(document, dict) or not self._conditions.adapt(call, document, now):
            return response
        return replace(response, body=json.dumps(document).encode())


def apply_conditions(
    apps: Mapping[Route, HttpApp], conditions: RequestConditions
) -> dict[Route, HttpApp]:
    """Return the services under conditions; the routes that are not AWS's stay as they are."""
    return {
        route: app if route in _OWN_ROUTES else ConditionedApp(app, route, conditions)
        for route, app in apps.items()
    }
