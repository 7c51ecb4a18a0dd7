"""``scar validate``: every fault of an FDL file at once, without an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from scar.cli.function_flags import Flags
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.cli.output import count

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.session import Session
    from scar.fdl.faults import InvalidFDL
    from scar.fdl.model import Document


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
    from scar.aws.preflight import require
    from scar.cli.fdl_files import resolve_document
    from scar.fdl.faults import InvalidFDL

    try:
        document = resolve_document(session, file, Flags()).document
    except InvalidFDL as error:
        if session.json:
            session.terminal.json({"valid": False, "faults": _rows(error)})
        raise
    if found := _broken(document):
        if session.json:
            rows = [{"line": 1, "column": 1, "key": "", "problem": fault} for fault in found]
            session.terminal.json({"valid": False, "faults": rows})
        require(found)
    number = len(document.functions.aws)
    if session.json:
        session.terminal.json({"valid": True, "faults": []})
    else:
        session.terminal.say(f"{file}: no faults in {count(number, 'function')}.")


def _broken(document: Document) -> list[str]:
    """Find what AWS would refuse in any account: everything is compiled for one that is not."""
    from scar.aws import preflight
    from scar.aws.account import Account, partition_of
    from scar.aws.described import functions_of
    from scar.aws.standin import compiled
    from scar.cli.fdl_files import wishes
    from scar.fdl.variables import ASSUMED

    functions = functions_of(document)
    if found := list(preflight.of_functions(functions)):
        return found
    region = wishes(document)["region"] or ASSUMED["region"]
    account = Account(ASSUMED["account_id"], region, partition_of(region))
    return list(preflight.of_resources(compiled(functions, account), region))


def _rows(error: InvalidFDL) -> list[dict[str, object]]:
    return [
        {
            "line": fault.position.line,
            "column": fault.position.column,
            "key": fault.key,
            "problem": fault.problem,
        }
        for fault in error.faults
    ]
