"""Questions to the user before something is deleted."""

from __future__ import annotations

import sys

import click

from scar.cli.formatting import escape_lines


class DeclinedError(click.Abort):
    """The user answered no; the text is the state that this leaves: ``Nothing was removed.``"""


def require_confirmation(question: str, *, refusal: str, declined: str) -> None:
    """Ask a yes/no question on stderr; return only if the answer is yes.

    Raise click.UsageError with ``refusal`` if stdin is not a terminal, DeclinedError with
    ``declined`` after a no, click.Abort after Ctrl-C or the end of the input.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(refusal)
    if not click.confirm(escape_lines(question), err=True):
        raise DeclinedError(declined)
