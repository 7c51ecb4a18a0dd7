"""Read FDL files for commands, merged with options, configuration and the account's values.

``resolve_document`` works without an account. ``connect_document`` and ``connect_names`` also
connect, to the Region and with the profile that the file names.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.function_flags import FunctionFlags, flags_to_fdl, option_of, options_of_values
from scar.cli.local_checks import require_emulated
from scar.cli.options import missing_option
from scar.cli.run_selection.faulty_files import naming_functions
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from scar.cli.session import Session
    from scar.fdl.loader import LoadContext, ResolvedDocument
    from scar.fdl.model import FdlDocument
    from scar.fdl.problems import InvalidFdlError, Location, Problem
    from scar.hidden_text import HiddenText

# Values that replace all references to local files: a function is found and removed by its name,
# also when its script and image files no longer exist.
_WITHOUT_LOCAL_FILES: Mapping[str, Mapping[str, object]] = {
    "lambda": {
        "init_script": None,
        "run_script": None,
        "extra_payload": None,
        "container": {"image": "unused", "image_file": None, "create_image": True},
    },
    "iam": {"policies": []},
    "batch": {"compute_resources": {"user_data": None}},
}
_ACCOUNT_VARIABLES = frozenset({"account_id", "region"})


def resolve_document(session: Session, file: Path | None, flags: FunctionFlags) -> ResolvedDocument:
    """Read the FDL file, or build a document from options alone; connect to nothing.

    Write a note on stderr about each key of the configuration and the file that has no effect.
    """
    return _read_with_notes(session, file, flags, _options_context(session, flags))


def connect_document(
    session: Session, file: Path | None, flags: FunctionFlags
) -> tuple[AwsConnection, FdlDocument]:
    """Connect where the document says; return it with the account's variables filled in."""
    context = _options_context(session, flags)
    first = resolve_document(session, file, flags)
    return _connect_and_read(
        session, context, first, lambda known: _read_or_build(file, flags, known)
    )


def connect_to_run(
    session: Session, file: Path, *, with_files: bool, with_run_script: bool
) -> tuple[AwsConnection, ResolvedDocument]:
    """Connect like ``connect_document``, without notes: a deployment has shown them, or will.

    Not ``with_files``: files that only a deployment needs may be missing; of all local files the
    document then has ``run_script`` alone, if that is needed.
    """
    from scar.fdl.loader import resolve_file

    unused = {} if with_files else _without_local_files(with_run_script=with_run_script)
    context = replace(_document_context(session, unused), reads_certificates=with_files)
    with naming_functions(file):
        first = resolve_file(file, context)
        connection, document = _connect_and_read(
            session, context, first, lambda known: resolve_file(file, known)
        )
    return connection, replace(first, document=document)


def show_notes_of(session: Session, resolved: ResolvedDocument, function: str) -> None:
    """Write the notes of the configuration and a file, except those on other functions.

    The latter begin with the function's name.
    """
    others = {f.lambda_.name for f in resolved.document.functions.aws} - {function}
    session.write_notes(session.settings.notes)
    session.write_notes(
        note for note in resolved.notes if re.split(r"[: ]", note, maxsplit=1)[0] not in others
    )


def connect_to_deploy(
    session: Session, file: Path | None, flags: FunctionFlags
) -> tuple[AwsConnection, FdlDocument, Mapping[str, HiddenText]]:
    """Connect like ``connect_document``; return also the values of ``${env:NAME}``.

    Raise InvalidFdlError, before anything is connected to, for variables that are not set and for
    functions that the local cloud cannot have.
    """
    context = _deployment_context(session, flags)
    first = resolve_to_deploy(session, file, flags)
    if session.local:
        require_emulated(first, file)
    connection, document = _connect_and_read(
        session, context, first, lambda known: _read_or_build(file, flags, known)
    )
    from scar.fdl.rules.secret_variables import read_secret_variables

    return connection, document, read_secret_variables(document, session.services.environment)


def resolve_to_deploy(
    session: Session, file: Path | None, flags: FunctionFlags
) -> ResolvedDocument:
    """Read like ``resolve_document``; an unset variable of ``${env:NAME}`` is a problem."""
    return _read_with_notes(session, file, flags, _deployment_context(session, flags))


def connect_names(session: Session, file: Path) -> tuple[AwsConnection, FdlDocument]:
    """Connect like ``connect_document``; scripts and images of the file may be missing.

    The document is good for names and folders only: references to local files are removed.
    """
    from scar.fdl.loader import resolve_file

    context = replace(_document_context(session, _WITHOUT_LOCAL_FILES), reads_certificates=False)
    with naming_functions(file):
        first = resolve_file(file, context)
        return _connect_and_read(session, context, first, lambda known: resolve_file(file, known))


def enabled_functions(document: FdlDocument) -> tuple[Function, ...]:
    """Return the functions to deploy, at least one; raise UsageError if all are disabled."""
    from scar.aws.compile.from_fdl import functions_of

    functions = functions_of(document)
    if not functions:
        raise UsageError(
            "All functions of the file are disabled.", remedy="Remove `enabled: false` of one."
        )
    return functions


def region_and_profile(document: FdlDocument) -> dict[str, str]:
    """Return ``region`` and ``profile`` of the file's functions; empty if the file has none.

    Raise click.UsageError if functions differ: one command makes one connection.
    """
    found: dict[str, str] = {}
    for name, key, default in (("region", "region", ""), ("profile", "boto_profile", "default")):
        values = {getattr(f.lambda_, key) for f in document.functions.aws} - {default}
        if len(values) > 1:
            raise click.UsageError(
                f"The functions of the file have different values of {key}:"
                f" {', '.join(sorted(values))}. Use one file for each value."
            )
        found[name] = next(iter(values), "")
    return found


def _options_context(session: Session, flags: FunctionFlags) -> LoadContext:
    """Return the context for a file with the values of options above it."""
    from scar.fdl.layers import option_source

    sources = {at: option_source(option) for at, option in options_of_values(flags).items()}
    return _document_context(session, flags_to_fdl(flags), sources)


def _deployment_context(session: Session, flags: FunctionFlags) -> LoadContext:
    return replace(
        _options_context(session, flags), secret_environment=session.services.environment
    )


def _document_context(
    session: Session,
    values: Mapping[str, object],
    sources: Mapping[Location, str] | None = None,
) -> LoadContext:
    """Return the layers and variables for a file, as far as they are known without AWS."""
    from scar.fdl.layers import COMMAND_LINE, SettingsLayer
    from scar.fdl.loader import LoadContext
    from scar.fdl.variables import TemplateVariables

    settings, environment = session.settings, session.services.environment
    options = SettingsLayer(source=COMMAND_LINE, values=values, value_sources=sources or {})
    sdk_region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
    return LoadContext(
        lower_layers=settings.lower_layers,
        upper_layers=(*settings.upper_layers, options),
        variables=TemplateVariables(
            stage=settings.stage,
            region=session.region or environment.get("SCAR_REGION", ""),
            default_region=settings.region or sdk_region,
            account_id=settings.account_id,
        ),
    )


def _connect_and_read(
    session: Session,
    context: LoadContext,
    first: ResolvedDocument,
    read: Callable[[LoadContext], ResolvedDocument],
) -> tuple[AwsConnection, FdlDocument]:
    """Connect, and read the file again if it uses ``${account_id}`` or ``${region}``.

    The file names the Region to connect to, and the connection the account that the file may
    refer to: the ``first`` reading therefore assumed values for these variables.
    """
    connection = session.connect(**region_and_profile(first.document))
    if not first.used_variables & _ACCOUNT_VARIABLES:
        return connection, first.document
    account = connection.account
    known = replace(context.variables, region=account.region, account_id=account.id)
    return connection, read(replace(context, variables=known)).document


def _without_local_files(*, with_run_script: bool) -> Mapping[str, object]:
    if not with_run_script:
        return _WITHOUT_LOCAL_FILES
    function: Mapping[str, object] = _WITHOUT_LOCAL_FILES["lambda"]
    kept = {key: value for key, value in function.items() if key != "run_script"}
    return {**_WITHOUT_LOCAL_FILES, "lambda": kept}


def _read_with_notes(
    session: Session, file: Path | None, flags: FunctionFlags, context: LoadContext
) -> ResolvedDocument:
    # Before the file is read: a note may explain why it is not valid.
    session.write_notes(session.settings.notes)
    resolved = _read_or_build(file, flags, context)
    session.write_notes(resolved.notes)
    return resolved


def _read_or_build(
    file: Path | None, flags: FunctionFlags, context: LoadContext
) -> ResolvedDocument:
    from scar.fdl.loader import resolve_file, resolve_values
    from scar.fdl.problems import InvalidFdlError

    if file is not None:
        found = resolve_file(file, context)
        if flags.name and len(found.document.functions.aws) > 1:
            raise click.UsageError(f"-n cannot rename the functions of {file}: it has several.")
        return found
    if not (flags.image or flags.image_file):
        raise missing_option(
            "-f FILE", "-i IMAGE", "-if FILE", hint="Without -f, the function also needs -n NAME."
        )
    try:
        return resolve_values(Path.cwd(), context)
    except InvalidFdlError as error:
        raise _about_options(error) from error


def _about_options(error: InvalidFdlError) -> InvalidFdlError:
    """Return the error of a document without a file: its keys are options, also absent ones."""
    from scar.fdl.layers import COMMAND_LINE
    from scar.fdl.problems import InvalidFdlError

    def about_option(problem: Problem) -> Problem:
        key = problem.key.removeprefix("functions.aws[0].")
        return replace(problem, key=option_of(tuple(key.split("."))) or problem.key)

    return InvalidFdlError(
        f"the {COMMAND_LINE}",
        map(about_option, error.problems),
        "`scar init --help` explains the options; with an FDL file (-f), there are more settings.",
    )
