"""The FDL as a JSON Schema, made from the model: ``scar schema``. Pure.

The model tells what values are; what people may write instead (one value for a list, a number
for a text, nothing for defaults, Lambda's own spellings) is added here.
"""

from __future__ import annotations

from typing import Any

from scar.aws.model import limits
from scar.fdl.model import FdlDocument, FileSystemSpec, NetworkSpec

DIALECT = "http://json-schema.org/draft-07/schema#"  # what YAML language servers know
_TEXT = {"type": ["string", "number"]}

JsonSchema = dict[str, Any]


def build_schema() -> JsonSchema:
    """Return the schema; it takes all documents that load, and some that rules refuse."""
    found = FdlDocument.model_json_schema()
    parts: dict[str, JsonSchema] = found["$defs"]
    for part in (found, *parts.values()):
        _widen_properties(part)
    for model in (NetworkSpec, FileSystemSpec):
        part = parts[model.__name__]
        part.pop("required", None)  # by one name or the other
        for spelling, key in model.alternate_keys.items():
            part["properties"][spelling] = part["properties"][key]
    size = parts["LambdaSpec"]["properties"]["ephemeral_storage"]
    parts["LambdaSpec"]["properties"]["ephemeral_storage"] = _any_of(size, _size_object(size))
    days = parts["CloudWatchSpec"]["properties"]["log_retention_policy_in_days"]
    days["enum"] = sorted(limits.LOG_RETENTION_DAYS)
    one = {"$ref": "#/$defs/FileSystemSpec"}
    files = parts["LambdaSpec"]["properties"]["file_system"]
    parts["LambdaSpec"]["properties"]["file_system"] = _any_of(files, one)
    return {"$schema": DIALECT, "title": "Functions Definition Language", **found}


def _widen_properties(part: JsonSchema) -> None:
    """Take in a part of the FDL what the loader takes for its values."""
    part.pop("title", None)
    for name, value in part.get("properties", {}).items():
        value.pop("title", None)
        part["properties"][name] = _widen_value(name, value)


def _widen_value(name: str, value: JsonSchema) -> JsonSchema:
    if "$ref" in value:
        # In this dialect, nothing beside a reference is read.
        described: JsonSchema = (
            {"description": value["description"]} if "description" in value else {}
        )
        return {**described, "anyOf": [{"$ref": value["$ref"]}, {"type": "null"}]}
    if value.get("type") == "array":
        return _widen_array(value)
    if isinstance(value.get("additionalProperties"), dict):
        inner = value["additionalProperties"]
        value["additionalProperties"] = inner if "$ref" in inner else _TEXT
        return _any_of(value, {"type": "null"})
    if name in ("version", "license"):
        return {**value, **_TEXT}
    for choice in value.get("anyOf", ()):
        choice.pop("format", None)
    return value


def _widen_array(value: JsonSchema) -> JsonSchema:
    if "$ref" in value["items"]:
        return value if value.get("minItems") else _any_of(value, {"type": "null"})
    value["items"] = _TEXT
    return _any_of(value, _TEXT, {"type": "null"})


def _size_object(size: JsonSchema) -> JsonSchema:
    plain = {key: value for key, value in size.items() if key not in ("default", "description")}
    return {"type": "object", "properties": {"Size": plain}, "required": ["Size"]}


def _any_of(value: JsonSchema, *others: JsonSchema) -> JsonSchema:
    """Take one of several forms; what is said of the value stays with all of them."""
    shared: JsonSchema = {key: value[key] for key in ("description", "default") if key in value}
    first = {key: item for key, item in value.items() if key not in shared}
    choices = first.pop("anyOf", [first])
    return {**shared, "anyOf": [*choices, *others]}
