"""``${stage}``, ``${region}`` and ``${account_id}`` in the values of a file. Pure.

``$${`` stands for ``${`` itself. Keys are left as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scar.fdl.problems import Location

NAMES = ("stage", "region", "account_id")
# What is taken where nobody has been asked yet; legal wherever an account or Region is.
ASSUMED = {"region": "us-east-1", "account_id": "000000000000"}
_FORM = re.compile(r"(\$?)\$\{([^}]*)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """What is known; empty: not known. ``usual_region`` counts if the file names no Region."""

    stage: str = ""
    region: str = ""
    usual_region: str = ""
    account_id: str = ""

    def of(self, file_region: str) -> dict[str, str]:
        region = self.region or file_region or self.usual_region
        return {"stage": self.stage, "region": region, "account_id": self.account_id}


class Filling:
    """Fills values in; ``faults`` and the names that were ``used`` gather on the way."""

    def __init__(self, values: dict[str, str]) -> None:
        self.values = values
        self.faults: list[tuple[Location, str]] = []
        self.used: set[str] = set()

    @property
    def assumed(self) -> frozenset[str]:
        """Return what was used and is not known."""
        return frozenset(name for name in self.used if not self.values.get(name))

    def fill(self, value: Any, location: Location = ()) -> Any:  # noqa: ANN401 - any YAML
        """Return the value with every variable in it replaced."""
        if isinstance(value, dict):
            return {key: self.fill(item, (*location, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item, (*location, n)) for n, item in enumerate(value)]
        if isinstance(value, str):
            return _FORM.sub(lambda found: self._one(found, location), value)
        return value

    def _one(self, found: re.Match[str], location: Location) -> str:
        escaped, name = found.groups()
        if escaped:
            return found.group()[1:]
        if name not in NAMES:
            there = ", ".join(f"${{{n}}}" for n in NAMES)
            self.faults.append(
                (
                    location,
                    f"there is no ${{{name}}}, only {there}; write $${{{name}}} for the text",
                )
            )
            return found.group()
        self.used.add(name)
        value = self.values.get(name) or ASSUMED.get(name, "")
        if not value:
            self.faults.append((location, f"no {name} is chosen: give --stage or set SCAR_STAGE"))
        return value or found.group()
