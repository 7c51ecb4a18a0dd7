"""``scar show``: show the configuration of functions, as described or as deployed."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from scar.cli.function_flags import FunctionFlags
from scar.cli.function_options import function_options
from scar.cli.options import (
    fdl_option,
    missing_option,
    output_options,
    pass_session,
    target_options,
)
from scar.cli.run_selection.run_options import names_option
from scar.errors import UsageError
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from scar.aws.model.resources import Resource
    from scar.cli.session import Session
    from scar.fdl.effective_values import EffectiveValue
    from scar.fdl.loader import ResolvedDocument
    from scar.fdl.script_variables import Site

_HEAD = ("KEY", "VALUE", "FROM")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of a function is shown: all values, or the variables of scripts (``env``)."""

    env: bool
    site: Site | None
    secrets: bool

    def list_values(self, resolved: ResolvedDocument, number: int) -> tuple[EffectiveValue, ...]:
        from scar.fdl.effective_values import list_effective_values
        from scar.fdl.script_variables import list_script_variables

        if not self.env:
            return list_effective_values(resolved, number, secrets=self.secrets)
        mode = resolved.document.functions.aws[number].lambda_.execution_mode.value
        site = self.site or ("batch" if mode == "batch" else "lambda")
        return list_script_variables(resolved, number, site, secrets=self.secrets)


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
        _show_deployed(session, selected, view)
    else:
        raise missing_option("-n NAME", "-f FILE")


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
            _HEAD, ((value.key, _format_value(value.value), value.source) for value in found)
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


def _format_value(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _show_deployed(session: Session, names: Sequence[str], view: View) -> None:
    """Show the deployed resources of functions with all fields; raise FunctionNotFoundError."""
    from scar.runs.logs import FunctionNotFoundError

    connection = session.connect()
    found: dict[str, list[tuple[str, str, object]]] = {}
    for name in names:
        resources = session.services.function_resources(connection, name)
        if not resources:
            session.services.raise_if_made_by_scar4(connection, name)
            known = session.services.list_function_names(connection)
            raise FunctionNotFoundError(name, known)
        if view.site:
            resources = _resources_of_site(name, resources, view.site)
        shown = (row for r in resources for row in _resource_rows(r, secrets=view.secrets))
        found[name] = [row for row in shown if not view.env or row[1].startswith("environment.")]
    if view.site:
        _show_variables(session, connection.account.region, view.site, found)
        return
    if session.json:
        functions = {
            name: [{"resource": p, "key": k, "value": v, "from": "AWS"} for p, k, v in rows]
            for name, rows in found.items()
        }
        where = [{"key": "region", "value": connection.account.region, "from": "connection"}]
        session.terminal.write_json({"where": where, "functions": functions})
        return
    for name, rows in found.items():
        if len(found) > 1:
            session.terminal.write_data(session.terminal.bold(name))
        cells = [(p, *cell) for p, k, v in rows for cell in _flatten(k, v)]
        session.terminal.write_table(("RESOURCE", "KEY", "VALUE"), cells)


def _resources_of_site(name: str, resources: Sequence[Resource], site: Site) -> Sequence[Resource]:
    """Return the resource that has the variables of scripts in Lambda, or in Batch."""
    from scar.aws.model.resources import JobDefinition, LambdaFunction

    kind = JobDefinition if site == "batch" else LambdaFunction
    found = [resource for resource in resources if isinstance(resource, kind)]
    if not found:
        raise UsageError(
            f"The function {name} has no part in AWS Batch.", remedy="Omit --site batch."
        )
    return found


def _show_variables(
    session: Session, region: str, site: Site, found: dict[str, list[tuple[str, str, object]]]
) -> None:
    """Show the variables of each function in the form of those of a file.

    Lambda itself sets the Region; a job definition has it.
    """
    own = {"AWS_DEFAULT_REGION": region, "AWS_REGION": region} if site == "lambda" else {}
    shown = {
        name: sorted(
            [
                *((key, value, f"AWS {site.title()}") for key, value in own.items()),
                *((key.removeprefix("environment."), str(value), r) for r, key, value in rows),
            ]
        )
        for name, rows in found.items()
    }
    if session.json:
        where = [{"key": "region", "value": region, "from": "connection"}]
        functions = {
            name: [{"key": key, "value": value, "from": origin} for key, value, origin in rows]
            for name, rows in shown.items()
        }
        session.terminal.write_json({"where": where, "functions": functions})
        return
    for name, rows in shown.items():
        if len(shown) > 1:
            session.terminal.write_data(session.terminal.bold(name))
        session.terminal.write_table(_HEAD, rows)
    session.terminal.write_message(
        "The variables of container.environment are in the image, and are not shown:"
        " `scar show -f FILE --env` shows them all."
    )


def _flatten(key: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield a row for each member of a document, such as ``text.batch.queue``; else one row."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:  # text that only looks so
            yield key, str(value)
            return
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _flatten(f"{key}.{name}", member)
    else:
        yield key, _format_value(value)


def _resource_rows(resource: Resource, *, secrets: bool) -> Iterator[tuple[str, str, object]]:
    """Yield resource, field and value; values of environment variables may be secrets."""
    from dataclasses import fields

    from scar.aws.model.resources import BatchTargetRecord
    from scar.hidden_text import MASK, HiddenText

    for field in fields(resource):
        value = getattr(resource, field.name)
        # The field "environment" of other resources is the name of a compute environment.
        if field.name == "environment" and isinstance(value, tuple):
            for variable, text in value:
                yield str(resource.key), f"environment.{variable}", text if secrets else MASK
        elif isinstance(value, HiddenText):
            yield str(resource.key), field.name, MASK
        elif field.name == "text" and isinstance(resource, BatchTargetRecord):
            # A part of a function.json: settings of the image are not in it, only their defaults.
            record = {key: item for key, item in json.loads(value).items() if key != "image"}
            yield str(resource.key), field.name, json.dumps(record)
        elif field.name != "name":
            yield str(resource.key), field.name, value
