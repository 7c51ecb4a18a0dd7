"""How many events wait in the queues of functions, for `scar status`, `wait` and `why`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.meter import format_count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session


def read_waiting_events(
    session: Session, connection: AwsConnection, functions: Iterable[FunctionSummary]
) -> dict[str, int]:
    """Return the number of waiting events by function; no request if none gathers events.

    To be called before arrays and records are read: an event that is submitted in between is then
    seen as a child. Without permission, a message says so.
    """
    queues = {f.name: f.event_queue for f in functions if f.event_queue}
    if not queues:
        return {}
    from scar.aws.inventory.event_queues import count_waiting_events

    try:
        return count_waiting_events(connection.client("sqs"), queues)
    except ScarError as error:
        session.terminal.write_message(f"Waiting events were not counted: {error.problem}")
        return {}


def describe_waiting_file(session: Session, connection: AwsConnection, path: str) -> str:
    """Return that the event of ``bucket/key`` may wait, empty if no queue can have it."""
    functions = [
        function
        for function in session.services.list_functions(connection)
        if function.event_queue
        and any(
            path.startswith(f"{folder.path}/") and path.endswith(folder.suffix)
            for folder in function.inputs
        )
    ]
    events = read_waiting_events(session, connection, functions)
    return "; ".join(
        f"the queue {function.event_queue} of {function.name} has about"
        f" {format_count(number, 'event')} of new objects, which are submitted together"
        for function in functions
        if (number := events.get(function.name, 0))
    )
