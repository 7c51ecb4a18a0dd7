"""FDL files as commands need them: with flags and configuration, before and after connecting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.function_flags import overrides

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from scar.aws.connection import Connection
    from scar.cli.function_flags import Flags
    from scar.cli.session import Session
    from scar.fdl.load import Around, Resolved
    from scar.fdl.model import Document

# Functions are found and removed by name, also when files they were made of are gone.
_WITHOUT_FILES: Mapping[str, object] = {
    "lambda": {
        "init_script": None,
        "run_script": None,
        "extra_payload": None,
        "container": {"image": "unused", "image_file": None, "create_image": True},
    },
    "batch": {"compute_resources": {"user_data": None}},
}
_OF_THE_ACCOUNT = frozenset({"account_id", "region"})


def resolve_document(session: Session, file: Path | None, flags: Flags) -> Resolved:
    """Read the FDL file with everything around it, or make a document of flags alone."""
    return _document(file, flags, around(session, overrides(flags)))


def connect_document(
    session: Session, file: Path | None, flags: Flags
) -> tuple[Connection, Document]:
    """Connect where the document wishes, and return it with all variables filled in."""
    given = around(session, overrides(flags))
    return _connected(session, given, lambda known: _document(file, flags, known))


def connect_names(session: Session, file: Path) -> tuple[Connection, Document]:
    """Connect like ``connect_document``, for a file whose scripts and images may be gone."""
    from scar.fdl.load import resolve

    given = around(session, _WITHOUT_FILES)
    return _connected(session, given, lambda known: resolve(file, known))


def around(session: Session, values: Mapping[str, object]) -> Around:
    """Gather what lies around a file, as far as it is known without asking AWS."""
    from scar.fdl.layers import Layer
    from scar.fdl.load import Around
    from scar.fdl.variables import Variables

    settings, environment = session.settings, session.world.environment
    usual = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or ""
    return Around(
        below=settings.below,
        above=(*settings.above, Layer(source="command line", values=values)),
        variables=Variables(
            stage=settings.stage,
            region=session.region or environment.get("SCAR_REGION", ""),
            usual_region=settings.region or usual,
            account_id=settings.account_id,
        ),
    )


def wishes(document: Document) -> dict[str, str]:
    """Return the Region and profile that the file wants; one for all its functions."""
    found: dict[str, str] = {}
    for name, key, default in (("region", "region", ""), ("profile", "boto_profile", "default")):
        values = {getattr(f.lambda_, key) for f in document.functions.aws} - {default}
        if len(values) > 1:
            raise click.UsageError(
                f"The functions have several values of {key}: {', '.join(sorted(values))}. "
                "Put them in a file each."
            )
        found[name] = next(iter(values), "")
    return found


def _connected(
    session: Session, given: Around, read: Callable[[Around], Resolved]
) -> tuple[Connection, Document]:
    """Read, connect, and read again with the account's own values if the file uses them."""
    first = read(given)
    connection = session.connect(**wishes(first.document))
    if not first.used & _OF_THE_ACCOUNT:
        return connection, first.document
    account = connection.account
    known = replace(given.variables, region=account.region, account_id=account.id)
    return connection, read(replace(given, variables=known)).document


def _document(file: Path | None, flags: Flags, given: Around) -> Resolved:
    from scar.fdl.load import from_values, resolve

    if file is not None:
        found = resolve(file, given)
        if flags.name and len(found.document.functions.aws) > 1:
            raise click.UsageError(f"-n cannot rename the functions of {file}: it has several.")
        return found
    if not (flags.image or flags.image_file):
        raise click.UsageError("Give -f FILE, or -n NAME and an image: -i or -if.")
    return from_values(Path.cwd(), given)
