"""Deploy functions and show plans: what init, update, plan and rm have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.cli.fdl_files import connect_to_deploy
from scar.cli.formatting import format_count

if TYPE_CHECKING:
    from pathlib import Path

    from scar.aws.model.plan import Plan
    from scar.cli.function_flags import FunctionFlags
    from scar.cli.session import Session


def deploy_functions(
    session: Session, file: Path | None, flags: FunctionFlags, *, dry_run: bool
) -> Plan:
    """Deploy the functions of the file and the options; with ``dry_run`` change nothing.

    Return the changes, made or planned.
    """
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
    )
    show_plan(session, plan, dry_run=dry_run)
    if not dry_run:
        names = ", ".join(function.name for function in functions)
        state = "Ready" if plan else "Already up to date"
        if names:
            session.terminal.write_message(f"{state}: {names}")
    return plan


def show_plan(session: Session, plan: Plan, *, dry_run: bool) -> None:
    """Write the plan to stdout if it was asked for (dry run, JSON), else a summary to stderr."""
    if session.json:
        session.terminal.write_data(plan.to_json())
    elif dry_run:
        session.terminal.write_data(plan.format_by_function())
    elif plan:
        session.terminal.write_message(f"Done: {format_count(len(plan.changes), 'change')}.")
