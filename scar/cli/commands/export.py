"""``scar export``: print the resources of an FDL file as a CloudFormation template."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.function_flags import FunctionFlags
from scar.cli.options import (
    fdl_option,
    missing_option,
    output_options,
    pass_session,
    target_options,
)
from scar.errors import UsageError

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@fdl_option
@click.option("--account", metavar="ID", help="AWS account id. Default: the stack's account.")
@click.option(
    "-o", "--output-file", type=click.Path(path_type=Path), help="Write the template to this file."
)
@click.option(
    "--stacks",
    type=click.IntRange(1, 50),
    default=1,
    metavar="N",
    help="Divide the resources among N templates, FILE-1 to FILE-N; requires -o.",
)
@output_options
@target_options
@pass_session
def export(
    session: Session,
    file: Path | None,
    account: str | None,
    output_file: Path | None,
    stacks: int,
) -> None:
    """Print the resources of an FDL file as a CloudFormation template.

    The command does not connect to AWS: account and Region are those of the stack unless they
    are specified. Features that CloudFormation does not support are listed on stderr and in the
    template's Metadata.

    \b
    Examples:
      scar export -f thumbnails.yaml -o template.json
      scar export -f thumbnails.yaml -o template.json --stacks 3
    """
    if file is None:
        raise missing_option("-f FILE")
    if stacks > 1 and output_file is None:
        raise missing_option("-o FILE")
    from scar.aws.export import pseudo_parameters, quotas
    from scar.aws.export.stacks import export_functions
    from scar.aws.validation import deployment_checks
    from scar.cli.fdl_files import enabled_functions, region_and_profile, resolve_document

    resolved = resolve_document(session, file, FunctionFlags())
    functions = enabled_functions(resolved.document)
    deployment_checks.raise_if_any(deployment_checks.check_functions(functions))
    region = session.connection_target(**region_and_profile(resolved.document)).region
    stack_account = pseudo_parameters.account_with_marks(
        account or session.settings.account_id, region
    )
    exported = export_functions(functions, stack_account, stacks)
    if output_file is None:
        session.terminal.write_data(exported[0].text)
    else:
        texts = [one.text for one in exported]
        _write_templates(session, output_file, texts)
    if len(exported) > 1:
        session.terminal.write_message(
            "Create the stacks in the order of their numbers: the first has what functions share,"
            " the last the buckets, whose notifications need the functions."
        )
    if not all(quotas.is_inline_size(one.text) for one in exported):
        session.terminal.write_message(quotas.UPLOAD_FIRST)
    session.terminal.write_message("CloudFormation does not do everything that `scar init` does:")
    for sentence in dict.fromkeys(step for one in exported for step in one.manual_steps):
        session.terminal.write_message(f"- {sentence}")


def _paths(path: Path, count: int) -> list[Path]:
    """Return the file of each template: the path itself, or numbered ones."""
    numbers = range(1, count + 1) if count > 1 else ()
    return [path.with_name(f"{path.stem}-{n}{path.suffix}") for n in numbers] or [path]


def _write_templates(session: Session, output_file: Path, texts: list[str]) -> None:
    paths = _paths(output_file, len(texts))
    for path, text in zip(paths, texts, strict=True):
        _write_template(path, text)
        session.terminal.write_message(f"Template written to {path}.")
    if session.json:
        session.terminal.write_json({"templates": paths})


def _write_template(path: Path, text: str) -> None:
    try:
        path.write_text(f"{text}\n")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}.", remedy="Check --output-file."
        ) from error
