"""``scar invoke``: invoke a function as an HTTP client would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.fdl_files import connect_names
from scar.cli.function_call import FunctionCall, find_function, read_event_file
from scar.cli.invocation.request_arguments import (
    describe_unreadable,
    open_body,
    parse_parameters,
    read_json_text,
    read_store_event,
)
from scar.cli.invocation_output import NOTHING_TO_WRITE, require_writable_output
from scar.cli.options import (
    fdl_option,
    function_option,
    output_options,
    pass_session,
    refuse_together,
    require_one_of,
    target_options,
)

if TYPE_CHECKING:
    from scar.aws.client.connection import AwsConnection
    from scar.cli.session import Session


@click.command()
@function_option()
@fdl_option
@click.option(
    "-db", "--data-binary", type=click.Path(path_type=Path), help="File to send as the body."
)
@click.option(
    "-jd", "--json-data", metavar="JSON|FILE", help="JSON to send as the body, or a file with it."
)
@click.option(
    "-p",
    "--parameters",
    metavar="NAME=VALUE|JSON",
    multiple=True,
    help="Query parameter, or several as a JSON object; scripts read CONT_VAR_<name>.",
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
    parameters: tuple[str, ...],
    *,
    asynchronous: bool,
    output_file: Path | None,
) -> None:
    """Invoke a function as an HTTP client would.

    A function with an HTTP endpoint (`api_gateway` in the FDL) is called through it, signed with
    your credentials if it demands that; bodies and results may have any size up to `max_body`.
    Another function is invoked by Lambda's API, with bodies of up to about 4.5 MB.
    JSON data that is an event of MinIO is sent as that event, by Lambda's API too.

    \b
    Examples:
      scar invoke -n gray -jd '{"width": 200}'
      scar invoke -n gray -db photo.jpg -p width=200 -o small.jpg
      scar invoke -n gray -jd request.json -a
    """
    refuse_together({"-o FILE": output_file, "-a": asynchronous}, NOTHING_TO_WRITE)
    require_writable_output(output_file)
    require_one_of({"-n NAME": name, "-f FILE": file})
    if data_binary is not None and json_data is not None:
        raise click.UsageError("-db and -jd are mutually exclusive.")
    text = None if json_data is None else read_json_text(json_data)
    query = parse_parameters(parameters)
    if note := describe_unreadable(query):
        session.terminal.write_message(note)
    connection, name = _connect(session, name, file)
    function = find_function(session, connection, name)
    call = FunctionCall(session, connection, function, output_file)
    if text is not None and (event := read_store_event(text)) is not None:
        if query:
            raise click.UsageError("-p has no effect on an event of MinIO: omit it.")
        # Lambda has checked who sends it; an open endpoint would ask for the server's token.
        call.send(event, asynchronous=asynchronous)
        return
    if endpoint := session.services.find_endpoint(connection, function):
        from scar.cli.invocation.endpoint_call import EndpointRequest

        request = EndpointRequest(
            session=session,
            connection=connection,
            endpoint=endpoint,
            function=function,
            query=query,
            body=open_body(data_binary, text),
        )
        if asynchronous:
            request.enqueue()
        else:
            request.send(output_file)
        return
    from scar.runs.invoke import request_payload

    payload = request_payload(query, _read_body(data_binary, text), is_json=text is not None)
    call.send(payload, asynchronous=asynchronous)


def _connect(session: Session, name: str | None, file: Path | None) -> tuple[AwsConnection, str]:
    """Connect; return the function's name too, that of the file's only function without -n."""
    if file is None:
        return session.connect(), name or ""
    connection, document = connect_names(session, file)
    names = [entry.lambda_.name for entry in document.functions.aws]
    if len(names) > 1:
        raise click.UsageError(
            f"{file} has several functions: select one with -n, not -f: {', '.join(names)}."
        )
    return connection, names[0]


def _read_body(file: Path | None, text: str | None) -> bytes | None:
    """Return the content of the file or the JSON text; None without either."""
    if file is not None:
        return read_event_file(file, str(file), "-db")
    return None if text is None else text.encode()
