"""``scar validate``: check an FDL file without an AWS account and report its problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.formatting import format_count
from scar.cli.function_flags import FunctionFlags
from scar.cli.options import (
    fdl_option,
    missing_option,
    output_options,
    pass_session,
    target_options,
)

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.session import Session
    from scar.fdl.model import FdlDocument
    from scar.fdl.problems import InvalidFdlError


@click.command()
@fdl_option
@output_options
@target_options
@pass_session
def validate(session: Session, file: Path | None) -> None:
    """Check an FDL file: keys, values, files, limits and rules.

    Problems are reported with their lines: first those of keys and values, then, when these are
    valid, those of rules between keys. The exit status is 3 if there are any. Warnings are of what
    is valid and costs more, or starts later, than expected.
    With --local, what the local cloud does not emulate is a problem too.
    `scar plan` also checks what depends on the account: buckets, quotas and networks.

    \b
    Examples:
      scar validate -f thumbnails.yaml
      scar validate -f thumbnails.yaml -j
    """
    if file is None:
        raise missing_option("-f FILE")
    from scar.aws.validation.deployment_checks import raise_if_any

    document = _read_document(session, file)
    if problems := _find_aws_problems(document):
        if session.json:
            # These concern a resource, not a line of the file.
            rows = [{"line": 1, "column": 1, "key": "", "problem": text} for text in problems]
            session.terminal.write_json({"valid": False, "faults": rows})
        raise_if_any(problems)
    number, warnings = len(document.functions.aws), _find_warnings(document)
    if session.json:
        session.terminal.write_json({"valid": True, "faults": [], "warnings": warnings})
    else:
        for warning in warnings:
            session.terminal.write_message(f"Warning: {warning}")
        session.terminal.write_message(
            f"{file}: no problems in {format_count(number, 'function')}."
        )


def _read_document(session: Session, file: Path) -> FdlDocument:
    """Return the valid document; raise InvalidFdlError after the output of -j."""
    from scar.cli.fdl_files import resolve_to_deploy
    from scar.cli.local_checks import require_emulated
    from scar.fdl.problems import InvalidFdlError

    try:
        resolved = resolve_to_deploy(session, file, FunctionFlags())
        if session.local:
            require_emulated(resolved, file)
    except InvalidFdlError as error:
        if session.json:
            session.terminal.write_json({"valid": False, "faults": _problems_to_json(error)})
        raise
    return resolved.document


def _find_aws_problems(document: FdlDocument) -> list[str]:
    """Return what AWS would refuse in any account.

    The functions are compiled to resources for an account that does not exist.
    """
    from scar.aws.compile.from_fdl import functions_of
    from scar.aws.compile.placeholders import compile_with_placeholders
    from scar.aws.model.account import Account, partition_of
    from scar.aws.validation import deployment_checks
    from scar.cli.fdl_files import region_and_profile
    from scar.fdl.variables import ASSUMED_VALUES

    functions = functions_of(document)
    if found := list(deployment_checks.check_functions(functions)):
        return found
    region = region_and_profile(document)["region"] or ASSUMED_VALUES["region"]
    account = Account(ASSUMED_VALUES["account_id"], region, partition_of(region))
    return list(
        deployment_checks.check_resources(compile_with_placeholders(functions, account), region)
    )


def _find_warnings(document: FdlDocument) -> list[str]:
    from scar.aws.compile.from_fdl import functions_of

    functions = [function for function in functions_of(document) if function.batch is not None]
    if not functions:
        return []
    from scar.aws.validation.compute_warnings import find_compute_warnings
    from scar.cli.fdl_files import region_and_profile
    from scar.fdl.variables import ASSUMED_VALUES

    region = region_and_profile(document)["region"] or ASSUMED_VALUES["region"]
    return list(find_compute_warnings(functions, region))


def _problems_to_json(error: InvalidFdlError) -> list[dict[str, object]]:
    return [
        {
            "line": fault.position.line,
            "column": fault.position.column,
            "key": fault.key,
            "problem": fault.message,
        }
        for fault in error.problems
    ]
