"""``scar policy``: print the IAM policy for the user of scar."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from scar.cli.options import (
    fdl_option,
    output_options,
    pass_session,
    require_one_of,
    target_options,
)

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.session import Session


@click.command()
@fdl_option
@click.option(
    "--all-features", is_flag=True, help="Policy for all features, any function and any bucket."
)
@click.option("--account", metavar="ID", help="AWS account id. Default: any account.")
@output_options
@target_options
@pass_session
def policy(session: Session, file: Path | None, *, all_features: bool, account: str | None) -> None:
    """Print the least-privilege IAM policy for the user of scar.

    The policy is for the functions of a file, or for all features of scar. Attach it to the user
    or role that deploys the functions; the functions have roles of their own. A policy that
    exceeds the size limit of managed policies is printed as a list of several: attach all of
    them. The command does not connect to AWS.

    \b
    Examples:
      scar policy -f thumbnails.yaml --account 123456789012
      scar policy --all-features
    """
    require_one_of({"-f FILE": file, "--all-features": all_features})
    from scar.aws.compile.policies.scope import ANY, account_scope, scope_of
    from scar.aws.compile.policies.user_policy import MAX_POLICY_LENGTH, user_policies
    from scar.aws.model.account import Account, partition_of

    def account_in(region: str) -> Account:
        account_id = account or session.settings.account_id or ANY
        return Account(account_id, region or ANY, partition_of(region))

    if file is None:
        scope = account_scope(account_in(session.connection_target().region))
    else:
        from scar.aws.compile.from_fdl import functions_of
        from scar.cli.fdl_files import region_and_profile, resolve_document
        from scar.cli.function_flags import FunctionFlags

        document = resolve_document(session, file, FunctionFlags()).document
        target = session.connection_target(**region_and_profile(document))
        scope = scope_of(functions_of(document), account_in(target.region))
    documents = [json.loads(text) for text in user_policies(scope)]
    printed = documents if len(documents) > 1 else documents[0]
    session.terminal.write_data(json.dumps(printed, indent=2))
    if len(documents) > 1:
        session.terminal.write_message(
            f"A list of {len(documents)} policies: a managed policy is limited to"
            f" {MAX_POLICY_LENGTH:,}"
            " characters. Attach all of them."
        )
