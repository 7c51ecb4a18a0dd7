"""Show functions as they are deployed."""

from __future__ import annotations

import json
from dataclasses import asdict, fields, is_dataclass
from typing import TYPE_CHECKING

from scar.cli.shown_functions.view import HEAD, format_value
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.aws.model.resources import Resource
    from scar.cli.session import Session
    from scar.cli.shown_functions.view import View
    from scar.fdl.script_variables import Site


def show_deployed(session: Session, names: Sequence[str], view: View) -> None:
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
        session.terminal.write_table(HEAD, rows)
    session.terminal.write_message(
        "The variables of container.environment are in the image, and are not shown:"
        " `scar show -f FILE --env` shows them all."
    )


def _flatten(key: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield a row for each member of a document or section, such as ``cors.max_age``; else one."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            value = json.loads(value)
        except ValueError:  # text that only looks so
            yield key, str(value)
            return
    elif is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _flatten(f"{key}.{name}", member)
    else:
        yield key, format_value(value)


def _resource_rows(resource: Resource, *, secrets: bool) -> Iterator[tuple[str, str, object]]:
    """Yield resource, field and value; values of environment variables may be secrets."""
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
