"""Invoke a function for each file of its input folders, for ``scar run``."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from scar.cli.formatting import format_count
from scar.cli.invocation_output import require_success, save_output, show_queued, show_response

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.inventory.functions import InputFolder
    from scar.cli.function_call import FunctionCall
    from scar.runs.invoke import InputObject, InvocationResponse
    from scar.runs.ledger import Run
    from supervisor.job_model import BatchTarget


class InputFilesRun:
    """Runs a function on the files of folders; ``force`` includes files that need no run.

    ``requested`` becomes a part of each event: what its Batch job is to have. ``target`` are the
    function's jobs, None if nothing is requested.
    """

    def __init__(
        self,
        call: FunctionCall,
        folders: tuple[InputFolder, ...],
        *,
        force: bool,
        concurrency: int,
        requested: Mapping[str, object],
        target: BatchTarget | None = None,
    ) -> None:
        self._requested = requested
        self._target = target
        self._call = call
        self._folders = folders
        self._concurrency = concurrency
        # Run ids are derived from the event, so a run that is to be repeated needs an event of
        # its own: this id makes it different from all former events on the same file.
        self._manual_run_id = secrets.token_hex(8) if force else ""
        self._skipped = 0

    def start(self, *, asynchronous: bool) -> int:
        """Invoke the function once for each file; return the number of files.

        Wait for the first invocation: if it fails, so would the others, and none is queued.
        """
        from scar.transfer.pool import map_unordered

        call, terminal = self._call, self._call.session.terminal
        payloads = self._checked_payloads()
        first = None if asynchronous else self._invoke_first(payloads)
        queued: list[str] = []
        for request in map_unordered(payloads, call.enqueue, workers=self._concurrency):
            queued.append(request)
            terminal.show_progress(f"Queued {format_count(len(queued), 'file')}")
        if self._skipped:
            terminal.write_message(
                f"Skipped {format_count(self._skipped, 'file')} whose run is done or in progress;"
                " --force includes them."
            )
        if queued or (call.session.json and (first or self._skipped)):
            show_queued(call.session, call.function.name, queued, first, call.output)
        return len(queued) + (first is not None) + self._skipped

    def _invoke_first(self, payloads: Iterator[dict[str, object]]) -> InvocationResponse | None:
        call = self._call
        payload = next(payloads, None)
        if payload is None:
            return None
        response = call.invoke(payload)
        if call.session.json:
            # Shown later, in one document with the request ids of the others.
            require_success(call.function.name, response)
            save_output(call.session, response, call.output)
        else:
            show_response(call.session, call.function.name, response, call.output)
        return response

    def _checked_payloads(self) -> Iterator[dict[str, object]]:
        """Return the events; raise UsageError before the first of them if one is impossible.

        Only the overrides of files make sizes different, so only then all events are built first.
        """
        payloads = self._build_payloads()
        if self._target is None or not self._target.overrides:
            return payloads
        from scar.aws.inventory.job_options import require_event_options

        built = list(payloads)
        require_event_options(self._target, self._call.function.name, built)
        return iter(built)

    def _build_payloads(self) -> Iterator[dict[str, object]]:
        """Yield one event for each file that needs a run; count the others."""
        from scar.runs.invoke import object_payload
        from scar.runs.progress import current_run
        from scar.runs.retry import RETRYABLE_STATES

        call, manual_run_id = self._call, self._manual_run_id
        name, account = call.function.name, call.connection.account
        services = call.session.services
        latest = {} if manual_run_id else services.latest_runs(call.connection, name)
        for file in self.list_files():
            found = current_run(name, file, latest)
            if found is not None and found.state not in RETRYABLE_STATES:
                self._skipped += 1
                continue
            payload = self._read_event(found) if found else None
            if payload is None:
                payload = object_payload(
                    file, account.region, account.partition, manual_run_id=manual_run_id
                )
            if not call.session.json:
                call.session.terminal.show_progress(f"s3://{file.bucket}/{file.key}")
            yield {**payload, **self._requested}

    def _read_event(self, run: Run) -> dict[str, object] | None:
        """Return the event of a failed run, None if it was not recorded."""
        from scar.runs.ledger import RunLedger
        from scar.runs.retry import NotRetryableError, prepare_retry

        try:
            return prepare_retry(RunLedger.connect(self._call.connection), run)
        except NotRetryableError:
            return None

    def list_files(self) -> Iterator[InputObject]:
        """Yield the files of all folders; of nested folders only those of the outer one."""
        listed: set[InputFolder] = set()
        for folder in self._folders:
            if any(other.covers(folder) for other in listed):
                continue
            listed.add(folder)
            yield from self._call.session.services.list_input_objects(self._call.connection, folder)
