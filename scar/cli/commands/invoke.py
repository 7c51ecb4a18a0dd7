"""``scar invoke``: call a function as an HTTP client would."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.commands.run import Call, find
from scar.cli.fdl_files import connect_names
from scar.cli.invocation_output import require_place
from scar.cli.options import fdl_option, one_of, output_options, pass_session, target_options
from scar.errors import UsageError

if TYPE_CHECKING:
    from scar.cli.session import Session


@click.command()
@click.option("-n", "--name", help="Name of the function.")
@fdl_option
@click.option(
    "-db", "--data-binary", type=click.Path(path_type=Path), help="File to send as the body."
)
@click.option("-jd", "--json-data", metavar="JSON", help="JSON to send as the body.")
@click.option(
    "-p",
    "--parameters",
    metavar="JSON",
    help="Query parameters, as a JSON object; scripts see CONT_VAR_<name>.",
)
@click.option("-a", "--asynchronous", is_flag=True, help="Do not wait for the answer.")
@click.option("-o", "--output-file", type=click.Path(path_type=Path), help="Write the output here.")
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
    """Call a function as an HTTP client would."""
    require_place(output_file)
    one_of({"-n": name, "-f": file})
    if data_binary is not None and json_data is not None:
        raise click.UsageError("-db and -jd exclude each other.")
    body = _body(data_binary, json_data)
    query = _parameters(parameters)
    if file is not None:
        connection, document = connect_names(session, file)
        names = [entry.lambda_.name for entry in document.functions.aws]
        if len(names) > 1:
            raise click.UsageError(f"{file} has several: give -n with one of {', '.join(names)}.")
        name = names[0]
    else:
        connection = session.connect()
    from scar.runs.call import request_payload

    payload = request_payload(query, body, is_json=json_data is not None)
    function = find(session, connection, name or "")
    call = Call(session, connection, function, output_file)
    call.once(payload, asynchronous=asynchronous)


def _body(file: Path | None, text: str | None) -> bytes | None:
    if file is not None:
        try:
            return file.read_bytes()
        except OSError as error:
            raise UsageError(
                f"{file} cannot be read: {error.strerror}.", remedy="Check -db."
            ) from error
    if text is None:
        return None
    _json("-jd", text)
    return text.encode()


def _parameters(text: str | None) -> dict[str, str]:
    """Read the parameters; of a list, values are joined by commas, as API Gateway does."""
    if text is None:
        return {}
    value = _json("-p", text)
    if not isinstance(value, dict):
        raise click.UsageError('-p takes a JSON object, such as \'{"name": "value"}\'.')
    return {name: _parameter(one) for name, one in value.items()}


def _parameter(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_parameter, value))
    return value if isinstance(value, str) else json.dumps(value)


def _json(option: str, text: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"The value of {option} is not JSON: {error}.") from error
    return value
