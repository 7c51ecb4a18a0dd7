"""The values of secret keys of ``storage_providers``: where each is read, or the text itself.

``${env:NAME}`` is read from the environment of ``scar init``, ``${ssm:/path}`` and
``${secretsmanager:ARN}`` at each run. Everything else is the value itself, as in SCAR's files.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import PlainValidator, WithJsonSchema

from scar.hidden_text import NO_TEXT, HiddenText
from supervisor.aws.secret_references import parse_reference
from supervisor.storage.provider_keys import HEADER_KEYS, SECRET_KEYS

if TYPE_CHECKING:
    from pydantic import ValidationInfo

    from scar.fdl.problems import Location

SECTION = "storage_providers"
# docs: Parameter Store, "Managing parameter tiers": 4 KB for standard parameters.
MAX_SECRET_BYTES = 4096
_SOURCES = ("env", "ssm", "secretsmanager")
_REFERENCE = re.compile(rf"\$\{{({'|'.join(_SOURCES)}):([^{{}}]*)\}}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class SecretOrigin(enum.Enum):
    """Where the value of a secret key is from."""

    ENVIRONMENT = "env"  # the environment of `scar init`, which stores it
    REFERENCE = "reference"  # a parameter or secret that exists already
    FILE = "file"  # the FDL file, which `scar init` stores


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretValue:
    """The value of one secret key.

    ``name`` is that of an environment variable, or a reference as in ``container.secrets``;
    ``text`` is the value itself. All are empty for a key that is not set.
    """

    origin: SecretOrigin = SecretOrigin.FILE
    name: str = ""
    text: HiddenText = NO_TEXT

    def __bool__(self) -> bool:
        return bool(self.name or self.text)


NO_SECRET = SecretValue()


def is_secret_key(location: Location) -> bool:
    """Return whether the location is that of a secret key of a storage provider."""
    return location[:1] == (SECTION,) and len(location) == 4 and location[3] in SECRET_KEYS


def is_reference(text: str) -> bool:
    """Return whether the text is a reference, which no variable is substituted in."""
    return _REFERENCE.fullmatch(text) is not None


def names_secret(variable: str) -> bool:
    """Return whether the name of a variable is a reference: ``env:NAME``."""
    return variable.partition(":")[0] in _SOURCES and ":" in variable


def parse_secret(value: object, key: str = "") -> SecretValue:
    """Return where the value of a key is read; raise ValueError, without the value in its text."""
    if isinstance(value, SecretValue):
        return value
    if value is None:
        return NO_SECRET
    if not isinstance(value, str):
        raise ValueError("must be text: put the value in quotes")  # noqa: TRY004 - pydantic's
    if found := _REFERENCE.fullmatch(value):
        return _parse_reference(*found.groups())
    if any(f"${{{source}:" in value for source in _SOURCES):
        raise ValueError(
            "has a reference (${env:NAME}, ${ssm:/path} or ${secretsmanager:ARN}) with other text"
            " around or inside it: a reference must be the whole value"
        )
    if problem := find_secret_problem(value, key):
        raise ValueError(problem)
    return SecretValue(text=HiddenText(value))


def _parse_reference(source: str, name: str) -> SecretValue:
    if source == "env":
        if not _VARIABLE_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not the name of an environment variable")
        return SecretValue(origin=SecretOrigin.ENVIRONMENT, name=name)
    reference = f"ssm:{name}" if source == "ssm" and not name.startswith("arn:") else name
    if parse_reference(reference).service != source:
        raise ValueError(f"${{{source}:…}} does not name a value of that service: {name!r}")
    return SecretValue(origin=SecretOrigin.REFERENCE, name=reference)


def find_secret_problem(text: str, key: str) -> str:
    """Return why Parameter Store or an HTTP header would refuse a key's value, or an empty text."""
    # Python reads bytes of the environment that are not UTF-8 as surrogates.
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        return "is not text in UTF-8"
    if len(text.encode()) > MAX_SECRET_BYTES:
        return f"is longer than {MAX_SECRET_BYTES} bytes, the most that Parameter Store takes"
    if any(ord(letter) < 32 or 0x7F <= ord(letter) < 0xA0 for letter in text):
        return "has a line break or another control character"
    # API reference, PutParameter: references to other parameters cannot be nested in a value.
    if "{{" in text:
        return "has `{{`, which Parameter Store takes for a reference to another parameter"
    if key in HEADER_KEYS and not text.isascii():
        return "has characters other than ASCII, which an HTTP header cannot have"
    return ""


def _validate_secret(value: object, info: ValidationInfo) -> SecretValue:
    return parse_secret(value, info.field_name or "")


Secret = Annotated[
    SecretValue, PlainValidator(_validate_secret), WithJsonSchema({"type": ["string", "null"]})
]
