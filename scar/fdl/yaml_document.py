"""YAML to plain data, with the place of every key and value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml

from scar.fdl.problems import Fault, Location, Position, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# eight times faster than the loader in Python, where libyaml is there
Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEPTH = 50
NODES = 100_000


class Unreadable(Exception):
    """The text is not a usable YAML document."""

    def __init__(self, *faults: Fault) -> None:
        super().__init__(str(faults[0]))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Parsed:
    """The document's data, and where each location of it stands in the text."""

    data: dict[str, Any]
    places: Mapping[Location, Position]

    def place(self, location: Location) -> Position:
        """Return where a location stands; of what is not there, where it would be."""
        while location and location not in self.places:
            location = location[:-1]
        return self.places.get(location, Position())


def parse(text: str) -> Parsed:
    """Parse one document; raise Unreadable with every fault of its form."""
    try:
        loader = Loader(text)
        try:
            node = loader.get_single_node()
            if node is None:
                raise Unreadable(Fault(position=Position(), key="", problem="the file is empty"))
            _check_size(node)
            duplicates = tuple(_duplicates(node, ()))
            data = loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise Unreadable(_fault(error, text)) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = f"not YAML: {' '.join(str(error).split())}"
        raise Unreadable(Fault(position=Position(), key="", problem=problem)) from error
    if duplicates:
        raise Unreadable(*duplicates)
    if not isinstance(data, dict):
        problem = f"the top level is {_kind(data)}; it must have the key `functions`"
        raise Unreadable(Fault(position=_position(node), key="", problem=problem))
    return Parsed(data, dict(_places(node, ())))


def _fault(error: yaml.MarkedYAMLError, text: str) -> Fault:
    mark = error.problem_mark or error.context_mark
    position = Position(mark.line + 1, mark.column + 1) if mark else Position()
    problem = f"not YAML: {error.problem or error.context}"
    lines = text.splitlines()
    line = lines[position.line - 1] if position.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        problem = "a tab in the indentation; YAML wants spaces"
    return Fault(position=position, key="", problem=problem)


def _check_size(top: yaml.Node) -> None:
    """Refuse what aliases blow up, before anything walks through it."""
    waiting, nodes = [(top, 0)], 0
    while waiting:
        node, depth = waiting.pop()
        nodes += 1
        if depth > DEPTH or nodes > NODES:
            problem = "too large or nested too deeply; an alias may lead to itself"
            raise Unreadable(Fault(position=_position(node), key="", problem=problem))
        if isinstance(node, yaml.MappingNode):
            waiting += [(part, depth + 1) for pair in node.value for part in pair]
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, depth + 1) for item in node.value]


def _duplicates(node: yaml.Node, location: Location) -> Iterator[Fault]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            here = (*location, name)
            if name in seen and name != "<<":
                yield Fault(
                    position=_position(key), key=key_of(here), problem="this key stands here twice"
                )
            seen.add(name)
            yield from _duplicates(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            yield from _duplicates(item, (*location, number))


def _places(node: yaml.Node, location: Location) -> Iterator[tuple[Location, Position]]:
    """Yield the place of every key (of list items: of the item)."""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            here = (*location, str(key.value))
            yield here, _position(key)
            yield from _places(value, here)
    elif isinstance(node, yaml.SequenceNode):
        for number, item in enumerate(node.value):
            here = (*location, number)
            yield here, _position(item)
            yield from _places(item, here)


def _position(node: yaml.Node) -> Position:
    return Position(node.start_mark.line + 1, node.start_mark.column + 1)


def _kind(data: object) -> str:
    return "a list" if isinstance(data, list) else f"the value {data!r}"
