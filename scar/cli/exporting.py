"""``scar export``: the resources of an FDL file as a CloudFormation template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.definition import Flags
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
    from scar.aws.compile.from_fdl import functions_of
    from scar.aws.export import pseudo_parameters as pseudo
    from scar.aws.export.desired import compile_for_template
    from scar.aws.export.template import export_template as write
    from scar.aws.validation import deployment_checks as preflight
    from scar.cli.reading import resolve_document, wishes

    resolved = resolve_document(session, file, Flags())
    functions = functions_of(resolved.document)
    preflight.raise_if_any(preflight.check_functions(functions))
    region = session.target(**wishes(resolved.document)).region
    where = pseudo.account_with_marks(account or session.settings.account_id, region)
    exported = write(compile_for_template(functions, where), where.region)
    text = json.dumps(exported.template, indent=2)
    if output_file is None:
        session.terminal.data(text)
    else:
        _write(output_file, text)
        session.terminal.say(f"Template written to {output_file}.")
    session.terminal.say("CloudFormation does not do everything that scar init does:")
    for sentence in exported.manual_steps:
        session.terminal.say(f"- {sentence}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(f"{text}\n")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check --output-file."
        ) from error
