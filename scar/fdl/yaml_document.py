"""Read an FDL file, and parse YAML to plain data with the position of every key and list item.

The values are those of ``yaml_values``: text as it is written in the file.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from scar.fdl.problems import Location, Position, Problem, format_location, written_location
from scar.fdl.scripts.wide_text import conversion_command, find_wide_encoding
from scar.fdl.yaml_values import construct_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# libyaml's loader, where available: eight times faster than the one in Python.
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
MAX_FILE_SIZE = 1 << 20  # bytes; a file of thousands of functions stays below
MAX_DEPTH = 50
MAX_NODES = 100_000  # after aliases are expanded
# Top-level keys with this prefix are the user's own, as in Compose files: a place for anchors.
EXTENSION_PREFIX = "x-"


class DocumentSyntaxError(Exception):
    """The text is not a valid YAML document; ``problems`` has at least one."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(str(problems[0]))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """The document's data, and the position of each location in the text."""

    data: dict[str, Any]
    positions: Mapping[Location, Position]

    def position_of(self, location: Location) -> Position:
        """Return the position of a location; that of the nearest key above it if it is missing."""
        location = written_location(location, self.positions)
        while location and location not in self.positions:
            location = location[:-1]
        return self.positions.get(location, Position())


def read_document_text(path: Path) -> str:
    """Return the file's text without a byte order mark; raise DocumentSyntaxError."""
    try:
        with path.open("rb") as file:
            # One byte more than allowed: the size of a pipe or a device is not known before.
            data = file.read(MAX_FILE_SIZE + 1)
    except OSError as error:
        raise _file_error(f"cannot be read: {error.strerror}") from error
    if len(data) > MAX_FILE_SIZE:
        raise _file_error(f"the file is larger than {MAX_FILE_SIZE} bytes")
    file_name = shlex.quote(str(path))
    # Looked at before it is decoded: without a mark, it is valid UTF-8 with NUL bytes.
    if encoding := find_wide_encoding(data):
        raise _file_error(
            f"the file is {encoding} text, as PowerShell's > writes it, not UTF-8; convert it:"
            f" {conversion_command(encoding, file_name)}"
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        raise _file_error(
            f"the byte {data[error.start]:#04x} is not UTF-8 text; if the file is Latin-1, convert"
            f" it: {conversion_command('ISO-8859-1', file_name)}",
            Position(
                line=before.count(b"\n") + 1,
                column=len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1,
            ),
        ) from error


def parse_document(text: str) -> ParsedDocument:
    """Parse one YAML document; raise DocumentSyntaxError, with all duplicate keys at once.

    Top-level keys that begin with ``x-`` are left out.
    """
    try:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise DocumentSyntaxError(
                    Problem(position=Position(), key="", message="the file is empty")
                )
            _check_size(node)
            duplicates = tuple(_find_duplicate_keys(node, ()))
            data = construct_value(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise DocumentSyntaxError(_syntax_problem(error, text)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = f"invalid YAML: {' '.join(str(error).split())}"
        raise DocumentSyntaxError(Problem(position=Position(), key="", message=problem)) from error
    if duplicates:
        raise DocumentSyntaxError(*duplicates)
    if not isinstance(data, dict):
        problem = f"the top level is {_describe_value(data)}; it must have the key `functions`"
        raise DocumentSyntaxError(Problem(position=_node_position(node), key="", message=problem))
    data = {key: value for key, value in data.items() if not key.startswith(EXTENSION_PREFIX)}
    return ParsedDocument(data, dict(_iter_key_positions(node, ())))


def _syntax_problem(error: yaml.MarkedYAMLError, text: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    position = Position(mark.line + 1, mark.column + 1) if mark else Position()
    problem = f"invalid YAML: {error.problem or error.context}"
    lines = text.splitlines()
    line = lines[position.line - 1] if position.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        problem = "a tab in the indentation; YAML requires spaces"
    elif isinstance(error, yaml.composer.ComposerError) and "another document" in problem:
        problem = (
            "invalid YAML: another document begins here; a file has one: remove the line `---`, and"
            " list all functions below one functions.aws"
        )
    return Problem(position=position, key="", message=problem)


def _check_size(top: yaml.Node) -> None:
    """Raise DocumentSyntaxError for a document that is too large or too deep.

    Nodes are counted as often as aliases refer to them: a short text with nested aliases ("billion
    laughs") could use up all memory when its data is constructed or copied.
    """
    pending, nodes = [(top, 0)], 0
    while pending:
        node, depth = pending.pop()
        nodes += 1
        if depth > MAX_DEPTH or nodes > MAX_NODES:
            problem = "too large or nested too deeply; an alias may contain itself"
            raise DocumentSyntaxError(
                Problem(position=_node_position(node), key="", message=problem)
            )
        if isinstance(node, yaml.MappingNode):
            pending += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            pending += [(item, depth + 1) for item in node.value]


def _find_duplicate_keys(node: yaml.Node, location: Location) -> Iterator[Problem]:
    if isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            child = (*location, name)
            if name in names and name != "<<":  # "<<" merges a mapping and may be repeated
                yield Problem(
                    position=_node_position(key),
                    key=format_location(child),
                    message="duplicate key",
                )
            names.add(name)
            yield from _find_duplicate_keys(value, child)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _find_duplicate_keys(item, (*location, number))


def _iter_key_positions(node: yaml.Node, location: Location) -> Iterator[tuple[Location, Position]]:
    """Yield the position of every key and of every list item."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            child = (*location, str(key.value))
            yield child, _node_position(key)
            yield from _iter_key_positions(value, child)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            child = (*location, number)
            yield child, _node_position(item)
            yield from _iter_key_positions(item, child)


def _node_position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _describe_value(data: object) -> str:
    return "a list" if isinstance(data, list) else f"the value {data!r}"


def _file_error(message: str, position: Position | None = None) -> DocumentSyntaxError:
    return DocumentSyntaxError(Problem(position=position or Position(), key="", message=message))
