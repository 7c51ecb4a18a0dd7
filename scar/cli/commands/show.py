"""``scar show``: show the configuration of functions, as described or as deployed."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from scar.cli.function_flags import FunctionFlags, options_of_values
from scar.cli.function_options import function_options
from scar.cli.options import (
    fdl_option,
    missing_option,
    output_options,
    pass_session,
    target_options,
)
from scar.cli.run_selection.run_options import names_option
from scar.cli.shown_functions.view import HEAD, View, format_value
from scar.errors import UsageError
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.cli.session import Session
    from scar.fdl.effective_values import EffectiveValue
    from scar.fdl.loader import ResolvedDocument
    from scar.fdl.script_variables import Site


@click.command()
@fdl_option
@names_option(
    "Name of a function: with -f one of the file, otherwise a deployed one; may be repeated."
)
@function_options
@click.option("--env", is_flag=True, help="Show the environment variables of scripts.")
@click.option(
    "--site",
    type=click.Choice(["lambda", "batch"]),
    help="With --env: where the script runs; with -f by default that of execution_mode.",
)
@click.option("--secrets", is_flag=True, help="Show the values of environment variables.")
@output_options
@target_options
@pass_session
def show(  # noqa: PLR0913 one argument per option
    session: Session,
    /,
    file: Path | None,
    names: Sequence[str],
    *,
    env: bool,
    site: Site | None,
    secrets: bool,
    yes: bool,
    **flags: object,
) -> None:
    """Show the configuration of functions and the source of each value.

    With -f, show all values of the file's functions, without AWS credentials: from the command
    line, the environment, the file (with the line), configuration files, and defaults. With -n
    alone, show the function as it is deployed.

    The folder in which scripts start is a fact of the image, not of the configuration: its WORKDIR,
    or the run's own folder if that is `/`. `scar image inspect` shows it.

    With --env, show only the environment variables. With -f these are the ones that scripts get,
    apart from the image's own and those of the run: of several values that with the highest
    precedence, and the section that it is from; of a secret where it is read, never its value.
    With -n and --site, they are those of the Lambda function or of the job definition; the
    variables of container.environment are in the image.

    \b
    Examples:
      scar show -f thumbnails.yaml
      scar show -f thumbnails.yaml --env --site batch
      scar show -n gray --env --secrets
      scar show -n gray --env --site batch
    """
    del yes
    if site and not env:
        raise click.UsageError("--site is for --env.")
    view = View(env=env, site=site, secrets=secrets)
    options, selected = FunctionFlags(**flags), tuple(dict.fromkeys(names))  # type: ignore[arg-type]
    from scar.cli.fdl_files import resolve_document

    if file is not None:
        # Together with a file, -n selects functions, where init would rename one.
        _show_resolved(session, resolve_document(session, file, options), selected, view)
    elif options.image or options.image_file:
        if len(selected) > 1:
            raise click.UsageError("-n was given twice, but the options describe one function.")
        described = replace(options, name=next(iter(selected), None))
        _show_resolved(session, resolve_document(session, file, described), (), view)
    elif selected:
        from scar.cli.shown_functions.deployed import show_deployed

        _refuse_flags(options)
        show_deployed(session, selected, view)
    else:
        raise missing_option("-n NAME", "-f FILE")


def _refuse_flags(options: FunctionFlags) -> None:
    """Raise a usage error for options that describe a function, beside a deployed one."""
    if described := sorted(options_of_values(options).values()):
        raise click.UsageError(
            f"{described[0]} has no effect on a deployed function: add -f FILE or -i IMAGE, whose"
            " values it overrides, or omit it."
        )


def _show_resolved(
    session: Session, resolved: ResolvedDocument, names: Sequence[str], view: View
) -> None:
    """Show the functions of a file, or only those that are named."""
    functions = [f.lambda_.name for f in resolved.document.functions.aws]
    for name in names:
        if name not in functions:
            raise UsageError(
                f"There is no function {name}{suggest_name(name, functions) or '.'}",
                remedy=f"The file has {', '.join(functions)}.",
            )
    shown = {
        function: view.list_values(resolved, number)
        for number, function in enumerate(functions)
        if function in names or not names
    }
    if resolved.assumed_variables:
        _explain_assumed(session, resolved)
    target = _target_values(session, resolved)
    if session.json:
        rows = {name: _values_to_json(found) for name, found in shown.items()}
        session.terminal.write_json({"where": _values_to_json(target), "functions": rows})
        return
    for title, found in {"where": target, **shown}.items():
        session.terminal.write_data(session.terminal.bold(title))
        session.terminal.write_table(
            HEAD, ((value.key, format_value(value.value), value.source) for value in found)
        )


def _explain_assumed(session: Session, resolved: ResolvedDocument) -> None:
    from scar.fdl.variables import ASSUMED_VALUES

    for name in sorted(resolved.assumed_variables):
        session.terminal.write_message(
            f"${{{name}}} is shown as {ASSUMED_VALUES[name]}: the real value is only known when"
            " scar"
            " connects to AWS, and is filled in by `scar init`."
        )


def _target_values(session: Session, resolved: ResolvedDocument) -> tuple[EffectiveValue, ...]:
    """Return where commands would connect with this file: ``Session.connection_target``."""
    from scar.cli.fdl_files import region_and_profile
    from scar.fdl.effective_values import EffectiveValue

    in_file, environment = region_and_profile(resolved.document), session.services.environment
    settings, local = session.settings, session.local
    found = []
    for key, configured in (
        ("region", settings.region),
        ("profile", settings.profile),
        ("endpoint_url", settings.endpoint_url),
        ("stage", settings.stage),
    ):
        sources = (
            (getattr(session, key), "command line" if key != "stage" else "--stage or SCAR_STAGE"),
            (environment.get(f"SCAR_{key.upper()}"), f"environment, SCAR_{key.upper()}"),
            (in_file.get(key), "the FDL file or a configuration's defaults"),
            (configured, "configuration"),
        )
        valid = sources[:1] if local and key != "stage" else sources
        value, source = next((pair for pair in valid if pair[0]), ("", ""))
        found.append(
            EffectiveValue(key=key, value=value, source=source or _default_source(key, local))
        )
    return tuple(found)


def _default_source(key: str, local: bool) -> str:
    """Return who decides about a value that neither the user nor a file sets."""
    if key == "stage":
        return "none"
    return "the local cloud" if local else "the AWS SDK: AWS_REGION, AWS_PROFILE and others"


def _values_to_json(found: tuple[EffectiveValue, ...]) -> list[dict[str, object]]:
    return [{"key": v.key, "value": v.value, "from": v.source} for v in found]
