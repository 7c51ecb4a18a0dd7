"""``scar show``: the complete configuration of functions, and where each value is from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from scar.cli.commands.init import function_options
from scar.cli.function_flags import Flags
from scar.cli.options import fdl_option, output_options, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from scar.cli.session import Session
    from scar.fdl.load import Resolved
    from scar.fdl.shown import Value


_HEAD = ("KEY", "VALUE", "FROM")


@click.command()
@fdl_option
@function_options
@click.option("--env", "secrets", is_flag=True, help="Show the values of environment variables.")
@output_options
@target_options
@pass_session
def show(
    session: Session,
    /,
    file: Path | None,
    *,
    secrets: bool,
    dry_run: bool,
    yes: bool,
    **flags: object,
) -> None:
    """Show the configuration of functions and where each value is from.

    Of a file (-f) everything is shown, without credentials: values of the command line, the
    environment, the file and its line, configuration files, and defaults. With -n alone, the
    function as it is deployed.
    """
    del dry_run, yes
    given = Flags(**flags)  # type: ignore[arg-type]
    if file is None and given.name and not (given.image or given.image_file):
        from scar.cli.deployed import show_deployed

        show_deployed(session, given.name, secrets=secrets)
        return
    if file is None and not given.name:
        raise click.UsageError("Give -f FILE or -n NAME.")
    from scar.cli.fdl_files import resolve_document

    named = given.name if file is not None else None
    resolved = resolve_document(session, file, _unnamed(given) if named else given)
    _show(session, resolved, named, secrets=secrets)


def _unnamed(flags: Flags) -> Flags:
    """With a file, -n chooses one of its functions and renames none."""
    from dataclasses import replace

    return replace(flags, name=None)


def _show(session: Session, resolved: Resolved, name: str | None, *, secrets: bool) -> None:
    from scar.fdl.shown import values

    functions = [f.lambda_.name for f in resolved.document.functions.aws]
    if name and name not in functions:
        raise UsageError(f"There is no function {name}.", remedy=f"It has {', '.join(functions)}.")
    shown = {
        function: values(resolved, number, secrets=secrets)
        for number, function in enumerate(functions)
        if function == name or not name
    }
    if resolved.assumed:
        _tell_assumed(session, resolved)
    where = _where(session, resolved)
    if session.json:
        functions_of = {name: _rows(found) for name, found in shown.items()}
        session.terminal.json({"where": _rows(where), "functions": functions_of})
        return
    session.terminal.data(session.terminal.bold("where"))
    session.terminal.table(_HEAD, ((v.key, _written(v.value), v.source) for v in where))
    for function, found in shown.items():
        session.terminal.data(session.terminal.bold(function))
        rows = ((value.key, _written(value.value), value.source) for value in found)
        session.terminal.table(_HEAD, rows)


def _tell_assumed(session: Session, resolved: Resolved) -> None:
    from scar.fdl.variables import ASSUMED

    for name in sorted(resolved.assumed):
        session.terminal.say(
            f"${{{name}}} is shown as {ASSUMED[name]}: without credentials it is not known."
            " Deployment fills in the real one."
        )


def _where(session: Session, resolved: Resolved) -> tuple[Value, ...]:
    """Say where commands would go with this file, as ``Session.target`` decides."""
    from scar.cli.fdl_files import wishes
    from scar.fdl.shown import Value

    wished, environment = wishes(resolved.document), session.world.environment
    settings, local = session.settings, session.local
    found = []
    for key, of_settings in (
        ("region", settings.region),
        ("profile", settings.profile),
        ("endpoint_url", settings.endpoint_url),
        ("stage", settings.stage),
    ):
        places = (
            (getattr(session, key), "command line" if key != "stage" else "--stage or SCAR_STAGE"),
            (environment.get(f"SCAR_{key.upper()}"), f"environment, SCAR_{key.upper()}"),
            (wished.get(key), "the FDL file or a configuration's defaults"),
            (of_settings, "configuration"),
        )
        given = places[:1] if local and key != "stage" else places
        value, source = next((pair for pair in given if pair[0]), ("", "the SDK"))
        found.append(Value(key=key, value=value, source=source if value else _of_sdk(key, local)))
    return tuple(found)


def _of_sdk(key: str, local: bool) -> str:
    if key == "stage":
        return "none"
    return "the local cloud" if local else "left to the SDK: AWS_REGION, AWS_PROFILE and the like"


def _rows(found: tuple[Value, ...]) -> list[dict[str, object]]:
    return [{"key": v.key, "value": v.value, "from": v.source} for v in found]


def _written(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
