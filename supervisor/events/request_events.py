"""Events of stores in the bodies of HTTP requests: which of them are delivered. No I/O.

Without these rules a caller of the endpoint could have the function read everything that its role
may read, or start a run for each invented object:

- without authentication, an event of S3 is data: S3 sends no requests. Signed (IAM), it is an
  event: of the objects that inputs of the function have, and refused if there are none;
- an event of MinIO is never data. It needs the token of the provider, or a signed request;
- events of other stores (``other_stores``) are never data: they are refused by name. Webhooks have
  members of the same names, so only what has the exact shape of such an event is refused;
- only the token of a provider confirms the order of its events, and nothing in a request selects
  the id of a run or a job's options.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from supervisor.errors import EventError, RequestRefused, StoreNotSupported
from supervisor.events.event_stores import assign_store, providers_with
from supervisor.events.json_values import OPTIONS_KEY, compact_json, is_json_object
from supervisor.events.other_stores import MINIO_SOURCE, S3_SOURCE, open_event
from supervisor.events.parser import MINIO, RECOVERED_RULE, S3, parse_event
from supervisor.invocation import ObjectEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from supervisor.events.json_values import JsonObject
    from supervisor.invocation import DirectInvocation
    from supervisor.model import FunctionConfig, InputRule

    WebhookToken = Callable[[str], str]

# One of them is in the body of every request that is the event of a store.
_MEMBERS = (b'"Records"', b'"event"', b'"event_type"')


@dataclass(frozen=True, slots=True)
class RequestEvents:
    """The objects of a request that is an event, and those that no input of the function has."""

    delivered: tuple[ObjectEvent, ...] = ()
    unused: tuple[ObjectEvent, ...] = ()


def read_request(
    request: DirectInvocation, config: FunctionConfig, raw: bytes, token: WebhookToken
) -> RequestEvents | None:
    """Return what the body of a request delivers; None if it is data.

    ``raw`` is the event with the request; ``token`` returns the ``webhook_token`` of a provider,
    empty without one. Raise RequestRefused.
    """
    try:
        return _read_request(request, config, raw, token)
    except RequestRefused:
        raise
    except EventError as error:
        raise RequestRefused(error.problem, remedy=error.remedy) from error


def _read_request(
    request: DirectInvocation, config: FunctionConfig, raw: bytes, token: WebhookToken
) -> RequestEvents | None:
    # By value: the import of the enum costs time at each start.
    is_signed = config.endpoint is not None and config.endpoint.authentication.value == "IAM"
    named = _objects_in_body(request.payload, is_signed=is_signed)
    if named is None:
        return None
    kinds = {event.source.provider for event in named}
    if kinds == {S3}:
        return _signed_objects(named, config) if is_signed else None
    if S3 in kinds:
        raise EventError(
            "The event names objects of S3 and of MinIO.", remedy="Send one request for each."
        )
    # The token first: a caller without it does not learn which folders are inputs.
    allowed = None
    if named and not is_signed and any(provider.kind == MINIO for provider in config.providers):
        allowed = _allowed_providers(config, raw, token)
    used, unused = _split_by_inputs(named, config)
    assigned = [assign_store(event, config) for event in used]
    if allowed is not None and any(event.source.provider not in allowed for event in assigned):
        raise _unauthorized("The token of the request is that of another storage provider.")
    return RequestEvents(
        delivered=tuple(
            event if allowed and not event.manual_run_id else _as_unconfirmed(event)
            for event in assigned
        ),
        unused=tuple(unused),
    )


def _signed_objects(named: tuple[ObjectEvent, ...], config: FunctionConfig) -> RequestEvents:
    """Return which objects of S3 a signed request delivers; raise EventError if none."""
    used, unused = _split_by_inputs(named, config)
    if not used:
        raise _not_an_input(unused, config)
    return RequestEvents(
        delivered=tuple(_as_unconfirmed(assign_store(event, config)) for event in used),
        unused=tuple(unused),
    )


def _split_by_inputs(
    named: tuple[ObjectEvent, ...], config: FunctionConfig
) -> tuple[list[ObjectEvent], list[ObjectEvent]]:
    """Return the objects that inputs of the function have, and the others."""
    used: list[ObjectEvent] = []
    unused: list[ObjectEvent] = []
    for event in named:
        (used if providers_with(event, config) else unused).append(event)
    return used, unused


def _not_an_input(unused: list[ObjectEvent], config: FunctionConfig) -> EventError:
    folders = [_describe_input(r) for r in config.inputs if r.provider.partition(".")[0] == S3]
    inputs = f"Its inputs in S3: {', '.join(folders)}." if folders else "It has no inputs in S3."
    return EventError(
        f"The event names {describe_objects(unused)}, and no input of the function has"
        f" {'it' if len(unused) == 1 else 'them'}. {inputs}",
        remedy="Add the bucket and folder to `input` and run `scar init`, or remove what sends the"
        " event. To send it as data, make it the value of a member with another name than `event`.",
    )


def _describe_input(rule: InputRule) -> str:
    folder = f"{rule.bucket}/{rule.folder}{rule.prefix}".rstrip("/")
    path = f"{folder}/*{rule.suffix}" if rule.suffix else folder
    return path if rule.provider == S3 else f"{rule.provider}:{path}"


def describe_objects(events: Sequence[ObjectEvent]) -> str:
    """Return the first object and the number of the others: ``s3://b/k and 2 other objects``."""
    source, others = events[0].source, len(events) - 1
    first = str(source) if source.provider == S3 else f"{source} in MinIO"
    if not others:
        return first
    return f"{first} and {others} other {'object' if others == 1 else 'objects'}"


def _objects_in_body(body: bytes | None, *, is_signed: bool) -> tuple[ObjectEvent, ...] | None:
    """Return the objects that a request's body names; None if it is not the event of a store.

    Raise StoreNotSupported, and EventError for damaged events of MinIO; damaged ones of S3 may be
    the user's data.
    """
    document = _read_document(body)
    if body is None or document is None:
        return None
    sources = _record_sources(document)
    try:
        triggers = parse_event(body)
    except StoreNotSupported:
        raise
    except EventError:
        if MINIO_SOURCE in sources:
            raise
        return None
    found = tuple(trigger for trigger in triggers if isinstance(trigger, ObjectEvent))
    is_never_data = MINIO_SOURCE in sources or (is_signed and S3_SOURCE in sources)
    if any(event.job or event.refusal for event in found) and is_never_data:
        raise EventError(
            f"The request has {OPTIONS_KEY}, and requests cannot select a job's options.",
            remedy="Send the event as its store does, or use `scar run`.",
        )
    is_event = len(found) == len(triggers) and all(map(_is_plain, found))
    return found if is_event and (found or is_never_data) else None


def _read_document(body: bytes | None) -> JsonObject | None:
    """Return the document that may be the event of a store; None for all other bodies."""
    if body is None or not any(member in body for member in _MEMBERS):
        return None
    try:
        # Lines of JSON, such as a log of events, are data.
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if is_json_object(document) else None


def _is_plain(event: ObjectEvent) -> bool:
    """Return whether the event can be marked as unconfirmed, unlike EventBridge's."""
    return not (event.job or event.refusal) and "Records" in json.loads(event.event)


def _record_sources(document: JsonObject) -> set[str]:
    """Return the values of ``eventSource`` in the records; raise StoreNotSupported."""
    records = open_event(document).get("Records")
    if not isinstance(records, list):
        return set()
    return {str(r.get("eventSource")) for r in records if is_json_object(r)}


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
    """Return the event as one that nothing confirms: the caller chose its order and its version.

    Otherwise an invented sequencer would keep the outputs of later uploads out.
    """
    document = json.loads(event.event)
    for record in document["Records"]:
        record["s3"]["configurationId"] = RECOVERED_RULE
    return replace(event, event=compact_json(document), manual_run_id="", is_recovered=True)
