"""Add SCAR's words without effect to the FDL's JSON Schema: an editor takes them as scar does."""

from __future__ import annotations

from typing import Any

from scar.fdl.scar_words import file_words, table
from scar.fdl.scar_words.entries import AUTHORIZATION
from scar.fdl.scar_words.scar_defaults import DEFAULTS
from scar.fdl.scar_words.word import Treatment

JsonSchema = dict[str, Any]
_REFERENCE = "#/$defs/"


def add_words(schema: JsonSchema) -> None:
    """Add the words to a schema that refers to a definition for each section of the FDL."""
    definitions: dict[str, JsonSchema] = schema["$defs"]
    for location, word in file_words.WORDS.items():
        if word.treatment is not Treatment.SAME and location != ("storages",):
            _add(schema, definitions, location, _unused(file_words.reason_of(location)))
    places = {at: "" for at in table.WORDS if at[0] == "s3"}  # its Region and profile
    unused = {at: word.text for at, word in table.WORDS.items() if table.reason_of(at)}
    for location, reason in {**places, **unused}.items():
        _add(definitions["AwsFunction"], definitions, location, _unused(reason))
    # SCAR's own value of a refused key says nothing new.
    refused = [at for at in DEFAULTS if at != AUTHORIZATION and table.find_refusal(at)]
    for location in refused:
        value = {**_unused("SCAR's own value"), "enum": list(DEFAULTS[location])}
        _add(definitions["AwsFunction"], definitions, location, value)


def _unused(reason: str) -> JsonSchema:
    return {"description": f"{table.NOT_USED}: {reason}" if reason else table.NOT_USED}


def _add(
    section: JsonSchema,
    definitions: dict[str, JsonSchema],
    location: tuple[str | int, ...],
    value: JsonSchema,
) -> None:
    """Add a key where the first key of the location is that is new."""
    for part in location:
        properties: JsonSchema = section["properties"]
        if part not in properties:
            properties[str(part)] = value
            return
        choices = properties[part].get("anyOf", [])
        names = [item["$ref"].removeprefix(_REFERENCE) for item in choices if "$ref" in item]
        if not names:
            return
        section = definitions[names[0]]
