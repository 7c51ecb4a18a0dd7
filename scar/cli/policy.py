"""``scar policy``: what the person who runs scar must be allowed to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from scar.cli.options import fdl_option, one_of, pass_session, target_options

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.session import Session


@click.command()
@fdl_option
@click.option("--all-features", is_flag=True, help="For any function and bucket.")
@click.option("--account", metavar="ID", help="Account; left out: any.")
@target_options
@pass_session
def policy(session: Session, file: Path | None, *, all_features: bool, account: str | None) -> None:
    """Print the least IAM policy for whoever runs scar.

    For the functions of a file, or for all that scar can do. Nothing is asked of AWS. Attach it
    to the user or role that deploys; functions have roles of their own.
    """
    one_of({"-f": file, "--all-features": all_features})
    from scar.aws.account import Account, partition_of
    from scar.aws.policies.person import ANY, LONGEST, LONGEST_INLINE, Scope, policy, scope_of

    if file is None:
        region = session.target().region or ANY
        scope = Scope(
            account=Account(
                account or session.settings.account_id or ANY, region, partition_of(region)
            )
        )
    else:
        from scar.aws.described import functions_of
        from scar.cli.reading import resolve_names, wishes

        document = resolve_names(session, file).document
        region = session.target(**wishes(document)).region or ANY
        here = Account(account or session.settings.account_id or ANY, region, partition_of(region))
        scope = scope_of(functions_of(document), here)
    text = policy(scope)
    session.terminal.data(json.dumps(json.loads(text), indent=2))
    if len(text) > LONGEST:
        session.terminal.say(
            f"Warning: {len(text)} characters; a managed policy takes {LONGEST}, an inline policy"
            f" of a role {LONGEST_INLINE}. Divide its statements, or use --all-features."
        )
