"""``scar run``: run a function once, or on every file of its input folders."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.aws.model import limits
from scar.cli.fdl_files import connect_to_run, enabled_functions, show_notes_of
from scar.cli.function_call import FunctionCall, find_function, read_event_file
from scar.cli.input_files_run import InputFilesRun
from scar.cli.invocation.run_options import check_run_options
from scar.cli.invocation_output import require_writable_output
from scar.cli.job_options import job_options
from scar.cli.options import (
    WordsArgument,
    fdl_option,
    function_option,
    missing_option,
    output_options,
    pass_session,
    target_options,
)
from scar.errors import UsageError

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from supervisor.job_model import JobOptions


@click.command(context_settings={"allow_interspersed_args": False})
@function_option()
@fdl_option
@click.option(
    "-s",
    "--run-script",
    "script",
    type=click.Path(path_type=Path),
    help="Script to run this time, instead of the function's own and of run_script.",
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
@click.argument("arguments", nargs=-1, cls=WordsArgument)
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

    With -f, the file's run_script is sent with the call and runs instead of the function's own
    script, as -s does, which replaces it. Events of files run the function's own.

    A function without input folders is invoked once, and so is any function if a script or
    ARGUMENTS are specified. Other functions are invoked for each file of their input folders:
    the command waits for the first run and queues the others. Files whose run is done or in
    progress are skipped, failed runs are started again. Folders without files are an error, and so
    are folders on MinIO, which this command does not list.

    ARGUMENTS after `--` are those of the script of -s. Without -s they are, as in SCAR and with
    `docker run`, the command of the image, in its entrypoint: it runs instead of the function's own
    script.

    With --array, the files are submitted to AWS Batch with one request for each 10,000 of them, by
    this command itself: no function is invoked. Each file is a run all the same.

    The options of a Batch job, such as --memory, are for functions with execution_mode batch or
    lambda-batch: the run is submitted with them at once.

    If the script of a run that the command waits for fails, the command ends with the script's own
    exit status (1 to 255). Its other exit statuses are those of all commands.

    \b
    Examples:
      scar run -n gray
      scar run -n gray -s hello.sh -- first --second
      scar run -n gray -- convert --version
      scar run -f thumbnails.yaml -ib my-photos/2023 -a
      scar run -n align --array -ib genomes/2023 --dry-run
      scar run -n align --memory 60000 --vcpus 8 -ib genomes/large
    """
    check_run_options(click.get_current_context().params)
    require_writable_output(output_file)
    content = _read_script(script, asynchronous=asynchronous) if script else None
    connection, function, run_script = _connect_function(
        session, name, file, with_run_script=script is None
    )
    content = content or _read_run_script(
        session,
        run_script,
        arguments,
        with_files=array or bool(input_bucket),
        asynchronous=asynchronous,
    )
    has_own_script = bool(content or arguments)
    from scar.aws.inventory.job_options import options_payload
    from scar.cli.run_selection.input_folders import require_files, select_input_folders

    folders = () if has_own_script else select_input_folders(session, function, input_bucket)
    by_file = bool(folders)
    target = (
        session.services.require_job_options(connection, function, job, by_file=by_file)
        if job is not None
        else None
    )
    requested = options_payload(job)
    call = FunctionCall(session, connection, function, output_file)
    if not has_own_script:
        run_ = InputFilesRun(
            call,
            folders,
            force=force,
            concurrency=concurrency,
            requested=requested,
            target=target,
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
        require_files(run_.start(asynchronous=asynchronous), folders, function.name)
        if folders:
            return
    from scar.runs.invoke import script_payload

    call.send(script_payload(content, arguments) | requested, asynchronous=asynchronous)


def _read_run_script(
    session: Session,
    script: Path | None,
    arguments: tuple[str, ...],
    *,
    with_files: bool,
    asynchronous: bool,
) -> bytes | None:
    """Return the content of the FDL file's ``run_script``; None, and say why, if it is not sent."""
    if script is None:
        return None
    if with_files:
        reason = "the events of files run the function's own script or entrypoint"
    elif arguments:
        reason = "ARGUMENTS are a command of the image, which runs instead"
    else:
        return _read_script(script, "run_script", asynchronous=asynchronous)
    session.terminal.write_message(f"run_script {script.name} is not sent: {reason}.")
    return None


def _connect_function(
    session: Session, name: str | None, file: Path | None, *, with_run_script: bool
) -> tuple[AwsConnection, FunctionSummary, Path | None]:
    """Connect and return the function, and the file's ``run_script`` for it if that is needed.

    Deploy the function first if a file describes it and it is absent: only then all files that the
    FDL file names must exist.
    """
    if file is None:
        if not name:
            raise missing_option("-n NAME", "-f FILE")
        connection = session.connect()
        return connection, find_function(session, connection, name), None
    connection, resolved = connect_to_run(
        session, file, with_files=False, with_run_script=with_run_script
    )
    functions = {function.name: function for function in enabled_functions(resolved.document)}
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
        connection, resolved = connect_to_run(
            session, file, with_files=True, with_run_script=with_run_script
        )
        functions = {f.name: f for f in enabled_functions(resolved.document)}
        show_notes_of(session, resolved, selected)
        session.services.deploy(
            [functions[selected]],
            connection,
            session.terminal.write_message,
            dry_run=False,
            progress=session.terminal.show_progress,
        )
    run_script = functions[selected].lambda_.run_script
    return connection, find_function(session, connection, selected), run_script


def _read_script(script: Path, option: str = "-s", *, asynchronous: bool) -> bytes:
    """Return the script's content; raise UsageError if no function can run it.

    Refused are what is not a file (a pipe or device may never end), an empty script, one above
    Lambda's limit, and text that Linux cannot run as it is meant (``script_checks``).
    """
    content = read_event_file(script, f"The script {script}", option, only_regular=True)
    if not content.strip():
        raise UsageError(f"The script {script} is empty.", remedy=f"Check {option}.")
    from scar.fdl.scripts.script_checks import find_script_problem

    if problem := find_script_problem(content, str(script)):
        raise UsageError(problem, remedy="Then run it again.")
    limit = limits.LAMBDA_ASYNC_PAYLOAD if asynchronous else limits.LAMBDA_SYNC_PAYLOAD
    encoded = len(base64.b64encode(content))
    if not limit.allows(encoded):
        kind = "an asynchronous event (-a)" if asynchronous else "an event"
        raise UsageError(
            f"The script {script} has {len(content):,} bytes, and {encoded:,} as base64; Lambda's"
            f" limit for {kind} is {limit.maximum:,}.",
            remedy="Set it as init_script and run `scar init`: it is then in the function's image."
            " Or let a small script read the rest from S3 (lambda.reads).",
        )
    return content
