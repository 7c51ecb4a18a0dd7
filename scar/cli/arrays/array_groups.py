"""Divide events into arrays of one size each, submit them, and show what that would do."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from scar.cli.formatting import format_count
from scar.errors import ScarError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.arrays.submission import ArrayRequest
    from supervisor.invocation import Trigger
    from supervisor.job_model import BatchTarget, JobOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class EventGroup:
    """Events whose jobs request the same ``options``, by their indexes."""

    options: JobOptions
    indexes: tuple[int, ...]


def read_target(connection: AwsConnection, function: FunctionSummary) -> BatchTarget:
    """Return where the function's jobs are submitted; costs one request."""
    from scar.aws.inventory.job_options import read_batch_target
    from supervisor.job_model import BatchTarget

    # Without a record: deployed by a release that had neither shares nor overrides.
    target = read_batch_target(connection, function.name)
    return target or BatchTarget(queue=function.queue, definition=function.name)


def require_single_node(function: FunctionSummary, target: BatchTarget) -> None:
    """Raise UsageError for a function whose jobs have several nodes."""
    if target.nodes is not None:
        raise UsageError(
            f"The jobs of {function.name} have several nodes (batch.multi_node_parallel), and AWS"
            " Batch has no arrays of multi-node jobs.",
            remedy="Omit --array: each file is a job of its own.",
        )


def divide_events(
    target: BatchTarget, events: Sequence[str]
) -> tuple[list[EventGroup], dict[int, JobOptions]]:
    """Return the groups of these events (JSON), and those that are ordinary runs, by index."""
    from supervisor.batch.array_groups import group_events

    groups, remaining = group_events(target, [_parse_trigger(event) for event in events])
    found = [EventGroup(options=options, indexes=tuple(indexes)) for options, indexes in groups]
    return found, remaining


def submit_groups(
    session: Session,
    connection: AwsConnection,
    events: Sequence[str],
    groups: Sequence[EventGroup],
    request: ArrayRequest,
) -> list[ArrayJob]:
    """Submit the groups as arrays; after an error, say which arrays were submitted before it."""
    from scar.runs.arrays.array_store import ArrayStore
    from scar.runs.arrays.submission import ArraySubmitter
    from scar.runs.ledger import RunLedger

    store = ArrayStore.of(RunLedger.connect(connection))
    submitter = ArraySubmitter(store, connection.client("batch"))
    submitted: list[ArrayJob] = []
    try:
        for group in groups:
            part = [events[index] for index in group.indexes]
            for array in submitter.submit(part, replace(request, options=group.options)):
                submitted.append(array)
                session.terminal.show_progress(f"Submitted {array.name}")
    except BaseException:
        session.terminal.clear_progress()
        for array in submitted:
            session.terminal.write_message(f"{array.name} ({array.job}) was submitted before.")
        raise
    session.terminal.clear_progress()
    return submitted


def describe_options(options: JobOptions) -> str:
    """Return what is requested, as text: ``640 MiB, timeout 600 s``; empty for nothing."""
    texts = {
        f"{options.vcpus} {'vCPU' if options.vcpus == '1' else 'vCPUs'}": options.vcpus,
        f"{options.memory:,} MiB": options.memory,
        format_count(options.gpus, "GPU"): options.gpus,
        f"timeout {options.timeout:,} s": options.timeout,
        format_count(options.attempts, "attempt"): options.attempts,
        f"queue {options.queue}": options.queue,
    }
    return ", ".join(text for text, value in texts.items() if value)


def format_groups(groups: Sequence[EventGroup], costs: Sequence[float | None]) -> list[str]:
    """Return a line for each group if they differ from the job definition, or from each other.

    ``costs`` are the upper bounds of the groups in USD, None where that is not known.
    """
    if all(not describe_options(group.options) for group in groups):
        return []
    return [
        f"  {format_count(len(group.indexes), 'file')}:"
        f" {describe_options(group.options) or 'as the job definition'};"
        f" {'cost not known' if cost is None else f'at most {cost:,.2f} USD'}"
        for group, cost in zip(groups, costs, strict=True)
    ]


def _parse_trigger(event: str) -> Trigger:
    from supervisor.errors import EventError
    from supervisor.events.parser import parse_event

    try:
        (trigger,) = parse_event(event.encode())
    except EventError as error:
        raise ScarError(error.problem, remedy=error.remedy) from error
    return trigger
