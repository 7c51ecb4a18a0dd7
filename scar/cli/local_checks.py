"""Refuse functions that the local cloud cannot emulate, before anything is created."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scar.fdl.problems import InvalidFdlError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.loader import ResolvedDocument

_REMEDY = (
    "Omit these keys for the local cloud, or deploy to AWS. docs/local-cloud.md of scar's"
    " repository has what is not emulated."
)


def require_emulated(resolved: ResolvedDocument, file: Path | None) -> None:
    """Raise InvalidFdlError with the line of each key that the local cloud would refuse."""
    path = file or Path("the command line")
    if problems := list(_find_problems(resolved, path)):
        raise InvalidFdlError(str(path), problems, _REMEDY)


def _find_problems(resolved: ResolvedDocument, path: Path) -> Iterator[Problem]:
    from scar.aws.compile.from_fdl import functions_of
    from scar.aws.model.account import Account
    from scar.aws.validation.deployment_checks import check_functions
    from scar.fdl.problems import NO_POSITION
    from scar.fdl.variables import ASSUMED_VALUES
    from scar.local.emulation import find_unsupported_fields

    functions = functions_of(resolved.document)
    if any(check_functions(functions)):
        return  # Cannot be compiled: the problems are reported with those of the account.
    account = Account(ASSUMED_VALUES["account_id"], ASSUMED_VALUES["region"])
    numbers = {f.lambda_.name: n for n, f in enumerate(resolved.document.functions.aws)}
    for found in find_unsupported_fields(functions, account):
        if found.function:
            number = numbers[found.function]
            yield resolved.problem_at(number, found.key, found.message, path)
        else:
            yield Problem(position=NO_POSITION, key="", message=found.message)
