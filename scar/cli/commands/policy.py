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
    to the user or role that deploys; functions have roles of their own. What is longer than a
    managed policy may be is printed as a list of several: attach all of them.
    """
    one_of({"-f": file, "--all-features": all_features})
    from scar.aws.account import Account, partition_of
    from scar.aws.policies.person import LONGEST, policies
    from scar.aws.policies.scope import ANY, scope_of
    from scar.aws.policies.scope import all_features as everything

    def here(region: str) -> Account:
        known = account or session.settings.account_id or ANY
        return Account(known, region or ANY, partition_of(region))

    if file is None:
        scope = everything(here(session.target().region))
    else:
        from scar.aws.described import functions_of
        from scar.cli.fdl_files import resolve_document, wishes
        from scar.cli.function_flags import Flags

        document = resolve_document(session, file, Flags()).document
        target = session.target(**wishes(document))
        scope = scope_of(functions_of(document), here(target.region))
    printed = [json.loads(text) for text in policies(scope)]
    session.terminal.data(json.dumps(printed if len(printed) > 1 else printed[0], indent=2))
    if len(printed) > 1:
        session.terminal.say(
            f"A list of {len(printed)} policies, since a managed policy takes {LONGEST:,}"
            " characters: attach all of them."
        )
