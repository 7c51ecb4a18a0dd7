"""``scar invoke``: invoke a function as an HTTP client would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.fdl_files import connect_names
from scar.cli.function_call import FunctionCall, find_function, read_event_file
from scar.cli.invocation_output import require_writable_output
from scar.cli.options import (
    fdl_option,
    function_option,
    output_options,
    pass_session,
    require_one_of,
    target_options,
)

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@function_option()
@fdl_option
@click.option(
    "-db", "--data-binary", type=click.Path(path_type=Path), help="File to send as the body."
)
@click.option("-jd", "--json-data", metavar="JSON", help="JSON to send as the body.")
@click.option(
    "-p",
    "--parameters",
    metavar="JSON",
    help="Query parameters as a JSON object; scripts read CONT_VAR_<name>.",
)
@click.option("-a", "--asynchronous", is_flag=True, help="Do not wait for the response.")
@click.option(
    "-o", "--output-file", type=click.Path(path_type=Path), help="Write the output to this file."
)
@output_options
@target_options
@pass_session
def invoke(  # noqa: PLR0913 one argument per option
    session: Session,
    name: str | None,
    file: Path | None,
    data_binary: Path | None,
    json_data: str | None,
    parameters: str | None,
    *,
    asynchronous: bool,
    output_file: Path | None,
) -> None:
    """Invoke a function as an HTTP client would.

    \b
    Examples:
      scar invoke -n gray -jd '{"width": 200}'
      scar invoke -n gray -db photo.jpg -p '{"width": 200}' -o small.jpg
    """
    require_writable_output(output_file)
    require_one_of({"-n NAME": name, "-f FILE": file})
    if data_binary is not None and json_data is not None:
        raise click.UsageError("-db and -jd are mutually exclusive.")
    body = _read_body(data_binary, json_data)
    query = _parse_parameters(parameters)
    if file is not None:
        connection, document = connect_names(session, file)
        names = [entry.lambda_.name for entry in document.functions.aws]
        if len(names) > 1:
            raise click.UsageError(
                f"{file} has several functions: select one with -n, not -f: {', '.join(names)}."
            )
        name = names[0]
    else:
        connection = session.connect()
    from scar.runs.invoke import request_payload

    payload = request_payload(query, body, is_json=json_data is not None)
    function = find_function(session, connection, name or "")
    call = FunctionCall(session, connection, function, output_file)
    call.send(payload, asynchronous=asynchronous)


def _read_body(file: Path | None, text: str | None) -> bytes | None:
    """Return the content of the file or the JSON text; None without either."""
    if file is not None:
        return read_event_file(file, str(file), "-db")
    if text is None:
        return None
    _parse_json("-jd", text)  # only a check: the text is sent as the user wrote it
    return text.encode()


def _parse_parameters(text: str | None) -> dict[str, str]:
    """Return the query parameters; values of a list are joined by commas, as in API Gateway."""
    if text is None:
        return {}
    value = _parse_json("-p", text)
    if not isinstance(value, dict):
        raise click.UsageError('-p must be a JSON object, such as \'{"name": "value"}\'.')
    return {name: _parameter_value(item) for name, item in value.items()}


def _parameter_value(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_parameter_value, value))
    return value if isinstance(value, str) else json.dumps(value)


def _parse_json(option: str, text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"The value of {option} is not JSON: {error}.") from error
    return value
