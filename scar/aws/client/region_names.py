"""Refuse names that are no Regions before a client is made."""

from __future__ import annotations

from scar.aws.client.errors import CORRECT_REGION
from scar.errors import ConfigurationError
from scar.fdl.values.regions import find_region_problem


def require_region_name(region: str) -> None:
    """Raise ConfigurationError for a misspelt Region, with the nearest one."""
    if problem := find_region_problem(region):
        raise ConfigurationError(
            problem if problem.endswith((".", "?")) else f"{problem}.", remedy=CORRECT_REGION
        )
