"""``scar import``: write the FDL file of a function that SCAR 4 made."""  # noqa: N999 - the name of the command

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.completion.values import complete_scar4_function
from scar.cli.options import function_option, output_options, pass_session, target_options
from scar.errors import ScarError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.scar4.conversion import ImportedFunction
    from scar.aws.inventory.scar4.functions import Scar4Function
    from scar.aws.inventory.scar4.package import PackageContent
    from scar.aws.inventory.scar4.removal import RemovalStep
    from scar.aws.inventory.scar4.watched_buckets import WatchedBucket
    from scar.cli.session import Session


@click.command("import")
@function_option(
    "Name of the function that SCAR 4 made.", required=True, complete=complete_scar4_function
)
@click.option(
    "-p",
    "--path",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the FDL file, the script and the payload into this folder.",
)
@output_options
@target_options
@pass_session
def import_function(session: Session, name: str, folder: Path | None) -> None:
    """Write the FDL file of a function that SCAR 4 made.

    The function itself is not changed. The command lists what to remove before `scar init` can
    create the function again: the event notifications, the function, its HTTP endpoint and its
    Batch resources. Without -p, the FDL file is written to stdout.

    \b
    Examples:
      scar import -n gray -p gray/
      scar import -n gray > gray.yaml
    """
    from scar.aws.inventory.scar4.functions import find_scar4_function
    from scar.aws.inventory.scar4.output_folder import filled_folder, raise_if_used
    from scar.aws.inventory.scar4.removal import list_removal_steps
    from scar.aws.inventory.scar4.watched_buckets import list_watched_buckets

    if folder is not None:
        raise_if_used(folder)
    connection = session.connect()
    function = find_scar4_function(connection, name)
    if function is None:
        raise _not_found_error(connection, name)
    with filled_folder(folder) if folder else nullcontext() as target:
        config, content = _read_content(function, target)
        sources = list_watched_buckets(connection, function, _input_buckets(config))
        imported = _convert(function, config, content, sources)
        if target is not None:
            _write_new_file(target / f"{name}.yaml", imported.fdl)
        steps = list_removal_steps(
            connection, function, sources, session.connection_target().profile
        )
    path = folder / f"{name}.yaml" if folder else None
    if session.json:
        session.terminal.write_json(
            {"file": path, "fdl": imported.fdl, "notes": imported.notes, "remove": steps}
        )
        return
    if path is None:
        session.terminal.write_data(imported.fdl.rstrip("\n"))
    _show_next_steps(session, path, imported, steps)


def _not_found_error(connection: AwsConnection, name: str) -> ScarError:
    from scar.aws.inventory.scar4.functions import list_scar4_functions
    from scar.spelling import suggest_name

    known = list_scar4_functions(connection)
    return ScarError(
        f"There is no function {name} that SCAR 4 made{suggest_name(name, known) or '.'}",
        remedy="`scar ls` names the functions that SCAR 4 made.",
    )


def _read_content(
    function: Scar4Function, folder: Path | None
) -> tuple[Mapping[str, Any], PackageContent]:
    """Return SCAR's configuration, and what was unpacked into the folder."""
    from scar.aws.inventory.scar4.functions import parse_config
    from scar.aws.inventory.scar4.package import PackageContent, download_package, open_package

    config = function.config
    if not function.package_url or (config and folder is None):
        return config, PackageContent() if not function.package_url else _not_unpacked(config)
    with download_package(function.package_url, function.name) as file:
        package = open_package(file, function.name)
        config = config or parse_config(package.read_config(), function.name)
        if folder is None:
            return config, _not_unpacked(config)
        return config, package.unpack(folder, _script_name(config))


def _not_unpacked(config: Mapping[str, Any]) -> PackageContent:
    """Return the content of a package that was not looked into: nothing is said to be missing."""
    from scar.aws.inventory.scar4.package import PackageContent

    return PackageContent(files=(_script_name(config),))


def _convert(
    function: Scar4Function,
    config: Mapping[str, Any],
    content: PackageContent,
    sources: tuple[WatchedBucket, ...],
) -> ImportedFunction:
    from scar.aws.inventory.scar4.conversion import convert_function

    return convert_function(function, config, content, sources)


def _script_name(config: Mapping[str, Any]) -> str:
    from scar.aws.inventory.scar4.conversion import script_name

    return script_name(config)


def _input_buckets(config: Mapping[str, Any]) -> set[str]:
    from scar.aws.inventory.scar4.conversion import input_buckets

    return input_buckets(config)


def _write_new_file(path: Path, text: str) -> None:
    """Write a file that only the user can read: values of variables may be secrets."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(
            f"The package has a file {path.name}, as the FDL file is named.",
            remedy="Run the command without -p, and write its output to a file.",
        ) from error
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check --path."
        ) from error


def _show_next_steps(
    session: Session,
    path: Path | None,
    imported: ImportedFunction,
    steps: tuple[RemovalStep, ...],
) -> None:
    write = session.terminal.write_message
    if path is not None:
        write(f"FDL file written to {path}.")
    else:
        write("The script and the payload of the package are written with -p FOLDER.")
    for note in imported.notes:
        write(f"- {note}")
    write("Remove these resources of SCAR 4 before `scar init`; wait for each to be gone:")
    for step in steps:
        write(f"- {step.resource}")
        for command in step.commands:
            write(f"    {command}")
    write("Buckets and their objects stay; so do logs, in /aws/lambda/.")
