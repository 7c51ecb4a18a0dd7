"""Error responses of AWS's services, as the bytes that AWS sends: botocore parses and retries them.

``fail_next_call`` in ``factories`` raises the error instead, before the SDK could repeat the call.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest
    from botocore.awsrequest import AWSPreparedRequest

_XML_SERVICES = frozenset({"ec2", "iam", "s3", "sts"})
_SERVICES_BY_ID = {"cloudwatch-logs": "logs"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceError:
    """One error response; ``fields`` are further ones of a JSON body."""

    code: str
    message: str
    status: int = 400
    fields: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class ServiceErrors:
    """Responds with errors in place of moto, and counts the requests by operation."""

    requests: Counter[str] = field(default_factory=Counter)
    decide: Callable[[str, str], ServiceError | None] = lambda _service, _operation: None
    _pending: dict[tuple[str, str], list[ServiceError]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def install(cls, monkeypatch: pytest.MonkeyPatch) -> ServiceErrors:
        errors, forward = cls(), BotocoreStubber.__call__

        def respond(
            stubber: BotocoreStubber, event_name: str, request: AWSPreparedRequest, **others: object
        ) -> AWSResponse | None:
            _, service_id, operation = event_name.split(".")
            service = _SERVICES_BY_ID.get(service_id, service_id)
            error = errors._next_error(service, operation)
            if error is None:
                return forward(stubber, event_name, request, **others)
            return _to_response(service, request.url, error)

        monkeypatch.setattr(BotocoreStubber, "__call__", respond)
        return errors

    def refuse(self, service: str, operation: str, error: ServiceError, *, times: int = 1) -> None:
        """Respond with the error to the next ``times`` requests of the operation."""
        self._pending.setdefault((service, operation), []).extend([error] * times)

    def clear(self) -> None:
        """Respond with no error any more."""
        self._pending.clear()

    def _next_error(self, service: str, operation: str) -> ServiceError | None:
        with self._lock:
            self.requests[operation] += 1
            pending = self._pending.get((service, operation))
            return pending.pop(0) if pending else self.decide(service, operation)


def _to_response(service: str, url: str, error: ServiceError) -> AWSResponse:
    headers = HTTPHeaders.from_dict({"x-amzn-requestid": "r-1", **dict(error.headers)})
    if service in _XML_SERVICES:
        content = f"<Code>{error.code}</Code><Message>{escape(error.message)}</Message>"
        body = {
            "s3": f"<Error>{content}<RequestId>r-1</RequestId></Error>",
            "ec2": f"<Response><Errors><Error>{content}</Error></Errors></Response>",
        }.get(service, f"<ErrorResponse><Error>{content}</Error></ErrorResponse>")
    else:
        headers["x-amzn-errortype"] = error.code
        fields = {"__type": error.code, "message": error.message, **dict(error.fields)}
        body = json.dumps(fields)
    return AWSResponse(url, error.status, headers, MockRawResponse(body))
