"""``scar run``: run a function once, or on every file of its input folder."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.answers import require_success, show_answer, show_queued
from scar.cli.definition import Flags
from scar.cli.deploying import read_document, wishes
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.render import count, printable
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.connection import Connection
    from scar.aws.listing import FunctionSummary
    from scar.cli.session import Session
    from scar.runs.call import Answer, Input


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
@click.option("-o", "--output-file", type=click.Path(path_type=Path), help="Write the output here.")
@click.argument("arguments", nargs=-1)
@output_options
@target_options
@pass_session
def run(  # noqa: PLR0913 one argument per option
    session: Session,
    name: str | None,
    file: Path | None,
    script: Path | None,
    input_bucket: str | None,
    *,
    asynchronous: bool,
    output_file: Path | None,
    arguments: tuple[str, ...],
) -> None:
    """Run a function once, or on the files of its input folder.

    With a script or ARGUMENTS, and for functions without input folder: one call. Else one call
    for each file of the input folder, the first one waited for, the others queued.
    """
    content = _read(script) if script else None
    if input_bucket and (script or arguments):
        raise click.UsageError("-ib runs the function's own script: leave out -s and ARGUMENTS.")
    connection, function = _function(session, name, file)
    call = Call(session, connection, function, output_file)
    if content is None and not arguments:
        folders = (input_bucket,) if input_bucket else function.inputs
        if call.each_file(folders, asynchronous=asynchronous):
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
            show_queued(self.session, self.function.name, [self._queue(payload)])
        else:
            show_answer(self.session, self.function.name, self._wait(payload), self.output)

    def each_file(self, folders: tuple[str, ...], *, asynchronous: bool) -> int:
        """Start the function for every file, each once; return for how many.

        The first one is waited for: if it fails, so would the others, and none is queued.
        """
        from scar.runs.call import object_payload

        name, terminal = self.function.name, self.session.terminal
        account = self.connection.account
        wish = secrets.token_hex(8)
        first: Answer | None = None
        queued: list[str] = []
        for one in self._files(folders):
            payload = object_payload(one, account.region, account.partition, wish=wish)
            if asynchronous or first is not None:
                queued.append(self._queue(payload))
                terminal.progress(f"Queued {count(len(queued), 'file')}")
                continue
            terminal.say(f"Running on s3://{one.bucket}/{one.key}")
            first = self._wait(payload)
            if self.session.json:
                require_success(name, first)
            else:
                show_answer(self.session, name, first, self.output)
        if queued or (first and self.session.json):
            show_queued(self.session, name, queued, first)
        return len(queued) + (first is not None)

    def _wait(self, payload: dict[str, object]) -> Answer:
        from scar.runs.call import FunctionFailed

        world, function = self.session.world, self.function
        try:
            return world.invoke(self.connection, function.name, payload, timeout=function.timeout)
        except FunctionFailed as failed:
            for line in failed.log:
                self.session.terminal.say(printable(line))
            raise

    def _queue(self, payload: dict[str, object]) -> str:
        return self.session.world.enqueue(self.connection, self.function.name, payload)

    def _files(self, folders: tuple[str, ...]) -> Iterator[Input]:
        seen: set[str] = set()
        for folder in folders:
            if any(folder == other or folder.startswith(f"{other}/") for other in seen):
                continue
            seen.add(folder)
            yield from self.session.world.inputs(self.connection, folder)


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

    document = read_document(file, Flags())
    functions = {function.name: function for function in functions_of(document)}
    wanted = name or next(iter(functions))
    if wanted not in functions:
        raise UsageError(
            f"{file} has no function {wanted}.", remedy=f"It has {', '.join(functions)}."
        )
    if name is None and len(functions) > 1:
        raise click.UsageError(f"{file} has several: choose one of {', '.join(functions)} by -n.")
    connection = session.connect(**wishes(document))
    if not any(f.name == wanted for f in session.world.functions(connection)):
        session.world.deploy([functions[wanted]], connection, session.terminal.say, dry_run=False)
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
    return content
