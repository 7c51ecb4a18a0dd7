"""``scar run``: run a function once, or on every file of its input folder."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.fdl_files import connect_document
from scar.cli.function_flags import Flags
from scar.cli.invocation_output import require_place, require_success, show_answer, show_queued
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.output import count, printable
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.connection import Connection
    from scar.aws.listing import FunctionSummary, InputFolder
    from scar.cli.session import Session
    from scar.runs.call import Answer, Input
    from scar.runs.ledger import Run


@click.command(context_settings={"allow_interspersed_args": False})
@click.option("-n", "--name", help="Name of the function.")
@fdl_option
@click.option(
    "-s",
    "--run-script",
    "script",
    type=click.Path(path_type=Path),
    help="Script to run this time, instead of the function's own.",
)
@click.option("-ib", "--input-bucket", metavar="BUCKET[/FOLDER]", help="Run on the files here.")
@click.option("-a", "--asynchronous", is_flag=True, help="Do not wait for the answer.")
@click.option("--force", is_flag=True, help="Also on files whose run is done or under way.")
@click.option(
    "-c",
    "--concurrency",
    type=click.IntRange(1, 64),
    default=8,
    show_default=True,
    help="Calls at once that hand files to Lambda's queue.",
)
@click.option("-o", "--output-file", type=click.Path(path_type=Path), help="Write the output here.")
@click.argument("arguments", nargs=-1)
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
    asynchronous: bool,
    force: bool,
    concurrency: int,
    output_file: Path | None,
    arguments: tuple[str, ...],
) -> None:
    """Run a function once, or on the files of its input folder.

    With a script or ARGUMENTS, and for functions without input folder: one call. Else one call
    for each file of the input folder, the first one waited for, the others queued. Files whose
    run is done or under way are left out, failed runs are started again.
    """
    require_place(output_file)
    content = _read(script) if script else None
    if input_bucket and (script or arguments):
        raise click.UsageError("-ib runs the function's own script: leave out -s and ARGUMENTS.")
    connection, function = _function(session, name, file)
    call = Call(session, connection, function, output_file)
    from scar.aws.listing import InputFolder

    if content is None and not arguments:
        folders = (InputFolder(input_bucket),) if input_bucket else function.inputs
        files = Files(call, folders, force=force, concurrency=concurrency)
        if files.run(asynchronous=asynchronous):
            return
        if input_bucket:
            raise UsageError(
                f"There are no files in {input_bucket}.", remedy="Upload some with `scar put`."
            )
    from scar.runs.call import script_payload

    call.once(script_payload(content, arguments), asynchronous=asynchronous)


class Call:
    """Calls one function and shows what it answers."""

    def __init__(
        self,
        session: Session,
        connection: Connection,
        function: FunctionSummary,
        output: Path | None = None,
    ) -> None:
        self.session = session
        self.connection = connection
        self.function = function
        self.output = output

    def once(self, payload: dict[str, object], *, asynchronous: bool) -> None:
        if asynchronous:
            show_queued(self.session, self.function.name, [self.queue(payload)])
        else:
            show_answer(self.session, self.function.name, self.wait(payload), self.output)

    def wait(self, payload: dict[str, object]) -> Answer:
        from scar.runs.call import FunctionFailed

        world, function = self.session.world, self.function
        try:
            return world.invoke(self.connection, function.name, payload, timeout=function.timeout)
        except FunctionFailed as failed:
            for line in failed.log:
                self.session.terminal.say(printable(line))
            raise

    def queue(self, payload: dict[str, object]) -> str:
        return self.session.world.enqueue(self.connection, self.function.name, payload)


class Files:
    """Starts a function on the files of folders; ``force``: also where nothing is to be done."""

    def __init__(
        self, call: Call, folders: tuple[InputFolder, ...], *, force: bool, concurrency: int
    ) -> None:
        self._call = call
        self._folders = folders
        self._concurrency = concurrency
        self._wish = secrets.token_hex(8) if force else ""
        self._left_out = 0

    def run(self, *, asynchronous: bool) -> int:
        """Start the function for every file, each once; return how many files there are.

        The first one is waited for: if it fails, so would the others, and none is queued.
        """
        from scar.transfer.pool import each

        call, terminal = self._call, self._call.session.terminal
        name = call.function.name
        payloads = self._payloads()
        first = None if asynchronous else self._first(payloads)
        queued: list[str] = []
        for request in each(payloads, call.queue, workers=self._concurrency):
            queued.append(request)
            terminal.progress(f"Queued {count(len(queued), 'file')}")
        if self._left_out:
            terminal.say(
                f"Left out {count(self._left_out, 'file')} whose run is done or under way;"
                " --force runs them too."
            )
        if queued or (call.session.json and (first or self._left_out)):
            show_queued(call.session, name, queued, first)
        return len(queued) + (first is not None) + self._left_out

    def _first(self, payloads: Iterator[dict[str, object]]) -> Answer | None:
        call = self._call
        payload = next(payloads, None)
        if payload is None:
            return None
        answer = call.wait(payload)
        if call.session.json:
            require_success(call.function.name, answer)
        else:
            show_answer(call.session, call.function.name, answer, call.output)
        return answer

    def _payloads(self) -> Iterator[dict[str, object]]:
        from scar.runs.call import object_payload
        from scar.runs.progress import run_of
        from scar.runs.retry import AGAIN

        call = self._call
        name, account = call.function.name, call.connection.account
        latest = {} if self._wish else call.session.world.latest_runs(call.connection, name)
        for one in self._files():
            found = run_of(name, one, latest)
            if found is not None and found.state not in AGAIN:
                self._left_out += 1
                continue
            payload = self._again(found) if found else None
            if payload is None:
                payload = object_payload(one, account.region, account.partition, wish=self._wish)
            if not call.session.json:
                call.session.terminal.progress(f"s3://{one.bucket}/{one.key}")
            yield payload

    def _again(self, found: Run) -> dict[str, object] | None:
        """Return the event of a failed run, None if it was not kept."""
        from scar.runs.ledger import Ledger
        from scar.runs.retry import CannotRetry, event_again

        try:
            return event_again(Ledger.of(self._call.connection), found)
        except CannotRetry:
            return None

    def _files(self) -> Iterator[Input]:
        seen: set[InputFolder] = set()
        for folder in self._folders:
            if any(other.covers(folder) for other in seen):
                continue
            seen.add(folder)
            yield from self._call.session.world.inputs(self._call.connection, folder)


def _function(
    session: Session, name: str | None, file: Path | None
) -> tuple[Connection, FunctionSummary]:
    """Find the function; one that is described by a file and not there is made first."""
    if file is None:
        if not name:
            raise click.UsageError("Give -n or -f.")
        connection = session.connect()
        return connection, find(session, connection, name)
    from scar.aws.described import functions_of

    connection, document = connect_document(session, file, Flags())
    functions = {function.name: function for function in functions_of(document)}
    wanted = name or next(iter(functions))
    if wanted not in functions:
        raise UsageError(
            f"{file} has no function {wanted}.", remedy=f"It has {', '.join(functions)}."
        )
    if name is None and len(functions) > 1:
        raise click.UsageError(f"{file} has several: choose one of {', '.join(functions)} by -n.")
    if not any(f.name == wanted for f in session.world.functions(connection)):
        session.world.deploy(
            [functions[wanted]],
            connection,
            session.terminal.say,
            dry_run=False,
            progress=session.terminal.progress,
        )
    return connection, find(session, connection, wanted)


def find(session: Session, connection: Connection, name: str) -> FunctionSummary:
    """Return the function; raise NoSuchFunction."""
    from scar.runs.logs import NoSuchFunction

    for function in session.world.functions(connection):
        if function.name == name:
            return function
    raise NoSuchFunction(name)


def _read(script: Path) -> bytes:
    try:
        content = script.read_bytes()
    except OSError as error:
        raise UsageError(
            f"The script {script} cannot be read: {error.strerror}.", remedy="Check -s."
        ) from error
    if not content.strip():
        raise UsageError(f"The script {script} is empty.", remedy="Check -s.")
    from scar.fdl.scripts import LOOKED_AT, windows_line_ends

    if problem := windows_line_ends(content[:LOOKED_AT]):
        raise UsageError(f"The script {script} {problem} {script}", remedy="Then run it again.")
    return content
