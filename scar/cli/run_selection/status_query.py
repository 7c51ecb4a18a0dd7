"""Read the state of all runs of functions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from scar.cli.run_selection.gathered_events import read_waiting_events
from scar.cli.run_selection.input_folders import describe_places
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import datetime

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from scar.runs.invoke import InputObject
    from scar.runs.states import RunState
    from scar.runs.status import StatusReport
    from scar.runs.unfinished_jobs import UnfinishedJob

LATEST = 10  # runs that are listed beside the counts
LATEST_FAILED = 100
LATEST_QUEUED = 100
# Ten pages of a listing for each function: a status stays cheap, and says "at least" beyond that.
MOST_FILES = 10_000
MOST_FUNCTIONS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusScope:
    """What is read: the runs of these functions, of all functions if ``functions`` is empty.

    The newest ``most`` runs in ``states`` (empty: all) are listed. ``with_files`` compares the
    runs with the files in the input folders.
    """

    functions: tuple[str, ...]
    since: datetime | None = None
    states: Collection[RunState] = ()
    most: int = LATEST
    with_files: bool = False


def read_status(session: Session, connection: AwsConnection, scope: StatusScope) -> StatusReport:
    """Read the unfinished jobs from Batch, then the records from S3; raise FunctionNotFoundError.

    The order matters: a job that ends in between has its final record when the records are read.
    """
    from scar.aws.model import names
    from scar.runs.arrays.array_reader import read_arrays
    from scar.runs.ledger import RunLedger
    from scar.runs.logs import FunctionNotFoundError
    from scar.runs.status import StatusQuery, collect_status

    deployed = {f.name: f for f in session.services.list_functions(connection)}
    ledger = RunLedger.connect(connection)
    # Functions that were removed still have records of their runs. What the failure handler has
    # refused is no run of any function, and every function can cause it: it is shown on request.
    known = {*deployed, *ledger.list_functions(), names.FAILURE_HANDLER}
    selected = scope.functions or tuple(sorted(known - {names.FAILURE_HANDLER}))
    if missing := [name for name in selected if name not in known]:
        session.services.raise_if_made_by_scar4(connection, missing[0])
        raise FunctionNotFoundError(missing[0], known)
    present = [deployed[name] for name in selected if name in deployed]
    events = read_waiting_events(session, connection, present)
    inputs = _list_some_files(session, connection, present, scope) if scope.with_files else {}
    jobs = list_jobs_by_function(connection, present)
    query = StatusQuery(
        jobs=jobs,
        list_jobs=lambda: list_all_jobs(connection),
        inputs=inputs,
        since=scope.since,
        recent_states=scope.states,
        limit=scope.most,
        most_files=MOST_FILES,
        events=events,
        arrays=read_arrays(ledger, connection.client("batch"), selected, scope.since),
    )
    report = collect_status(ledger, selected, query)
    queues = {f.name: f.queue for f in present if f.queue}
    unusable = session.services.describe_unusable_queues(connection, queues.values())
    for function in report.functions:
        function.unusable = unusable.get(queues.get(function.function, ""), "")
        function.is_removed = function.function not in {*deployed, names.FAILURE_HANDLER}
    # All functions have the same jobs: those of all queues are listed at once.
    return replace(report, jobs=next(iter(jobs.values()), {}))


def list_jobs_by_function(
    connection: AwsConnection, functions: Iterable[FunctionSummary]
) -> dict[str, dict[str, UnfinishedJob]]:
    """Return the unfinished jobs by name, for each function that uses Batch."""
    from scar.runs.unfinished_jobs import list_unfinished_jobs

    queues = {f.name: f.queue for f in functions if f.queue}
    if not queues:
        return {}
    return dict.fromkeys(queues, list_unfinished_jobs(connection.client("batch"), queues.values()))


def list_all_jobs(connection: AwsConnection) -> dict[str, UnfinishedJob]:
    """Return the unfinished jobs of all queues of scar, by name."""
    from scar.aws.model.names import SHARED_PREFIX
    from scar.runs.unfinished_jobs import list_unfinished_jobs

    return list_unfinished_jobs(connection.client("batch"), [SHARED_PREFIX])


def _list_some_files(
    session: Session,
    connection: AwsConnection,
    functions: Sequence[FunctionSummary],
    scope: StatusScope,
) -> dict[str, list[InputObject]]:
    """Return up to ``MOST_FILES`` files, and one more, of each function.

    None at all if many functions are shown, or if older runs are left out: the files would have
    no run then.
    """
    if len(functions) > MOST_FUNCTIONS or scope.since or scope.states:
        return {}
    found: dict[str, list[InputObject]] = {}
    for function in functions:
        if function.other_inputs:
            session.terminal.write_message(
                f"{describe_places(function.other_inputs)} not listed: of {function.name}, files"
                " there are counted when their runs begin."
            )
            if not function.inputs:
                continue
        files = (
            file
            for folder in function.inputs
            for file in session.services.list_input_objects(connection, folder)
        )
        try:
            found[function.name] = list(islice(files, MOST_FILES + 1))
        except ScarError as error:  # a deleted bucket, no permission: the runs can be shown
            session.terminal.write_message(
                f"The input files of {function.name} were not counted: {error.problem}"
            )
    return found
