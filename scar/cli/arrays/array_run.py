"""``scar run --array``: submit the files of folders as array jobs."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scar.cli.arrays.array_groups import (
    divide_events,
    read_target,
    require_single_node,
    submit_groups,
)
from scar.cli.formatting import format_count
from scar.cli.invocation_output import show_queued
from scar.cli.run_selection.input_folders import require_files
from scar.errors import UsageError
from supervisor.sentences import join_sentences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary, InputFolder
    from scar.cli.function_call import FunctionCall
    from scar.cli.session import Session
    from scar.runs.arrays.array_store import ArrayJob
    from scar.runs.arrays.submission import ArrayRequest
    from scar.runs.invoke import InputObject
    from scar.runs.ledger import Run
    from scar.runs.retry import NotRetryableError
    from supervisor.job_model import BatchTarget

PARALLEL = 16  # requests to S3 for runs that failed before


@dataclass(slots=True, kw_only=True)
class ArrayRun:
    """Submits the files of a function's folders, which ``list_files`` yields.

    ``force`` includes files whose run is done or in progress, as runs of their own. ``requested``
    becomes a part of each event: what its job is to have.
    """

    call: FunctionCall
    folders: Sequence[InputFolder]
    list_files: Callable[[], Iterator[InputObject]]
    requested: Mapping[str, object] = field(default_factory=dict)
    force: bool = False
    _skipped: int = field(default=0, init=False)
    # Runs that failed before, and the events of their files: for a plan, which writes nothing.
    _failed: list[tuple[Run, str]] = field(default_factory=list, init=False)

    def start(self, *, dry_run: bool) -> None:
        """Submit all files that need a run; raise UsageError if the function has no job queue."""
        _require_folders(self.call.function, self.folders)
        target = read_target(self.call.connection, self.call.function)
        require_single_node(self.call.function, target)
        self.call.session.terminal.show_progress(f"Listing {self._source}")
        events = list(self._new_events())
        found = len(events) + len(self._failed) + self._skipped
        require_files(found, self.folders, self.call.function.name)
        planned = [*events, *(event for _, event in self._failed)]
        if self.requested:
            from scar.aws.inventory.job_options import require_event_options

            require_event_options(target, self.call.function.name, map(json.loads, planned))
        if dry_run:
            self._show_plan(target, planned)
            return
        function, connection = self.call.function, self.call.connection
        reopened, refused = reopen_runs(
            self.call.session, connection, [run for run, _ in self._failed]
        )
        for _, error in refused:
            self.call.session.terminal.write_message(
                f"Not started: {join_sentences(error.problem, error.remedy)}"
                " --force runs its file all the same."
            )
        events += [self._encode(json.loads(event)) for _, event in reopened]
        self._show_skipped()
        groups, remaining = divide_events(target, events)
        request = build_request(
            connection, function, target, source=self._source, is_retry=bool(reopened)
        )
        arrays = submit_groups(self.call.session, connection, events, groups, request)
        # An array has two children at least: the only file of its size is an ordinary run.
        queued = [self.call.enqueue(json.loads(events[index])) for index in remaining]
        if queued and not arrays:
            show_queued(self.call.session, function.name, queued)
            return
        show_submitted(self.call.session, function.name, arrays, self._skipped, queued)

    @property
    def _source(self) -> str:
        return ", ".join(map(str, self.folders))

    def _new_events(self) -> Iterator[str]:
        """Yield the events of files without a run; keep the failed runs, count the others."""
        from scar.runs.invoke import object_payload
        from scar.runs.lookup import input_id_prefix
        from scar.runs.progress import current_run
        from scar.runs.retry import RETRYABLE_STATES

        session, connection = self.call.session, self.call.connection
        function, account = self.call.function.name, connection.account
        manual_run_id = secrets.token_hex(8) if self.force else ""
        waiting = set() if self.force else self._find_waiting()
        latest = {} if self.force else session.services.latest_runs(connection, function)
        for file in self.list_files():
            run = current_run(function, file, latest)
            payload = object_payload(
                file, account.region, account.partition, manual_run_id=manual_run_id
            )
            if run is not None and run.state in RETRYABLE_STATES:
                self._failed.append((run, self._encode(payload)))
            elif run is not None or input_id_prefix(function, file.bucket, file.key) in waiting:
                self._skipped += 1
            else:
                yield self._encode(payload)

    def _encode(self, payload: Mapping[str, object]) -> str:
        return json.dumps({**payload, **self.requested}, separators=(",", ":"))

    def _find_waiting(self) -> set[str]:
        """Return the input ids of children that have not begun: they have no run yet."""
        from scar.runs.arrays.array_reader import read_arrays
        from scar.runs.ledger import RunLedger

        connection, function = self.call.connection, self.call.function.name
        ledger = RunLedger.connect(connection)
        # An array whose submitter was killed just now may not be in Batch's lists yet. Without it,
        # its children would be submitted twice.
        reading = read_arrays(ledger, connection.client("batch"), [function], sleep=time.sleep)
        unfinished = (s.array for s in reading.of(function) if s.not_begun)
        return {run.run_id[:16] for array in unfinished for run in reading.read_runs(array)}

    def _show_skipped(self) -> None:
        if self._skipped:
            self.call.session.terminal.write_message(
                f"Skipped {format_count(self._skipped, 'file')} whose run is done or in progress;"
                " --force includes them."
            )

    def _show_plan(self, target: BatchTarget, events: Sequence[str]) -> None:
        from scar.cli.arrays.array_dry_run import ArrayDryRun

        if not self.call.session.json:
            self._show_skipped()
        groups, remaining = divide_events(target, events)
        ArrayDryRun(
            call=self.call,
            source=self._source,
            target=target,
            groups=groups,
            ordinary=tuple(remaining.values()),
            skipped=self._skipped,
        ).show()


def _require_folders(function: FunctionSummary, folders: Sequence[InputFolder]) -> None:
    """Raise UsageError for a function without a job queue, or if there is no folder."""
    if not function.queue:
        raise UsageError(
            f"The function {function.name} has no job queue of AWS Batch (execution_mode"
            f" {function.mode}).",
            remedy="Set execution_mode: batch or lambda-batch, run `scar init`, or omit --array.",
        )
    if not folders:
        raise UsageError(
            f"The function {function.name} has no input folder.",
            remedy="Name one with -ib BUCKET/FOLDER.",
        )


def build_request(
    connection: AwsConnection,
    function: FunctionSummary,
    target: BatchTarget,
    *,
    source: str,
    is_retry: bool,
) -> ArrayRequest:
    """Return what arrays of this function are submitted with."""
    from scar.runs.arrays.submission import ArrayRequest

    return ArrayRequest(
        function=function.name,
        target=target,
        source=source,
        principal=connection.principal,
        is_retry=is_retry,
    )


def reopen_runs(
    session: Session, connection: AwsConnection, runs: Sequence[Run], *, dry_run: bool = False
) -> tuple[list[tuple[Run, str]], list[tuple[Run, NotRetryableError]]]:
    """Let children take over failed runs; return these with their events, and the other runs.

    The others are direct invocations, runs whose event was not recorded, and those that another
    command has started since they were listed. ``dry_run``: read the events only.
    """
    from scar.runs.ledger import RunLedger
    from scar.runs.retry import NotRetryableError, read_object_event, reopen_run
    from scar.transfer.pool import map_unordered

    ledger = RunLedger.connect(connection)
    found: list[tuple[Run, str]] = []
    refused: list[tuple[Run, NotRetryableError]] = []

    def reopen(run: Run) -> None:
        try:
            if dry_run:
                event = read_object_event(ledger, run)
            else:
                run, event = reopen_run(ledger, run)
        except NotRetryableError as error:
            refused.append((run, error))
        else:
            found.append((run, json.dumps(event, separators=(",", ":"))))

    for _ in map_unordered(runs, reopen, workers=PARALLEL):
        session.terminal.show_progress(f"Read {format_count(len(found), 'event')}")
    return found, refused


def show_submitted(
    session: Session,
    function: str,
    arrays: Sequence[ArrayJob],
    skipped: int,
    queued: Sequence[str],
) -> None:
    """Write the arrays, and how to follow and end them; or their JSON form.

    ``queued`` are the request ids of files that are ordinary runs.
    """
    if session.json:
        session.terminal.write_json(
            {
                "function": function,
                "arrays": [{"array": a.name, "job": a.job, "children": a.count} for a in arrays],
                "skipped": skipped,
                **({"requests": list(queued)} if queued else {}),
            }
        )
        return
    for array in arrays:
        session.terminal.write_data(f"{array.name}  {array.job}  {array.count:,} children")
    if not arrays:
        session.terminal.write_message("No file needs a run: no array job was submitted.")
        return
    if queued:
        session.terminal.write_message(
            f"{format_count(len(queued), 'file')} of another size: started without an array."
        )
    children = sum(array.count for array in arrays)
    session.terminal.write_message(
        f"Submitted {format_count(len(arrays), 'array job')} with {children:,} children."
        f" `scar status -n {function}` shows them, `scar wait -n {function}` waits for them,"
        f" `scar cancel {arrays[0].name}` ends one."
    )
