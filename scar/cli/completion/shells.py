"""Answer the completion requests of shells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from click.shell_completion import get_completion_class, shell_complete

from scar.cli.command_group import cli
from scar.cli.completion import COMPLETION_REQUEST
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.cli.session import Session

PROGRAM = "scar"


def has_words(instruction: str, environment: Mapping[str, str]) -> bool:
    """Return whether a request has what click reads: the words, and the place of the last one.

    fish has that word itself in place of its place. Requests for shell functions need neither.
    """
    shell, _, request = instruction.rpartition("_")
    if request != "complete":
        return True
    if not {"COMP_WORDS", "COMP_CWORD"} <= environment.keys():
        return False
    return shell == "fish" or environment["COMP_CWORD"].isdecimal()


def answer_request(session: Session, instruction: str) -> int:
    """Write what click's shell function requests to stdout; return the exit status.

    ``bash_source`` requests the function itself, ``bash_complete`` the possible next words.
    """
    return shell_complete(cli, {"obj": session}, PROGRAM, COMPLETION_REQUEST, instruction)


def build_shell_function(shell: str) -> str:
    """Return the code that a user's shell evaluates at its start."""
    completion = get_completion_class(shell)
    if completion is None:
        raise UsageError(f"There is no completion for {shell}.", remedy="Use bash, zsh or fish.")
    return completion(cli, {}, PROGRAM, COMPLETION_REQUEST).source()
