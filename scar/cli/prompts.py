"""Questions to the user before something is deleted."""

from __future__ import annotations

import sys

import click

from scar.cli.formatting import escape_lines


def require_confirmation(question: str, *, refusal: str) -> None:
    """Ask a yes/no question on stderr; return only if the answer is yes.

    Raise click.UsageError with ``refusal`` if stdin is not a terminal, click.Abort after a no.
    """
    if not sys.stdin.isatty():
        raise click.UsageError(refusal)
    click.confirm(escape_lines(question), abort=True, err=True)
