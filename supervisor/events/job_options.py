"""The job options of an event: what one submission to Batch requests (``scar run --memory``)."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from supervisor.errors import EventError
from supervisor.events.json_values import OPTIONS_KEY, invalid_event, is_json_object
from supervisor.job_model import JobOptions

if TYPE_CHECKING:
    from supervisor.events.json_values import JsonObject

_NUMBERS = ("memory", "gpus", "timeout", "attempts", "nodes")
_LARGEST = 2**31 - 1  # model: Integer


def read_job_options(event: JsonObject) -> tuple[JobOptions | None, EventError | None]:
    """Return the options of ``parse_job_options``, or why the event's run cannot have them.

    The error is not raised: the event says which run it starts, so that its failure is recorded.
    """
    try:
        return parse_job_options(event), None
    except EventError as error:
        return None, error


def parse_job_options(event: JsonObject) -> JobOptions | None:
    """Return the options that an event requests, None without any; raise EventError.

    Whether the function's jobs can have them is decided later, by
    ``supervisor.batch.job_options``.
    """
    value = event.get(OPTIONS_KEY)
    if value is None:
        return None
    if not is_json_object(value) or value.keys() - {"vcpus", "queue", *_NUMBERS}:
        known = ", ".join(("vcpus", *_NUMBERS, "queue"))
        raise invalid_event(f"{OPTIONS_KEY} is not an object with {known}", "Use `scar run`.")
    numbers = {name: _parse_number(name, value[name]) for name in _NUMBERS if name in value}
    queue = value.get("queue", "")
    if not isinstance(queue, str):
        raise invalid_event(f"{OPTIONS_KEY}.queue is not a string", "Use `scar run`.")
    return JobOptions(vcpus=_parse_vcpus(value.get("vcpus", "")), queue=queue, **numbers)


def _parse_number(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LARGEST:
        raise invalid_event(
            f"{OPTIONS_KEY}.{name} is not an integer from 1 to {_LARGEST}", "Use `scar run`."
        )
    return value


def _parse_vcpus(value: object) -> str:
    """Return vCPUs as Batch writes them: ``4``, and ``0.5`` on Fargate."""
    if value == "":
        return ""
    try:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise TypeError(value)  # noqa: TRY301
        number = float(value)
    except (OverflowError, TypeError, ValueError):
        number = math.nan
    if not 0 < number < math.inf:
        raise invalid_event(f"{OPTIONS_KEY}.vcpus is not a positive number", "Use `scar run`.")
    return f"{number:g}"
