"""Send a request of an endpoint again, as an asynchronous event: its caller is gone."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING

from supervisor.errors import EventError
from supervisor.events.api_request import accepted_event
from supervisor.events.json_values import ACCEPTED_KEY
from supervisor.events.parser import parse_event
from supervisor.invocation import DirectInvocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.invocation import Trigger


def without_caller(event: dict[str, object], find_date: Callable[[], str]) -> dict[str, object]:
    """Return the asynchronous event of a new run, if this is a request of an endpoint.

    Sent as it is, the function would answer it: failures and refusals would be lost as responses.
    ``find_date`` returns the date of the new run.
    """
    accepted = event.get(ACCEPTED_KEY)
    request = accepted.get("event") if isinstance(accepted, dict) else event
    trigger = parse_direct(event)
    if not isinstance(request, dict) or trigger is None or trigger.request is None:
        return event
    return accepted_event(request, str(uuid.uuid4()), find_date())


def parse_direct(event: dict[str, object]) -> DirectInvocation | None:
    """Return the direct invocation that the event is; None for any other event."""
    trigger = parse_single(event)
    return trigger if isinstance(trigger, DirectInvocation) else None


def parse_single(event: dict[str, object]) -> Trigger | None:
    """Return the only trigger of an event; None for several, or for no event."""
    try:
        triggers = parse_event(json.dumps(event).encode())
    except EventError:
        return None
    return triggers[0] if len(triggers) == 1 else None
