"""``scar run``: run a function once, or on every file of its input folders."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.fdl_files import connect_document, enabled_functions
from scar.cli.formatting import format_count
from scar.cli.function_call import FunctionCall, find_function, read_event_file
from scar.cli.function_flags import FunctionFlags
from scar.cli.invocation_output import (
    require_success,
    require_writable_output,
    show_queued,
    show_response,
)
from scar.cli.job_options import job_options
from scar.cli.options import (
    fdl_option,
    function_option,
    missing_option,
    output_options,
    pass_session,
    target_options,
)
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary, InputFolder
    from scar.cli.session import Session
    from scar.runs.invoke import InputObject, InvocationResponse
    from scar.runs.ledger import Run
    from supervisor.model import JobOptions


@click.command(context_settings={"allow_interspersed_args": False})
@function_option()
@fdl_option
@click.option(
    "-s",
    "--run-script",
    "script",
    type=click.Path(path_type=Path),
    help="Script to run this time, instead of the function's own.",
)
@click.option(
    "-ib", "--input-bucket", metavar="BUCKET[/FOLDER]", help="Run on the files of this folder."
)
@click.option(
    "--array", is_flag=True, help="Submit the files to AWS Batch as array jobs, and do not wait."
)
@click.option("--dry-run", is_flag=True, help="With --array: show jobs and cost, and stop.")
@click.option("-a", "--asynchronous", is_flag=True, help="Do not wait for the response.")
@click.option("--force", is_flag=True, help="Also run on files whose run is done or in progress.")
@click.option(
    "-c",
    "--concurrency",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Number of parallel requests that queue files.",
)
@click.option(
    "-o", "--output-file", type=click.Path(path_type=Path), help="Write the output to this file."
)
@click.argument("arguments", nargs=-1)
@job_options
@output_options
@target_options
@pass_session
def run(  # noqa: PLR0913 one argument per option
    session: Session,
    /,
    *,
    name: str | None,
    file: Path | None,
    script: Path | None,
    input_bucket: str | None,
    array: bool,
    dry_run: bool,
    asynchronous: bool,
    force: bool,
    concurrency: int,
    output_file: Path | None,
    arguments: tuple[str, ...],
    job: JobOptions | None,
) -> None:
    """Run a function once, or on the files of its input folders.

    A function without input folders is invoked once, and so is any function if a script or
    ARGUMENTS are specified. Other functions are invoked for each file of their input folders:
    the command waits for the first run and queues the others. Files whose run is done or in
    progress are skipped, failed runs are started again.

    With --array, the files are submitted to AWS Batch with one request for each 10,000 of them, by
    this command itself: no function is invoked. Each file is a run all the same.

    The options of a Batch job, such as --memory, are for functions with execution_mode batch or
    lambda-batch: the run is submitted with them at once.

    If the script of a run that the command waits for fails, the command ends with the script's own
    exit status (1 to 255). Its other exit statuses are those of all commands.

    \b
    Examples:
      scar run -n gray
      scar run -n gray -s hello.sh first second
      scar run -f thumbnails.yaml -ib my-photos/2023 -a
      scar run -n align --array -ib genomes/2023 --dry-run
      scar run -n align --memory 60000 --vcpus 8 -ib genomes/large
    """
    require_writable_output(output_file)
    content = _read_script(script) if script else None
    has_own_script = bool(script or arguments)
    if input_bucket and has_own_script:
        raise click.UsageError("-ib runs the function's own script: omit -s and ARGUMENTS.")
    _check_array_options(
        array=array, dry_run=dry_run, has_others=has_own_script or output_file is not None
    )
    if array and job is not None and job.nodes:
        raise click.UsageError("--nodes is for single jobs: AWS Batch has no multi-node arrays.")
    connection, function = _connect_function(session, name, file)
    from scar.aws.inventory.job_options import options_payload

    if job is not None:
        session.services.require_job_options(connection, function, job)
    requested = options_payload(job)
    call = FunctionCall(session, connection, function, output_file)
    from scar.aws.inventory.functions import InputFolder

    if content is None and not arguments:
        folders = (InputFolder(input_bucket),) if input_bucket else function.inputs
        run_ = InputFilesRun(
            call, folders, force=force, concurrency=concurrency, requested=requested
        )
        if array:
            from scar.cli.arrays.array_run import ArrayRun

            files = ArrayRun(
                call=call,
                folders=folders,
                list_files=run_.list_files,
                requested=requested,
                force=force,
            )
            files.start(dry_run=dry_run)
            return
        if run_.start(asynchronous=asynchronous):
            return
        if input_bucket:
            raise UsageError(
                f"There are no files in {input_bucket}.", remedy="Upload some with `scar put`."
            )
    from scar.runs.invoke import script_payload

    call.send(script_payload(content, arguments) | requested, asynchronous=asynchronous)


def _check_array_options(*, array: bool, dry_run: bool, has_others: bool) -> None:
    if array and has_others:
        raise click.UsageError("--array runs the function on files: omit -s, -o and ARGUMENTS.")
    if dry_run and not array:
        raise click.UsageError("--dry-run is for --array.")


class InputFilesRun:
    """Runs a function on the files of folders; ``force`` includes files that need no run.

    ``requested`` becomes a part of each event: what its Batch job is to have.
    """

    def __init__(
        self,
        call: FunctionCall,
        folders: tuple[InputFolder, ...],
        *,
        force: bool,
        concurrency: int,
        requested: Mapping[str, object],
    ) -> None:
        self._requested = requested
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
        payloads = self._build_payloads()
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
            show_queued(call.session, call.function.name, queued, first)
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
        else:
            show_response(call.session, call.function.name, response, call.output)
        return response

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


def _connect_function(
    session: Session, name: str | None, file: Path | None
) -> tuple[AwsConnection, FunctionSummary]:
    """Connect and return the function; deploy it first if a file describes it and it is absent."""
    if file is None:
        if not name:
            raise missing_option("-n NAME", "-f FILE")
        connection = session.connect()
        return connection, find_function(session, connection, name)
    connection, document = connect_document(session, file, FunctionFlags())
    functions = {function.name: function for function in enabled_functions(document)}
    selected = name or next(iter(functions))
    if selected not in functions:
        raise UsageError(
            f"{file} has no function {selected}.", remedy=f"Its functions: {', '.join(functions)}."
        )
    if name is None and len(functions) > 1:
        raise click.UsageError(
            f"{file} has several functions: select one with -n: {', '.join(functions)}."
        )
    if not any(f.name == selected for f in session.services.list_functions(connection)):
        session.services.deploy(
            [functions[selected]],
            connection,
            session.terminal.write_message,
            dry_run=False,
            progress=session.terminal.show_progress,
        )
    return connection, find_function(session, connection, selected)


def _read_script(script: Path) -> bytes:
    """Return the script's content; raise UsageError if no function can run it.

    Refused are what is not a file (a pipe or device may never end), an empty script, one above
    Lambda's limit, and text that Linux cannot run as it is meant (``script_checks``).
    """
    content = read_event_file(script, f"The script {script}", "-s", only_regular=True)
    if not content.strip():
        raise UsageError(f"The script {script} is empty.", remedy="Check -s.")
    from scar.fdl.scripts.script_checks import find_script_problem

    if problem := find_script_problem(content, str(script)):
        raise UsageError(problem, remedy="Then run it again.")
    return content
