"""Start failed runs of Batch functions again as array jobs: one request instead of thousands."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.cli.arrays.array_groups import divide_events, read_target, submit_groups
from scar.cli.arrays.array_run import build_request, reopen_runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.arrays.array_groups import EventGroup
    from scar.cli.session import Session
    from scar.runs.arrays.array_counts import LostChild
    from scar.runs.ledger import Run
    from supervisor.job_model import BatchTarget, JobOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArray:
    """An array job that would be submitted: its children and what they request."""

    function: str
    children: int
    options: JobOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Retry:
    """What is retried of one function: ``groups`` of ``events`` as arrays, everything else apart.

    ``single_events`` are those of children without a record, by the child's name; ``single_runs``
    failed runs.
    """

    function: FunctionSummary
    target: BatchTarget
    events: Sequence[str]
    groups: Sequence[EventGroup]
    single_events: Mapping[str, str]
    single_runs: Sequence[Run]


def retry_in_arrays(
    session: Session,
    connection: AwsConnection,
    runs: Iterable[Run],
    lost: Sequence[LostChild],
) -> tuple[dict[str, str], list[Run]]:
    """Submit what can run as children of arrays; return what was started, and the remaining runs.

    What was started are the ids of jobs by array, and those of requests by child without a record
    that cannot be in an array.

    In arrays are runs on objects of functions in mode ``batch``, and children that ended without a
    record. A function in mode ``lambda-batch`` may succeed in Lambda: its runs start there again.
    """
    from scar.runs.retry import NEXT_SECOND

    retries, remaining = _divide(session, connection, runs, lost, dry_run=False)
    started: dict[str, str] = {}
    for retry in retries:
        request = build_request(
            connection, retry.function, retry.target, source="failed runs", is_retry=True
        )
        arrays = submit_groups(session, connection, retry.events, retry.groups, request)
        started |= {array.name: array.job for array in arrays}
        for child, event in retry.single_events.items():
            started[child] = session.services.enqueue(
                connection, retry.function.name, json.loads(event)
            )
        remaining += retry.single_runs
    if any(retry.single_runs for retry in retries):
        # Their losses may just have been recorded, and a retry counts if it is newer than those.
        time.sleep(NEXT_SECOND)
    return started, remaining


def plan_retry(
    session: Session,
    connection: AwsConnection,
    runs: Iterable[Run],
    lost: Sequence[LostChild],
) -> tuple[list[PlannedArray], list[Run], int]:
    """Return the arrays that ``retry_in_arrays`` would submit, and the remaining runs.

    And how many children without a record would start without an array. Writes nothing.
    """
    from scar.runs.arrays.array_plan import divide

    retries, remaining = _divide(session, connection, runs, lost, dry_run=True)
    arrays = [
        PlannedArray(function=retry.function.name, children=len(part), options=group.options)
        for retry in retries
        for group in retry.groups
        for part in divide(group.indexes)
    ]
    remaining += [run for retry in retries for run in retry.single_runs]
    return arrays, remaining, sum(len(retry.single_events) for retry in retries)


def _divide(
    session: Session,
    connection: AwsConnection,
    runs: Iterable[Run],
    lost: Sequence[LostChild],
    *,
    dry_run: bool,
) -> tuple[list[_Retry], list[Run]]:
    """Return what is retried of each function that has arrays, and the runs of all others.

    Unless ``dry_run``, the runs of the groups are then open for other jobs.
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
    retries = []
    from supervisor.batch.array_manifest import MIN_CHILDREN

    for name, group in grouped.items():
        if name not in functions:
            continue  # its children without a record cannot run anymore
        events = _read_lost_events(connection, [c for c in lost if c.array.path.function == name])
        target = read_target(connection, functions[name])
        reopened: list[tuple[Run, str]] = []
        left = group
        if len(group) + len(events) >= MIN_CHILDREN:
            reopened, refused = reopen_runs(session, connection, group, dry_run=dry_run)
            left = [run for run, _ in refused]
        retries.append(_divide_function(functions[name], target, events, reopened, left))
    return retries, remaining


def _divide_function(
    function: FunctionSummary,
    target: BatchTarget,
    lost: Mapping[str, str],
    reopened: Sequence[tuple[Run, str]],
    left: Sequence[Run],
) -> _Retry:
    """Divide the events of children without a record, and those of failed runs, into groups."""
    children = list(lost)
    events = [*lost.values(), *(event for _, event in reopened)]
    groups, single = divide_events(target, events)
    return _Retry(
        function=function,
        target=target,
        events=events,
        groups=groups,
        single_events={c: lost[c] for c in (children[i] for i in single if i < len(lost))},
        single_runs=[*left, *(reopened[i - len(lost)][0] for i in single if i >= len(lost))],
    )


def _read_lost_events(connection: AwsConnection, lost: Sequence[LostChild]) -> dict[str, str]:
    """Return the events of children that ended without a record, by the child's name."""
    from scar.runs.arrays.array_store import ArrayStore
    from scar.runs.ledger import RunLedger

    store = ArrayStore.of(RunLedger.connect(connection))
    events: dict[str, list[bytes]] = {}
    for child in lost:
        if child.array.job not in events:
            events[child.array.job] = store.read_events(child.array)
    return {
        f"{child.array.name}:{child.index}": events[child.array.job][child.index].decode()
        for child in lost
    }
