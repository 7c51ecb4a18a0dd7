"""``scar export``: print the resources of an FDL file as a CloudFormation template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.function_flags import FunctionFlags
from scar.cli.options import fdl_option, missing_option, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@fdl_option
@click.option("--account", metavar="ID", help="AWS account id. Default: the stack's account.")
@click.option(
    "-o", "--output-file", type=click.Path(path_type=Path), help="Write the template to this file."
)
@target_options
@pass_session
def export(
    session: Session, file: Path | None, account: str | None, output_file: Path | None
) -> None:
    """Print the resources of an FDL file as a CloudFormation template.

    The command does not connect to AWS: account and Region are those of the stack unless they
    are specified. Features that CloudFormation does not support are listed on stderr and in the
    template's Metadata.

    \b
    Examples:
      scar export -f thumbnails.yaml -o template.json
    """
    if file is None:
        raise missing_option("-f FILE")
    from scar.aws.compile.from_fdl import functions_of
    from scar.aws.export import pseudo_parameters
    from scar.aws.export.desired import compile_for_template
    from scar.aws.export.template import export_template
    from scar.aws.validation import deployment_checks
    from scar.cli.fdl_files import region_and_profile, resolve_document

    resolved = resolve_document(session, file, FunctionFlags())
    functions = functions_of(resolved.document)
    deployment_checks.raise_if_any(deployment_checks.check_functions(functions))
    region = session.connection_target(**region_and_profile(resolved.document)).region
    stack_account = pseudo_parameters.account_with_marks(
        account or session.settings.account_id, region
    )
    exported = export_template(compile_for_template(functions, stack_account), stack_account.region)
    text = json.dumps(exported.template, indent=2)
    if output_file is None:
        session.terminal.write_data(text)
    else:
        _write_template(output_file, text)
        session.terminal.write_message(f"Template written to {output_file}.")
    session.terminal.write_message("CloudFormation does not do everything that `scar init` does:")
    for sentence in exported.manual_steps:
        session.terminal.write_message(f"- {sentence}")


def _write_template(path: Path, text: str) -> None:
    try:
        path.write_text(f"{text}\n")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check --output-file."
        ) from error
