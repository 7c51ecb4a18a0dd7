"""The body and the query of a request, as the options of ``scar invoke`` give them."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scar.cli.function_call import read_event_file
from scar.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scar.runs.endpoints.calls import CallBody

_PARAMETER_FORM = '-p must be NAME=VALUE, or a JSON object such as \'{"name": "value"}\''
_VARIABLE_PART = re.compile(r"[A-Za-z0-9_]+")


def parse_parameters(texts: Sequence[str]) -> dict[str, str]:
    """Return the query parameters of JSON objects and of ``name=value``.

    Values of a list, or of the same name, are joined by commas, as in API Gateway.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        for name, value in _parse_one(text).items():
            found.setdefault(name, []).append(value)
    return {name: ",".join(values) for name, values in found.items()}


def describe_unreadable(names: Iterable[str]) -> str:
    """Return a note about parameters that shells have no variable for; empty if there is none."""
    unreadable = [name for name in names if not _VARIABLE_PART.fullmatch(name)]
    if not unreadable:
        return ""
    return (
        f"Note: shells cannot read the variables of {', '.join(unreadable)}: names of variables"
        " have letters, digits and _ only. Scripts read all parameters in EVENT."
    )


def _parse_one(text: str) -> dict[str, str]:
    if not text.lstrip().startswith(("{", "[", '"')):
        name, equals, value = text.partition("=")
        if name and equals:
            return {name: value}
        raise click.UsageError(f"{_PARAMETER_FORM}, not {text!r}.")
    value_of_json = parse_json("-p", text)
    if not isinstance(value_of_json, dict):
        raise click.UsageError(f"{_PARAMETER_FORM}.")
    return {name: _parameter_value(item) for name, item in value_of_json.items()}


def _parameter_value(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(_parameter_value, value))
    return value if isinstance(value, str) else json.dumps(value)


def read_json_text(text: str) -> str:
    """Return the JSON of ``-jd``: the value itself, or the content of the file that it names."""
    try:
        json.loads(text)  # only a check: the text is sent as the user wrote it
    except ValueError:
        path = Path(text)
        if not _is_file(path):
            _require_file_or_json(text)
        try:
            # A regular file of any size: whether its function has an endpoint, which takes large
            # bodies, is not known yet.
            text = path.read_bytes().decode()
            json.loads(text)
        except OSError as error:
            raise UsageError(
                f"{path} cannot be read: {error.strerror}.", remedy="Check -jd."
            ) from error
        except ValueError as error:
            raise UsageError(f"{path} is not JSON: {error}.", remedy="Check -jd.") from error
    return text


def read_store_event(text: str) -> dict[str, object] | None:
    """Return the document if it is an event of MinIO, also a delegated one; None for data."""
    from supervisor.errors import EventError
    from supervisor.events.parser import MINIO, parse_event
    from supervisor.invocation import ObjectEvent

    if "minio:s3" not in text:
        return None
    try:
        triggers = parse_event(text.encode())
    except EventError as error:
        raise UsageError(f"-jd: {error.problem}", remedy=error.remedy) from error
    if not triggers or not all(
        isinstance(found, ObjectEvent) and found.source.provider == MINIO for found in triggers
    ):
        return None
    document: dict[str, object] = json.loads(text)
    return document


def _require_file_or_json(text: str) -> None:
    """Raise a usage error for what is neither JSON nor the name of a file."""
    if text.lstrip().startswith(("{", "[", '"')):
        parse_json("-jd", text)
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    what = "a folder" if _is_folder(Path(text)) else "no file of this name"
    raise click.UsageError(f"The value of -jd is not JSON, and there is {what}: {shown!r}.")


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a name, or with a NUL
        return False


def parse_json(option: str, text: str) -> object:
    """Return a JSON value; raise a usage error that names the option."""
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise click.UsageError(f"The value of {option} is not JSON: {error}.") from error
    return value


def open_body(file: Path | None, text: str | None) -> CallBody | None:
    """Return the body for an endpoint: a regular file is only opened when it is sent."""
    from scar.runs.endpoints.calls import CallBody

    if text is not None:
        return CallBody(content=text.encode(), content_type="application/json")
    if file is None:
        return None
    try:
        status = file.stat()
    except OSError as error:
        raise UsageError(
            f"{file} cannot be read: {error.strerror}.", remedy="Check -db."
        ) from error
    if not stat.S_ISREG(status.st_mode):  # a pipe has no size: it must fit into an event
        return CallBody(content=read_event_file(file, str(file), "-db"))
    return CallBody(file=file, size=status.st_size)
