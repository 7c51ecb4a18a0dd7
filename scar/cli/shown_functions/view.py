"""What of a function is shown, and how."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.cli.formatting import to_json_value

if TYPE_CHECKING:
    from scar.fdl.effective_values import EffectiveValue
    from scar.fdl.loader import ResolvedDocument
    from scar.fdl.script_variables import Site

HEAD = ("KEY", "VALUE", "FROM")


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What of a function is shown: all values, or the variables of scripts (``env``)."""

    env: bool
    site: Site | None
    secrets: bool

    def list_values(self, resolved: ResolvedDocument, number: int) -> tuple[EffectiveValue, ...]:
        from scar.fdl.effective_values import list_effective_values
        from scar.fdl.script_variables import list_script_variables

        if not self.env:
            return list_effective_values(resolved, number, secrets=self.secrets)
        mode = resolved.document.functions.aws[number].lambda_.execution_mode.value
        site = self.site or ("batch" if mode == "batch" else "lambda")
        return list_script_variables(resolved, number, site, secrets=self.secrets)


def format_value(value: object) -> str:
    """Return a value as one line of text."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=to_json_value, ensure_ascii=False)
