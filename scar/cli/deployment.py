"""Deploy functions and show plans: what init, update, plan and rm have in common."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from scar.cli.fdl_files import connect_to_deploy
from scar.cli.formatting import format_count
from scar.cli.function_flags import name_options
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from scar.aws.model.plan import Plan
    from scar.cli.function_flags import FunctionFlags
    from scar.cli.session import Session


def deploy_functions(
    session: Session,
    file: Path | None,
    flags: FunctionFlags,
    *,
    dry_run: bool,
    refresh: bool = False,
) -> Plan:
    """Deploy the functions of the file and the options; with ``dry_run`` change nothing.

    With ``refresh`` all resources are read. Return the changes, made or planned.
    """
    with naming_options(has_file=file is not None):
        return _deploy_functions(session, file, flags, dry_run=dry_run, refresh=refresh)


@contextlib.contextmanager
def naming_options(*, has_file: bool) -> Iterator[None]:
    """Without a file, name options instead of keys in errors, also those about the account."""
    try:
        yield
    except ScarError as error:
        if not has_file:
            error.problem, error.remedy = map(name_options, (error.problem, error.remedy))
        raise


def _deploy_functions(
    session: Session, file: Path | None, flags: FunctionFlags, *, dry_run: bool, refresh: bool
) -> Plan:
    connection, document, secret_variables = connect_to_deploy(session, file, flags)
    from scar.aws.compile.from_fdl import disabled_functions, functions_of

    functions = functions_of(document, secret_variables)
    plan = session.services.deploy(
        functions,
        connection,
        session.terminal.write_message,
        dry_run=dry_run,
        progress=session.terminal.show_progress,
        disabled=disabled_functions(document),
        refresh=refresh,
    )
    show_plan(session, plan, dry_run=dry_run)
    if not dry_run:
        names = ", ".join(function.name for function in functions)
        state = "Ready" if plan else "Already up to date"
        if names:
            session.terminal.write_message(f"{state}: {names}")
        _show_addresses(session, connection, functions)
    return plan


def _show_addresses(
    session: Session, connection: AwsConnection, functions: Sequence[Function]
) -> None:
    """Write the addresses of HTTP endpoints, and who may call them."""
    from scar.aws.compile.endpoints import endpoint_tag
    from scar.aws.inventory.endpoints import Endpoint

    declared = {f.name: e for f in functions if (e := Endpoint.parse_tag(endpoint_tag(f)))}
    if not declared:
        return
    for name, endpoint in session.services.read_endpoints(connection, declared).items():
        callers = "everybody" if endpoint.authentication == "NONE" else "signed requests (IAM)"
        # API Gateway may list a new API only after some seconds.
        address = endpoint.url or "its address is not listed yet; `scar ls` shows it"
        session.terminal.write_message(f"{name}: {address} ({callers})")


def show_plan(session: Session, plan: Plan, *, dry_run: bool) -> None:
    """Write the plan to stdout if it was asked for (dry run, JSON), else a summary to stderr."""
    if session.json:
        session.terminal.write_data(plan.to_json())
    elif dry_run:
        session.terminal.write_data(plan.format_by_function())
    elif plan:
        session.terminal.write_message(f"Done: {format_count(len(plan.changes), 'change')}.")
