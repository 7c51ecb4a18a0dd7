"""Name the functions of an FDL file that is invalid: commands take their names without the file."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from scar.cli.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def naming_functions(file: Path) -> Iterator[None]:
    """Add to the error of an invalid file how the command runs with the names of its functions.

    A function that is deployed can be removed and read whatever its file became since.
    """
    from scar.fdl.problems import InvalidFdlError

    try:
        yield
    except InvalidFdlError as error:
        context = click.get_current_context(silent=True)
        if context is not None and (command := _command_of(context, _read_functions(file))):
            error.remedy += f" Without the file: `{command}`."
        raise


def _command_of(context: click.Context, functions: list[dict[str, Any]]) -> str:
    """Return the command with -n instead of -f; empty if no name is known."""
    names = [name for spec in functions if (name := _literal(spec, "name"))]
    if not names:
        return ""
    words = [*context.command_path.split()]
    several = "names" in context.params  # -n may be repeated
    for name in names if several else names[:1]:
        words += ["-n", name]
    return shlex.join([*words, *_connection_options(context, functions[0])])


def _connection_options(context: click.Context, spec: dict[str, Any]) -> Iterator[str]:
    """Yield the options for the account and Region of the file, which -n alone does not have."""
    session = context.find_object(Session)
    if session is None or session.local:
        yield from ["--local"] if session else []
        return
    region, profile = _literal(spec, "region"), _literal(spec, "boto_profile")
    target = session.connection_target(region=region, profile=profile)
    if region:
        yield from ("--region", target.region)
    if profile and profile != "default":
        yield from ("--profile", target.profile)


def _literal(spec: dict[str, Any], key: str) -> str:
    """Return a text of the file that has no variables; empty for anything else."""
    value = spec.get(key)
    return value if isinstance(value, str) and value.isprintable() and "${" not in value else ""


def _read_functions(file: Path) -> list[dict[str, Any]]:
    """Return the section `lambda` of each function as it is written; none of what is no YAML."""
    from scar.fdl.yaml_document import DocumentSyntaxError, parse_document, read_document_text

    try:
        functions = parse_document(read_document_text(file)).data.get("functions")
    except DocumentSyntaxError:
        return []
    entries = functions.get("aws") if isinstance(functions, dict) else None
    listed = entries if isinstance(entries, list) else []
    specs = [entry.get("lambda") for entry in listed if isinstance(entry, dict)]
    return [spec for spec in specs if isinstance(spec, dict)]
