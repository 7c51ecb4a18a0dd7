"""JSON values of events: typed access with errors that name the path in the event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from supervisor.errors import EventError

if TYPE_CHECKING:
    from typing import TypeGuard

JsonObject = dict[str, object]
# The member of an event, beside ``Records`` or ``script``, that says what the run's Batch job is to
# have. It is not a part of the payload.
OPTIONS_KEY = "scar_job"
# The only member of the event that a function sends to itself for an asynchronous request. API
# Gateway and function URLs send no event with it, whatever a caller sends them.
ACCEPTED_KEY = "scar_request"


def compact_json(value: object) -> str:
    """Return JSON as scripts see it: compact, characters outside ASCII not escaped.

    With a lone surrogate, which UTF-8 cannot encode, everything outside ASCII stays escaped.
    """
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, separators=(",", ":"))
    return text


def is_json_object(value: object) -> TypeGuard[JsonObject]:
    """Return whether a JSON value is an object."""
    return isinstance(value, dict)


def require_object(parent: JsonObject, name: str, where: str) -> JsonObject:
    """Return a member that must be an object; ``where`` is the parent's path in the event."""
    value = parent.get(name)
    if not is_json_object(value):
        raise invalid_event(
            f"{where}.{name} is missing or not an object", "Send the event unchanged."
        )
    return value


def require_text(parent: JsonObject, name: str, where: str) -> str:
    """Return a member that must be a non-empty string."""
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise invalid_event(
            f"{where}.{name} is missing or not a string", "Send the event unchanged."
        )
    return value


def invalid_event(problem: str, remedy: str) -> EventError:
    """Return the error for a malformed event."""
    return EventError(f"The event cannot be parsed: {problem}.", remedy=remedy)
