"""``scar run --array``: submit the files of folders as array jobs."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.cli.formatting import format_count
from scar.cli.invocation_output import show_queued
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.function_call import FunctionCall
    from scar.cli.session import Session
    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.arrays.submission import ArrayRequest
    from scar.runs.invoke import InputObject
    from scar.runs.ledger import Run

PARALLEL = 16  # requests to S3 for runs that failed before


@dataclass(slots=True, kw_only=True)
class ArrayRun:
    """Submits the files of a function's folders; ``source`` names them, ``list_files`` yields them.

    ``force`` includes files whose run is done or in progress, as runs of their own.
    """

    call: FunctionCall
    source: str
    list_files: Callable[[], Iterator[InputObject]]
    force: bool = False
    _skipped: int = field(default=0, init=False)
    _failed: list[Run] = field(default_factory=list, init=False)

    def start(self, *, dry_run: bool) -> None:
        """Submit all files that need a run; raise UsageError if the function has no job queue."""
        require_queue(self.call.function)
        self.call.session.terminal.show_progress(f"Listing {self.source}")
        events = list(self._new_events())
        number = len(events) + len(self._failed)
        if dry_run:
            self._show_plan(number)
            return
        is_retry = bool(self._failed)
        if self._failed:
            events += reopen_runs(self.call.session, self.call.connection, self._failed)
        self._show_skipped()
        if len(events) == 1:
            # An array has two children at least: one file is an ordinary run.
            queued = [self.call.enqueue(json.loads(events[0]))]
            show_queued(self.call.session, self.call.function.name, queued)
            return
        request = build_request(
            self.call.connection, self.call.function, self.source, is_retry=is_retry
        )
        submit_arrays(self.call.session, self.call.connection, events, request, self._skipped)

    def _new_events(self) -> Iterator[str]:
        """Yield the events of files without a run; keep the failed runs, count the others."""
        from scar.runs.invoke import object_payload
        from scar.runs.progress import current_run
        from scar.runs.retry import RETRYABLE_STATES

        session, connection = self.call.session, self.call.connection
        function, account = self.call.function.name, connection.account
        manual_run_id = secrets.token_hex(8) if self.force else ""
        latest = {} if self.force else session.services.latest_runs(connection, function)
        for file in self.list_files():
            run = current_run(function, file, latest)
            if run is not None and run.state in RETRYABLE_STATES:
                self._failed.append(run)
            elif run is not None:
                self._skipped += 1
            else:
                payload = object_payload(
                    file, account.region, account.partition, manual_run_id=manual_run_id
                )
                yield json.dumps(payload, separators=(",", ":"))

    def _show_skipped(self) -> None:
        if self._skipped:
            self.call.session.terminal.write_message(
                f"Skipped {format_count(self._skipped, 'file')} whose run is done or in progress;"
                " --force includes them."
            )

    def _show_plan(self, number: int) -> None:
        """Write the number of jobs, children and requests, and what they cost at most."""
        from scar.aws.model.prices import find_prices
        from scar.runs.arrays.array_plan import divide, estimate_most
        from scar.runs.arrays.submission import read_resources
        from supervisor.batch.array_manifest import MIN_CHILDREN

        session, connection = self.call.session, self.call.connection
        sizes = [len(part) for part in divide([""] * number)] if number >= MIN_CHILDREN else []
        resources = read_resources(connection.client("batch"), self.call.function.name)
        prices = find_prices(connection.account.region)
        most = estimate_most(number, resources, prices) if resources else None
        if session.json:
            session.terminal.write_json(
                {
                    "function": self.call.function.name,
                    "jobs": [{"children": size} for size in sizes],
                    "files": number,
                    "skipped": self._skipped,
                    "submissions": len(sizes),
                    "usd_at_most": None if most is None else round(most, 2),
                }
            )
            return
        self._show_skipped()
        write = session.terminal.write_data
        if not sizes:
            write(f"Would run {format_count(number, 'file')} of {self.source}, without an array.")
            return
        parts = " + ".join(f"{size:,}" for size in sizes)
        write(
            f"Would submit {format_count(len(sizes), 'array job')} with {parts} children to"
            f" {self.call.function.queue}: {format_count(len(sizes), 'SubmitJob request')} and"
            f" {format_count(3 * len(sizes), 'object')} in the state bucket."
        )
        if most is None or resources is None:
            write("The cost is not known: the jobs have GPUs or no timeout.")
            return
        write(
            f"At most {most:,.2f} USD, if each child runs until its timeout of"
            f" {resources.timeout:,} s, at {prices.describe()}."
        )


def require_queue(function: FunctionSummary) -> None:
    """Raise UsageError for a function that has no job queue."""
    if not function.queue:
        raise UsageError(
            f"The function {function.name} has no job queue of AWS Batch (execution_mode"
            f" {function.mode}).",
            remedy="Set execution_mode: batch or lambda-batch, run `scar init`, or omit --array.",
        )


def build_request(
    connection: AwsConnection, function: FunctionSummary, source: str, *, is_retry: bool
) -> ArrayRequest:
    """Return what arrays of this function are submitted with."""
    from scar.runs.arrays.submission import ArrayRequest

    return ArrayRequest(
        function=function.name,
        queue=function.queue,
        source=source,
        principal=connection.principal,
        is_retry=is_retry,
    )


def reopen_runs(session: Session, connection: AwsConnection, runs: list[Run]) -> list[str]:
    """Return the events of failed runs, which a child may take over now.

    A run whose event was not recorded is left out, with a message.
    """
    from scar.runs.ledger import RunLedger
    from scar.runs.retry import NotRetryableError, reopen_run
    from scar.transfer.pool import map_unordered

    ledger = RunLedger.connect(connection)

    def reopen(run: Run) -> str | NotRetryableError:
        try:
            return json.dumps(reopen_run(ledger, run, sleep=lambda _: None), separators=(",", ":"))
        except NotRetryableError as error:
            return error

    events = []
    for found in map_unordered(runs, reopen, workers=PARALLEL):
        if isinstance(found, str):
            events.append(found)
            session.terminal.show_progress(f"Read {format_count(len(events), 'event')}")
        else:
            session.terminal.write_message(f"{found.problem} {found.remedy}")
    return events


def submit_arrays(
    session: Session,
    connection: AwsConnection,
    events: list[str],
    request: ArrayRequest,
    skipped: int = 0,
) -> list[ArrayJob]:
    """Submit the events as arrays, and show these; also if an error ends the command."""
    from scar.runs.arrays.array_store import ArrayStore
    from scar.runs.arrays.submission import ArraySubmitter
    from scar.runs.ledger import RunLedger

    store = ArrayStore.of(RunLedger.connect(connection))
    submitter = ArraySubmitter(store, connection.client("batch"))
    submitted: list[ArrayJob] = []
    try:
        if events:
            for array in submitter.submit(events, request):
                submitted.append(array)
                session.terminal.show_progress(f"Submitted {array.name}")
    finally:
        session.terminal.clear_progress()
        _show_submitted(session, request.function, submitted, skipped)
    return submitted


def _show_submitted(session: Session, function: str, arrays: list[ArrayJob], skipped: int) -> None:
    if session.json:
        session.terminal.write_json(
            {
                "function": function,
                "arrays": [{"array": a.name, "job": a.job, "children": a.count} for a in arrays],
                "skipped": skipped,
            }
        )
        return
    for array in arrays:
        session.terminal.write_data(f"{array.name}  {array.job}  {array.count:,} children")
    if not arrays:
        session.terminal.write_message("No array job was submitted.")
        return
    children = sum(array.count for array in arrays)
    session.terminal.write_message(
        f"Submitted {format_count(len(arrays), 'array job')} with {children:,} children."
        f" `scar status -n {function}` shows them, `scar wait -n {function}` waits for them,"
        f" `scar cancel {arrays[0].name}` ends one."
    )
