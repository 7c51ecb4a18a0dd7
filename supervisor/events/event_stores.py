"""Assign the objects of events to the function's stores; check who may name objects. No I/O.

An event of MinIO says that it is one, and not of which server: the function's inputs say that. An
event of a store that arrives as the body of an HTTP request starts runs only if an input of the
function has the object: whoever may call the endpoint could otherwise have the function read
everything that its role may read.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from supervisor.errors import EventError, RequestRefused, StoreNotSupported
from supervisor.events.json_values import compact_json, is_json_object
from supervisor.events.other_stores import MINIO_SOURCE
from supervisor.events.parser import MINIO, RECOVERED_RULE, S3, parse_event
from supervisor.invocation import ObjectEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from supervisor.invocation import DirectInvocation, Trigger
    from supervisor.model import FunctionConfig

    WebhookToken = Callable[[str], str]

# One of them is in the body of every request that is the event of a store.
_MEMBERS = (b'"Records"', b'"event"', b'"event_type"')


def assign_stores(
    triggers: tuple[Trigger, ...], config: FunctionConfig, raw: bytes, token: WebhookToken
) -> tuple[Trigger, ...]:
    """Return the triggers with the providers of the function's inputs as sources.

    ``raw`` is the event; ``token`` returns the ``webhook_token`` of a provider, empty without one.
    A request whose body is an event of a store becomes the runs of its objects; one of S3 that no
    input has remains a request with data. Raise EventError for objects of MinIO that no input has,
    and RequestRefused for requests that may not name them.
    """
    found: list[Trigger] = []
    for trigger in triggers:
        if isinstance(trigger, ObjectEvent):
            found.append(assign_store(trigger, config))
            continue
        try:
            found.extend(_read_request(trigger, config, raw, token))
        except RequestRefused:
            raise
        except EventError as error:
            raise RequestRefused(error.problem, remedy=error.remedy) from error
    return tuple(found)


def assign_store(
    event: ObjectEvent, config: FunctionConfig, allowed: Collection[str] | None = None
) -> ObjectEvent:
    """Return the event with the provider of the input that has its object.

    ``allowed`` are the providers that the sender may name, None: all. Raise EventError if no input
    has an object of MinIO, or several do.
    """
    source = event.source
    providers = _providers_with(event, config)
    if source.provider == S3 and (S3 in providers or not providers):
        return event  # the account's S3, also for objects that `scar run` names
    if not providers:
        raise EventError(
            f"The event names {source} in MinIO, and no input of the function has it.",
            remedy="Add its bucket and folder to `input` with the storage_provider of that server"
            " (minio.<name>) and run `scar init`, or remove the notification (`mc event remove`).",
        )
    if allowed is not None and not (providers := [p for p in providers if p in allowed]):
        raise _unauthorized("The token of the request is that of another storage provider.")
    if len(providers) > 1:
        raise EventError(
            f"The event names {source}, and inputs on several servers have it:"
            f" {', '.join(providers)}. An event does not say which server sent it.",
            remedy="Use different buckets or folders, or one function for each server.",
        )
    return replace(event, source=replace(source, provider=providers[0]))


def _providers_with(event: ObjectEvent, config: FunctionConfig) -> list[str]:
    """Return the stores of the inputs that have the object, of the kind that sent the event."""
    kind, bucket, key = event.source.provider, event.source.bucket, event.source.key
    stores = [
        config.store_name(rule.provider)
        for rule in config.inputs
        if rule.provider.partition(".")[0] == kind and rule.matches(bucket, key)
    ]
    return list(dict.fromkeys(stores))


def _read_request(
    request: DirectInvocation, config: FunctionConfig, raw: bytes, token: WebhookToken
) -> tuple[Trigger, ...]:
    named = _objects_in_body(request)
    if not named:  # also of events that start nothing, such as those of removed objects
        return (request,) if named is None else ()
    # By value: the import of the enum costs time at each start.
    is_signed = config.endpoint is not None and config.endpoint.authentication.value == "IAM"
    if all(event.source.provider == S3 for event in named):
        if not all(_providers_with(event, config) for event in named):
            return (request,)
        assigned = tuple(assign_store(event, config) for event in named)
        return assigned if is_signed else tuple(map(_as_unconfirmed, assigned))
    # The token first: a caller without it does not learn which folders are inputs.
    has_servers = any(provider.kind == MINIO for provider in config.providers)
    is_open = has_servers and not is_signed
    allowed = _allowed_providers(config, raw, token) if is_open else None
    return tuple(assign_store(event, config, allowed) for event in named)


def _objects_in_body(request: DirectInvocation) -> tuple[ObjectEvent, ...] | None:
    """Return the objects that a request's body names; None if it is not the event of a store.

    Raise StoreNotSupported, and EventError for damaged events of MinIO; damaged ones of S3 may be
    the user's data.
    """
    body = request.payload
    # The payload of other invocations is the event itself, which the parser has judged.
    if body is None or not body.lstrip().startswith(b"{") or body == request.event.encode():
        return None
    if not any(member in body for member in _MEMBERS):
        return None
    try:
        triggers = parse_event(body)
    except StoreNotSupported:
        raise
    except EventError:
        if MINIO_SOURCE.encode() in body and _is_json(body):
            raise
        return None
    found = tuple(trigger for trigger in triggers if isinstance(trigger, ObjectEvent))
    is_minio = MINIO_SOURCE.encode() in body
    # Without `Records` it cannot be marked as unconfirmed (EventBridge).
    is_event = len(found) == len(triggers) and all("Records" in json.loads(e.event) for e in found)
    return found if is_event and (found or is_minio) else None


def _is_json(body: bytes) -> bool:
    """Return whether a body is one document: lines of JSON, such as a log of events, are data."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _allowed_providers(config: FunctionConfig, raw: bytes, token: WebhookToken) -> frozenset[str]:
    """Return the providers whose token the request has; raise RequestRefused if it has none."""
    import hmac

    sent = _bearer_token(raw).encode("utf-8", "surrogatepass")
    names = [p.name for p in config.providers if p.kind == MINIO]
    tokens = {name: token(name).encode() for name in names}
    if sent and (
        found := frozenset(n for n, own in tokens.items() if own and hmac.compare_digest(own, sent))
    ):
        return found
    raise _unauthorized(
        "The request has no token of a storage provider, and no endpoint with authentication IAM"
        " has checked its sender."
    )


def _unauthorized(problem: str) -> RequestRefused:
    return RequestRefused(
        f"{problem} Events of MinIO are accepted with the header `Authorization: Bearer` and the"
        " provider's token only.",
        remedy="Set webhook_token of the storage provider in the FDL and run `scar init`; set the"
        " same text as auth_token of MinIO's webhook (notify_webhook).",
        status=401,
    )


def _bearer_token(raw: bytes) -> str:
    """Return the token in the request's header ``Authorization``; empty without one."""
    event: object = json.loads(raw)
    headers = event.get("headers") if is_json_object(event) else None
    if not is_json_object(headers):
        return ""
    value = next((str(v) for k, v in headers.items() if k.lower() == "authorization"), "")
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _as_unconfirmed(event: ObjectEvent) -> ObjectEvent:
    """Return the event as one whose order nothing confirms: anybody may have sent it.

    Otherwise an invented sequencer would keep the outputs of later uploads out.
    """
    document = json.loads(event.event)
    for record in document["Records"]:
        record["s3"]["configurationId"] = RECOVERED_RULE
    return replace(event, event=compact_json(document), manual_run_id="", is_recovered=True)
