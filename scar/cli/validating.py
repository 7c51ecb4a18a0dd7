"""``scar validate``: every fault of an FDL file at once, without an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.definition import Flags
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.render import count

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

    All faults are told at once, each with its line; exit status 3 if there are any. What needs an
    account (buckets, quotas, networks) is checked by scar plan.
    """
    if file is None:
        raise click.UsageError("Give -f FILE.")
    from scar.aws.validation.deployment_checks import raise_if_any
    from scar.cli.reading import resolve_document
    from scar.fdl.problems import InvalidFdlError

    try:
        document = resolve_document(session, file, Flags()).document
    except InvalidFdlError as error:
        if session.json:
            session.terminal.json({"valid": False, "faults": _rows(error)})
        raise
    if found := _broken(document):
        if session.json:
            rows = [{"line": 1, "column": 1, "key": "", "problem": fault} for fault in found]
            session.terminal.json({"valid": False, "faults": rows})
        raise_if_any(found)
    number = len(document.functions.aws)
    if session.json:
        session.terminal.json({"valid": True, "faults": []})
    else:
        session.terminal.say(f"{file}: no faults in {count(number, 'function')}.")


def _broken(document: FdlDocument) -> list[str]:
    """Find what AWS would refuse in any account: everything is compiled for one that is not."""
    from scar.aws.compile.from_fdl import functions_of
    from scar.aws.compile.placeholders import compile_with_placeholders
    from scar.aws.model.account import Account, partition_of
    from scar.aws.validation import deployment_checks as preflight
    from scar.cli.reading import wishes
    from scar.fdl.variables import ASSUMED_VALUES

    functions = functions_of(document)
    if found := list(preflight.check_functions(functions)):
        return found
    region = wishes(document)["region"] or ASSUMED_VALUES["region"]
    account = Account(ASSUMED_VALUES["account_id"], region, partition_of(region))
    return list(preflight.check_resources(compile_with_placeholders(functions, account), region))


def _rows(error: InvalidFdlError) -> list[dict[str, object]]:
    return [
        {
            "line": fault.position.line,
            "column": fault.position.column,
            "key": fault.key,
            "problem": fault.message,
        }
        for fault in error.problems
    ]
