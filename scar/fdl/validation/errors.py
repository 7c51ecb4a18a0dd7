"""Convert pydantic's validation errors to problems with a position and a plain message."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.fdl.known_keys import find_field, list_keys, list_sections_with
from scar.fdl.model import AwsFunction, FdlDocument
from scar.fdl.problems import Location, Problem, format_location
from scar.fdl.values.byte_sizes import size_in_unit
from scar.fdl.values.secret_values import SECTION as STORAGE_PROVIDERS
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from scar.fdl.yaml_document import ParsedDocument


def clean_location(location: Location) -> Location:
    """Return pydantic's location of an error as one of the file."""
    # pydantic adds "[key]" to the location of an error in a mapping's key.
    return tuple(part for part in location if part != "[key]")


def convert_validation_error(detail: ErrorDetails, parsed: ParsedDocument) -> Problem:
    """Return pydantic's error as a problem with its position in the file."""
    location = clean_location(detail["loc"])
    return Problem(
        position=parsed.position_of(location),
        key=format_location(location),
        message=_error_message(detail, location),
    )


_EXPECTED = {
    "model_type": "must have keys below it",
    "dict_type": "must have keys below it",
    "tuple_type": "must be a list",
    "path_type": "must be the path of a file",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_type": "must be `true` or `false`",
    "string_type": "must be text",
}


def _error_message(detail: ErrorDetails, location: Location) -> str:
    # Values of this section may be secrets, also where a key is misplaced or missing.
    is_hidden = location[:1] == (STORAGE_PROVIDERS,)
    match detail["type"]:
        case "extra_forbidden":
            problem = f"there is no such key{_suggest_key(location)}"
        case "missing":
            problem = "is required and missing"
        case "value_error":
            problem = detail["msg"].removeprefix("Value error, ")
        case "string_pattern_mismatch" if is_hidden:
            problem = f"is not valid{_describe_key(location)}"
        case "string_pattern_mismatch":
            problem = f"{_format_input(detail['input'])} is not valid{_describe_key(location)}"
        case "too_short":
            problem = "there is no function"
        case kind:
            expected = _EXPECTED.get(kind, detail["msg"].removeprefix("Input "))
            expected = re.sub(r"^should ", "must ", expected)
            if kind.startswith("int") and (unit := _unit_of(location)):
                expected += f" of {unit}"
            found = "" if is_hidden else f", not {_format_input(detail['input'])}"
            problem = f"{expected}{found}{_number_to_write(detail, location)}"
    return problem


def _describe_key(location: Location) -> str:
    """Return what a value must be, from the key's description and example: no expression."""
    field = find_field(FdlDocument, location)
    if field is None:
        return ""
    text = (field.description or "").partition(";")[0]
    example = f", such as {field.examples[0]}" if field.examples else ""
    return f": {text}{example}"


def _unit_of(location: Location) -> str:
    """Return the unit of a number, if its description has one; empty without."""
    field = find_field(FdlDocument, location)
    description = (field.description or "") if field else ""
    found = re.search(r"\bin (bytes|MB|MiB|GB|GiB|seconds|days)\b", description)
    return found[1] if found else ""


def _number_to_write(detail: ErrorDetails, location: Location) -> str:
    """Return the number for a size with a unit, where the key takes the number alone."""
    text, unit = detail["input"], _unit_of(location)
    number = size_in_unit(text, unit) if isinstance(text, str) and unit else None
    return "" if number is None else f": write {number}"


def _format_input(value: object) -> str:
    if value is None:
        return "nothing"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _suggest_key(location: Location) -> str:
    known = list_keys(FdlDocument, location[:-1])
    if len(location) == 1 and (own := _suggest_own_key(str(location[0]))):
        return own
    if sections := _sections_with(str(location[-1]), location):
        return f" here; it is a key of {', '.join(sections)}"
    if suggestion := suggest_name(str(location[-1]), known, quote="`"):
        return suggestion
    return f"; the keys are {', '.join(known)}" if known else ""


def _sections_with(key: str, location: Location) -> list[str]:
    """Return the sections that have a key which is in the wrong place, the nearest ones."""
    if location[:2] != ("functions", "aws"):
        return []
    sections = list_sections_with(AwsFunction, key)
    near = [name for name in sections if name.split(".")[0] == location[3]]
    return [f"`{name}`" for name in near or sections]


def _suggest_own_key(key: str) -> str:
    """Return the name of a top-level key that was meant as the user's own, as ``x-name``."""
    # As in Compose files (`X-name`, `x_name`), and as in GitLab CI files (`.name`).
    match = re.fullmatch(r"(?:[xX][-_. ]?|[._$]x?[-_]?)(?P<name>.*)", key)
    if not match or suggest_name(key, list_keys(FdlDocument, ())):
        return ""
    name = re.sub(r"[\s_.]+", "-", match["name"].lower()).strip("-") or "name"
    return f"; top-level keys of your own, which scar ignores, are written `x-…`: `x-{name}`"
