"""Select functions and runs: by name, FDL file, input file, time or state."""

from __future__ import annotations

import re
import shlex
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import click

from scar.cli.completion.values import complete_function
from scar.cli.fdl_files import connect_names
from scar.cli.formatting import escape_control_characters
from scar.errors import ScarError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary
    from scar.cli.session import Session
    from scar.runs.invoke import InputObject
    from scar.runs.ledger import Run, RunLedger
    from scar.runs.states import RunState
    from scar.runs.status import StatusReport
    from scar.runs.unfinished_jobs import UnfinishedJob

F = TypeVar("F", bound="Callable[..., Any]")
LATEST = 10  # runs that are listed beside the counts
LATEST_FAILED = 100
# Ten pages of a listing for each function: a status stays cheap, and says "at least" beyond that.
MOST_FILES = 10_000
MOST_FUNCTIONS = 5
_ALL = 1_000_000
_NO_RUNS = (
    "scar-failure-handler has no runs that can be started again or cancelled: its records are of"
    " messages that nothing confirms. `scar status -n scar-failure-handler` lists them."
)
_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_RUN_ID = re.compile(r"[0-9a-f]{6,}(-[0-9a-f-]*)?$|[^/]+/\d{4}-\d{2}-\d{2}/[^/]+$")
_UNIT_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


def since_option(function: F) -> F:
    """Add --since TIME."""
    return click.option(
        "--since",
        metavar="TIME",
        help="Only from this time on: 90m, 2h or 3d ago, or 2026-11-24T13:00 (UTC).",
    )(function)


def parse_since(text: str | None) -> datetime | None:
    """Parse the value of --since; raise UsageError if it is not a time."""
    return parse_time(text, datetime.now(UTC)) if text else None


def parse_time(text: str, now: datetime) -> datetime:
    """Parse a time before ``now`` (``90m``, ``2h``, ``3d``) or an ISO 8601 date or time.

    A time without an offset is UTC. Raise UsageError for anything else.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return now - timedelta(seconds=int(ago[1]) * _UNIT_SECONDS[ago[2]])
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a time.",
            remedy="Write how long ago (90m, 2h, 3d) or when (2026-11-24, 2026-11-24T13:00).",
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def names_option(help_: str = "Name of a function; several times for several.") -> Callable[[F], F]:
    """Add -n NAME, which may be repeated."""
    return click.option(
        "-n",
        "--name",
        "names",
        multiple=True,
        metavar="NAME",
        help=help_,
        shell_complete=complete_function,
    )


class NameOptionCommand(click.Command):
    """A command without arguments: for a name behind it, the error is which option takes it."""

    allow_extra_args = True  # refused below, with a hint

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does; raise UsageError for arguments, also for more than one."""
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            name = ctx.args[0]
            has_runs = any("--run" in parameter.opts for parameter in self.params)
            text = escape_control_characters(name)
            is_file, is_run = name.startswith("s3://"), bool(_RUN_ID.match(name))
            if (is_file or is_run) and not has_runs:
                hint = f"`scar why {shlex.quote(text)}` shows its runs."
            else:
                option = "--file" if is_file else "--run" if is_run else "-n"
                hint = f"use {option} {shlex.quote(text)}."
            raise click.UsageError(f"Unexpected argument {text!r}: {hint}", ctx)
        return rest


@contextmanager
def explaining_names(
    session: Session, connection: AwsConnection, texts: Sequence[str], of_function: str
) -> Iterator[None]:
    """Say of a text that is no run if it is a function, an input folder or a file without s3://.

    ``of_function`` is what to write for a function: ``scar wait -n NAME``. Best effort: if the
    functions cannot be listed, the error remains what it was.
    """
    from scar.runs.lookup import InvalidRunIdError, InvalidUrlError, RunNotFoundError

    try:
        yield
    except (RunNotFoundError, InvalidRunIdError, InvalidUrlError) as error:
        functions: Sequence[FunctionSummary] = ()
        with suppress(ScarError):
            functions = session.services.list_functions(connection)
        for text in (one for one in texts if one in error.problem):
            if remedy := _explain_name(text, functions, of_function):
                raise type(error)(error.problem, remedy=remedy) from error
        raise


def _explain_name(text: str, functions: Sequence[FunctionSummary], of_function: str) -> str:
    """Return what a text is instead of a run, and what to write; empty if that is not known."""
    path = text.removeprefix("s3://").rstrip("/")
    buckets = {f.path.partition("/")[0] for one in functions for f in one.inputs}
    buckets.update(bucket for one in functions for bucket in one.buckets)
    for function in functions:
        if text == function.name:
            return f"{text} is a function: `{of_function.replace('NAME', text)}`."
    for function in functions:
        if any(f"{folder.path}/".startswith(f"{path}/") for folder in function.inputs):
            return (
                f"{path} is a folder: `scar ls -b {path}` lists its files, and `s3://{path}/FILE`"
                f" names one. All runs: `{of_function.replace('NAME', function.name)}`."
            )
    if not text.startswith("s3://") and "/" in path and path.partition("/")[0] in buckets:
        return f"Write a file with its bucket as s3://{path}."
    return ""


def connect_functions(
    session: Session, names: Sequence[str], file: Path | None
) -> tuple[AwsConnection, tuple[str, ...]]:
    """Connect; return the names of the functions that -n and -f select, none without them."""
    selected = tuple(dict.fromkeys(names))
    if file is None:
        return session.connect(), selected
    connection, document = connect_names(session, file)
    known = tuple(entry.lambda_.name for entry in document.functions.aws)
    for name in selected:
        if name not in known:
            raise UsageError(
                f"{file} has no function {name}.", remedy=f"Its functions: {', '.join(known)}."
            )
    return connection, selected or known


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSelection:
    """The runs that ``names`` names, by run id or input file; without names, all in a state."""

    names: Sequence[str]
    functions: tuple[str, ...]
    since: datetime | None
    states: Collection[RunState]


def select_runs(
    session: Session, connection: AwsConnection, ledger: RunLedger, selection: RunSelection
) -> Iterator[Run]:
    """Yield the selected runs; raise RunNotFoundError if a name has none."""
    from scar.aws.model import names
    from scar.runs import lookup
    from scar.runs.batch_job import correct_run_state

    functions = selection.functions
    if names.FAILURE_HANDLER in functions and not selection.names:
        session.terminal.write_message(_NO_RUNS)
        functions = tuple(name for name in functions if name != names.FAILURE_HANDLER)
        if not functions:
            return
    for name in selection.names:
        if name.startswith("s3://"):
            found = lookup.find_runs_of_input(
                ledger, *lookup.parse_s3_url(name), selection.functions
            )
            if not found:
                raise lookup.RunNotFoundError(
                    f"No run has read {name}.", remedy="See `scar status`."
                )
            run = found[-1]
        else:
            run = lookup.find_run(ledger, name, selection.functions)
            if run.path.function == names.FAILURE_HANDLER:
                raise UsageError(f"{run.path} is not a run.", remedy=_NO_RUNS)
        yield correct_run_state(ledger, connection.client("batch"), run)
    if not selection.names:
        yield from list_runs(session, connection, functions, selection.since, selection.states)


def list_runs(
    session: Session,
    connection: AwsConnection,
    functions: tuple[str, ...],
    since: datetime | None,
    states: Collection[RunState],
) -> tuple[Run, ...]:
    """Return all runs of these functions in these states, newest first."""
    scope = StatusScope(functions=functions, since=since, states=states, most=_ALL)
    return read_status(session, connection, scope).recent


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
        raise FunctionNotFoundError(missing[0], known)
    present = [deployed[name] for name in selected if name in deployed]
    inputs = _list_some_files(session, connection, present, scope) if scope.with_files else {}
    query = StatusQuery(
        jobs=list_jobs_by_function(connection, present),
        list_jobs=lambda: list_all_jobs(connection),
        inputs=inputs,
        since=scope.since,
        recent_states=scope.states,
        limit=scope.most,
        most_files=MOST_FILES,
    )
    report = collect_status(ledger, selected, query)
    queues = {f.name: f.queue for f in present if f.queue}
    unusable = session.services.describe_unusable_queues(connection, queues.values())
    for function in report.functions:
        function.unusable = unusable.get(queues.get(function.function, ""), "")
        function.is_removed = function.function not in {*deployed, names.FAILURE_HANDLER}
    return report


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
