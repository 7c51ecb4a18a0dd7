"""Substitute ``${stage}``, ``${region}`` and ``${account_id}`` in the values of a file.

``$${`` is the escape for a literal ``${``. Keys are not substituted, and neither are references to
secrets (``${env:NAME}``…), which the secret keys of ``storage_providers`` alone can have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.fdl.values.secret_values import is_reference, is_secret_key, names_secret

if TYPE_CHECKING:
    from scar.fdl.problems import Location

VARIABLE_NAMES = ("stage", "region", "account_id")
# Used before the connection to AWS is made; valid wherever an account id or Region is.
ASSUMED_VALUES = {"region": "us-east-1", "account_id": "000000000000"}
_VARIABLE_PATTERN = re.compile(r"(\$?)\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVariables:
    """The variables' values; empty if unknown.

    ``region`` is the user's choice for this command; ``default_region`` applies if neither that
    nor the file sets one.
    """

    stage: str = ""
    region: str = ""
    default_region: str = ""
    account_id: str = ""

    def values_for_region(self, file_region: str) -> dict[str, str]:
        """Return the values by name for a file with this Region, empty if it has none."""
        region = self.region or file_region or self.default_region
        return {"stage": self.stage, "region": region, "account_id": self.account_id}


class VariableSubstitution:
    """Substitutes variables; collects ``problems`` and ``used_variables`` over all calls."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.problems: list[tuple[Location, str]] = []
        self.used_variables: set[str] = set()

    @property
    def assumed_variables(self) -> frozenset[str]:
        """Return the used variables whose values are unknown."""
        return frozenset(name for name in self.used_variables if not self.values.get(name))

    def substitute(self, value: Any, location: Location = ()) -> Any:  # noqa: ANN401 - any YAML
        """Return the value with all variables in it replaced; ``location`` is its own."""
        if isinstance(value, dict):
            return {
                key: self.substitute(item, (*location, str(key))) for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.substitute(item, (*location, n)) for n, item in enumerate(value)]
        if isinstance(value, str):
            if is_secret_key(location) and is_reference(value):
                return value
            return _VARIABLE_PATTERN.sub(
                lambda match: self._replace_variable(match, location), value
            )
        return value

    def _replace_variable(self, match: re.Match[str], location: Location) -> str:
        escaped, name = match.groups()
        if escaped:
            return match.group()[1:]
        if name not in VARIABLE_NAMES:
            if not (is_secret_key(location) and names_secret(name)):  # else: parse_secret refuses
                self.problems.append((location, _describe_unknown(name)))
            return match.group()
        self.used_variables.add(name)
        value = self.values.get(name) or ASSUMED_VALUES.get(name, "")
        if not value:
            self.problems.append((location, "no stage is set: use --stage or SCAR_STAGE"))
        return value or match.group()


def _describe_unknown(name: str) -> str:
    known = ", ".join(f"${{{n}}}" for n in VARIABLE_NAMES)
    if names_secret(name):
        return (
            f"${{{name}}} is for the secret keys of storage_providers (secret_key, password,"
            " token…) only; scripts get secrets by lambda.container.secrets. Variables here are"
            f" {known}; write $${{{name}}} for the text"
        )
    return f"there is no ${{{name}}}, only {known}; write $${{{name}}} for the text"
