"""``scar export``: the resources of an FDL file as a CloudFormation template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.function_flags import Flags
from scar.cli.options import fdl_option, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@fdl_option
@click.option("--account", metavar="ID", help="Account; left out: that of the stack.")
@click.option("-o", "--output-file", type=click.Path(path_type=Path), help="Write it here.")
@target_options
@pass_session
def export(
    session: Session, file: Path | None, account: str | None, output_file: Path | None
) -> None:
    """Print what init would make as a CloudFormation template.

    Nothing is asked of AWS: account and Region are those of the stack unless they are given.
    What CloudFormation cannot do is said on stderr and in the template's Metadata.
    """
    if file is None:
        raise click.UsageError("Give -f FILE.")
    from scar.aws import preflight
    from scar.aws.described import functions_of
    from scar.aws.export import pseudo
    from scar.aws.export.template import export as write
    from scar.aws.export.wanted import wanted
    from scar.cli.fdl_files import resolve_document, wishes

    resolved = resolve_document(session, file, Flags())
    functions = functions_of(resolved.document)
    preflight.require(preflight.of_functions(functions))
    region = session.target(**wishes(resolved.document)).region
    where = pseudo.account(account or session.settings.account_id, region)
    exported = write(wanted(functions, where), where.region)
    text = json.dumps(exported.template, indent=2)
    if output_file is None:
        session.terminal.data(text)
    else:
        _write(output_file, text)
        session.terminal.say(f"Template written to {output_file}.")
    session.terminal.say("CloudFormation does not do everything that scar init does:")
    for sentence in exported.undone:
        session.terminal.say(f"- {sentence}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(f"{text}\n")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check --output-file."
        ) from error
