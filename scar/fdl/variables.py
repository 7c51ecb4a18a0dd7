"""``${stage}``, ``${region}`` and ``${account_id}`` in the values of a file. Pure.

``$${`` stands for ``${`` itself. Keys are left as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scar.fdl.problems import Location

VARIABLE_NAMES = ("stage", "region", "account_id")
# What is taken where nobody has been asked yet; legal wherever an account or Region is.
ASSUMED_VALUES = {"region": "us-east-1", "account_id": "000000000000"}
_VARIABLE_PATTERN = re.compile(r"(\$?)\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TemplateVariables:
    """What is known; empty: not known. ``usual_region`` counts if the file names no Region."""

    stage: str = ""
    region: str = ""
    default_region: str = ""
    account_id: str = ""

    def values_for_region(self, file_region: str) -> dict[str, str]:
        region = self.region or file_region or self.default_region
        return {"stage": self.stage, "region": region, "account_id": self.account_id}


class VariableSubstitution:
    """Fills values in; ``faults`` and the names that were ``used`` gather on the way."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.problems: list[tuple[Location, str]] = []
        self.used_variables: set[str] = set()

    @property
    def assumed_variables(self) -> frozenset[str]:
        """Return what was used and is not known."""
        return frozenset(name for name in self.used_variables if not self.values.get(name))

    def substitute(self, value: Any, location: Location = ()) -> Any:  # noqa: ANN401 - any YAML
        """Return the value with every variable in it replaced."""
        if isinstance(value, dict):
            return {
                key: self.substitute(item, (*location, str(key))) for key, item in value.items()
            }
        if isinstance(value, list):
            return [self.substitute(item, (*location, n)) for n, item in enumerate(value)]
        if isinstance(value, str):
            return _VARIABLE_PATTERN.sub(
                lambda found: self._replace_variable(found, location), value
            )
        return value

    def _replace_variable(self, found: re.Match[str], location: Location) -> str:
        escaped, name = found.groups()
        if escaped:
            return found.group()[1:]
        if name not in VARIABLE_NAMES:
            there = ", ".join(f"${{{n}}}" for n in VARIABLE_NAMES)
            self.problems.append(
                (
                    location,
                    f"there is no ${{{name}}}, only {there}; write $${{{name}}} for the text",
                )
            )
            return found.group()
        self.used_variables.add(name)
        value = self.values.get(name) or ASSUMED_VALUES.get(name, "")
        if not value:
            self.problems.append((location, f"no {name} is chosen: give --stage or set SCAR_STAGE"))
        return value or found.group()
