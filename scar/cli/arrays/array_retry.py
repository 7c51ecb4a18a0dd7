"""Start failed runs of Batch functions again as array jobs: one request instead of thousands."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING

from scar.cli.arrays.array_groups import divide_events, read_target, submit_groups
from scar.cli.arrays.array_run import build_request, reopen_runs
from supervisor.batch.array_manifest import MIN_CHILDREN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from scar.runs.arrays.array_counts import LostChild
    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.ledger import Run


def retry_in_arrays(
    session: Session,
    connection: AwsConnection,
    runs: Iterable[Run],
    lost: Sequence[LostChild],
) -> tuple[list[ArrayJob], list[Run]]:
    """Submit what can run as children of arrays; return the arrays, and the remaining runs.

    That are runs on objects of functions in mode ``batch``, and children that ended without a
    record. A function in mode ``lambda-batch`` may succeed in Lambda: its runs start there again.
    """
    functions = {f.name: f for f in session.services.list_functions(connection)}
    grouped: dict[str, list[Run]] = defaultdict(list)
    remaining: list[Run] = []
    for run in runs:
        function = functions.get(run.path.function)
        is_batch = function is not None and function.queue and function.mode == "batch"
        (grouped[run.path.function] if is_batch else remaining).append(run)
    for child in lost:
        grouped.setdefault(child.array.path.function, [])
    arrays: list[ArrayJob] = []
    for name, group in grouped.items():
        events = _read_lost_events(connection, [c for c in lost if c.array.path.function == name])
        if name not in functions or len(group) + len(events) < MIN_CHILDREN:
            remaining += group
            for event in events if name in functions else ():
                session.services.enqueue(connection, name, json.loads(event))
            continue
        submitted, left = _retry_function(session, connection, functions[name], (group, events))
        arrays += submitted
        remaining += left
    return arrays, remaining


def _retry_function(
    session: Session,
    connection: AwsConnection,
    function: FunctionSummary,
    runs_and_events: tuple[list[Run], list[str]],
) -> tuple[list[ArrayJob], list[Run]]:
    """Submit one function's runs; return the arrays and the runs that cannot be children."""
    group, events = runs_and_events
    target = read_target(connection, function)
    reopened, left = reopen_runs(session, connection, group)
    lost = len(events)
    events = [*events, *(event for _, event in reopened)]
    groups, remaining = divide_events(target, events)
    request = build_request(connection, function, target, source="failed runs", is_retry=True)
    arrays = submit_groups(session, connection, events, groups, request)
    for index in remaining:
        if index < lost:
            session.services.enqueue(connection, function.name, json.loads(events[index]))
        else:
            left.append(reopened[index - lost][0])
    return arrays, left


def _read_lost_events(connection: AwsConnection, lost: Sequence[LostChild]) -> list[str]:
    """Return the events of children that ended without a record, from their manifests."""
    from scar.runs.arrays.array_store import ArrayStore
    from scar.runs.ledger import RunLedger

    store = ArrayStore.of(RunLedger.connect(connection))
    events: dict[str, list[bytes]] = {}
    for child in lost:
        if child.array.job not in events:
            events[child.array.job] = store.read_events(child.array)
    return [events[child.array.job][child.index].decode() for child in lost]
