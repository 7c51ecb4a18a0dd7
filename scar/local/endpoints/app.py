"""The HTTP application of endpoints: one request from its address to the function's response."""

from __future__ import annotations

import logging
import re
import time
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from scar.local.endpoints.authorization import (
    CallAuthorizer,
    ForbiddenCallError,
    permits_api,
    permits_everybody,
)
from scar.local.endpoints.browsers import may_call_open_endpoint
from scar.local.endpoints.cors import add_cors_headers, is_preflight, preflight_response
from scar.local.endpoints.delays import EndpointDelays, NoDelays
from scar.local.endpoints.errors import EndpointErrors
from scar.local.endpoints.events import EventContext, ReceivedRequest, build_event
from scar.local.endpoints.invocations import (
    InvocationTimeoutError,
    TimedInvoker,
    TooManyInvocationsError,
)
from scar.local.endpoints.results import InvalidResultError, decode_result
from scar.local.endpoints.throttling import EndpointThrottle
from scar.local.http.auth import close_body
from scar.local.http.authentication_errors import AuthenticationError, AuthenticationErrorReason
from scar.local.http.bodies import read_all
from scar.local.http.spooled_bodies import BodySpool, SpooledBody, SpoolFullError
from scar.local.lambda_.model import SYNC_PAYLOAD, LambdaApiError
from scar.local.moto.journal_keys import function_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.endpoints.events import Caller
    from scar.local.http.messages import Request, Response
    from scar.local.lambda_.model import LambdaInvokeResult
    from scar.local.moto.endpoints.records import EndpointRecord, EndpointRecords
    from scar.local.moto.function_records import FunctionPermission, FunctionRecords

LOG = logging.getLogger(__name__)
API_BODY = 10 * 1024 * 1024
"""Largest body in bytes of a request to an HTTP API; API Gateway's quota."""
API_HEAD = 10240
"""Largest request line and headers in bytes of a request to an HTTP API; API Gateway's quota."""
_ADDRESS = re.compile(r"/_(?P<kind>api|url)/(?P<id>[^/]*)(?P<path>/.*)?", re.DOTALL)
_TRACE = "x-amzn-trace-id"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointPorts:
    """What endpoints need of the local cloud; ``invoke`` takes ARN, payload and trace id."""

    endpoints: EndpointRecords
    functions: FunctionRecords
    authorizer: CallAuthorizer
    invoke: Callable[[str, bytes, str], LambdaInvokeResult]
    spool: BodySpool = field(default_factory=BodySpool)
    delays: EndpointDelays = field(default_factory=NoDelays)


class EndpointApp:
    """Serves the requests to HTTP APIs and function URLs."""

    def __init__(
        self,
        ports: EndpointPorts,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ports = ports
        self._clock = clock
        self._monotonic = monotonic
        self._throttle = EndpointThrottle()
        self._invoker = TimedInvoker()

    def handle(self, request: Request) -> Response:
        """Return the response of the function, or that of the service."""
        match = _ADDRESS.fullmatch(request.path)
        assert match is not None  # noqa: S101 - the router's condition
        is_url = match["kind"] == "url"
        find = self._ports.endpoints.find_url if is_url else self._ports.endpoints.find_api
        endpoint = find(match["id"])
        request_id = str(uuid.uuid4())
        if endpoint is None or not self._is_served(endpoint):
            response = EndpointErrors(is_url).not_found()
        elif endpoint.cors is not None and is_preflight(request.method, request.headers):
            response = preflight_response(endpoint.cors, request.headers)
        else:
            response = self._respond(request, endpoint, match["path"] or "/", request_id)
            origin = request.headers.get("origin", "")
            response = add_cors_headers(response, endpoint.cors, origin)
        name = "x-amzn-requestid" if is_url else "apigw-requestid"
        return replace(response, headers={**response.headers, name: request_id})

    def _respond(
        self, request: Request, endpoint: EndpointRecord, path: str, request_id: str
    ) -> Response:
        errors = EndpointErrors(endpoint.is_url)
        try:
            request, caller = self._authorize(request, endpoint)
            self._admit(request, endpoint)
            received = ReceivedRequest(
                method=request.method,
                path=path,
                query=request.query,
                headers=request.headers,
                body=self._receive_body(request, endpoint),
                source_ip=request.remote,
            )
            return self._run(received, endpoint, caller, request_id)
        except ForbiddenCallError as error:
            return errors.forbidden(str(error))
        except _RefusedRequestError as error:
            return error.response
        except (AuthenticationError, SpoolFullError):  # too many large bodies at once
            return errors.unavailable()
        finally:
            close_body(request.body)

    def _authorize(
        self, request: Request, endpoint: EndpointRecord
    ) -> tuple[Request, Caller | None]:
        """Return the request, and its caller if it is signed; raise ForbiddenCallError."""
        if endpoint.needs_signature:
            try:
                return self._ports.authorizer.authorize(request, endpoint)
            except AuthenticationError as error:
                if error.reason is not AuthenticationErrorReason.TOO_LARGE:
                    raise
                raise _too_large(endpoint) from error
        if not may_call_open_endpoint(request.headers, endpoint.cors):
            raise ForbiddenCallError
        if endpoint.is_url and not permits_everybody(self._policy(endpoint)):
            raise ForbiddenCallError
        return request, None

    def _admit(self, request: Request, endpoint: EndpointRecord) -> None:
        """Raise _RefusedRequestError for a request that cannot or must not reach the function."""
        errors = EndpointErrors(endpoint.is_url)
        if not endpoint.is_url and _head_size(request) > API_HEAD:
            raise _RefusedRequestError(errors.head_too_large())
        if not endpoint.function:
            raise _RefusedRequestError(errors.not_found())
        if not self._throttle.admits(endpoint, self._monotonic()):
            raise _RefusedRequestError(errors.too_many())
        if not endpoint.is_url and not permits_api(self._policy(endpoint), endpoint):
            raise _RefusedRequestError(errors.failed())

    def _is_served(self, endpoint: EndpointRecord) -> bool:
        name = function_name(endpoint.function) if endpoint.is_url else endpoint.id
        return self._ports.delays.is_endpoint_served(name, self._monotonic())

    def _policy(self, endpoint: EndpointRecord) -> tuple[FunctionPermission, ...]:
        name = function_name(endpoint.function)
        if not self._ports.delays.is_permission_active(name, self._monotonic()):
            return ()
        function = self._ports.functions.get(endpoint.function)
        return function.policy if function else ()

    def _receive_body(self, request: Request, endpoint: EndpointRecord) -> bytes:
        """Return the whole body; raise _RefusedRequestError and SpoolFullError.

        It is received in a spool first: many slow clients must not fill the memory.
        """
        limit = SYNC_PAYLOAD if endpoint.is_url else API_BODY
        length = request.headers.get("content-length", "0")
        if length.isdecimal() and int(length) > limit:
            raise _too_large(endpoint)
        if isinstance(request.body, SpooledBody):  # received to verify its hash
            return _whole(read_all(request.body, limit), endpoint)
        spooled = self._ports.spool.receive(request.body, limit)
        if spooled is None:
            raise _too_large(endpoint)
        try:
            return _whole(read_all(spooled, limit), endpoint)
        finally:
            spooled.close()

    def _run(
        self,
        received: ReceivedRequest,
        endpoint: EndpointRecord,
        caller: Caller | None,
        request_id: str,
    ) -> Response:
        trace = received.headers.get(_TRACE, "") or _new_trace(self._clock())
        context = EventContext(
            account=endpoint.account,
            endpoint_id=endpoint.id,
            region=endpoint.region,
            is_url=endpoint.is_url,
            request_id=request_id,
            time=self._clock(),
            trace=trace,
            caller=caller,
        )
        payload = build_event(received, context)
        if len(payload) > SYNC_PAYLOAD:
            raise _too_large(endpoint)
        return self._invoke(endpoint, payload, trace)

    def _invoke(self, endpoint: EndpointRecord, payload: bytes, trace: str) -> Response:
        errors = EndpointErrors(endpoint.is_url)
        try:
            result = self._invoker.invoke(
                lambda: self._ports.invoke(endpoint.function, payload, trace), endpoint.timeout
            )
            if result.function_error:
                return errors.failed()
            return decode_result(result.payload, is_url=endpoint.is_url)
        except InvalidResultError as error:
            LOG.warning("%s returned no HTTP response: %s", endpoint.function, error)
            return errors.failed()
        except InvocationTimeoutError:
            return errors.unavailable()
        except TooManyInvocationsError:
            return errors.throttled()
        except LambdaApiError as error:
            return errors.throttled() if error.status == 429 else errors.failed()


class _RefusedRequestError(Exception):
    """The service itself responds."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def _too_large(endpoint: EndpointRecord) -> _RefusedRequestError:
    return _RefusedRequestError(EndpointErrors(endpoint.is_url).too_large())


def _head_size(request: Request) -> int:
    line = len(request.method) + len(request.path) + len(request.query)
    return line + sum(len(name) + len(value) for name, value in request.headers.items())


def _whole(body: bytes | None, endpoint: EndpointRecord) -> bytes:
    if body is None:
        raise _too_large(endpoint)
    return body


def _new_trace(now: float) -> str:
    return f"Root=1-{int(now):08x}-{uuid.uuid4().hex[:24]}"
