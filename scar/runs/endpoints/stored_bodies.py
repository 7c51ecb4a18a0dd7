"""The bodies of requests that are sent again: each has its own, kept for the full time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.aws.client import errors
from scar.aws.model import limits
from scar.errors import ScarError
from scar.runs.endpoints.repetition import parse_direct
from supervisor.connections import BODY_DAYS
from supervisor.endpoint.bodies import new_body_id
from supervisor.events.api_request import BODY_HEADER, with_stored_body
from supervisor.events.json_values import ACCEPTED_KEY, is_json_object

if TYPE_CHECKING:
    from scar.runs.ledger import RunLedger
    from supervisor.events.json_values import JsonObject


class BodyGoneError(ScarError):
    """The body of a recorded request has expired."""


def with_own_body(ledger: RunLedger, function: str, event: dict[str, object]) -> dict[str, object]:
    """Return what ``without_caller`` returned, with a stored body of its own if it needs one.

    That is a copy of the stored body, which may expire before the new run reads it, or the body of
    a request that is too large for Lambda's queue. Raise BodyGoneError, or another ScarError; then
    nothing was started.
    """
    trigger = parse_direct(event)
    if trigger is None or trigger.request is None:
        return event
    body_id = new_body_id()
    if trigger.request.body_id:
        _copy_body(ledger, function, trigger.request.body_id, body_id)
    elif trigger.payload is not None and event_size(event) > limits.LAMBDA_ASYNC_PAYLOAD.maximum:
        key = _body_key(function, body_id)
        with errors.translate_errors(f"store the request's body as {key}"):
            ledger.s3.put_object(
                Bucket=ledger.bucket, Key=key, Body=trigger.payload, IfNoneMatch="*"
            )
    else:
        return event
    accepted = event[ACCEPTED_KEY]
    if not (is_json_object(accepted) and is_json_object(request := accepted["event"])):
        raise TypeError(ACCEPTED_KEY)  # it was parsed
    renewed = with_stored_body(_without_body_header(request), body_id)
    return {ACCEPTED_KEY: {**accepted, "event": renewed}}


def event_size(event: dict[str, object]) -> int:
    """Return the bytes of an event as it is sent."""
    return len(json.dumps(event))


def _copy_body(ledger: RunLedger, function: str, old: str, new: str) -> None:
    source, target = _body_key(function, old), _body_key(function, new)
    with errors.translate_errors(f"copy the request's body {source}"):
        try:
            ledger.s3.copy_object(
                Bucket=ledger.bucket,
                Key=target,
                CopySource={"Bucket": ledger.bucket, "Key": source},
            )
        except ledger.s3.exceptions.ClientError as error:
            if errors.error_code(error) != "NoSuchKey":
                raise
            raise BodyGoneError(
                f"The body of the request does not exist any more: s3://{ledger.bucket}/{source}.",
                remedy=f"Bodies are kept for {BODY_DAYS} days: invoke the function with it again.",
            ) from error


def _body_key(function: str, body_id: str) -> str:
    return f"requests/{function}/{body_id}"


def _without_body_header(request: JsonObject) -> JsonObject:
    cleaned = dict(request)
    for member in ("headers", "multiValueHeaders"):
        if is_json_object(headers := request.get(member)):
            cleaned[member] = {k: v for k, v in headers.items() if k.lower() != BODY_HEADER}
    return cleaned
