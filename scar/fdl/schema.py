"""Build the FDL's JSON Schema from the model, for editors (``scar schema``).

pydantic's schema describes values after conversion. This module adds the forms that the loader
converts: one value for a list, a number for text, null for defaults, Lambda's own spellings.
"""

from __future__ import annotations

from typing import Any

from scar.aws.model import limits
from scar.fdl.model import (
    ComputeResourcesSpec,
    FdlDocument,
    FileSystemSpec,
    NetworkSpec,
    UlimitSpec,
)
from scar.fdl.scar_words.schema_words import add_words
from scar.fdl.yaml_document import EXTENSION_PREFIX

DIALECT = "http://json-schema.org/draft-07/schema#"  # supported by YAML language servers
_TEXT = {"type": ["string", "number"]}
_INTEGER = {"type": "integer"}

JsonSchema = dict[str, Any]


def build_schema() -> JsonSchema:
    """Return the schema. It accepts every document that loads, and some that the rules reject."""
    schema = FdlDocument.model_json_schema()
    definitions: dict[str, JsonSchema] = schema["$defs"]
    for section in (schema, *definitions.values()):
        _widen_properties(section)
    for model in (NetworkSpec, FileSystemSpec, ComputeResourcesSpec):
        section = definitions[model.__name__]
        # A required key may be written in either spelling, which "required" cannot express.
        section.pop("required", None)
        for spelling, key in model.alternate_keys.items():
            section["properties"][spelling] = section["properties"][key]
    lambda_properties = definitions["LambdaSpec"]["properties"]
    size = lambda_properties["ephemeral_storage"]
    lambda_properties["ephemeral_storage"] = _any_of(size, _size_object(size))
    days = definitions["CloudWatchSpec"]["properties"]["log_retention_policy_in_days"]
    days["enum"] = sorted(limits.LOG_RETENTION_DAYS)
    batch_properties = definitions["BatchSpec"]["properties"]
    compute_properties = definitions["ComputeResourcesSpec"]["properties"]
    size = definitions["DiskSpec"]["properties"]["size"]
    compute_properties["disk"] = _any_of(compute_properties["disk"], {"type": size["type"]})
    _accept_one_number(definitions["UlimitSpec"], batch_properties["ulimits"])
    levels = lambda_properties["log_level"]["enum"]
    levels += [level.lower() for level in levels]
    architecture = lambda_properties["architecture"]
    of_one = {
        "type": "array",
        "items": {"enum": architecture["enum"]},
        "minItems": 1,
        "maxItems": 1,
    }
    lambda_properties["architecture"] = _any_of(architecture, of_one)
    lambda_properties["architectures"] = lambda_properties["architecture"]
    add_words(schema)
    schema["patternProperties"] = {f"^{EXTENSION_PREFIX}": {}}
    return {"$schema": DIALECT, "title": "Functions Definition Language", **schema}


def _widen_properties(section: JsonSchema) -> None:
    """Accept for the values of a section all forms that the loader accepts."""
    section.pop("title", None)
    for name, value in section.get("properties", {}).items():
        value.pop("title", None)
        section["properties"][name] = _widen_value(value)


def _widen_value(value: JsonSchema) -> JsonSchema:
    if "$ref" in value:
        # Draft 7 ignores all keywords next to "$ref", so the reference becomes a choice.
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
    if value.get("type") == "string" and "enum" not in value:
        return {**value, **_TEXT}
    # Editors would check "format": "path", which JSON Schema does not define.
    for choice in value.get("anyOf", ()):
        choice.pop("format", None)
    return value


def _widen_array(value: JsonSchema) -> JsonSchema:
    if "$ref" in value["items"]:
        # A single mapping is taken as a list of one, except for ``functions.aws``.
        return value if value.get("minItems") else _any_of(value, value["items"], {"type": "null"})
    value["items"] = _TEXT
    return _any_of(value, _TEXT, {"type": "null"})


def _accept_one_number(limit: JsonSchema, limits_by_name: JsonSchema) -> None:
    """Accept for a resource limit one number, and Docker's spelling of the two."""
    limit.pop("required", None)
    for spelling, key in UlimitSpec.alternate_keys.items():
        limit["properties"][spelling] = limit["properties"][key]
    mapping = next(form for form in limits_by_name["anyOf"] if form.get("type") == "object")
    mapping["additionalProperties"] = {"anyOf": [mapping["additionalProperties"], _INTEGER]}


def _size_object(size: JsonSchema) -> JsonSchema:
    plain = {key: value for key, value in size.items() if key not in ("default", "description")}
    return {"type": "object", "properties": {"Size": plain}, "required": ["Size"]}


def _any_of(value: JsonSchema, *others: JsonSchema) -> JsonSchema:
    """Return a schema of several forms; description and default stay outside the choices."""
    shared: JsonSchema = {key: value[key] for key in ("description", "default") if key in value}
    first = {key: item for key, item in value.items() if key not in shared}
    choices = first.pop("anyOf", [first])
    return {**shared, "anyOf": [*choices, *others]}
