"""``scar local env``: print environment variables for the AWS CLI and SDKs."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import click

from scar.cli.options import output_options, pass_session, target_options
from scar.errors import ScarError

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@output_options
@target_options
@pass_session
def env(session: Session) -> None:
    """Print environment variables for the AWS CLI and SDKs.

    \b
    Examples:
      eval "$(scar local env)" && aws s3 ls
    """
    cloud = session.services.local_cloud().find()
    if cloud is None:
        raise ScarError("The local cloud is not running.", remedy="Run `scar local start`.")
    values = {
        "AWS_ENDPOINT_URL": cloud.endpoint_url,
        "AWS_ACCESS_KEY_ID": cloud.access_key,
        "AWS_SECRET_ACCESS_KEY": cloud.secret_key,
        "AWS_REGION": cloud.region,
        "AWS_DEFAULT_REGION": cloud.region,
    }
    if session.json:
        session.terminal.write_json(values)
        return
    for name, value in values.items():
        session.terminal.write_data(f"export {name}={shlex.quote(value)}")
