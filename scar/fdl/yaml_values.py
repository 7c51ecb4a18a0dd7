"""Convert YAML nodes to plain data in which values are text as it is written in the file.

YAML 1.1 resolves ``1.10`` to 1.1, ``0042`` to 34, ``12:30:45`` to 45045 and ``2024_01`` to 202401
before anybody knows which type the key has. Here only null, booleans, lists and mappings have
types of their own. All other scalars stay text, and the type of the field decides: text fields
take it as it is, number fields accept decimal numbers (``field_types.check_number``). Keys of
mappings are always text, ``ON`` and ``0042`` too.
"""

from __future__ import annotations

from typing import Any

import yaml
from yaml.constructor import ConstructorError

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_BOOLEANS = yaml.constructor.SafeConstructor.bool_values
# `=` has a tag of its own in YAML 1.1.
_TEXT_TAGS = frozenset(f"{_TAG}{kind}" for kind in ("str", "int", "float", "timestamp", "value"))


def construct_value(node: yaml.Node) -> Any:  # noqa: ANN401 - any YAML
    """Return the data of a node; raise ConstructorError for tags and keys that are not supported.

    The depth of the nodes must have been checked.
    """
    match node:
        case yaml.ScalarNode():
            return _construct_scalar(node)
        case yaml.SequenceNode() if node.tag == f"{_TAG}seq":
            return [construct_value(item) for item in node.value]
        case yaml.MappingNode() if node.tag == f"{_TAG}map":
            return _construct_mapping(node)
    raise _unsupported_tag(node)


def _construct_scalar(node: yaml.ScalarNode) -> str | bool | None:
    text: str = node.value
    if node.tag in _TEXT_TAGS or node.tag == _MERGE:
        return text
    if node.tag == f"{_TAG}null":
        return None
    if node.tag == f"{_TAG}bool" and text.lower() in _BOOLEANS:
        return bool(_BOOLEANS[text.lower()])
    raise _unsupported_tag(node)


def _construct_mapping(node: yaml.MappingNode) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    own: dict[str, Any] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConstructorError(
                None, None, "a key must be text; put text in {braces} or [brackets] in quotes",
                key.start_mark,
            )  # fmt: skip
        if key.tag == _MERGE:
            merged = {**merged, **_merged_mappings(value)}
        else:
            own[key.value] = construct_value(value)
    return {**merged, **own}


def _merged_mappings(node: yaml.Node) -> dict[str, Any]:
    """Return the keys that ``<<`` adds: of a mapping, or of a list of mappings."""
    mappings = node.value if isinstance(node, yaml.SequenceNode) else [node]
    result: dict[str, Any] = {}
    for mapping in mappings:
        if not isinstance(mapping, yaml.MappingNode):
            raise ConstructorError(
                None, None, "`<<` needs a mapping, or a list of mappings", mapping.start_mark
            )
        # Of several mappings, the first one that has a key wins.
        result = {**_construct_mapping(mapping), **result}
    return result


def _unsupported_tag(node: yaml.Node) -> ConstructorError:
    shown = f"!!{node.tag.removeprefix(_TAG)}" if node.tag.startswith(_TAG) else node.tag
    return ConstructorError(
        None, None, f"the tag {shown} is not supported here; put the value in quotes",
        node.start_mark,
    )  # fmt: skip
