"""Request bodies that are too large for Lambda: uploaded to the state bucket before the request."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from supervisor.connections import BODY_DAYS
from supervisor.endpoint.services import URL_LIFETIME
from supervisor.errors import RequestRefused
from supervisor.model import ObjectRef
from supervisor.results import EndpointResponse

if TYPE_CHECKING:
    from supervisor.invocation import DirectInvocation, HttpRequest
    from supervisor.model import FunctionConfig
    from supervisor.ports import EndpointServices, ObjectStore

UPLOAD_PATH = "/.scar/upload"
OWN_PATHS = "/.scar/"


def new_body_id() -> str:
    """Return a random id of 128 bits: it is the permission to use the body."""
    return os.urandom(16).hex()


def body_ref(config: FunctionConfig, body_id: str) -> ObjectRef:
    """Return the object of a body; ``body_id`` has 32 hexadecimal digits."""
    return ObjectRef("s3", config.state_bucket, f"requests/{config.name}/{body_id}")


def answer_upload(
    request: HttpRequest, size: str, config: FunctionConfig, services: EndpointServices, now: float
) -> EndpointResponse:
    """Return where a body of ``size`` bytes can be uploaded; raise RequestRefused."""
    if request.path != UPLOAD_PATH:
        raise RequestRefused(
            "The endpoint has no such path: those below /.scar/ are not the script's.",
            remedy=f"Ask for {UPLOAD_PATH}?size=<bytes>, or send another path.",
            status=404,
        )
    if request.method != "GET":
        raise RequestRefused(
            f"{UPLOAD_PATH} takes GET only.",
            remedy="GET returns the URL that the body is sent to, by PUT.",
            status=405,
        )
    if not (size.isascii() and size.isdecimal() and len(size) < 16 and int(size)):
        raise RequestRefused(
            "The parameter size is not a number of bytes, from 1.",
            remedy=f"Ask for {UPLOAD_PATH}?size=<bytes of the body>.",
        )
    check_size(config, int(size))
    body_id = new_body_id()
    url, headers = services.sign_upload(body_ref(config, body_id), int(size))
    answer = {
        "url": url,
        "body": body_id,
        "expires": int(now) + URL_LIFETIME,
        "headers": dict(headers),
    }
    return EndpointResponse(
        status=200,
        body=(json.dumps(answer) + "\n").encode(),
        headers={"content-type": "application/json", "cache-control": "no-store"},
    )


def check_body(trigger: DirectInvocation, config: FunctionConfig, store: ObjectStore) -> None:
    """Raise RequestRefused if the body is too large, or was not uploaded."""
    body_id = trigger.request.body_id if trigger.request else ""
    if not body_id:
        check_size(config, len(trigger.payload or b""))
        return
    stored = store.head(body_ref(config, body_id))
    if stored is None:
        raise RequestRefused(
            f"There is no body {body_id}: it was not uploaded, or has"
            f" expired after {BODY_DAYS} days.",
            remedy=f"Upload it first: GET {UPLOAD_PATH}?size=<bytes> returns the URL.",
            status=404,
        )
    check_size(config, stored.size)


def check_size(config: FunctionConfig, size: int) -> None:
    """Raise RequestRefused for a body above the endpoint's limit."""
    maximum = config.endpoint.max_body if config.endpoint else 0
    if maximum and size > maximum:
        raise RequestRefused(
            f"The body has {size:,} bytes; this endpoint takes {maximum:,}.",
            remedy="Send less; the function's owner can increase api_gateway.max_body.",
            status=413,
        )
